"""What the columns of a foreign file of answers ask, told from the answers themselves: one column a question, one line a respondent.

0/1, true/false and yes/no, and words that repeat, are a single choice; whole numbers within 21 points are a scale; an empty cell is
a missing answer. Anything else is refused with its column, all at once; nothing is guessed.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import yaml

from adaptive.calibration import MISSING, Codes
from question_bank.answer_files import AnswersInvalid
from question_bank.definitions import SECONDS_BY_TYPE, Option, Question

MOST_LEVELS = 40
MOST_POINTS = 21
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,2})?", re.ASCII)
TWO_SIDED = ({"0": "0", "1": "1"}, {"false": "false", "true": "true"}, {"no": "no", "yes": "yes"})
LEAVE_OUT = "leave it out with --columns"


@dataclass(frozen=True, eq=False)
class Column:
    """A column that is a question: `codes` is (N,), `values` the outcome that each cell means (empty for a scale, which reads as it is)."""

    name: str
    question: Question
    codes: Codes
    values: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class Labels:
    """The column that says who each respondent is: `codes` is (N,), `names` the K personas as the file calls them."""

    names: tuple[str, ...]
    codes: Codes


@dataclass(frozen=True, eq=False)
class Sheet:
    """N respondents who answered something, and whose label is known where there are labels; `dropped` others did not."""

    columns: tuple[Column, ...]
    labels: Labels | None
    ignored: tuple[str, ...]
    dropped: int

    @property
    def codes(self) -> Codes:
        """(N, Q) answers, -1 where there is none."""
        return np.column_stack([column.codes for column in self.columns])

    @property
    def levels(self) -> list[int]:
        return [len(column.question.outcomes) for column in self.columns]

    def column_map(self) -> str:
        """What `discern replay` needs to read the same file with the fitted bank: see `answer_files`."""
        columns = {
            one.name: {"question": one.question.id, "values": dict(one.values)} if one.values else one.question.id for one in self.columns
        }
        return yaml.safe_dump({"columns": columns, "ignore": list(self.ignored)}, allow_unicode=True, sort_keys=False)


def read_sheet(text: str, file: str, wanted: Sequence[str] | None = None, label: str | None = None) -> Sheet:
    """The columns of a CSV text that are questions: all but the label, or those `wanted`. Raises AnswersInvalid with every problem."""
    header, rows = _cells(text, file)
    problems = [*_header_problems(header, file), *_wish_problems(header, wanted, label)]
    if problems:
        raise AnswersInvalid(problems)
    used = [name for name in header if name != label and (wanted is None or name in wanted)]
    cells = {name: [row[place].strip() for row in rows] for place, name in enumerate(header)}
    keep = [n for n in range(len(rows)) if any(cells[name][n] for name in used) and (label is None or cells[label][n])]
    if len(keep) < 2:
        some = "one respondent" if keep else "no respondent"
        raise AnswersInvalid([f"{file}: has {some} to learn from: personas are learnt from many"])
    taken: set[str] = set()
    columns = []
    for name in used:
        try:
            columns.append(_learnt_from(_column(name, cells[name], taken), keep))
        except ValueError as wrong:
            problems.append(f'{file}:1: column "{name}": {wrong}')
    labels = None
    if label is not None:
        labels = _labels([cells[label][n] for n in keep])
        if not 2 <= len(labels.names) <= MOST_LEVELS:
            found = f'only "{labels.names[0]}"' if len(labels.names) == 1 else f"{len(labels.names)} different values"
            problems.append(f'{file}:1: label column "{label}": holds {found}: a label names one of 2 to {MOST_LEVELS} personas')
    if problems:
        raise AnswersInvalid(problems)
    return Sheet(tuple(columns), labels, tuple(name for name in header if name not in used), len(rows) - len(keep))


def _cells(text: str, file: str) -> tuple[list[str], list[list[str]]]:
    """The names of the columns, and every line that is not empty."""
    reader = csv.reader(io.StringIO(text.lstrip("\ufeff"), newline=""))
    header: list[str] = []
    rows: list[list[str]] = []
    problems: list[str] = []
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if not header:
                header = cells
            elif len(cells) != len(header):
                problems.append(f"{file}:{reader.line_num}: has {len(cells)} cells where the first line names {len(header)} columns")
            else:
                rows.append(cells)
    except csv.Error as wrong:
        problems.append(f"{file}:{reader.line_num}: is not readable CSV: {wrong}")
    if not rows and not problems:
        problems.append(f"{file}: has no answers: give a line of column names and a line a respondent")
    if problems:
        raise AnswersInvalid(problems)
    return header, rows


def _header_problems(header: Sequence[str], file: str) -> Iterator[str]:
    for place, name in enumerate(header):
        if not name.strip():
            yield f"{file}:1: column {place + 1} has no name: give it one"
        elif name in header[:place]:
            yield f'{file}:1: column "{name}" stands there twice: name each column once'


def _wish_problems(header: Sequence[str], wanted: Sequence[str] | None, label: str | None) -> Iterator[str]:
    there = f"the file has {', '.join(header)}"
    if label is not None and label not in header:
        yield f'--label: there is no column "{label}": {there}'
    for name in wanted or ():
        if name not in header:
            yield f'--columns: there is no column "{name}": {there}'
    if not any(name != label for name in (header if wanted is None else wanted)):
        yield "--columns: names no question: name the columns that hold answers"


def _column(name: str, cells: Sequence[str], taken: set[str]) -> Column:
    """Raises ValueError for a column that cannot be a question, with what to do."""
    found = sorted({cell for cell in cells if cell})
    if not found:
        raise ValueError(f"nobody answered it: {LEAVE_OUT}")
    numbers = all(NUMBER.fullmatch(cell) for cell in found)
    plain = {cell: _whole(cell) for cell in found} if numbers else {cell: cell for cell in found}
    two_sided = next((pair for pair in TWO_SIDED if {value.lower() for value in plain.values()} <= set(pair)), None)
    if two_sided:
        plain = {cell: value.lower() for cell, value in plain.items()}
    if len(set(plain.values())) == 1:
        raise ValueError(f'everybody answered "{found[0]}", which tells nothing: {LEAVE_OUT}')
    text = {"en": " ".join(name.split())}
    question_id = slug(name, taken)
    if numbers and not two_sided:
        low, high = _ends(plain.values())
        points = {cell: int(value) - low for cell, value in plain.items()}
        question = Question(question_id, "scale", text, seconds=SECONDS_BY_TYPE["scale"], minimum=float(low), maximum=float(high))
        return Column(name, question, _coded(cells, points), {})
    levels = sorted(set(plain.values()))
    if len(levels) > MOST_LEVELS:
        raise ValueError(f"has {len(levels)} different answers, more than {MOST_LEVELS}: join the rare ones, or {LEAVE_OUT}")
    ids: set[str] = set()
    options = tuple(Option(slug(level, ids), {"en": " ".join(level.split())}) for level in levels)
    question = Question(question_id, "single", text, seconds=SECONDS_BY_TYPE["single"], options=options)
    values = {cell: options[levels.index(plain[cell])].id for cell in found}
    return Column(name, question, _coded(cells, {cell: levels.index(plain[cell]) for cell in found}), values)


def _learnt_from(column: Column, keep: Sequence[int]) -> Column:
    """The respondents to learn from; what the others answered is an answer of the question too. Raises ValueError like `_column`."""
    codes = column.codes[keep]
    if len(np.unique(codes[codes != MISSING])) < 2:
        raise ValueError(f"those who have a label all gave the same answer, or none: {LEAVE_OUT}")
    return replace(column, codes=codes)


def _whole(cell: str) -> str:
    """A number as it is compared: 3.0 and +3 are 3."""
    return str(int(float(cell))) if float(cell).is_integer() else cell


def _ends(values: Iterable[str]) -> tuple[int, int]:
    """The lowest and highest of whole numbers. Raises ValueError for what is no scale."""
    numbers = [float(value) for value in values]
    low, high = min(numbers), max(numbers)
    if high - low >= MOST_POINTS or not all(number.is_integer() for number in numbers):
        raise ValueError(
            f"holds numbers from {low:g} to {high:g}, which are no scale of at most {MOST_POINTS} points: "
            f"number questions are not fitted yet: group them into classes, or {LEAVE_OUT}"
        )
    return int(low), int(high)


def _coded(cells: Sequence[str], code: Mapping[str, int]) -> Codes:
    return np.array([code[cell] if cell else MISSING for cell in cells], dtype=np.int64)


def _labels(cells: Sequence[str]) -> Labels:
    names = sorted(set(cells))
    return Labels(tuple(names), _coded(cells, {name: k for k, name in enumerate(names)}))


def slug(words: str, taken: set[str]) -> str:
    """An id made from words, not yet `taken`, and taken from now on.

    >>> slug("Q7.1 Écluses", set())
    'q7-1-ecluses'
    """
    plain = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode().lower()
    stem = re.sub(r"[^a-z0-9_]+", "-", plain).strip("-_")[:56].rstrip("-_") or "x"
    name, number = stem, 1
    while name in taken:
        number += 1
        name = f"{stem}-{number}"
    taken.add(name)
    return name
