"""Answers to a bank's questions from a CSV file: one column per question (per option ``question.option`` of a multiple question).

A column map says which question each column of a foreign file belongs to:

    columns:
      ch_safety: reasons.safety            # 0/1, true/false or yes/no
      satisfaction: satisfaction
      sporty: {question: sportiness, values: {good: right, more sport: sportier}}
    ignore: [model, gear]
    labels: {segment: {Drivers: driver}}   # the persona of each name in a label column
    silent: [income]                       # an empty cell of these questions is a skip, as it was when the bank was fitted
    keep_repeats: true                     # equal lines are different people

All problems are reported at once, with line and column; nothing is guessed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import yaml

from adaptive.evaluation.replay import Respondents
from adaptive.posterior import Evidence
from question_bank.answer_values import ImpossibleValue, Value, canonical
from question_bank.compile import CompiledBank, ObservedAnswer
from question_bank.datasets.duplicate_rows import find_duplicate_rows
from question_bank.exports.table_files import AnswersInvalid, Cells, parse_csv
from question_bank.definitions import Bank, Question
from question_bank.files.source import Unreadable, decode_text
from question_bank.files.yaml_source import read_yaml

TICKED = {"1": True, "0": False, "true": True, "false": False, "yes": True, "no": False}


@dataclass(frozen=True)
class Column:
    """The question of one column of the file, or one option of a multiple question."""

    name: str
    question: Question
    option: str | None = None
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ColumnMap:
    """Foreign column names: the question of each, the ignored ones, and the persona of each name in a label column."""

    columns: Mapping[str, Any] = field(default_factory=dict)
    ignore: frozenset[str] = frozenset()
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    silent: frozenset[str] = frozenset()
    keep_repeats: bool = False

    def written(self) -> str:
        """Return the YAML from which `read_column_map` reads this map."""
        entries: dict[str, object] = {"columns": dict(self.columns), "ignore": sorted(self.ignore)}
        if self.labels:
            entries["labels"] = {column: dict(names) for column, names in self.labels.items()}
        if self.silent:
            entries["silent"] = sorted(self.silent)
        if self.keep_repeats:
            entries["keep_repeats"] = True
        return yaml.safe_dump(entries, allow_unicode=True, sort_keys=False)


@dataclass(frozen=True)
class AnswerTable:
    """The answers of each respondent: question id -> canonical value, absent where the cell is empty. `labels` come from a label column.

    `asked` are the questions that have a column; a missing answer to one in `silent` is a skip. `dropped` lines have no label.
    """

    rows: list[dict[str, Value]]
    labels: list[str] | None = None
    asked: frozenset[str] = frozenset()
    silent: frozenset[str] = frozenset()
    dropped: int = 0


ENTRIES: Mapping[str, type] = {"columns": dict, "ignore": list, "labels": dict, "silent": list, "keep_repeats": bool}


def read_column_map(text: str, file: str) -> ColumnMap:
    """Return the column map written in `text`. Raises AnswersInvalid."""
    read = _parse(text, file)
    if not isinstance(read, dict) or not all(name in ENTRIES and isinstance(value, ENTRIES[name]) for name, value in read.items()):
        expected = "columns (a map from column to question) and ignore (a list of columns)"
        raise AnswersInvalid([f"{file}: give two entries: {expected}; and where needed labels, silent and keep_repeats"])
    if not all(isinstance(names, dict) for names in read.get("labels", {}).values()):
        expected = "a map from the names in the column to persona ids, such as {segment: {Drivers: driver}}"
        raise AnswersInvalid([f"{file}: labels: give {expected}"])
    return ColumnMap(
        read.get("columns", {}),
        frozenset(map(str, read.get("ignore", []))),
        {str(column): {str(name): str(persona) for name, persona in names.items()} for column, names in read.get("labels", {}).items()},
        frozenset(map(str, read.get("silent", []))),
        read.get("keep_repeats", False),
    )


def _parse(text: str, file: str) -> Any:
    """Parse YAML with the reader of banks, which limits aliases and depth."""
    try:
        source = read_yaml(decode_text(text))
    except Unreadable as wrong:
        raise AnswersInvalid([f"{file}:{wrong.finding.line}: {wrong.finding.wrong}"]) from None
    if source.findings:
        raise AnswersInvalid(
            [f"{file}:{finding.line or source.line(finding.path)}: {finding.wrong}: {finding.todo}" for finding in source.findings]
        )
    return source.data


def read_answers(source: str | Cells, bank: Bank, file: str, names: ColumnMap | None = None, label: str | None = None) -> AnswerTable:
    """Return the respondents of a file, given as CSV text or as cells. Raises AnswersInvalid with every problem.

    Label columns of the column map other than `label` are ignored. With a `label`, lines without a label are dropped.
    """
    cells = parse_csv(source, file) if isinstance(source, str) else source
    column_map = names or ColumnMap()
    problems = list(cells.problems())
    columns = _columns(cells, bank, column_map, label, problems)
    if not problems and not column_map.keep_repeats:
        problems += find_duplicate_rows(cells).problems
    rows: list[dict[str, Value]] = []
    labels: list[str] = []
    for number, row in enumerate(cells.rows):
        if label is not None and label in cells.header:
            name = row[cells.header.index(label)]
            if not name:
                continue
            labels.append(_label(name, bank, column_map.labels.get(label, {}), f'{cells.at(number)}: column "{label}"', problems))
        rows.append(_row(row, columns, cells.at(number), problems))
    if not rows and not problems:
        problems.append(f'{cells.file}: no line has a label in column "{label}"')
    if problems:
        raise AnswersInvalid(problems)
    asked = frozenset(column.question.id for column in columns if column)
    return AnswerTable(rows, labels if label is not None else None, asked, column_map.silent & asked, len(cells.rows) - len(rows))


def _columns(cells: Cells, bank: Bank, names: ColumnMap, label: str | None, problems: list[str]) -> list[Column | None]:
    columns: list[Column | None] = []
    for name in cells.header:
        ignored = name == label or name in names.ignore or name in names.labels
        columns.append(None if ignored else _column(name, bank, names, f'{cells.file}:1: column "{name}"', problems))
    if label is not None and label not in cells.header:
        problems.append(f'{cells.file}:1: there is no label column "{label}": the columns are {", ".join(cells.header)}')
    missing = [name for name in names.columns if name not in cells.header]
    problems += [f'{cells.file}:1: there is no column "{name}", which the column map names' for name in missing]
    return columns


def _column(name: str, bank: Bank, names: ColumnMap, where: str, problems: list[str]) -> Column | None:
    meaning = names.columns.get(name, name)
    values = {}
    if isinstance(meaning, dict):
        values = {str(key): str(value) for key, value in dict(meaning.get("values") or {}).items()}
        meaning = meaning.get("question")
    known = {question.id: question for question in bank.questions}
    question_id, _, option = str(meaning).partition(".")
    question = known.get(question_id)
    if question is None:
        problems.append(f"{where}: no question has this id: rename the column, or name it in a column map under columns or ignore")
        return None
    if question.type == "multiple" and option not in question.outcomes:
        expected = ", ".join(f"{question_id}.{outcome}" for outcome in question.outcomes)
        problems.append(f"{where}: a multiple question has one column an option: {expected}")
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
    """Return a cell as a value of its question's type; an interval is ``20..40``, either end may be omitted."""
    if column.values:
        if cell not in column.values:
            raise ImpossibleValue(f'"{cell}" is not among the values of the column map: {", ".join(column.values)}', "choose")
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
        raise ImpossibleValue(f'"{cell}" is not a number', "number") from None


