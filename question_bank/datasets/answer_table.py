"""Answers to a bank's questions from a file: one column per question, or per option ``question.option`` of a multiple question.

A column map says how a foreign file is read: `column_map`. Words are compared without case and with one space between them. Words that mean
no answer in every file, such as ``N/A`` or ``Don't know``, are empty cells. All problems are reported at once, with line and column; or,
where the reader says so, what is unknown is left out and counted.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from adaptive.evaluation.replay import Respondents
from adaptive.posterior import Evidence
from question_bank.answer_values import ImpossibleValue, Value, canonical
from question_bank.compile import CompiledBank, ObservedAnswer
from question_bank.datasets.column_map import ColumnMap
from question_bank.datasets.duplicate_rows import find_duplicate_rows
from question_bank.definitions import Bank, Question
from question_bank.exports.numbers import Written
from question_bank.exports.table_files import AnswersInvalid, Cells, parse_csv
from question_bank.exports.ticks import is_no_tick, split_cell
from question_bank.exports.words import binary_code, plain, silence_of

MOST_PROBLEMS = 1000
"""Of a file of which nothing can be used."""


@dataclass(frozen=True)
class Column:
    """The question of one column of the file, or one option of a multiple question, and how its cells are read.

    `values` is the plain form of a cell -> the outcome; `missing` are the plain forms of cells that mean no answer. `empty` is what an
    empty cell means, `separator` stands between the options of one cell, `decimal` is the decimal sign of numbers that have units or
    separators of thousands. With `others` "ignored" a cell or part that is no outcome is no answer.
    """

    name: str
    question: Question
    option: str | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    missing: frozenset[str] = frozenset()
    empty: str | None = None
    separator: str | None = None
    decimal: str | None = None
    others: str | None = None

    def is_silent(self, cell: str) -> bool:
        """Return whether a cell means no answer."""
        word = plain(cell)
        return not word or word in self.missing or (word not in self.values and self.decimal is None and self._is_word_of_silence(cell))

    def _is_word_of_silence(self, cell: str) -> bool:
        return cell not in self.question.outcomes and silence_of(cell, self.question.outcomes) is not None


@dataclass(frozen=True)
class AnswerTable:
    """The answers of each respondent: question id -> canonical value, absent where the cell is empty. `labels` come from a label column.

    `asked` are the questions that have a column; a missing answer to one in `silent` is a skip. `dropped` lines have no label. `left_out`
    are sentences about what a lenient reader left out.
    """

    rows: list[dict[str, Value]]
    labels: list[str] | None = None
    asked: frozenset[str] = frozenset()
    silent: frozenset[str] = frozenset()
    dropped: int = 0
    left_out: tuple[str, ...] = ()


def read_answers(
    source: str | Cells, bank: Bank, file: str, names: ColumnMap | None = None, label: str | None = None, *, lenient: bool = False
) -> AnswerTable:
    """Return the respondents of a file, given as CSV text or as cells. Raises AnswersInvalid with every problem.

    Label columns of the column map other than `label` are ignored. With a `label`, lines without a label are dropped. A `lenient` reader
    goes on without columns that the file or the bank does not have and without cells that are no outcome; `left_out` says which.
    """
    cells = parse_csv(source, file) if isinstance(source, str) else source
    column_map = names or ColumnMap()
    problems, left_out = list(cells.problems()), LeftOut(lenient=lenient)
    columns = _columns(cells, bank, column_map, label, problems, left_out)
    if not problems and not column_map.keep_repeats:
        problems += find_duplicate_rows(cells).problems
    rows: list[dict[str, Value]] = []
    labels: list[str] = []
    for number, row in enumerate(cells.rows):
        if label is not None and label in cells.header:
            name = row[cells.header.index(label)]
            if not name:
                continue
            where = f'{cells.at(number)}: column "{label}"'
            persona = _label(name, bank, column_map.labels.get(label, {}), where, problems, left_out)
            if persona is None:
                continue
            labels.append(persona)
        rows.append(_row(row, columns, cells.at(number), problems, left_out))
    if not rows and not problems:
        problems.append(f'{cells.file}: no line has a label in column "{label}"')
    asked = frozenset(column.question.id for column in columns if column)
    if lenient and not asked and not problems:
        listed = ", ".join(cells.header)
        problems += [f"{cells.file}: no column is a question of the bank: the columns are {listed}; name them in a column map"]
        problems += left_out.problems
    elif lenient and not any(rows) and left_out.problems:
        problems += left_out.problems
    if problems:
        raise AnswersInvalid(problems)
    dropped = len(cells.rows) - len(rows)
    return AnswerTable(
        rows, labels if label is not None else None, asked, column_map.silent & asked, dropped, left_out.sentences(bank, asked)
    )


@dataclass
class LeftOut:
    """What a lenient reader leaves out: columns, and cells with how often each occurs. A strict one leaves out nothing.

    `problems` say why, with line and column: they are errors where nothing is left.
    """

    lenient: bool
    columns: list[str] = field(default_factory=list)
    cells: Counter[tuple[str, str]] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    def sentences(self, bank: Bank, asked: Collection[str]) -> tuple[str, ...]:
        """Return what was left out, for the summary."""
        if not self.lenient:
            return ()
        found = []
        if self.columns:
            found.append(f"left out, because no question has their name: {', '.join(self.columns)}")
        absent = [question.id for question in bank.questions if question.id not in asked and question.type != "text"]
        if absent:
            found.append(f"{len(absent)} of {len(bank.questions)} questions have no column: {', '.join(absent)}")
        by_column: dict[str, list[str]] = {}
        for (column, cell), count in sorted(self.cells.items(), key=lambda item: -item[1]):
            by_column.setdefault(column, []).append(f'"{cell}" ({count})')
        found += [
            f'column "{column}": left out, because the bank does not know them: {", ".join(seen[:8])}' for column, seen in by_column.items()
        ]
        return tuple(found)


def _columns(cells: Cells, bank: Bank, names: ColumnMap, label: str | None, problems: list[str], left_out: LeftOut) -> list[Column | None]:
    columns: list[Column | None] = []
    for name in cells.header:
        ignored = name == label or name in names.ignore or name in names.labels
        wrong: list[str] = []
        columns.append(None if ignored else _column(name, bank, names, f'{cells.file}:1: column "{name}"', wrong))
        if wrong and left_out.lenient and name not in names.columns:
            left_out.columns.append(name)
            left_out.problems += wrong
        else:
            problems += wrong
    if label is not None and label not in cells.header:
        problems.append(f'{cells.file}:1: there is no label column "{label}": the columns are {", ".join(cells.header)}')
    if not left_out.lenient:
        missing = [name for name in names.columns if name not in cells.header]
        todo = "add it, empty where nobody was asked, or take it out of the column map"
        problems += [f'{cells.file}:1: there is no column "{name}", which the column map names: {todo}' for name in missing]
    return columns


def _column(name: str, bank: Bank, names: ColumnMap, where: str, problems: list[str]) -> Column | None:
    meaning = names.columns.get(name, name)
    entry: Mapping[str, Any] = meaning if isinstance(meaning, dict) else {}
    values = {plain(str(key)): str(value) for key, value in dict(entry.get("values") or {}).items()}
    missing = frozenset(plain(str(cell)) for cell in entry.get("missing") or ())
    meaning = entry.get("question") if entry else meaning
    known = {question.id: question for question in bank.questions}
    question_id, _, option = str(meaning).partition(".")
    question = known.get(question_id)
    if question is None:
        problems.append(f"{where}: no question has this id: rename the column, or name it in a column map under columns or ignore")
        return None
    how = {part: str(entry[part]) for part in ("empty", "separator", "decimal", "others") if entry.get(part) is not None}
    if question.type == "multiple" and option not in question.outcomes and "separator" not in how:
        expected = ", ".join(f"{question_id}.{outcome}" for outcome in question.outcomes)
        problems.append(f"{where}: a multiple question has one column an option: {expected}")
        return None
    if question.type != "multiple" and option:
        problems.append(f'{where}: "{question_id}" is a {question.type} question: call its column "{question_id}"')
        return None
    return Column(name, question, option or None, values, missing, **how)


def _row(cells: Sequence[str], columns: Sequence[Column | None], where: str, problems: list[str], left_out: LeftOut) -> dict[str, Value]:
    row: dict[str, Value] = {}
    ticks: dict[str, dict[str, bool | None]] = {}
    for cell, column in zip(cells, columns, strict=True):
        if column is None:
            continue
        text = cell.strip()
        if column.option is not None:
            try:
                ticks.setdefault(column.question.id, {})[column.option] = _tick(text, column)
            except ImpossibleValue as wrong:
                _unknown(column, cell, f'{where}: column "{column.name}": {wrong.message}', problems, left_out)
            continue
        if not text and column.empty is not None:
            row[column.question.id] = canonical(column.question, column.empty)
            continue
        if column.is_silent(text):
            continue
        value, unknown = _value(text, column)
        if value is not None:
            row[column.question.id] = value
        for wrong_cell, message in unknown:
            _unknown(column, wrong_cell, f'{where}: column "{column.name}": {message}', problems, left_out)
    for question, marks in ticks.items():
        seen = {option: bool(tick) for option, tick in marks.items() if tick is not None or _are_unticked(question, marks, columns)}
        if seen:
            options = next(column.question for column in columns if column and column.question.id == question)
            row[question] = canonical(options, {"ticked": [option for option, on in seen.items() if on], "seen": list(seen)})
    return row


def _unknown(column: Column, cell: str, problem: str, problems: list[str], left_out: LeftOut) -> None:
    if left_out.lenient:
        left_out.cells[column.name, cell] += 1
        if len(left_out.problems) < MOST_PROBLEMS:
            left_out.problems.append(problem)
    else:
        problems.append(problem)


def _are_unticked(question: str, marks: Mapping[str, bool | None], columns: Sequence[Column | None]) -> bool:
    """Return whether the empty cells of a multiple question are options that were not ticked."""
    return any(marks.values()) and any(column.question.id == question and column.empty == "unticked" for column in columns if column)


def _tick(cell: str, column: Column) -> bool | None:
    """Return whether an option is ticked, None for an empty cell. Raises ImpossibleValue."""
    if not cell or plain(cell) in column.missing or is_no_tick(cell):
        return None
    code = binary_code(column.values.get(plain(cell), cell))
    if code is None and column.empty == "unticked":
        return True
    if code is None:
        raise ImpossibleValue(f'"{cell}" is neither 1 nor 0', "ticks")
    return bool(code)


def _value(cell: str, column: Column) -> tuple[Value | None, list[tuple[str, str]]]:
    """Return the answer of a cell, None where it has none, and what in it is no outcome, with the reason."""
    if column.separator is not None:
        parts, others = _parts(cell, column)
        unknown = [(part, f'"{part}" is not among the options of the column map: {", ".join(column.values)}') for part in others]
        answer = canonical(column.question, {"ticked": parts, "seen": list(column.question.outcomes)}) if parts else None
        return answer, unknown if column.others is None else []
    if column.others is not None and column.values and plain(cell) not in column.values:
        return None, []
    try:
        return canonical(column.question, _raw(cell, column)), []
    except ImpossibleValue as wrong:
        return None, [(cell, wrong.message)] if column.others is None else []


def _parts(cell: str, column: Column) -> tuple[list[str], list[str]]:
    """Return the options that a cell names, and the parts of it that are none."""
    known = column.values or {plain(option): option for option in column.question.outcomes}
    parts = split_cell(cell, column.separator or ";", known)
    return list(dict.fromkeys(known[part] for part in parts if part in known)), [part for part in parts if part not in known]


def _raw(cell: str, column: Column) -> object:
    """Return a cell as a value of its question's type; an interval is ``20..40``, either end may be omitted."""
    if column.values:
        if plain(cell) not in column.values:
            raise ImpossibleValue(f'"{cell}" is not among the values of the column map: {", ".join(column.values)}', "choose")
        cell = column.values[plain(cell)]
    if column.question.type in ("single", "text"):
        return cell
    if column.question.type == "number" and ".." in cell:
        low, high = cell.split("..", 1)
        return {end: _float(part, column.decimal) for end, part in (("from", low), ("to", high)) if part}
    return _float(cell, column.decimal)


def _float(cell: str, decimal: str | None) -> float:
    number = Written(decimal or ".").read(cell)
    if number is None:
        raise ImpossibleValue(f'"{cell}" is not a number', "number")
    return number


def _label(cell: str, bank: Bank, means: Mapping[str, str], where: str, problems: list[str], left_out: LeftOut) -> str | None:
    personas = [persona.id for persona in bank.personas]
    known = {plain(persona): persona for persona in personas} | {plain(name): persona for name, persona in means.items()}
    persona = known.get(plain(cell))
    if persona in personas:
        return persona
    if left_out.lenient:
        left_out.cells[where.rpartition('column "')[2].strip('"'), cell] += 1
        return None
    problems.append(f'{where}: "{cell}" is not a persona: it must be one of {", ".join([*means] or personas)}')
    return cell


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
