"""`discern attribute apply` on files: score any number of contacts with a fitted model, batch by batch."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from adaptive.arrays import Bools, Floats, Ints
from adaptive.lookalike.drift import Drift, LevelCounts, measure_drift
from adaptive.lookalike.encode import Column
from adaptive.lookalike.model import AttributionModel, assign, encode, score_encoded
from question_bank.exports.table_files import AnswersInvalid
from survey_service.analysis.contact_files import Batch, ContactFile, RepeatedIds, kernel_column
from survey_service.analysis.progress import progress

ID_COLUMN = "external_id"
MOST_UNREADABLE = 0.5
"""Share of values of another type from which a column is refused."""


@dataclass(frozen=True, eq=False)
class Base:
    """All contacts of a file under a model: how many, the (K,) sum of their vectors and the (K,) number assigned to each persona."""

    contacts: int
    shares: Floats
    assigned: Floats
    drift: Sequence[Drift]


def survey_base(model: AttributionModel, file: ContactFile) -> Base:
    """Return what a model says of all contacts of a file."""
    counts, shares, assigned, contacts = LevelCounts.none(model), np.zeros(len(model.personas)), np.zeros(len(model.personas)), 0
    for _, vectors, who, counts in _scored(model, file, ()):  # noqa: B007  (the last counts are those of all)
        shares += vectors.sum(axis=0)
        assigned += np.bincount(who[who >= 0], minlength=len(assigned))
        contacts += len(vectors)
    return Base(contacts, shares, assigned, measure_drift(model, counts))


def _scored(model: AttributionModel, file: ContactFile, kept: Sequence[str]) -> Iterator[tuple[Batch, Floats, Ints, LevelCounts]]:
    """Yield each batch of a file with its (n, K) vectors, its assignments and the level counts so far."""
    counts = LevelCounts.none(model)
    columns = list(dict.fromkeys([*kept, *model.attributes])) or file.header[:1]
    for batch in file.batches(columns):
        encoded = encode(model, columns_of(model, batch.columns, decimal_comma=file.has_decimal_commas))
        before, counts = counts, counts.plus(encoded)
        if not before.contacts:
            _refuse_other_types(model, file, counts)
        vectors = score_encoded(model, encoded, batch.rows)
        yield batch, vectors, assign(model, vectors), counts


def columns_of(model: AttributionModel, arrays: Mapping[str, Any], *, decimal_comma: bool = False) -> dict[str, Column]:
    """Return the Arrow arrays of a batch as columns of the kernel, for each attribute of the model."""
    return {
        encoding.name: kernel_column(arrays[encoding.name], encoding.kind, encoding.date_order, decimal_comma=decimal_comma)
        for encoding in model.encodings
        if encoding.name in arrays
    }


def _refuse_other_types(model: AttributionModel, file: ContactFile, counts: LevelCounts) -> None:
    """Raise AnswersInvalid where the numbers or dates of the first batch cannot be read."""
    wrong = []
    for encoding, rows, unknown in zip(model.encodings, counts.rows, counts.unknown, strict=True):
        filled = int(rows[: encoding.missing].sum()) + unknown
        if encoding.is_ordered and filled and unknown > MOST_UNREADABLE * filled:
            wrong.append(
                f'{file.name}: column "{encoding.name}": holds no {encoding.kind}s, as at the fit: {unknown} of {filled} cannot be read'
            )
    if wrong:
        raise AnswersInvalid(wrong)


@dataclass(frozen=True, eq=False)
class AppliedFile:
    """What `apply_file` wrote: the number of contacts, of those assigned, and how attributes moved since the fit."""

    contacts: int
    assigned: int
    drift: Sequence[Drift]
    shares: Floats
    personas: tuple[str, ...]


def apply_file(model: AttributionModel, contacts: Path, out: Path, id_column: str = ID_COLUMN, sheet: str | None = None) -> AppliedFile:
    """Write the vector, top persona, confidence and assignment of each contact, in the order of the file; nothing where a problem is found.

    `out` is written as Parquet or CSV by its suffix. Raises AnswersInvalid with every problem.
    """
    file = ContactFile(contacts, sheet)
    file.require([id_column], "holds the ids of the contacts (or name another with --id-column)")
    file.require(model.attributes, "the model needs")
    total, assigned, shares, counts = 0, 0, np.zeros(len(model.personas)), LevelCounts.none(model)
    with RepeatedIds(file, id_column) as repeated, _writer(model, out) as write, progress("attributing", file.size) as watch:
        before = 0
        for batch, vectors, who, counts in _scored(model, file, [id_column]):  # noqa: B007
            repeated.add(batch)
            write(batch.columns[id_column], vectors, who >= 0)
            total += batch.rows
            assigned += int((who >= 0).sum())
            shares += vectors.sum(axis=0)
            watch(batch.done - before)
            before = batch.done
        problems = repeated.problems() if total else [f"{file.name}: has no contacts: give a line a contact"]
        if problems:
            raise AnswersInvalid(problems)
    return AppliedFile(total, assigned, measure_drift(model, counts), shares / max(total, 1), model.personas)


@contextmanager
def _writer(model: AttributionModel, out: Path) -> Iterator[Any]:
    """Yield a function that writes a batch. The file appears under its name only when all of it is written."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv
    from pyarrow import parquet

    names = [ID_COLUMN, *(f"p_{persona}" for persona in model.personas), "top", "confidence", "is_assigned"]
    personas = pa.array(model.personas)
    part = out.with_name(f"{out.name}.part")
    writer: Any = None

    def write(ids: Any, vectors: Floats, is_assigned: Bools) -> None:
        nonlocal writer
        top = vectors.argmax(axis=1)
        columns = [ids, *(pa.array(np.ascontiguousarray(column)) for column in vectors.T), personas.take(pa.array(top))]
        columns += [pa.array(vectors.max(axis=1)), pa.array(is_assigned)]
        batch = pa.record_batch(columns, names=names)
        if writer is None:
            is_parquet = out.suffix.lower() in (".parquet", ".pq")
            writer = (
                parquet.ParquetWriter(part, batch.schema, use_dictionary=["top"]) if is_parquet else arrow_csv.CSVWriter(part, batch.schema)
            )
        writer.write_batch(batch)

    try:
        yield write
        if writer is not None:
            writer.close()
            part.replace(out)
    except OSError as wrong:
        raise ValueError(f"--out: {out} cannot be written: {wrong.strerror or wrong}") from None
    finally:
        if writer is not None:
            writer.close()
        part.unlink(missing_ok=True)


def read_model(path: Path) -> AttributionModel:
    """Return the model of a file. Raises ValueError where it holds none."""
    try:
        return AttributionModel.from_json(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, AttributeError, RecursionError) as wrong:
        raise ValueError(f"{path.name}: {wrong}") from None


def write_model(model: AttributionModel, path: Path) -> None:
    """Write a model. Raises ValueError where it cannot be written."""
    try:
        path.write_text(json.dumps(model.to_json(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    except OSError as wrong:
        raise ValueError(f"--out: {wrong.filename} cannot be written: {wrong.strerror}") from None
