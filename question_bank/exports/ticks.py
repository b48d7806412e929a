"""Recognise questions of which several options may be ticked: a column an option, or several options in one cell."""

import json
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from question_bank.exports.numbers import PLAIN
from question_bank.exports.words import MARKS, are_binary, binary_code, plain, silence_of

SEPARATORS = (";", "|", "\n", "¦", " / ", ",")
"""Between several options in one cell, the surest first."""
LONGEST_OPTION = 120
MOST_OPTIONS = 40
CODE_AND_TEXT = re.compile(r"^(\w+)\[\w+\]\.\s+(?=.*\[)", re.DOTALL)
"""How LimeSurvey writes code and text together: ``Q1[SQ001]. Why? [Price]``."""
STEM = re.compile(
    r"(.+?)(?:\s*\[(.+)\]|\.(?!\s)([^.\[\]]{1,60})|_(\w{1,40})|\s+-\s+(.+)|:\s+(.+)|\s*/\s*(.+)|\s*\((.+)\)|(?<=[a-z])(\d{1,2}))", re.DOTALL
)
"""A column that is an option of a question: ``Q1[SQ001]``, ``Q1_2``, ``reasons.price``, ``Reasons - Price``, ``Reasons: Price``."""


@dataclass(frozen=True)
class OptionColumn:
    """A column that is one option: how its cells are read.

    `ticks` is cell -> 1 or 0. With `empty_is_unticked` an empty cell is an option that was seen and not ticked, where the respondent
    ticked another one of the question.
    """

    ticks: Mapping[str, int]
    empty_is_unticked: bool


@dataclass(frozen=True)
class CellTicks:
    """A column whose cells hold several options: the separator between them, and the options, as first written."""

    separator: str
    options: tuple[str, ...]

    def ticked(self, cell: str) -> list[str]:
        """Return the plain form of each option of a cell."""
        return split_cell(cell, self.separator, {plain(option) for option in self.options})


def stem_of(name: str) -> tuple[str, str] | None:
    """Return the question and the option that the name of a column consists of.

    >>> stem_of("Q1[SQ001]"), stem_of("Q5_2"), stem_of("Reasons - Price"), stem_of("Age")
    (('Q1', 'SQ001'), ('Q5', '2'), ('Reasons', 'Price'), None)
    >>> stem_of("Q1[SQ001]. Why? [Price]")
    ('Q1. Why?', 'Price')
    """
    text = name.strip()
    pairs = [text.rpartition(" - ")] if " - " in text and not text.endswith("]") else []
    pairs += [text[:-1].rpartition(" (")] if text.endswith(")") else []
    pairs += [CODE_AND_TEXT.sub(r"\1. ", text)[:-1].rpartition("[")] if text.endswith("]") else []
    if not pairs and (found := STEM.fullmatch(text)):
        pairs = [(found[1], "", next(part for part in found.groups()[1:] if part))]
    return next(((question.strip(), option.strip()) for question, _, option in pairs if question.strip() and option.strip()), None)


def option_column(name: str, option: str, values: Collection[str], *, in_group: bool) -> OptionColumn | None:
    """Return how the cells of an option's column are read, None where they are no ticks.

    A column of one group may hold the name of its option, or a mark, or nothing at all.
    """
    filled = {value for value in values if value and not is_no_tick(value)}
    if not filled:
        return OptionColumn({}, empty_is_unticked=True) if in_group else None
    words = {plain(value) for value in filled}
    own = {plain(name), plain(option)}
    no = {word for word in words if word in ("0", "no", "false", "none")}
    if len(words - no) == 1 and words - no <= own | {f"{word}." for word in own}:
        return OptionColumn({value: int(plain(value) not in no) for value in filled}, empty_is_unticked=True)
    if len(words) == 1 and words <= MARKS and (in_group or "" in values):
        return OptionColumn(dict.fromkeys(filled, 1), empty_is_unticked=True)
    if are_binary(filled):
        return OptionColumn({value: binary_code(value) or 0 for value in filled}, empty_is_unticked=False)
    if "" not in values and words <= {"1", "2"} and len(words) == 2:
        return None
    return None


def is_no_tick(cell: str) -> bool:
    """Return whether a cell of an option's column says that there is no answer: a word for it, or a code below zero."""
    return silence_of(cell) is not None or (PLAIN.fullmatch(cell) is not None and float(cell) < 0)


def find_cell_ticks(values: Sequence[str]) -> CellTicks | None:
    """Return how several options are written in the cells of a column, None where each cell is one answer.

    The options are those that occur alone or in several combinations. ``Yes, often`` and ``No, never`` are answers with a comma. Words
    that only occur behind one another, as in ``Price, delivery included``, are one option.
    """
    cells = Counter(value for value in values if value)
    for separator in SEPARATORS:
        options = _options(cells, separator)
        if options is not None:
            return CellTicks(separator, tuple(options))
    return None


