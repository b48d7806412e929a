"""What attributes say about each contact, stored: a batch of contacts is read, scored and written in one transaction.

On PostgreSQL the rows are copied into a temporary table and upserted from there, where they have changed. A contact that was erased, merged
or changed while its batch was scored is left out; those that changed are scored again later.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import orjson
from sqlalchemy import Text, cast
from sqlmodel import Session, col, select

from adaptive.arrays import Floats, Ints
from adaptive.lookalike.model import NOBODY, AttributionModel, assign, score, top_personas
from question_bank.definitions import Attribution as Rules
from survey_service.belief.priors import may_be_profiled, pack
from survey_service.outbox.crossings import publish_crossing, withdraw
from survey_service.outbox.events import Crossing
from survey_service.store.bulk import dialect_of, is_one_of, text_of
from survey_service.store.contact_locks import is_present, lock_contacts
from survey_service.store.tables.attribution import Attribution
from survey_service.store.tables.core import OWN_SYSTEM, Contact, ExternalId


class Read(NamedTuple):
    """A contact as a batch has read it."""

    id: str
    attributes: Mapping[str, Any]
    consent: Mapping[str, Any]
    updated_at: datetime


class Former(NamedTuple):
    """What a contact had before: the likeliest persona, and the one that it was assigned to."""

    top: str
    assigned_to: str | None
    model_id: str
    in_fit: bool


class Result(NamedTuple):
    """What a contact gets: its vector as it is stored, the likeliest persona with its probability, and the one that it is assigned to."""

    contact_id: str
    seen_at: datetime
    vector: bytes
    top: str
    confidence: float
    assigned_to: str | None
    in_fit: bool


@dataclass(frozen=True)
class Scorer:
    """What scoring needs: the bank and its rules, the model, the run, and whether anybody wants to hear of crossings."""

    bank: str
    version: int
    rules: Rules
    model_id: str
    model: AttributionModel
    run_id: str
    publishes: bool


@dataclass(frozen=True)
class Counts:
    """How many contacts of a batch were scored, and how many of them are assigned."""

    scored: int = 0
    assigned: int = 0


def read_contacts(session: Session, where: Sequence[Any], order: Sequence[Any], limit: int) -> list[Read]:
    """Return contacts that were neither erased nor merged."""
    columns: Any = (
        col(Contact.id),
        cast(col(Contact.attributes), Text),
        cast(col(Contact.consent), Text),
        col(Contact.updated_at),
    )
    rows = session.execute(select(*columns).where(is_present(), *where).order_by(*order).limit(limit))
    return [Read(key, orjson.loads(attributes), orjson.loads(consent), changed) for key, attributes, consent, changed in rows]


def score_contacts(session: Session, scorer: Scorer, contacts: Sequence[Read], now: datetime) -> Counts:
    """Score these contacts, store the results, and publish the assignments that began or ended."""
    former = former_of(session, scorer.bank, [contact.id for contact in contacts])
    kept = {key for key, was in former.items() if was.in_fit and was.model_id == scorer.model_id}  # out of fold: the fit stored them
    allowed = [contact for contact in contacts if may_be_profiled(scorer.rules, contact.consent)]
    forbidden = {contact.id for contact in contacts} - {contact.id for contact in allowed}
    _withdraw(session, sorted(forbidden & former.keys()), now)
    scored = [contact for contact in allowed if contact.id not in kept]
    vectors = score(scorer.model, columns_of(scorer.model, scored), len(scored)) if scored else np.empty((0, len(scorer.model.personas)))
    results = results_of(scorer.model, [(contact.id, contact.updated_at) for contact in scored], vectors, former)
    store_results(session, scorer, results, former, now)
    assigned = sum(result.assigned_to is not None for result in results)
    assigned += sum(former[contact.id].assigned_to is not None for contact in allowed if contact.id in kept)
    return Counts(len(allowed), assigned)


def results_of(
    model: AttributionModel, seen: Sequence[tuple[str, datetime]], vectors: Floats, former: Mapping[str, Former], *, in_fit: bool = False
) -> list[Result]:
    """Return the results of contacts, with the hysteresis of their former ones. `vectors` is (n, K)."""
    places = {persona: place for place, persona in enumerate(model.personas)}
    was_top, was_assigned = (
        np.array([places.get(getattr(former[key], name) or "", NOBODY) if key in former else NOBODY for key, _ in seen], dtype=np.int64)
        for name in ("top", "assigned_to")
    )
    top: Ints = top_personas(vectors, was_top, model.hysteresis)
    assigned = assign(model, vectors, was_assigned)
    return [
        Result(
            key,
            seen_at,
            packed,
            model.personas[top[row]],
            float(vectors[row, top[row]]),
            None if assigned[row] == NOBODY else model.personas[assigned[row]],
            in_fit,
        )
        for row, ((key, seen_at), packed) in enumerate(zip(seen, pack(vectors), strict=True))
    ]


def store_results(session: Session, scorer: Scorer, results: Sequence[Result], former: Mapping[str, Former], now: datetime) -> None:
    """Store results, and publish the assignments that began or ended, where anybody wants to hear of them."""
    crossed = {
        result.contact_id: result
        for result in results
        if result.assigned_to != (former[result.contact_id].assigned_to if result.contact_id in former else None)
    }
    locked = lock_contacts(session, crossed) if scorer.publishes and crossed else {}
    _upsert(session, scorer, results, now)
    for key, contact in locked.items():
        result = crossed[key]
        if contact.erased_at is None and contact.merged_into is None and contact.updated_at == result.seen_at:
            was = former[key].assigned_to if key in former else None
            shares = dict(zip(scorer.model.personas, np.frombuffer(result.vector, "<f4").astype(float).tolist(), strict=True))
            crossing = Crossing(scorer.bank, scorer.version, scorer.run_id, result.assigned_to, was, shares)
            publish_crossing(session, contact, crossing, now)


def crm_ids_of(session: Session, contact_ids: Sequence[str]) -> dict[str, str]:
    """Return the first id that each contact has in the CRM, without contacts that the CRM does not know."""
    named = ExternalId.system == OWN_SYSTEM, is_one_of(session, ExternalId.contact_id, contact_ids)
    known = select(ExternalId.contact_id, ExternalId.value).where(*named).order_by(col(ExternalId.value).desc())
    return dict(session.exec(known).all())


def former_of(session: Session, bank: str, contact_ids: Sequence[str]) -> dict[str, Former]:
    """Return what contacts had before, by id."""
    if not contact_ids:
        return {}
    of_former = Attribution.top, Attribution.assigned_to, Attribution.model_id, Attribution.in_fit
    columns: Any = Attribution.contact_id, *of_former
    mine = select(*columns).where(Attribution.bank == bank, is_one_of(session, Attribution.contact_id, contact_ids))
    return {key: Former(*row) for key, *row in session.execute(mine)}


def _withdraw(session: Session, contact_ids: Sequence[str], now: datetime) -> None:
    """Delete what attributes say about contacts who may not be profiled any more."""
    for contact in lock_contacts(session, contact_ids).values():
        withdraw(session, contact, "consent", now)


def columns_of(model: AttributionModel, contacts: Sequence[Read]) -> dict[str, Any]:
    """Return the attributes of contacts as the columns of a model."""
    return {name: _column([contact.attributes.get(name) for contact in contacts]) for name in model.attributes}


def _column(values: Sequence[Any]) -> Any:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


COLUMNS = "contact_id, bank, model_id, run_id, vector, top, confidence, assigned_to, in_fit, updated_at"
CHANGED = ["model_id", "run_id", "vector", "top", "confidence", "assigned_to", "in_fit", "updated_at"]
UPSERT = (
    f"ON CONFLICT (contact_id, bank) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in CHANGED)} "
    "WHERE attribution.vector <> excluded.vector OR attribution.model_id <> excluded.model_id "
    "OR attribution.assigned_to IS DISTINCT FROM excluded.assigned_to OR attribution.in_fit <> excluded.in_fit"
)


def _upsert(session: Session, scorer: Scorer, results: Sequence[Result], now: datetime) -> None:
    if not results:
        return
    session.flush()
    if dialect_of(session) == "postgresql":
        _copy_and_upsert(session, scorer, results, now)
        return
    # SQLite has one writer: nobody has changed a contact since it was read in this transaction. It calls IS DISTINCT FROM "IS NOT".
    statement = f"INSERT INTO attribution ({COLUMNS}) VALUES ({', '.join('?' * 10)}) {UPSERT.replace('IS DISTINCT FROM', 'IS NOT')}"  # noqa: S608
    rows = [
        (result.contact_id, scorer.bank, scorer.model_id, scorer.run_id, *result[2:6], int(result.in_fit), text_of(now))
        for result in results
    ]
    session.connection().exec_driver_sql(statement, rows)


STAGING = """CREATE TEMPORARY TABLE attribution_staging (
    contact_id text, seen_at timestamptz, vector bytea, top text, confidence float8, assigned_to text, in_fit boolean) ON COMMIT DROP"""
FROM_STAGING = f"""INSERT INTO attribution ({COLUMNS})
    SELECT s.contact_id, %s, %s, %s, s.vector, s.top, s.confidence, s.assigned_to, s.in_fit, %s
    FROM attribution_staging s JOIN contact c ON c.id = s.contact_id
    WHERE c.erased_at IS NULL AND c.merged_into IS NULL AND c.updated_at = s.seen_at
    ORDER BY c.id FOR SHARE OF c {UPSERT}"""  # noqa: S608


def _copy_and_upsert(session: Session, scorer: Scorer, results: Sequence[Result], now: datetime) -> None:
    driver: Any = session.connection().connection.driver_connection
    with driver.cursor() as cursor:
        cursor.execute(STAGING)
        with cursor.copy("COPY attribution_staging FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["text", "timestamptz", "bytea", "text", "float8", "text", "bool"])
            for result in results:
                copy.write_row(result)
        cursor.execute(FROM_STAGING, (scorer.bank, scorer.model_id, scorer.run_id, now))
        cursor.execute("DROP TABLE attribution_staging")  # a transaction may store several batches
