"""Find the rows that name the columns: titles above them, two or three of them, and what stands below the last answer.

SurveyMonkey writes the question and below it the option or ``Response``; Qualtrics ids, texts and ``{"ImportId": …}``; SoSci names and
texts; spreadsheets merge cells. Each column gets one name; its text, and the question of which it is an option, are kept beside.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from question_bank.exports.not_questions import DATE, EMAIL
from question_bank.exports.numbers import PLAIN
from question_bank.exports.words import MARKS, are_binary, plain

MOST_TITLE_ROWS = 12
MOST_FOOTER_ROWS = 6
MOST_HEADER_ROWS = 3
OPEN_ENDED = frozenset(map(plain, ("Open-Ended Response", "Réponse ouverte", "Offene Beantwortung", "Respuesta abierta")))
FILLERS = OPEN_ENDED | set(map(plain, ("Response", "Réponse", "Antwort", "Respuesta", "Beantwortung")))
"""What SurveyMonkey writes below a question that has one column."""
TOTALS = frozenset(
    map(
        plain,
        [
            "total",
            "totals",
            "sum",
            "mean",
            "average",
            "avg",
            "median",
            "count",
            "n",
            "min",
            "max",
            "summe",
            "gesamt",
            "gesamtsumme",
            "gesamtergebnis",
            "mittelwert",
            "durchschnitt",
            "anzahl",
            "somme",
            "moyenne",
            "effectif",
            "médiane",
            "suma",
            "media",
            "promedio",
            "totaal",
            "totale",
        ],
    )
) | {"grand total", "std dev", "standard deviation", "total général", "total general"}
FOOTER = re.compile(
    r"(?:source|sources|quelle|fuente|note|notes|exported|export"
    r"|generated|created|downloaded|printed|n ?=|\*|total|©|confidential|page \d).*"
)


@dataclass(frozen=True)
class Header:
    """The names of the columns, where the answers begin and end, and what was found: sentences for the summary.

    `texts` is column -> what was asked; `options` is column -> (question, option) where rows of names say so. `open_ended` are columns of
    which SurveyMonkey says so.
    """

    names: list[str]
    first: int
    last: int
    texts: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    open_ended: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


def find_header(rows: Sequence[Sequence[str]], numbers: Sequence[int], file: str) -> Header:
    """Return the header of rows of cells, none of which is empty; `numbers` are their lines in the file."""
    notes: list[str] = []
    top = _titles(rows)
    if top:
        notes.append(f"{file}: {_lines(numbers[:top])} above the names of the columns left out")
    last = _footers(rows, top)
    if last < len(rows):
        notes.append(f"{file}: {_lines(numbers[last:])} below the answers left out: {_shown(rows[last])}")
    if top >= len(rows):
        return Header([], top, last, notes=tuple(notes))
    depth = _depth(rows, top, last)
    heads = [list(row) for row in rows[top : top + depth]]
    named = max((place + 1 for row in heads for place, cell in enumerate(row) if cell), default=0)
    used = max((place + 1 for row in rows[top + depth : last] for place, cell in enumerate(row) if cell), default=0)
    width = max(named, min(max(map(len, heads)), used))
    heads = [(row + [""] * width)[:width] for row in heads]
    if depth > 1:
        notes.append(f"{file}: the first {depth} rows name the columns")
    names, texts, options = _combined(heads)
    written = frozenset(name for name, cell in zip(names, heads[-1], strict=True) if depth > 1 and plain(cell) in OPEN_ENDED)
    return Header(names, top + depth, last, texts, options, written, tuple(notes))


def _lines(numbers: Sequence[int]) -> str:
    return f"line {numbers[0]}" if len(numbers) == 1 else f"lines {numbers[0]} to {numbers[-1]}"


def _shown(row: Sequence[str]) -> str:
    words = " ".join(cell for cell in row if cell)
    return f'"{words[:60]}"'


def _filled(row: Sequence[str]) -> int:
    return sum(bool(cell) for cell in row)


def _titles(rows: Sequence[Sequence[str]]) -> int:
    """Return how many rows with one or two cells stand above a wide one: a title, a date, the number of responses."""
    usual = sorted(_filled(row) for row in rows)[len(rows) // 2]
    if usual < 3:
        return 0
    for place, row in enumerate(rows[: MOST_TITLE_ROWS + 1]):
        filled = [column for column, cell in enumerate(row) if cell]
        if not (filled == [0] or (filled == [0, 1] and usual >= 5)):
            return place
    return 0


def _footers(rows: Sequence[Sequence[str]], top: int) -> int:
    """Return where the answers end: what follows are notes in the first cells, or totals of the columns."""
    width = max(map(_filled, rows))
    end = len(rows)
    if width < 3:
        return end
    while end > max(top + 2, len(rows) - MOST_FOOTER_ROWS) and _is_footer(rows, end - 1, top, width):
        end -= 1
    return end


def _is_footer(rows: Sequence[Sequence[str]], place: int, top: int, width: int) -> bool:
    row = rows[place]
    filled = [cell for cell in row if cell]
    first = plain(filled[0]).rstrip(":") if filled else ""
    columns = [Counter(other[c] for other in rows[top + 1 : place] if c < len(other)) for c in range(min(2, len(row)))]
    is_new = all(row[c] not in columns[c] for c in range(len(columns)) if row[c])
    if len(filled) == 1 and is_new and (row[0] or len(row) == 1) and not PLAIN.fullmatch(filled[0]):
        return bool(FOOTER.fullmatch(first)) or len(filled[0].split()) > 3 or first in TOTALS or len(row) < width / 2
    if first in TOTALS and is_new:
        return True
    return (is_new and bool(FOOTER.fullmatch(first)) and len(filled) <= 2 and width > 4) or _sums_up(rows, place, top)


def _sums_up(rows: Sequence[Sequence[str]], place: int, top: int) -> bool:
    """Return whether the cells of a row without a name are the sums or means of their columns."""
    row = rows[place]
    above = rows[top + 1 : place]
    if len(above) < 5 or not row or row[0] or sum(bool(other[0]) for other in above if other) < len(above):
        return False
    hits = 0
    for column, cell in enumerate(row):
        if not cell:
            continue
        numbers = [float(other[column]) for other in above if column < len(other) and PLAIN.fullmatch(other[column])]
        if not PLAIN.fullmatch(cell) or not numbers:
            return False
        total = sum(numbers)
        hits += abs(float(cell) - total) < 0.01 or abs(float(cell) - total / len(numbers)) < 0.051
    return hits >= 1


def _depth(rows: Sequence[Sequence[str]], top: int, last: int) -> int:
    """Return the number of rows that name the columns."""
    if top + 2 < last and sum("importid" in plain(cell) for cell in rows[top + 2]) >= max(1, _filled(rows[top + 2]) / 2):
        return 3
    if top + 1 < last and sum("importid" in plain(cell) for cell in rows[top + 1]) >= max(1, _filled(rows[top + 1]) / 2):
        return 2
    depth = 1
    while depth < MOST_HEADER_ROWS and top + depth + 1 < last and _continues(rows, top, depth, last):
        depth += 1
    return depth


def _continues(rows: Sequence[Sequence[str]], top: int, depth: int, last: int) -> bool:
    """Return whether a row continues the names above it: it fills their gaps, tells equal ones apart, or explains codes."""
    heads, row, below = rows[top : top + depth], rows[top + depth], rows[top + depth + 1 : last]
    cells = {column: [other[column] for other in below if column < len(other) and other[column]] for column in range(len(row))}
    used = [column for column, own in cells.items() if own]
    if not _filled(row) or any(_is_value(cell) for cell in row) or any(_recurs(row[column], cells[column]) for column in used):
        return False
    named = [column for column in range(len(row)) if any(column < len(head) and head[column] for head in heads)]
    gaps = [
        column
        for column in used
        if column not in named and named and (column > named[0] or (row[column] and all(map(_is_value, cells[column]))))
    ]
    if gaps and any(row[column] for column in gaps):
        return depth == 1 or _filled(row) < len(used)
    names = [tuple(plain(head[column]) if column < len(head) else "" for head in heads) for column in range(len(row))]
    counts = Counter(names)
    repeated = [column for column in used if counts[names[column]] > 1]
    if len(repeated) > 1 and all(_may_be_option(row[column], cells[column]) for column in repeated):
        return True
    return depth == 1 and _explains(heads[0], row, {column: cells[column] for column in used})


def _recurs(cell: str, below: Sequence[str]) -> bool:
    """Return whether a cell is one of several answers that its column holds."""
    distinct = {plain(other) for other in below}
    return len(distinct) > 1 and plain(cell) in distinct


def _may_be_option(cell: str, below: Sequence[str]) -> bool:
    words = {plain(other) for other in below}
    return bool(cell) and (words <= {plain(cell), *MARKS} or are_binary(words))


def _explains(codes: Sequence[str], row: Sequence[str], cells: Mapping[int, Sequence[str]]) -> bool:
    """Return whether a row holds the texts of questions whose codes stand above: words over numbers, or sentences over words."""
    numeric = [column for column, own in cells.items() if sum(map(_is_value, own)) >= 0.8 * len(own)]
    said = [column for column in numeric if row[column]]
    if len(said) >= 2 and len(said) >= 0.6 * len(numeric) and min(map(len, cells.values())) >= 1:
        return max(map(len, cells.values())) >= 2
    are_codes = all(re.fullmatch(r"[\w.\[\]()-]{1,24}", code) for code in codes if code)
    sentences = [cell for cell in row if cell.endswith(("?", ":", "…")) or cell.count(" ") >= 3]
    tool = {plain(code) for code in codes} & {"responseid", "recordeddate", "submitdate"} and "response id" in map(plain, row)
    return bool(tool) or (are_codes and len(sentences) >= max(2, len(cells) / 2))


def _is_value(cell: str) -> bool:
    return bool(PLAIN.fullmatch(cell) or DATE.fullmatch(cell) or EMAIL.fullmatch(cell))


def _combined(heads: Sequence[Sequence[str]]) -> tuple[list[str], dict[str, str], dict[str, tuple[str, str]]]:
    """Return a name for each column, with texts and options, from the rows that name them."""
    if len(heads) == 1:
        return list(heads[0]), {}, {}
    if all(heads[0]) and len(set(map(plain, heads[0]))) == len(heads[0]):
        return _coded(heads)
    filled = [_forward(row, heads[:depth]) for depth, row in enumerate(heads[:-1])] + [list(heads[-1])]
    names: list[str] = []
    texts: dict[str, str] = {}
    options: dict[str, tuple[str, str]] = {}
    groups = Counter(plain(row) for row in filled[-2])
    for column, last in enumerate(filled[-1]):
        above = [row[column] for row in filled[:-1] if row[column]]
        question = above[-1] if above else ""
        if not last or plain(last) in FILLERS or not question:
            name = question or last
        elif groups[plain(question)] > 1 or plain(last) != plain(question):
            name = f"{question} [{last}]"
            if groups[plain(question)] > 1:
                options[name] = (question, last)
        else:
            name = question
        names.append(name)
        texts[name] = name
    return names, texts, options


def _coded(heads: Sequence[Sequence[str]]) -> tuple[list[str], dict[str, str], dict[str, tuple[str, str]]]:
    """Return the codes of the first row as names, and the words of the second as texts."""
    return list(heads[0]), {name: " ".join(text.split()) for name, text in zip(heads[0], heads[1], strict=True) if text}, {}


def _forward(row: Sequence[str], above: Sequence[Sequence[str]]) -> list[str]:
    """Repeat the name of a merged cell over the columns that it spans: up to the next name, in this row or above it."""
    filled: list[str] = []
    for column, cell in enumerate(row):
        starts = any(other[column] for other in above)
        filled.append(cell or ("" if starts or not filled else filled[-1]))
    return filled
