"""Detect duplicate respondents: a repeated id, a repeated block of lines, or more equal lines than expected by chance.

Many people share short answer patterns, so the number expected by chance is estimated from the file itself.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import comb, exp, log

from question_bank.exports.not_questions import looks_like_id
from question_bank.exports.table_files import Cells

ID_SHARE = 0.4
"""Share of different values from which a column with the name of an id is one: a file pasted twice has half."""
SHORTEST_BLOCK = 5
"""Different lines that a repeated block needs if the whole file was pasted twice; twice as many if a part was."""
FEW_PATTERNS = 20
"""With fewer different lines than this, equal lines are taken for shared answer patterns."""
REFUSED_SHARE = 0.1
"""Share of repeated lines from which the file is refused; fewer are a warning."""
TODO = "keep one line a respondent, or accept it with --keep-repeats"


@dataclass(frozen=True)
class DuplicateRows:
    """Suspected duplicate respondents: `problems` prevent a fit, `warnings` do not."""

    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def find_duplicate_rows(cells: Cells) -> DuplicateRows:
    """Return repeated ids if there are any, else a repeated block, else an excess of equal lines."""
    problems = [problem for name in cells.header for problem in _repeated_ids(cells, name)]
    if problems:
        return DuplicateRows(tuple(problems))
    lines = [tuple(row) for row in cells.rows]
    block = _repeated_block(lines)
    if block is not None:
        first, again, length = block
        message = f"{length} lines from here on repeat the lines from {cells.numbers[first]} on, in the same order"
        return _refuse_or_warn(f"{cells.at(again)}: {message}: the same respondents are in the file twice: {TODO}", length, len(lines))
    return _equal_lines(cells, lines)


def _repeated_ids(cells: Cells, name: str) -> list[str]:
    values = cells.column(name)
    filled = [value for value in values if value]
    if not looks_like_id(name) or len(set(filled)) < max(ID_SHARE * len(filled), 3):
        return []
    first: dict[str, int] = {}
    again = []
    for row, value in enumerate(values):
        if value and first.setdefault(value, row) != row:
            before = cells.numbers[first[value]]
            again.append(f'{cells.at(row)}: column "{name}": "{value}" is on line {before} already: {TODO}')
    return again


def _repeated_block(lines: Sequence[tuple[str, ...]]) -> tuple[int, int, int] | None:
    """Return the start, start of the repetition and length of the longest repeated block, if it is unlikely to be chance."""
    places = defaultdict(list)
    for row, line in enumerate(lines):
        places[line].append(row)
    pairs = sum(comb(len(rows), 2) for rows in places.values())
    if not pairs:
        return None
    longest = (0, 0, 0)
    runs: dict[int, int] = {}  # earlier line -> number of consecutive lines up to it that equal those up to this line
    for row, line in enumerate(lines):
        runs = {other: runs.get(other - 1, 0) + 1 for other in places[line] if other < row}
        for other, length in runs.items():
            longest = max(longest, (min(length, row - other), -row, -other))
    length, row, other = longest[0], -longest[1], -longest[2]
    different = len(set(lines[row - length + 1 : row + 1]))
    chance = comb(len(lines), 2) * (pairs / comb(len(lines), 2)) ** length
    part = different >= 2 * SHORTEST_BLOCK and chance < 1e-3
    whole = different >= max(SHORTEST_BLOCK, length / 2) and 2 * length >= len(lines) - 1
    return (other - length + 1, row - length + 1, length) if part or whole else None


def _equal_lines(cells: Cells, lines: Sequence[tuple[str, ...]]) -> DuplicateRows:
    """Report equal lines where they exceed chance, computed as if the columns held half of the information of independent ones."""
    repeated = {line: count for line, count in Counter(lines).items() if count > 1 and any(line)}
    pairs = sum(comb(count, 2) for count in repeated.values())
    total = len(lines)
    same = [sum((count / total) ** 2 for count in Counter(column).values()) for column in zip(*lines, strict=True)]
    expected = comb(total, 2) * exp(sum(log(share) for share in same) / 2)
    different = len(set(lines))
    if pairs < 3 or pairs < 10 * expected or different < max(FEW_PATTERNS, ID_SHARE * total):
        return DuplicateRows()
    places: dict[tuple[str, ...], int] = {}
    shown = [(places[line], row) for row, line in enumerate(lines) if places.setdefault(line, row) != row and line in repeated]
    first, again = shown[0]
    where = f"{cells.at(again)}: repeats line {cells.numbers[first]} in all {len(cells.header)} columns"
    message = f"{where}, and so do {len(shown) - 1} more lines, where chance would bring about {expected:.1g} equal pairs: {TODO}"
    return _refuse_or_warn(message, len(shown), total)


def _refuse_or_warn(message: str, lines: int, total: int) -> DuplicateRows:
    return DuplicateRows((message,)) if lines >= REFUSED_SHARE * total else DuplicateRows(warnings=(message,))