def _label(cell: str, bank: Bank, means: Mapping[str, str], where: str, problems: list[str]) -> str:
    personas = [persona.id for persona in bank.personas]
    persona = means.get(cell, cell)
    if persona not in personas:
        problems.append(f'{where}: "{cell}" is not a persona: it must be one of {", ".join([*means] or personas)}')
    return persona


def respondents_of(bank: CompiledBank, table: AnswerTable) -> Respondents:
    """Return the evidence of N respondents, with conditions evaluated on their own answers. Equal answers are computed once.

    A missing answer to one of the table's `silent` questions is a skip where the respondent's answers open the question.
    """
    evidence = Evidence.none(bank.tables, len(table.rows))
    known: dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]] = {}
    for n, row in enumerate(table.rows):
        for question, value in row.items():
            q, name = bank.index[question], f"{question}\0{value!r}"
            if name not in known:
                known[name] = bank.row(ObservedAnswer(question, value))
            evidence.answered[n, q] = True
            evidence.rows[n, q] = known[name]
            evidence.codes[n, q] = bank.code(ObservedAnswer(question, value))
    opens = _opens(bank, table.rows)
    for question in table.silent:
        q = bank.index[question]
        evidence.silent[:, q] = opens[:, q] & ~evidence.answered[:, q]
        evidence.rows[evidence.silent[:, q], q] = bank.row(ObservedAnswer(question))
    label = None
    if table.labels is not None:
        label = np.array([bank.personas.index(persona) for persona in table.labels])
    return Respondents(evidence, opens, label)


def _opens(bank: CompiledBank, rows: Sequence[Mapping[str, Value]]) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    if not any(question.ask_if for question in bank.bank.questions):
        return np.ones((len(rows), len(bank.index)), dtype=bool)
    return np.array([bank.opens(ObservedAnswer(question, value) for question, value in row.items()) for row in rows])
