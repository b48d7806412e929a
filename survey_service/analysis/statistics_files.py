"""Read files of SPSS (`.sav`, `.zsav`, `.por`) and Stata (`.dta`): labels become the texts of cells, user-missing values silence."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from question_bank.exports.silence import kind_of_code
from question_bank.exports.table_files import AnswersInvalid, Cells, cell_text
from question_bank.exports.words import silence_of

CHUNK = 20_000
"""Rows that are read at once: what the reader holds does not grow with the file."""
SUFFIXES = (".sav", ".zsav", ".por", ".dta")


def read_statistics_file(path: Path) -> Cells:
    """Return the cells of a file of SPSS or Stata; rows are counted from 1. Raises AnswersInvalid."""
    try:
        import pyreadstat
    except ImportError:
        raise AnswersInvalid(
            [f"{path.name}: reading SPSS and Stata files needs pyreadstat: pip install 'discern-survey[analysis]', or save it as CSV"]
        ) from None
    read: Any = {".dta": pyreadstat.read_dta, ".por": pyreadstat.read_por}.get(path.suffix.lower(), pyreadstat.read_sav)
    own = {} if path.suffix.lower() == ".por" else {"user_missing": True}
    try:
        _, about = read(str(path), metadataonly=True, **own)
        chunks = list(_chunks(read, path, own))
    except (pyreadstat.ReadstatError, OSError, ValueError, OverflowError) as wrong:
        kind = "Stata" if path.suffix.lower() == ".dta" else "SPSS"
        raise AnswersInvalid([f"{path.name}: is not a readable {kind} file: {wrong}: save it again, or as CSV"]) from None
    names = list(about.column_names)
    labels = {name: _labels(about.variable_value_labels.get(name, {})) for name in names}
    whole = {name: _is_whole(labels[name], [chunk[name] for chunk in chunks]) for name in names}
    columns = {name: [text for chunk in chunks for text in _texts(chunk[name], labels[name], labelled=whole[name])] for name in names}
    rows = [list(row) for row in zip(*columns.values(), strict=True)]
    kept = [(number, row) for number, row in enumerate(rows, 1) if any(row)]
    if not kept:
        raise AnswersInvalid([f"{path.name}: has no answers: give a row a respondent"])
    texts = {name: text for name, text in zip(names, about.column_labels, strict=True) if text}
    silent = {name: dict(_silent(chunks, name, about, labels[name], labelled=whole[name])) for name in names}
    return Cells(
        path.name,
        names,
        [row for _, row in kept],
        [number for number, _ in kept],
        texts,
        labels={name: [(code, text) for code, text in labels[name].items()] for name in names if labels[name]},
        silent={name: kinds for name, kinds in silent.items() if kinds},
        nominal=frozenset(name for name in names if about.variable_measure.get(name) == "nominal" and not labels[name]),
    )


def _chunks(read: Any, path: Path, options: Mapping[str, Any]) -> Iterator[dict[str, list[Any]]]:
    """Yield the values of each column, chunk by chunk."""
    offset = 0
    while True:
        chunk, _ = read(str(path), row_offset=offset, row_limit=CHUNK, output_format="dict", **options)
        columns = {name: list(values) for name, values in chunk.items()}
        size = len(next(iter(columns.values()), []))
        if size:
            yield columns
        if size < CHUNK:
            return
        offset += size


def _labels(given: Mapping[Any, str]) -> dict[str, str]:
    """Return code -> label as texts, in the order of the codes; labels that two codes share get their code."""
    ordered = sorted(given.items(), key=lambda item: (isinstance(item[0], str), item[0]))
    labels = {cell_text(code): " ".join(str(label).split()) for code, label in ordered}
    twice = {label for label in labels.values() if list(labels.values()).count(label) > 1}
    return {code: f"{label} ({code})" if label in twice or not label else label for code, label in labels.items()}


def _is_whole(labels: Mapping[str, str], chunks: Sequence[Sequence[Any]]) -> bool:
    """Return whether every value has a label, so that the labels are the answers; else they name some points of a scale."""
    answers = {code for code, label in labels.items() if silence_of(label) is None}
    values = {cell_text(value) for chunk in chunks for value in set(chunk)} - {""}
    return bool(answers) and values <= labels.keys()


def _texts(values: Sequence[Any], labels: Mapping[str, str], *, labelled: bool) -> Iterator[str]:
    for value in values:
        text = cell_text(value)
        label = labels.get(text)
        yield label if label is not None and (labelled or silence_of(label) is not None) else text


def _silent(
    chunks: Sequence[Mapping[str, Sequence[Any]]], name: str, about: Any, labels: Mapping[str, str], *, labelled: bool
) -> Iterator[tuple[str, str]]:
    """Yield the texts of user-missing values, and the kind of silence that label or code say they are."""
    ranges = about.missing_ranges.get(name, [])
    letters = set(about.missing_user_values.get(name, []))
    for value in {value for chunk in chunks for value in set(chunk[name]) if value is not None}:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        declared = any(
            (is_number and not isinstance(part["lo"], str) and part["lo"] <= value <= part["hi"]) or value == part["lo"] for part in ranges
        )
        if declared or (isinstance(value, str) and value in letters):
            code = cell_text(value)
            kind = silence_of(labels.get(code, "")) or (kind_of_code(value) if is_number else "skip")
            yield next(_texts([value], labels, labelled=labelled)), kind
            if code in labels:
                yield labels[code], kind