def split_cell(cell: str, separator: str, known: Collection[str]) -> list[str]:
    """Return the plain options of a cell; parts that only together are a `known` option stay together."""
    parts = [plain(part) for part in _raw_parts(cell, separator)]
    found: list[str] = []
    place = 0
    while place < len(parts):
        for end in range(len(parts), place, -1):
            together = plain((separator if separator != "," else ", ").join(parts[place:end]))
            if together in known or end == place + 1:
                found.append(together)
                place = end
                break
    return [part for part in found if part]


def _raw_parts(cell: str, separator: str) -> list[str]:
    text = cell.strip()
    if text.startswith("[") and text.endswith("]"):
        try:
            read = json.loads(text)
        except (ValueError, RecursionError):
            pass
        else:
            if isinstance(read, list):
                return [str(part) for part in read]
    return [part.strip() for part in text.split(separator) if part.strip()]


def _options(cells: Mapping[str, int], separator: str) -> list[str] | None:
    """Return the options between which a separator stands, None where it is part of the answers."""
    is_last = all(cell.rstrip().endswith(separator) for cell in cells) and separator in (";", "|")
    parts = {cell: _raw_parts(cell, separator) for cell in cells}
    if not is_last and all(len(own) < 2 for own in parts.values()):
        return None
    parts = _joined(parts, separator)
    tokens = {plain(part): part for own in reversed(parts.values()) for part in reversed(own)}
    repeats = any(len({plain(part) for part in own}) < len(own) for own in parts.values())
    if repeats or not 2 <= len(tokens) <= MOST_OPTIONS or any(len(token) > LONGEST_OPTION for token in tokens):
        return None
    several = any(len(own) > 1 for own in parts.values())
    if is_last or (several and _are_options(parts, tokens, separator)):
        return [tokens[word] for word in _order(parts, tokens)]
    return None


def _order(parts: Mapping[str, list[str]], tokens: Collection[str]) -> list[str]:
    """Return options in the order of the questionnaire: most survey tools write them so in every cell."""
    before = Counter((plain(a), plain(b)) for own in parts.values() for a, b in combinations(own, 2))
    shared = [word for word in tokens if sum(word in map(plain, own) for own in parts.values()) > 1] or list(tokens)
    ahead = {word: sum((before[word, b] > before[b, word]) - (before[word, b] < before[b, word]) for b in shared) for word in tokens}
    if all(PLAIN.fullmatch(word) for word in tokens):
        return sorted(tokens, key=float)
    return sorted(tokens, key=lambda word: (-ahead[word], word))


def _are_options(parts: Mapping[str, list[str]], tokens: Mapping[str, str], separator: str) -> bool:
    """Return whether the parts of cells occur alone or in several combinations."""
    if separator == "," and all(PLAIN.fullmatch(token) for token in tokens) and not any(len(own) > 2 for own in parts.values()):
        return False  # 1,5 may be one and a half
    contexts = Counter(word for own in parts.values() for word in {plain(part) for part in own})
    shared = [word for word, count in contexts.items() if count > 1]
    written = [word for word, count in contexts.items() if count == 1 and word.count(" ") >= 2] if len(shared) > 1 else []
    reused = len(shared) / (len(tokens) - len(written))  # what one respondent wrote behind "other" says nothing
    alone = {plain(own[0]) for own in parts.values() if len(own) == 1}
    within = {plain(part) for own in parts.values() if len(own) > 1 for part in own}
    is_sure = separator in (";", "|", "\n", "¦")
    return reused >= (0.3 if is_sure else 0.6) and bool(is_sure or alone & within or len(tokens) < len(parts) or reused == 1)


def _joined(parts: Mapping[str, list[str]], separator: str) -> dict[str, list[str]]:
    """Join parts that never occur apart, in this order: they are one option that contains the separator."""
    if separator != "," or all(PLAIN.fullmatch(part) for own in parts.values() for part in own):
        return dict(parts)
    after: dict[str, set[str | None]] = {}
    before: dict[str, set[str | None]] = {}
    for own in filter(None, parts.values()):
        words = [plain(part) for part in own]
        for word, following, preceding in zip(words, [*words[1:], None], [None, *words[:-1]], strict=True):
            after.setdefault(word, set()).add(following)
            before.setdefault(word, set()).add(preceding)
    cells_of = Counter(plain(part) for own in parts.values() for part in set(own))
    starts = {plain(part): part[:1].islower() for own in parts.values() for part in own}
    bound = {word: next(iter(next_)) for word, next_ in after.items() if len(next_) == 1 and None not in next_}
    joined = {
        word
        for word, following in bound.items()
        if following is not None and before[following] == {word} and (cells_of[word] > 1 or starts[following] > starts[word])
    }
    result = {}
    for cell, own in parts.items():
        glued: list[str] = []
        for place, part in enumerate(own):
            if place and plain(own[place - 1]) in joined:
                glued[-1] += f", {part}"
            else:
                glued.append(part)
        result[cell] = glued
    return result
