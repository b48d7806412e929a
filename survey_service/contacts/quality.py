"""How much an answer counts: less where it came faster than its question can be read, nothing where only a machine can have sent it.

Nobody is blocked for it, and nothing is stored but what was measured: the weight is made of that whenever the log is read.
"""

from collections.abc import Iterable
from statistics import median
from typing import Any

from question_bank.definitions import Bank, Question
from survey_service.store.records import Answer

SECONDS_A_WORD = 0.1
"""600 words a minute. Nobody reads faster and understands (Rayner et al. 2016, doi:10.1177/1529100615623267)."""

SECONDS_TO_ACT = 0.3
"""Between having decided and having pressed the button."""

SEVERAL = 3
"""Scales with one and the same point from which that is worth a note."""


def weight_of(question: Question, answer: Answer) -> float:
    """The exponent on the answer's likelihood, 0 to 1: the share of the time it takes at least that it can have taken."""
    if answer.trapped:
        return 0.0
    if answer.measured is None:
        return 1.0
    return min(answer.measured / least_seconds(question), 1.0)


def manner_of(bank: Bank, log: Iterable[Answer]) -> dict[str, Any]:
    """Two notes on how somebody answered, which change no weight: the median `pace`, the time it took as a multiple of the least that
    reading takes (None where nothing was measured), and `straight_lining`, the same point on every one of several scales."""
    known = {question.id for question in bank.questions}
    current = [(bank.question(answer.question), answer) for answer in log if answer.state == "current" and answer.question in known]
    paces = [answer.measured / least_seconds(question) for question, answer in current if answer.measured is not None]
    points = [answer.value for question, answer in current if question.type == "scale" and answer.kind == "answer"]
    return {"pace": median(paces) if paces else None, "straight_lining": len(points) >= SEVERAL and len(set(points)) == 1}


def least_seconds(question: Question) -> float:
    """How long it takes at least to read the question, in the language in which it is shortest, and to act. Options may be skimmed."""
    return SECONDS_TO_ACT + SECONDS_A_WORD * question.words
