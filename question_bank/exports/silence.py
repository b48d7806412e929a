"""Find the codes and words of a column that mean no answer, and keep the kinds of silence apart; say where a code is doubtful."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from question_bank.exports.numbers import PLAIN
from question_bank.exports.words import SILENCE_NAMES, SILENCES, silence_of

NEGATIVE_CODES = frozenset([-1, -2, -3, -4, -5, -6, -7, -8, -9, -66, -77, -88, -96, -97, -98, -99, -777, -888, -998, -999, -9999, -99999])
HIGH_CODES = frozenset([6, 7, 8, 9, 66, 77, 88, 96, 97, 98, 99, 666, 777, 888, 996, 997, 998, 999, 9997, 9998, 9999, 99997, 99998, 99999])
WIDEST_SCALE = 21
"""Points of the widest scale; beyond it a column holds numbers, among which 98 and 99 may be answers."""
FEWEST_LINES = 8
"""With fewer answers than this, a gap in a scale is no sign of a code."""
MOST_SILENT = 0.4
"""Share of the answers above which 8 and 9 are points of a scale, not codes."""
SURE_LINES = 100
"""From so many answers on, a code stands out although only one point lies between it and the scale."""
MANY_LINES = 20
"""From so many answers on, a code stands out although nobody chose one of the points below it."""


@dataclass(frozen=True)
class Silence:
    """What means no answer in a column: the kind of each cell, how many cells are of it, and doubts about others."""

    kinds: Mapping[str, str] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    doubts: tuple[str, ...] = ()

    def described(self) -> str:
        """Return the codes with their kinds, for the summary: ``"98" do not know (12)``."""
        order = sorted(self.kinds, key=lambda text: (SILENCES.index(self.kinds[text]), text))
        return ", ".join(f'"{text}" {SILENCE_NAMES[self.kinds[text]]} ({self.counts.get(text, 0)})' for text in order)


def kind_of_code(number: float) -> str:
    """Return the kind of silence that a code means where no label says it: ..7 a refusal, ..8 does not know, others no answer.

    This is how the European Social Survey codes them.

    >>> kind_of_code(99), kind_of_code(-8), kind_of_code(77)
    ('skip', 'dont_know', 'refuse')
    """
    last = int(abs(number)) % 10
    return {7: "refuse", 8: "dont_know"}.get(last, "skip")


def find_silence(
    name: str, values: Sequence[str], declared: Mapping[str, str], siblings: Sequence[tuple[float, float]] = (), *, is_tick: bool = False
) -> Silence:
    """Return what means no answer among the cells of a column.

    `declared` is what the file or the user says, cell -> kind. `siblings` are the lowest and highest values of columns of the same kind:
    what one of them holds as an answer is one here too.
    """
    counts: dict[str, int] = {}
    for value in values:
        if value:
            counts[value] = counts.get(value, 0) + 1
    kinds = {value: kind for value, kind in declared.items() if value in counts and kind in SILENCES}
    answers = [value for value in counts if value not in declared]
    kinds |= {value: kind for value in answers if (kind := silence_of(value, answers)) is not None}
    if not is_tick and not declared:
        kinds |= _codes_among_words([value for value in answers if value not in kinds])
    rest = {value: float(value) for value in counts if value not in kinds and PLAIN.fullmatch(value) and value not in declared}
    doubts: tuple[str, ...] = ()
    if rest and not is_tick and len(rest) + len(kinds) == len(counts) - sum(declared.get(value) == "answer" for value in counts):
        codes, doubts = _codes(name, rest, counts, siblings)
        kinds |= codes
    return Silence(kinds, {value: counts[value] for value in kinds}, doubts)


def _codes_among_words(answers: Sequence[str]) -> dict[str, str]:
    """Return the few numbers among words that are codes: 98 and 99 behind names, or a lone 9."""
    numbers = {value: float(value) for value in answers if PLAIN.fullmatch(value)}
    words = len(answers) - len(numbers)
    are_codes = all(number in NEGATIVE_CODES or number in HIGH_CODES - {6.0, 7.0} for number in numbers.values())
    if (
        words < 2
        or not are_codes
        or len(numbers) >= words
        or any(any(letter.isdigit() for letter in value) for value in answers if value not in numbers)
    ):
        return {}
    return {value: kind_of_code(number) for value, number in numbers.items()}


def _codes(
    name: str, rest: Mapping[str, float], counts: Mapping[str, int], siblings: Sequence[tuple[float, float]]
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the codes among numbers with their kinds, and doubts."""
    numbers = sorted(set(rest.values()))
    found = [number for number in numbers if _is_negative_code(number, numbers)]
    numbers = [number for number in numbers if number not in found]
    tops: list[float] = []
    while len(numbers) > 1 and _is_high_code(numbers, rest, counts, siblings):
        tops.append(numbers.pop())
        while tops[-1] < 10 and len(numbers) > 2 and numbers[-1] == tops[-1] - 1 > numbers[-2] + 1 and numbers[-1] in (7, 8):
            tops.append(numbers.pop())
    share = sum(counts[value] for value, number in rest.items() if number in tops) / sum(counts[value] for value in rest)
    if tops and tops[0] < 10 and share > MOST_SILENT:
        numbers += reversed(tops)
        tops = []
    found += tops
    codes = {value: kind_of_code(number) for value, number in rest.items() if number in found}
    doubts = []
    low, high = numbers[0], numbers[-1]
    option = f'--missing "{name}=VALUE"'
    if low in NEGATIVE_CODES and high == -low and sum(number < 0 for number in numbers) == 1:
        doubts.append(f'"{low:g}" is read as the lowest point: if it means no answer, say {option.replace("VALUE", f"{low:g}")}')
    if low == 0 and high in (3, 4, 5, 7) and all(number.is_integer() for number in numbers) and not any(a == 0 for a, _ in siblings):
        zero = next(value for value, number in rest.items() if number == 0)
        doubts.append(f'"{zero}" is read as the lowest point of 0 to {high:g}: if it means no answer, say {option.replace("VALUE", zero)}')
    if high == 9 and low in (0, 1) and len(numbers) > 2 and not any(b >= 9 for _, b in siblings):
        doubts.append(f'"9" is read as the highest point of {low:g} to 9: if it means no answer, say {option.replace("VALUE", "9")}')
    doubts += _repeated_ends(name, numbers, rest, counts)
    return codes, tuple(doubts)


