"""Import a bank from a workbook: a sheet `personas`, and a sheet `questions` with a line an option and a column a persona.

    personas:   name | share | value | description | needs
    questions:  text | type | option | min | max | Driver | Family

A question begins on the line with its text; its other options follow below. A cell is a probability, a percentage, a count, or one of
``++ + 0 - --``; of a number question it is ``35 ± 10``, mean and standard deviation.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from question_bank.datasets.dataset import slug
from question_bank.definitions import (
    SECONDS_BY_TYPE,
    WORDS,
    Bank,
    Counts,
    Normal,
    Option,
    Persona,
    Question,
    QuestionType,
    Row,
    Shares,
    Survey,
    Words,
)
from question_bank.exports.numbers import PLAIN
from question_bank.exports.words import plain
from question_bank.files.write import write_bank
from question_bank.imports.builder import Imported, NotImportable, neutral

Rows = Sequence[Sequence[str]]
TYPES: Mapping[str, QuestionType] = {
    **dict.fromkeys(("single", "choice", "single choice", ""), "single"),
    **dict.fromkeys(("multiple", "multiple choice", "checkbox", "checkboxes"), "multiple"),
    **dict.fromkeys(("scale", "rating", "likert"), "scale"),
    **dict.fromkeys(("number", "numeric"), "number"),
    "text": "text",
}
NAMES: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "code"),
    "name": ("name", "persona"),
    "share": ("share", "prior", "size", "weight"),
    "value": ("value",),
    "description": ("description",),
    "needs": ("needs",),
    "text": ("text", "question"),
    "type": ("type", "kind"),
    "option": ("option", "options", "answer", "point"),
    "min": ("min", "minimum"),
    "max": ("max", "maximum"),
}
NORMAL = re.compile(r"(-?\d+(?:[.,]\d+)?)\s*(?:±|\+/-|\+-|;|\()\s*(\d+(?:[.,]\d+)?)\)?")


@dataclass(frozen=True)
class _Block:
    """The lines of one question: its first line in the sheet, its cells by column name."""

    line: int
    rows: list[dict[str, str]]

    def first(self, name: str) -> str:
        return next((row[name] for row in self.rows if row.get(name)), "")


def bank_of_sheets(sheets: Mapping[str, Rows], bank_id: str, language: str = "en") -> Imported:
    """Return the bank that a workbook describes. `sheets` are rows of cells by the name of their sheet. Raises NotImportable."""
    named = {plain(name): rows for name, rows in sheets.items()}
    missing = [name for name in ("personas", "questions") if name not in named]
    if missing:
        raise NotImportable(f'has no sheet "{missing[0]}": give two sheets, personas and questions; it has {", ".join(sheets) or "none"}')
    notes: list[str] = []
    personas = _personas(_table(named["personas"]), language, notes)
    if len(personas) < 2:
        raise NotImportable('sheet "personas": names fewer than two personas: give a line each, with a column name')
    columns = {name: persona.id for persona in personas for name in (plain(persona.id), plain(next(iter(persona.name.values()), "")))}
    taken: set[str] = set()
    questions = []
    for block in _blocks(_table(named["questions"])):
        question = _question(block, columns, [persona.id for persona in personas], taken, language, notes)
        if question is not None:
            questions.append(question)
    if not questions:
        raise NotImportable("\n".join(['sheet "questions": has no question: give a column text, and a line each', *notes]))
    title = {language: bank_id}
    survey = Survey("main", title, tuple(question.id for question in questions))
    bank = Bank(bank_id, title, (language,), tuple(personas), tuple(questions), surveys=(survey,))
    return Imported(write_bank(bank, {"": "Imported by `discern import`."}), tuple(notes))


def _table(rows: Rows) -> list[tuple[int, dict[str, str]]]:
    """Return the lines of a sheet with their numbers: cells by the plain name of their column."""
    filled = [(line, row) for line, row in enumerate(rows, 1) if any(row)]
    if not filled:
        return []
    known = {plain(other): name for name, others in NAMES.items() for other in others}
    header = [known.get(plain(name), plain(name)) for name in filled[0][1]]
    return [(line, dict(zip(header, row, strict=False))) for line, row in filled[1:]]


def _personas(table: Sequence[tuple[int, dict[str, str]]], language: str, notes: list[str]) -> list[Persona]:
    personas = []
    taken: set[str] = set()
    for line, row in table:
        name = row.get("name") or row.get("id", "")
        if not name:
            notes.append(f'sheet "personas", line {line}: has no name, so it is left out')
            continue
        share, value = _number(row.get("share", "")), _number(row.get("value", ""))
        if row.get("share") and (share is None or share <= 0):
            notes.append(f'sheet "personas", line {line}: "{row["share"]}" is no share: 1 is written')
        texts = {field: {language: row[field]} for field in ("description", "needs") if row.get(field)}
        personas.append(
            Persona(
                slug(row.get("id") or name, taken),
                {language: name},
                share if share and share > 0 else 1.0,
                value if value is not None and value >= 0 else 1.0,
                texts.get("description"),
                texts.get("needs"),
            )
        )
    return personas


def _blocks(table: Sequence[tuple[int, dict[str, str]]]) -> list[_Block]:
    blocks: list[_Block] = []
    for line, row in table:
        if row.get("text") or not blocks:
            blocks.append(_Block(line, [row]))
        else:
            blocks[-1].rows.append(row)
    return blocks


def _question(
    block: _Block, columns: Mapping[str, str], personas: Sequence[str], taken: set[str], language: str, notes: list[str]
) -> Question | None:
    where, text = f'sheet "questions", line {block.line}', block.first("text")
    kind = TYPES.get(plain(block.first("type")))
    options = [row for row in block.rows if row.get("option")]
    if not text or kind is None:
        wrong = "has no text" if not text else f'"{block.first("type")}" is no type: write single, multiple, scale, number or text'
        notes.append(f"{where}: {wrong}; it is left out")
        return None
    low, high = _number(block.first("min")), _number(block.first("max"))
    if kind == "scale":
        points = sorted({int(number) for row in options if (number := _number(row["option"].split(" ")[0])) is not None})
        low, high = (low, high) if low is not None and high is not None else (float(points[0]), float(points[-1])) if points else (1.0, 5.0)
    elif kind == "number" and (low is None or high is None or low >= high):
        notes.append(f"{where}: has no min and max: 0 to 100 is written")
        low, high = 0.0, 100.0
    elif kind in ("single", "multiple") and len(options) < 2:
        notes.append(f"{where}: has {len(options)} options: give a line each, with a column option; it is left out")
        return None
    ids: set[str] = set()
    question = Question(
        slug(block.first("id") or text, taken),
        kind,
        {language: text},
        seconds=SECONDS_BY_TYPE[kind],
        options=tuple(Option(slug(row["option"], ids), {language: row["option"]}) for row in options)
        if kind in ("single", "multiple")
        else (),
        minimum=low if kind in ("scale", "number") else None,
        maximum=high if kind in ("scale", "number") else None,
    )
    if kind == "text":
        return question
    answers = options if kind != "number" else block.rows[:1]
    return replace(question, likelihood=_likelihood(question, answers, columns, personas, where, notes))


def _likelihood(
    question: Question,
    answers: Sequence[Mapping[str, str]],
    columns: Mapping[str, str],
    personas: Sequence[str],
    where: str,
    notes: list[str],
) -> dict[str, Row]:
    """Return the likelihood of each persona by its column, neutral where that has none; what could not be read is noted."""
    rows = neutral(question, personas)
    for name, persona in columns.items():
        cells = [row.get(name, "") for row in answers]
        read = _row(question, cells) if any(cells) else None
        if read is not None:
            rows[persona] = read
        elif any(cells):
            wrong = f"{', '.join(cells)} is no likelihood of {len(question.outcomes) or 1} outcomes"
            notes.append(f'{where}, column "{name}": {wrong}: neutral is written')
    return _of_one_kind(question, rows, personas, where, notes)


def _of_one_kind(question: Question, rows: dict[str, Row], personas: Sequence[str], where: str, notes: list[str]) -> dict[str, Row]:
    """Return rows that may stand beside one another: neutral words become even shares where other rows are numbers."""
    silent = [persona for persona in personas if isinstance(rows[persona], Words) and set(getattr(rows[persona], "values", ())) == {"0"}]
    if silent and len(silent) < len(personas):
        notes.append(f"{where}: has no likelihood for {', '.join(silent)}: neutral is written")
        if not any(isinstance(row, Words) for persona, row in rows.items() if persona not in silent):
            size = len(question.outcomes)
            even = 0.5 if question.type == "multiple" else 1 / size
            rows |= dict.fromkeys(silent, Shares((even,) * size))
    return rows


def _row(question: Question, cells: Sequence[str]) -> Row | None:
    """Return the likelihood of a persona, None where the cells are none."""
    cells = [cell.strip() for cell in cells]
    if question.type == "number":
        found = NORMAL.fullmatch(cells[0])
        mean, sd = (_number(found[1]), _number(found[2])) if found else (None, None)
        return Normal(mean, sd) if mean is not None and sd else None
    if len(cells) == len(question.outcomes) and all(cell in WORDS for cell in cells):
        return Words(tuple(cells))
    sizes = [number for cell in cells if (number := _number(cell.removesuffix("%"))) is not None and number >= 0]
    if len(sizes) != len(question.outcomes) or len(sizes) != len(cells) or not any(sizes):
        return None
    return _shares(question, sizes, is_percent=any(cell.endswith("%") for cell in cells))


def _shares(question: Question, sizes: Sequence[float], *, is_percent: bool) -> Row | None:
    """Return probabilities, percentages or counts as a row."""
    if question.type == "multiple":
        whole = 100 if is_percent or max(sizes) > 1 else 1
        return Shares(tuple(size / whole for size in sizes)) if max(sizes) <= whole else None
    total = sum(sizes)
    if abs(total - 1) < 0.01 or is_percent or abs(total - 100) < 1:
        return Shares(tuple(round(size / total, 4) for size in sizes))
    return Counts(tuple(sizes)) if all(size.is_integer() for size in sizes) else None


def _number(text: str) -> float | None:
    number = text.strip().replace(",", ".")
    return float(number) if PLAIN.fullmatch(number) and len(number) < 40 else None
