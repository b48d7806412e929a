"""Real answers from a CSV file: one column a question (a multiple question: one column ``question.option`` an option).

A column map says which columns of a foreign file mean which question:

    columns:
      ch_safety: reasons.safety            # 0/1, true/false or yes/no
      satisfaction: satisfaction
      sporty: {question: sportiness, values: {good: right, more sport: sportier}}
    ignore: [model, gear]

Everything that does not fit is reported at once, with its line and column; nothing is guessed.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from question_bank.answers import ImpossibleValue, Value, canonical
from question_bank.definitions import Bank, Question

TICKED = {"1": True, "0": False, "true": True, "false": False, "yes": True, "no": False}
SHOWN = 20


class AnswersInvalid(ValueError):
    """The answers cannot be read; every problem is named with its place."""

    def __init__(self, problems: Sequence[str]) -> None:
        more = [f"... and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else []
        super().__init__("\n".join([*problems[:SHOWN], *more]))
        self.problems = list(problems)


@dataclass(frozen=True)
class Column:
    """What one column of the file means: a question, or one option of a multiple question."""

    name: str
    question: Question
    option: str | None = None
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ColumnMap:
    """Foreign column names: which question each means, and which are left out on purpose."""

    columns: Mapping[str, Any] = field(default_factory=dict)
    ignore: frozenset[str] = frozenset()


@dataclass(frozen=True)
class AnswerTable:
    """What each respondent answered: question id -> canonical value, absent where the cell is empty. `labels` go with a label column."""

    rows: list[dict[str, Value]]
    labels: list[str] | None = None


def read_column_map(text: str, file: str) -> ColumnMap:
    """Raises AnswersInvalid."""
    try:
        read = yaml.safe_load(text)
    except yaml.YAMLError as wrong:
        raise AnswersInvalid([f"{file}: is not readable YAML: {wrong}"]) from None
    if not isinstance(read, dict) or set(read) - {"columns", "ignore"} or not isinstance(read.get("columns", {}), dict):
        raise AnswersInvalid([f"{file}: give two entries: columns (a map from column to question) and ignore (a list of columns)"])
    return ColumnMap(read.get("columns", {}), frozenset(map(str, read.get("ignore", []))))


def read_answers(text: str, bank: Bank, file: str, names: ColumnMap | None = None, label: str | None = None) -> AnswerTable:
    """Every respondent of a CSV text. Raises AnswersInvalid with every problem."""
    lines = list(csv.reader(io.StringIO(text.lstrip("\ufeff"))))
    if len(lines) < 2:
        raise AnswersInvalid([f"{file}: has no answers: give a line of column names and a line a respondent"])
    header = lines[0]
    problems: list[str] = []
    columns = _columns(header, bank, file, names or ColumnMap(), label, problems)
    rows: list[dict[str, Value]] = []
    labels: list[str] = []
    for number, cells in enumerate(lines[1:], 2):
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(header):
            problems.append(f"{file}:{number}: has {len(cells)} cells where the first line names {len(header)} columns")
            continue
        rows.append(_row(cells, columns, f"{file}:{number}", problems))
        if label is not None and label in header:
            labels.append(_label(cells[header.index(label)], bank, f'{file}:{number}: column "{label}"', problems))
    if problems:
        raise AnswersInvalid(problems)
    return AnswerTable(rows, labels if label is not None else None)


def _columns(header: Sequence[str], bank: Bank, file: str, names: ColumnMap, label: str | None, problems: list[str]) -> list[Column | None]:
    columns: list[Column | None] = []
    for place, name in enumerate(header):
        if name in header[:place]:
            problems.append(f'{file}:1: column "{name}" stands there twice: name each column once')
        ignored = name == label or name in names.ignore
        columns.append(None if ignored else _column(name, bank, names, f'{file}:1: column "{name}"', problems))
    if label is not None and label not in header:
        problems.append(f'{file}:1: there is no label column "{label}": the columns are {", ".join(header)}')
    missing = [name for name in names.columns if name not in header]
    problems += [f'{file}:1: there is no column "{name}", which the column map names' for name in missing]
    return columns


def _column(name: str, bank: Bank, names: ColumnMap, where: str, problems: list[str]) -> Column | None:
    meant = names.columns.get(name, name)
    values = {}
    if isinstance(meant, dict):
        values = {str(key): str(value) for key, value in dict(meant.get("values") or {}).items()}
        meant = meant.get("question")
    known = {question.id: question for question in bank.questions}
    question_id, _, option = str(meant).partition(".")
    question = known.get(question_id)
    if question is None:
        problems.append(f"{where}: no question has this id: rename the column, or name it in a column map under columns or ignore")
        return None
    if question.type == "multiple" and option not in question.outcomes:
        wanted = ", ".join(f"{question_id}.{one}" for one in question.outcomes)
        problems.append(f"{where}: a multiple question has one column an option: {wanted}")
        return None
    if question.type != "multiple" and option:
        problems.append(f'{where}: "{question_id}" is a {question.type} question: call its column "{question_id}"')
        return None
    return Column(name, question, option or None, values)


def _row(cells: Sequence[str], columns: Sequence[Column | None], where: str, problems: list[str]) -> dict[str, Value]:
    row: dict[str, Value] = {}
    ticks: dict[str, dict[str, bool]] = {}
    for cell, column in zip(cells, columns, strict=True):
        if column is None or not cell.strip():
            continue
        place = f'{where}: column "{column.name}"'
        if column.option is not None:
            if cell.strip().lower() in TICKED:
                ticks.setdefault(column.question.id, {})[column.option] = TICKED[cell.strip().lower()]
            else:
                problems.append(f'{place}: "{cell}" is neither 1 nor 0')
            continue
        try:
            row[column.question.id] = canonical(column.question, _raw(cell.strip(), column))
        except ImpossibleValue as wrong:
            problems.append(f"{place}: {wrong.message}")
    for question, seen in ticks.items():
        options = next(column.question for column in columns if column and column.question.id == question)
        row[question] = canonical(options, {"ticked": [o for o, on in seen.items() if on], "seen": list(seen)})
    return row


def _raw(cell: str, column: Column) -> object:
    """A cell as the type of its question writes it; an interval is ``20..40``, either end may be left out."""
    if column.values:
        if cell not in column.values:
            raise ImpossibleValue(f'"{cell}" is not among the values of the column map: {", ".join(column.values)}')
        cell = column.values[cell]
    if column.question.type in ("single", "text"):
        return cell
    if column.question.type == "number" and ".." in cell:
        low, high = cell.split("..", 1)
        return {end: _float(part) for end, part in (("from", low), ("to", high)) if part}
    return _float(cell)


def _float(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        raise ImpossibleValue(f'"{cell}" is not a number') from None


def _label(cell: str, bank: Bank, where: str, problems: list[str]) -> str:
    personas = [persona.id for persona in bank.personas]
    if cell not in personas:
        problems.append(f'{where}: "{cell}" is not a persona: it must be one of {", ".join(personas)}')
    return cell