def _is_negative_code(number: float, numbers: Sequence[float]) -> bool:
    """Return whether a negative number is a code: all others are codes too or not below zero, and it does not continue their scale."""
    if number not in NEGATIVE_CODES:
        return False
    negative = [other for other in numbers if other < 0]
    if len(negative) > 4 or any(other not in NEGATIVE_CODES for other in negative):
        return False
    positive = [other for other in numbers if other >= 0]
    if not positive or (positive[0] > 1 and any(other in (-2, -3, -4, -5, -6) for other in negative)):
        return False
    return not (max(positive) == -negative[0] and max(positive) <= 5)


def _is_high_code(
    numbers: Sequence[float], rest: Mapping[str, float], counts: Mapping[str, int], siblings: Sequence[tuple[float, float]]
) -> bool:
    """Return whether the highest number is a code such as 9 behind 1 to 5, 99 behind a scale, or 999 far behind ages."""
    top = numbers[-1]
    if top not in HIGH_CODES or any(low <= top <= high for low, high in siblings):
        return False
    codes_below = [number for number in numbers[:-1] if number in HIGH_CODES and (top - number <= 3 or number >= 66)]
    below = [number for number in numbers[:-1] if number not in codes_below or _belongs(number, numbers)]
    if not below or below[0] < 0:
        return False
    low, high = below[0], below[-1]
    if not all(number.is_integer() for number in below):
        return top >= 99 and set(str(int(top))) <= set("9") and top > 10 * high
    if top < 10:
        answers = sum(counts[value] for value, number in rest.items() if number in below)
        dense = len(below) >= high - low + (1 if answers < MANY_LINES else 0)
        first_code = min([*(number for number in codes_below if number not in below), top])
        is_far = first_code - high >= 3 or (first_code - high == 2 and answers >= SURE_LINES)
        return top in (8, 9) and low in (0, 1) and dense and len(below) >= 2 and high <= 7 and is_far and answers >= FEWEST_LINES
    if high - low < WIDEST_SCALE:
        return high <= WIDEST_SCALE and top - high > max(high - low, 3)
    return top >= 666 and top > 4 * high


def _belongs(number: float, numbers: Sequence[float]) -> bool:
    """Return whether a number continues those below it, so that it is no code even where its digits are those of one."""
    before = [other for other in numbers if other < number]
    return bool(before) and number - before[-1] <= 1 and before[-1] not in HIGH_CODES - {6}


def _repeated_ends(name: str, numbers: Sequence[float], rest: Mapping[str, float], counts: Mapping[str, int]) -> list[str]:
    """Return a doubt where 98 or 99 among wider numbers is far more frequent than they are, or repeats far away from them."""
    top = numbers[-1]
    if len(numbers) < 4 or top not in HIGH_CODES or top < 66 or numbers[-1] - numbers[0] < WIDEST_SCALE:
        return []
    often = {number: sum(counts[value] for value, own in rest.items() if own == number) for number in numbers}
    is_frequent = often[top] >= 3 and often[top] >= 2 * max(often[number] for number in numbers[:-1])
    steps = [upper - lower for lower, upper in pairwise(numbers)]
    is_distant = often[top] >= 2 and steps[-1] > 2 * max(steps[:-1])
    if not (is_frequent or is_distant):
        return []
    word = next(value for value, number in rest.items() if number == top)
    return [f'"{word}" is read as a number: if it means no answer, say --missing "{name}={word}"']
