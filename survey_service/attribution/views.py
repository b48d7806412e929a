"""What attributes say, as API keys see it: of one contact with the reasons, of a run, and of every contact page by page."""

import csv
import io
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from sqlmodel import Session, col, select

from adaptive.arrays import Floats
from adaptive.lookalike.model import AttributionModel, explain
from adaptive.lookalike.neighbours import RespondentIndex
from adaptive.posterior import weights_of_evidence
from survey_service.attribution.models import model_of
from survey_service.attribution.results import crm_ids_of
from survey_service.belief.priors import FLOOR, unpack
from survey_service.store.banks import Banks
from survey_service.store.session import Store
from survey_service.store.tables.attribution import Attribution, AttributionModelRow, AttributionRun
from survey_service.store.tables.core import Contact

PAGE = 2000
AGREES = 1e-5
"""Up to this a stored vector, which has the precision of float32, is that of the attributes as they are now."""

MOST_RESPONDENTS = 5000
INDEXED_SECONDS = 600.0
KEPT = 4
_indexes: OrderedDict[str, tuple[float, RespondentIndex]] = OrderedDict()


def attribution_view(session: Session, banks: Banks, contact: Contact) -> dict[str, Any]:
    """Return what attributes say about a contact, by bank, with the weight of each attribute in bits.

    Per persona the bits add up to its log odds in `vector` minus those of the bank's prior.
    """
    rows = session.exec(select(Attribution).where(Attribution.contact_id == contact.id).order_by(col(Attribution.bank))).all()
    return {row.bank: _explained(session, banks, contact, row) for row in rows}


def run_view(session: Session, run: AttributionRun, *, detailed: bool = False) -> dict[str, Any]:
    """Return a run; with `detailed` also what its fit found."""
    view: dict[str, Any] = {
        "id": run.id,
        "bank": run.bank,
        "state": run.state,
        "contacts": run.contacts,
        "scored": run.scored,
        "assigned": run.assigned,
        "progress": _progress(run),
        "problem": run.problem,
        "is_cancelled": run.cancelled_at is not None,
        "created_at": run.created_at.isoformat(),
        "started_at": run.started_at and run.started_at.isoformat(),
        "ended_at": run.ended_at and run.ended_at.isoformat(),
    }
    if not detailed:
        return view
    model = session.get(AttributionModelRow, run.model_id) if run.model_id else None
    found = (
        None
        if model is None
        else {
            "id": model.id,
            "bank_version": model.bank_version,
            "personas": model.personas,
            **model.metrics,
            "gain": model.gain,
            "is_used": model.is_used,
        }
    )
    return {**view, "model": found}


def belief_page(session: Session, run: AttributionRun, after: str, limit: int) -> list[dict[str, Any]]:
    """Return what contacts after `after` got from the model of a run, by our id."""
    personas = _personas(session, run)
    return [
        {
            "id": row.contact_id,
            "external_id": external_id,
            "vector": dict(zip(personas, unpack(row.vector).tolist(), strict=True)),
            "top": row.top,
            "confidence": row.confidence,
            "is_assigned": row.assigned_to is not None,
            "assigned_to": row.assigned_to,
        }
        for row, external_id in _rows(session, run, after, limit)
    ]


def csv_of(store: Store, run: AttributionRun) -> Iterator[str]:
    """Yield every contact's line, as `discern attribute apply` writes them."""
    with store.reading() as session:
        personas = _personas(session, run)
    yield _line(["external_id", *(f"p_{persona}" for persona in personas), "top", "confidence", "is_assigned"])
    for rows in pages_of(store, run):
        yield "".join(_line(_cells(row, external_id)) for row, external_id in rows)


def _cells(row: Attribution, external_id: str | None) -> list[str]:
    is_assigned = "true" if row.assigned_to is not None else "false"
    return [external_id or "", *(f"{p:.6g}" for p in unpack(row.vector)), row.top, f"{row.confidence:.6g}", is_assigned]


def parquet_of(store: Store, run: AttributionRun) -> bytes:
    """Return the same as a Parquet file. ImportError where the extra `analysis` is absent."""
    import pyarrow as pa  # noqa: PLC0415  (of the extra)
    from pyarrow import parquet  # noqa: PLC0415

    with store.reading() as session:
        personas = _personas(session, run)
    numbers = [(f"p_{persona}", pa.float32()) for persona in personas]
    schema = pa.schema(
        [("external_id", pa.string()), *numbers, ("top", pa.string()), ("confidence", pa.float64()), ("is_assigned", pa.bool_())]
    )
    file = io.BytesIO()
    with parquet.ParquetWriter(file, schema) as writer:
        for rows in pages_of(store, run):
            vectors = np.array([unpack(row.vector) for row, _ in rows])
            columns = [
                pa.array([external_id for _, external_id in rows], pa.string()),
                *(pa.array(vectors[:, place], pa.float32()) for place in range(len(personas))),
                pa.array([row.top for row, _ in rows], pa.string()),
                pa.array([row.confidence for row, _ in rows], pa.float64()),
                pa.array([row.assigned_to is not None for row, _ in rows], pa.bool_()),
            ]
            writer.write_batch(pa.record_batch(columns, schema=schema))
    return file.getvalue()


