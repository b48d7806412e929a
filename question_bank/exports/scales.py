"""Recognise ordered words and numbered labels as the points of a scale, and say what nobody chose but must have been offered."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from question_bank.exports.scale_words import WORDS
from question_bank.exports.words import plain

FEWEST_POINTS = 3
NUMBERED = re.compile(r"\(?(-?\d{1,2})\)?\s*(?:[-–—:=.)/]|\s)\s*(\D.*?)\s*", re.DOTALL)
"""A point with its label: ``1 - Not at all``, ``5: Completely``, ``(3) Neither``, ``1=Never``."""
NUMBERED_BEHIND = re.compile(r"(\D.*?)(?:\s*[-–—:(=]\s*|\s+)(-?\d{1,2})\)?\s*", re.DOTALL)
"""``Completely (5)``, ``Not at all = 1``."""
MORE = re.compile(r"(?:or|and|oder|und|ou|et|o|y|more|mehr|plus|más)\b", re.IGNORECASE)
"""``5 or more`` is a point whose number belongs to its label."""
RATIO = re.compile(r"(\d{1,2})\s*(?:/|out of|von|sur|de)\s*(\d{1,2})")
"""``7/10``, ``4 out of 5``."""
STARS = re.compile(r"★[★☆ ]*")
POINT = re.compile(r"-?\d{1,2}(?:\.0+)?")


@dataclass(frozen=True)
class Points:
    """The points of a column: the point of each of its cells, in order, and the labels of points. `family` names what the words are of.

    `ranks` are those of the family that the points stand for, lowest first.
    """

    of: Mapping[str, int]
    labels: Mapping[int, str]
    minimum: int
    maximum: int
    family: str = ""
    ranks: tuple[int, ...] = ()


@cache
def _table(family: str) -> tuple[Mapping[str, int], Mapping[str, Mapping[int, str]]]:
    """Return plain word -> rank, and language -> rank -> its usual word."""
    ranks: dict[str, int] = {}
    usual: dict[str, dict[int, str]] = {}
    for language, text in WORDS[family][1].items():
        for line in text.splitlines():
            rank, _, words = line.strip().partition(" ")
            first, *more = words.split("|")
            usual.setdefault(language, {})[int(rank)] = first
            for word in (first, *more):
                ranks.setdefault(_bare(word), int(rank))
    return ranks, usual


def _bare(word: str) -> str:
    """Return a word without the endings of gender and without brackets: ``satisfait(e)``, ``satisfecho/a``."""
    short = re.sub(r"\((?:e|es|s|a|as|ne)\)|·e?s?\b|[/.](?:e|a|as|ne)\b", "", plain(word))
    short = re.sub(r"(satisfait|insatisfait|mécontent|important|probable|indécis)e?s?\b", r"\1", short)
    short = re.sub(r"(insatisfech|satisfech)[oa]s?\b", r"\1o", short)
    return re.sub(r"^(?:i|ich|je|estoy|i am|ich bin|je suis) (?=\w)", "", short).rstrip(".!")


def families_of(texts: Collection[str]) -> list[str]:
    """Return the families of which all these words are points.

    >>> families_of(["Agree", "strongly  agree", "Neutral"])
    ['agreement']
    """
    words = {_bare(text) for text in texts}
    return [family for family in WORDS if words and words <= _table(family)[0].keys()]


def ranks_of(texts: Iterable[str], family: str) -> dict[str, int]:
    """Return the rank of each text in a family of which it is a word."""
    table = _table(family)[0]
    return {text: table[_bare(text)] for text in texts}


def complete(ranks: Collection[int], family: str) -> tuple[int, ...]:
    """Return the ranks that were offered where these were chosen: a family with two poles mirrors them.

    >>> complete({0, 2, 3}, "agreement"), complete({0, 4, 7}, "frequency")
    ((-3, -2, 0, 2, 3), (0, 4, 7))
    """
    mirrored = {-rank for rank in ranks} if WORDS[family][0] else set()
    return tuple(sorted(set(ranks) | mirrored))


def word_points(texts: Collection[str], family: str, ranks: Sequence[int]) -> Points:
    """Return the points of a column of words, whose ranks are among `ranks`; labels are in its own words where it has them."""
    own = ranks_of(texts, family)
    point = {rank: place for place, rank in enumerate(ranks, 1)}
    usual = _table(family)[1]
    language = max(usual, key=lambda name: sum(_bare(text) in map(_bare, _words_of(family, name)) for text in texts))
    labels = {point[rank]: usual[language].get(rank, "") for rank in ranks}
    labels |= {point[rank]: " ".join(text.split()) for text, rank in sorted(own.items(), reverse=True)}
    labels = {number: label[:1].upper() + label[1:] for number, label in labels.items() if label}
    return Points({text: point[rank] for text, rank in own.items()}, labels, 1, len(ranks), family, tuple(ranks))


@cache
def _words_of(family: str, language: str) -> tuple[str, ...]:
    return tuple(word for line in WORDS[family][1][language].splitlines() for word in line.strip().partition(" ")[2].split("|"))


def numbered_points(texts: Collection[str], *, sure: bool = False) -> Points | None:
    """Return the points of ``1 - Not at all``, ``2``, …, ``5 - Completely``; None where the numbers only count different things.

    A list such as ``1. Car``, ``2. Bike`` is none, unless `sure`: some points have no label, or the labels are ordered words.
    """
    ratios = [RATIO.fullmatch(text.strip()) for text in texts]
    if texts and all(ratios) and len({found[2] for found in ratios if found}) == 1:
        of = {text: int(found[1]) for text, found in zip(texts, ratios, strict=True) if found}
        highest = next(int(found[2]) for found in ratios if found)
        is_scale = max(of.values()) <= highest <= 20
        return Points(of, {}, min(0 if highest == 10 else 1, *of.values()), highest) if is_scale else None
    read = _read_numbered(texts)
    if read is None:
        return None
    numbers, labels = read
    low, high = min(numbers.values(), default=0), max(numbers.values(), default=0)
    if not labels:
        return Points(numbers, {}, 1, max(high, 5)) if texts and all("★" in text for text in texts) else None
    plain_numbers = {number for text, number in numbers.items() if POINT.fullmatch(text.strip())}
    is_list = len(labels) > 1 and len(set(labels.values())) == 1
    if high - low > 20 or high == low or is_list or plain_numbers & labels.keys():
        return None
    ordered = families_of(labels.values()) or families_of([labels[min(labels)], labels[max(labels)]])
    return Points(numbers, labels, low, high) if sure or plain_numbers or ordered else None


def _read_numbered(texts: Collection[str]) -> tuple[dict[str, int], dict[int, str]] | None:
    """Return the number of each text, and the label of each number that has one; None where a text has none, or a number several."""
    numbers: dict[str, int] = {}
    labels: dict[int, str] = {}
    for text in texts:
        if POINT.fullmatch(text.strip()) or STARS.fullmatch(text.strip()):
            numbers[text] = text.count("★") or int(float(text))
            continue
        behind = NUMBERED_BEHIND.fullmatch(text.strip())
        found = NUMBERED.fullmatch(text.strip())
        if found is None and behind is None:
            return None
        number, label = (found[1], found[2]) if found else (behind[2], behind[1]) if behind else ("", "")
        label = text if MORE.match(label) else label.strip("() ")
        numbers[text] = int(number)
        if plain(labels.setdefault(int(number), " ".join(label.split()))) != plain(label):
            return None
    return numbers, labels
