"""The likelihood grid of a question, read from the text of a draft, and the text after cells were changed.

The draft may have mistakes: the grid shows what is written, and each cell is one value of the text. Shares are shown in a hundred. In
another form than the one in which it is written, a row is converted (`grid_forms`), and a change of a cell writes all of it anew.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import log2
from typing import Any

from question_bank.files.load import Report, read_source
from question_bank.files.source import Unreadable
from question_bank.text_edits import replace_values
from survey_service.console.grid_forms import COUNTS, IN_WORDS, OF, converted, form_of, row_text

Path = tuple[str | int, ...]
HUNDRED, NUMBER, WORD = "hundred", "number", "word"
WAS = "was."
"""Begins the name of the field that has what a cell showed when the page was opened."""
SHADES = {"++": 2, "+": 1, "0": 0, "-": -1, "--": -2}
DARKEST = 2
"""Shades of a cell to either side: a shade for each doubling against the mean of its row."""


@dataclass(frozen=True)
class Cell:
    """One value of the text: `name` in the form, its `path`, how it is `shown`, and a shade from -2 (rare) to 2 (frequent).

    `row` is the path of its row where that is written in another form than it is shown in, else None: then `path` is no value of the text.
    """

    name: str
    path: Path
    kind: str
    shown: str
    shade: int = 0
    was: str | None = None
    problem: str | None = None
    row: Path | None = None


@dataclass(frozen=True)
class Line:
    """A row of the grid: an outcome, or a field of a distribution, with the cell of each persona, None where it has none."""

    key: str
    label: Any
    cells: Sequence[Cell | None]
    mean: float | None = None


@dataclass(frozen=True)
class Table:
    """The rows under one answer to the parent question; `given` is None where the question has no parent."""

    given: str | None
    columns: Sequence[str]
    lines: Sequence[Line]
    problems: Mapping[str, str]


class NotEditable(Exception):
    """The draft, or this question of it, cannot be shown as a grid; the text can be edited."""


@lru_cache(maxsize=8)
def _read(text: str) -> Mapping[str, Any]:
    """Return the text as plain data, which nobody changes: a page needs it several times. Raises NotEditable."""
    try:
        data: Mapping[str, Any] = read_source(text).data
    except Unreadable:
        raise NotEditable from None
    return data


def questions_of(text: str) -> list[dict[str, Any]]:
    """Return the questions as they are written. Raises NotEditable for a text that cannot be read."""
    questions = _read(text).get("questions")
    return [item for item in questions if isinstance(item, dict) and isinstance(item.get("id"), str)] if isinstance(questions, list) else []


def personas_of(text: str) -> list[dict[str, Any]]:
    """Return the personas as they are written. Raises NotEditable."""
    personas = _read(text).get("personas")
    return [item for item in personas if isinstance(item, dict)] if isinstance(personas, list) else []


def tables_of(text: str, question_id: str, report: Report, published: str | None = None, form: str | None = None) -> list[Table]:
    """Return the grid of a question. `published` is the text with which it is compared; `report` says what is wrong with `text`.

    `form` is one of `FORMS`, None for each row as it is written. Raises NotEditable.
    """
    place, question = _find(text, question_id)
    before = {} if published is None else {cell.name: cell.shown for cell in _published_cells(published, question_id, form)}
    problems = {problem.path: f"{problem.wrong}: {problem.todo}" for problem in report.errors}
    likelihood = question.get("likelihood")
    if not isinstance(likelihood, dict):
        raise NotEditable
    outcomes = _outcomes(question)
    if question.get("parent") is None:
        shown = converted(question, likelihood, form) if form else {}
        return [_table(None, likelihood, ("questions", place, "likelihood"), outcomes, before, problems, form, shown)]
    given = sorted({str(key) for rows in likelihood.values() if isinstance(rows, dict) for key in rows})
    tables = []
    for outcome in given:
        below = {persona: rows.get(outcome) for persona, rows in likelihood.items() if isinstance(rows, dict)}
        shown = converted(question, below, form) if form else {}
        tables.append(_table(outcome, below, ("questions", place, "likelihood"), outcomes, before, problems, form, shown))
    return tables


def forms_of(text: str, question_id: str) -> set[str]:
    """Return the forms in which the rows of a question are written, as far as they have one. Raises NotEditable."""
    _, question = _find(text, question_id)
    rows = list(question["likelihood"].values()) if isinstance(question.get("likelihood"), dict) else []
    if question.get("parent") is not None:
        rows = [row for below in rows if isinstance(below, dict) for row in below.values()]
    return {form for row in rows if (form := form_of(row)) is not None}


def edited(text: str, question_id: str, given: Mapping[str, str], form: str | None = None) -> str:
    """Return the text with the cells that were `given` and changed; what is no number is written as it is, so that the check can name it.

    Raises NotEditable, and CannotEdit for a cell that is no value of its own.
    """
    cells = list(_cells(text, question_id, form))
    changed = [cell for cell in cells if _is_changed(cell, given)]
    values = {cell.path: _written(cell, given[cell.name]) for cell in changed if cell.row is None}
    rows = {}
    for row in {cell.row for cell in changed if cell.row is not None}:
        own = {str(cell.path[-1]): _written(cell, given.get(cell.name, cell.shown)) for cell in cells if cell.row == row}
        rows[row] = row_text(_at(text, row), str(form), own, is_json=text.lstrip().startswith("{"))
    return replace_values(text, values, rows) if values or rows else text


def _at(text: str, path: Path) -> Any:
    value: Any = _read(text)
    for step in path:
        value = value[step]
    return value


def _is_changed(cell: Cell, form: Mapping[str, str]) -> bool:
    """Whether the form changes a cell. A cell that its author left as it was keeps what somebody else has stored meanwhile."""
    given = form.get(cell.name, "").strip()
    seen = form.get(WAS + cell.name, "").strip()
    return cell.name in form and given not in (seen, cell.shown) and given.replace(",", ".") != cell.shown


def stored_cells(text: str, question_id: str, form: str | None = None) -> dict[str, str]:
    """Return what each cell of the grid shows of the text, by the cell's name."""
    return {cell.name: cell.shown for cell in _published_cells(text, question_id, form)}