def pages_of(store: Store, run: AttributionRun) -> Iterator[Sequence[tuple[Attribution, str | None]]]:
    """Yield the contacts of a run in pages, each read in a transaction of its own."""
    after = ""
    while True:
        with store.reading() as session:
            rows = _rows(session, run, after, PAGE)
        if rows:
            yield rows
        if len(rows) < PAGE:
            return
        after = rows[-1][0].contact_id


def _rows(session: Session, run: AttributionRun, after: str, limit: int) -> list[tuple[Attribution, str | None]]:
    """Return results of the model of a run, and the first id that the contact has in the CRM."""
    mine = select(Attribution).where(Attribution.bank == run.bank, Attribution.model_id == run.model_id, Attribution.contact_id > after)
    rows = list(session.exec(mine.order_by(col(Attribution.contact_id)).limit(limit)))
    names = crm_ids_of(session, [row.contact_id for row in rows])
    return [(row, names.get(row.contact_id)) for row in rows]


def _explained(session: Session, banks: Banks, contact: Contact, row: Attribution) -> dict[str, Any]:
    model = model_of(session, row.model_id)
    version = session.get_one(AttributionModelRow, row.model_id).bank_version
    shares = np.array([persona.prior for persona in banks.version(session, row.bank, version).bank.personas])
    stored = unpack(row.vector)
    found = explain(model, contact.attributes)
    vector = found.vector if np.abs(found.vector - stored).max() < AGREES else stored
    why = [
        {"attribute": None, "value": None, "reason": "all contacts", **_bits(model, found.intercept + _log_odds_ratio(model.prior, shares))}
    ]
    why += [
        {"attribute": name, "value": found.values[name], "reason": "attribute", **_bits(model, bits)} for name, bits in found.bits.items()
    ]
    if vector is stored:
        why.append({"attribute": None, "value": None, "reason": _difference(row), **_bits(model, _log_odds_ratio(stored, found.vector))})
    return {
        "vector": dict(zip(model.personas, vector.tolist(), strict=True)),
        "top": row.top,
        "confidence": row.confidence,
        "is_assigned": row.assigned_to is not None,
        "assigned_to": row.assigned_to,
        "threshold": model.threshold,
        "why": why,
        "neighbours": [
            {"attribute": shared.attribute, "level": shared.level, "neighbours": shared.neighbours, "respondents": shared.respondents}
            for shared in _index(session, model, row).shared_levels(contact.attributes)
        ],
        "run": row.run_id,
        "updated_at": row.updated_at.isoformat(),
    }


def _difference(row: Attribution) -> str:
    return "the contact's own answers taught the tables, and are left out" if row.in_fit else "attributes changed since"


def _log_odds_ratio(vector: Floats, other: Floats) -> Floats:
    """Return (K,) bits by which the log odds of `vector` exceed those of `other`."""
    floored = np.maximum(other, FLOOR * FLOOR)
    bits: Floats = weights_of_evidence(floored / floored.sum(), np.log(vector / floored)[None])[0]
    return bits


def _bits(model: AttributionModel, bits: Floats) -> dict[str, Any]:
    favoured = int(bits.argmax())
    favours = model.personas[favoured] if bits[favoured] > 0 else None
    return {"favours": favours, "bits": dict(zip(model.personas, bits.tolist(), strict=True))}


def _index(session: Session, model: AttributionModel, row: Attribution) -> RespondentIndex:
    """Return the respondents of a model, as their attributes are now. A process keeps them for some minutes."""
    known = _indexes.get(row.model_id)
    if known is None or time.monotonic() - known[0] > INDEXED_SECONDS:
        people = select(Contact.attributes).join(Attribution).where(Attribution.model_id == row.model_id, col(Attribution.in_fit))
        attributes = list(session.exec(people.order_by(col(Contact.id)).limit(MOST_RESPONDENTS)))
        columns = {name: [each.get(name) for each in attributes] for name in model.attributes}
        _indexes[row.model_id] = known = (time.monotonic(), RespondentIndex.of(model, columns))
        if len(_indexes) > KEPT:
            _indexes.popitem(last=False)
    return known[1]


def _personas(session: Session, run: AttributionRun) -> list[str]:
    row = session.get(AttributionModelRow, run.model_id) if run.model_id else None
    return [] if row is None else row.personas


def _progress(run: AttributionRun) -> float:
    return 1.0 if run.state == "done" else min(run.scored / run.contacts, 1.0) if run.contacts else 0.0


def _line(values: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue()
