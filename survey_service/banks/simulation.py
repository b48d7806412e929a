"""Simulate a survey for a request: the work is bounded before it begins."""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from adaptive.endgame import planned_cells
from adaptive.likelihood import SAMPLED_PATTERNS, MultipleChoice
from question_bank.compile import compile_bank
from question_bank.definitions import Bank
from question_bank.files.load import load_stored
from survey_service.analysis.simulate import Options, figures, simulate_survey
from survey_service.errors import Invalid

MOST_RESPONDENTS, USUAL_RESPONDENTS, FEWEST_RESPONDENTS = 5000, 1000, 200
MOST_WORK = 1.5e8
"""Respondents x questions each x entries of the tables: about a second of one processor."""
TOO_LARGE = "This bank is too large to be simulated here: use discern simulate."
PRODUCT = 0.1
"""How much of the time of an entry one takes that is part of a product of matrices: the ticks of a question with many options."""
TREES = 20
"""How much longer an interview takes where questions depend on others."""
PLANNING = 3
"""How much longer a cell takes that is compared for the last two questions (`adaptive/endgame.py`)."""


@dataclass(frozen=True)
class SimulationRequest:
    """Which survey to simulate (the only one where none is named), with how many respondents, drawn by which seed.

    Without `respondents` there are `USUAL_RESPONDENTS`, or as many as a bank of this size allows. `drop_out` is the chance to leave before
    each question; None as the survey says.
    """

    survey: str | None = None
    respondents: int | None = None
    seed: int = 1
    drop_out: float | None = None


def simulate_bank(bank: Bank, request: SimulationRequest) -> dict[str, Any]:
    """Return the figures of `discern simulate --json`, and `sure`: the share of respondents who are known after each number of questions.

    Raises Invalid for a survey that the bank does not have, and for more work than `MOST_WORK`.
    """
    respondents = _respondents(bank, request)
    try:
        simulation = simulate_survey(bank, Options(request.survey, respondents, request.seed, drop_out=request.drop_out))
    except ValueError as wrong:
        raise Invalid(errors=[{"path": "survey", "message": str(wrong).removeprefix("--survey: ")}]) from None
    found, interviews = figures(simulation), simulation.result.interviews
    confidence = simulation.bank.rules[simulation.survey].stop.confidence
    sure = interviews.belief.max(axis=1) >= (1.0 if confidence is None else confidence)
    longest = int(interviews.length.max(initial=0))
    known = np.bincount(interviews.length[sure], minlength=longest + 1).cumsum() / respondents
    return {**found, "sure": [round(float(share), 6) for share in known]}


def simulate_usual(bank: Bank, survey: str, drop_out: float | None = None) -> dict[str, Any]:
    """Return `simulate_bank` with the usual number of respondents. Raises Invalid where the bank allows fewer than `FEWEST_RESPONDENTS`."""
    if _most_respondents(bank) < FEWEST_RESPONDENTS:
        raise Invalid(TOO_LARGE)
    return simulate_bank(bank, SimulationRequest(survey, drop_out=drop_out))


def _respondents(bank: Bank, request: SimulationRequest) -> int:
    """Return how many respondents to simulate. Raises Invalid where `MOST_WORK` allows none, or fewer than are asked for."""
    most = _most_respondents(bank)
    if most < 1:
        raise Invalid(TOO_LARGE)
    if request.respondents is None:
        return min(most, USUAL_RESPONDENTS)
    if request.respondents > most:
        raise Invalid(errors=[{"path": "respondents", "message": f"at most {most} for a bank of this size"}])
    return request.respondents


def _most_respondents(bank: Bank) -> int:
    tables = compile_bank(bank).tables
    questions = max((min(s.stop.at_most or len(s.questions), len(s.questions)) for s in bank.surveys), default=1)
    sampled = [table for table in tables.questions if isinstance(table, MultipleChoice) and not table.enumerated]
    entries = tables.flat.size + PRODUCT * len(sampled) * SAMPLED_PATTERNS * tables.classes**2
    each = max(questions, 1) * entries * (1 if tables.forest is None else TREES)
    if any(survey.stop.endgame == "accuracy" for survey in bank.surveys):
        each += PLANNING * planned_cells(tables)
    return int(min(MOST_WORK / each, MOST_RESPONDENTS))


@lru_cache(maxsize=32)
def promise(source: str, survey: str, drop_out: float | None = None) -> dict[str, Any]:
    """Return `simulate_bank` for a published version, given by its stored source; computed once a process."""
    bank = load_stored(source)
    return simulate_usual(bank, survey, drop_out)


@lru_cache(maxsize=64)
def promise_without(source: str, survey: str, question: str) -> dict[str, Any]:
    """Return `simulate_bank` for a published version whose survey does not ask one of its questions. Raises Invalid for its only one."""
    changed = _without(load_stored(source), survey, question)
    return simulate_usual(changed, survey)


def _without(bank: Bank, survey_id: str, question: str) -> Bank:
    survey = bank.survey(survey_id)
    if question not in survey.questions or len(survey.questions) < 2:
        raise Invalid(errors=[{"path": "question", "message": "the survey does not ask it, or asks nothing else"}])
    left = tuple(name for name in survey.questions if name != question)
    changed = replace(survey, questions=left, first=tuple(name for name in survey.first if name != question))
    return replace(bank, surveys=tuple(changed if item.id == survey_id else item for item in bank.surveys))