def _written(cell: Cell, given: str) -> str:
    given = given.strip().replace(",", ".").replace("\N{MINUS SIGN}", "-").removesuffix("%").strip()
    try:
        number = float(given)
    except ValueError:
        if cell.kind == WORD and given in SHADES:
            return f'"{given}"'
        quoted = given.replace("\\", "").replace('"', "")[:40]
        return f'"{quoted}"'
    if not abs(number) < 1e12:
        return f'"{given[:40]}"'
    return f"{number / 100:.6g}" if cell.kind == HUNDRED else f"{number:.10g}"


def _cells(text: str, question_id: str, form: str | None) -> Iterator[Cell]:
    for table in tables_of(text, question_id, Report(None), form=form):
        for line in table.lines:
            yield from (cell for cell in line.cells if cell is not None)


def _published_cells(text: str, question_id: str, form: str | None) -> list[Cell]:
    try:
        return list(_cells(text, question_id, form))
    except NotEditable:
        return []


def _find(text: str, question_id: str) -> tuple[int, dict[str, Any]]:
    questions = _read(text).get("questions")
    for place, question in enumerate(questions if isinstance(questions, list) else []):
        if isinstance(question, dict) and question.get("id") == question_id:
            return place, question
    raise NotEditable


def _outcomes(question: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return the id and the text of each outcome."""
    options = question.get("options")
    if isinstance(options, list):
        return [(str(option["id"]), option.get("text", option["id"])) for option in options if isinstance(option, dict) and "id" in option]
    low, high = question.get("min"), question.get("max")
    if question.get("type") == "scale" and isinstance(low, int) and isinstance(high, int) and high - low <= 20:
        labels = question.get("labels") if isinstance(question.get("labels"), dict) else {}
        return [(str(point), labels.get(str(point), str(point)) if labels else str(point)) for point in range(low, high + 1)]
    return []


def _table(
    given: str | None,
    rows: Mapping[str, Any],
    base: Path,
    outcomes: Sequence[tuple[str, Any]],
    before: Mapping[str, str],
    problems: Mapping[str, str],
    form: str | None,
    shown_as: Mapping[str, Mapping[str, str]],
) -> Table:
    """Return the grid under one answer to the parent. `shown_as` has what cells of rows show that are written in another form."""
    columns = list(rows)
    kind_of_form = {COUNTS: NUMBER, IN_WORDS: WORD}.get(str(form), HUNDRED)
    values: dict[str, dict[str, tuple[Path, Any, str]]] = {
        persona: {key: ((key,), _number(shown), NUMBER if key == OF else kind_of_form) for key, shown in shown_as[persona].items()}
        if persona in shown_as
        else dict(_values(row, outcomes))
        for persona, row in rows.items()
    }
    labels = dict(outcomes)
    keys = [key for key, _ in outcomes if any(key in column for column in values.values())]
    keys += [key for column in values.values() for key in column if key not in labels and key not in keys]
    lines = []
    for key in dict.fromkeys(keys):
        found = [values[persona].get(key) for persona in columns]
        mean = _mean([item[1] for item in found if item is not None and item[2] == HUNDRED])
        cells: list[Cell | None] = []
        for persona, item in zip(columns, found, strict=True):
            if item is None:
                cells.append(None)
                continue
            below, value, kind = item
            row = (*base, persona, *(() if given is None else (given,)))
            path, is_converted = (*row, *below), persona in shown_as
            name = ".".join(("c", *map(str, row[3:]), key))
            shown = shown_as[persona][key] if is_converted else _shown(value, kind)
            was = before.get(name)
            problem = problems.get(".".join(map(str, path)))
            shade = SHADES.get(shown, 0) if kind == WORD else _shade(value, mean)
            cells.append(Cell(name, path, kind, shown, shade, was if was != shown else None, problem, row if is_converted else None))
        lines.append(Line(key, labels.get(key, key), cells, mean))
    prefix = ".".join(map(str, base))
    suffix = "" if given is None else f".{given}"
    return Table(given, columns, lines, {p: problems[f"{prefix}.{p}{suffix}"] for p in columns if f"{prefix}.{p}{suffix}" in problems})


def _values(row: Any, outcomes: Sequence[tuple[str, Any]]) -> Iterator[tuple[str, tuple[Path, Any, str]]]:
    """Yield the values of a row as it is written: the key of its line, its path below the row, the value, and its kind."""
    if isinstance(row, dict) and isinstance(row.get("counts"), list | dict):
        for key, (path, value, _) in _values(row["counts"], outcomes):
            yield key, (("counts", *path), value, NUMBER)
        if "of" in row:
            yield "of", (("of",), row["of"], NUMBER)
    elif isinstance(row, dict):
        for key, value in row.items():
            kind = NUMBER if key in ("mean", "sd", "median", "spread") else _kind(value)
            yield str(key), ((key,), value, kind)
    elif isinstance(row, list):
        for index, ((key, _), value) in enumerate(zip(outcomes, row, strict=False)):
            yield key, ((index,), value, _kind(value))


def _number(shown: str) -> float | str:
    """Return a converted cell as a value of the text: a share of 1 where it is in a hundred is 100 times as much here, as all are."""
    try:
        return float(shown) / 100
    except ValueError:
        return shown


def _kind(value: Any) -> str:
    return WORD if value in tuple(SHADES) else HUNDRED


def _shown(value: Any, kind: str) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "" if value is None else str(value)
    return f"{100 * value:.6g}" if kind == HUNDRED else f"{value:.10g}"


def _mean(values: Sequence[Any]) -> float | None:
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    return sum(numbers) / len(numbers) if numbers else None


def _shade(value: Any, mean: float | None) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or not mean or mean <= 0 or value < 0:
        return 0
    doublings = log2((value + 0.01) / (mean + 0.01))
    return max(-DARKEST, min(DARKEST, round(1.5 * doublings)))
