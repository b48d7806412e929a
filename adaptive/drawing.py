"""Respondents drawn from the tables: people as the bank believes them to be, with an answer ready for every question."""

from collections.abc import Mapping

import numpy as np

from adaptive.forest import NOT_GIVEN
from adaptive.likelihood import Bools, Choice, Floats, Measure, Ticks, log_silence, log_spoken
from adaptive.posterior import Evidence
from adaptive.simulation import Respondents
from adaptive.tables import Integers, ResponseTables

Conditions = Mapping[int, Mapping[int, Bools]]
"""The conditions of each conditional question: (A,) the outcomes of another question of which one must have been given."""


def draw_respondents(tables: ResponseTables, conditions: Conditions, size: int, rng: np.random.Generator, skip: float = 0.0) -> Respondents:
    """`size` respondents whose personas and styles come from the prior, their answers from the tables; `label` is the true persona.

    Answers within a tree are drawn from its root down, each given its parent's. Where the bank knows P(no answer | persona) the question
    is left unanswered that often; any other question with chance `skip`, whoever is asked.
    """
    who = rng.choice(tables.classes, size=size, p=tables.prior)
    chance = np.array([np.full(tables.classes, skip) if one.silence is None else one.silence for one in tables.questions])
    silent = rng.random((size, len(tables.questions))) < chance[:, who].T
    evidence = Evidence.none(tables, size)
    codes = _dependent(tables, who, rng)
    ticks: dict[int, Bools] = {}
    for q, question in enumerate(tables.questions):
        given = np.zeros((size, tables.classes))
        if isinstance(question, Choice):
            if not tables.in_forest[q]:
                codes[:, q] = _drawn(question.table[who], rng)
            given = (np.log(question.table) + log_spoken(question.silence, tables.classes)[:, None]).T[codes[:, q]]
        elif isinstance(question, Ticks):
            ticks[q] = rng.random((size, question.ticked.shape[1])) < question.ticked[who]
            given = _ticks_rows(question, ticks[q])
        elif isinstance(question, Measure):
            given = question.log_given(_number(question, who, rng))
        evidence.rows[:, q] = np.where(silent[:, q, None], log_silence(question.silence, tables.classes), given)
    evidence.answered[:], evidence.silent[:] = ~silent, silent
    evidence.codes[:] = np.where(silent, NOT_GIVEN, codes)
    persona = who if tables.styles is None else tables.styles.persona_of[who]
    return Respondents(evidence, _opens(conditions, evidence, ticks), persona)


def _drawn(chance: Floats, rng: np.random.Generator) -> Integers:
    """(N,) one outcome a line of (N, A) probabilities."""
    upto = chance.cumsum(axis=1)
    codes: Integers = (rng.random((len(chance), 1)) * upto[:, -1:] >= upto[:, :-1]).sum(axis=1)
    return codes


def _dependent(tables: ResponseTables, persona: Integers, rng: np.random.Generator) -> Integers:
    """(N, Q) what is answered within trees, given or kept to oneself; `NOT_GIVEN` elsewhere."""
    codes = np.full((len(persona), len(tables.questions)), NOT_GIVEN)
    if tables.forest is not None:
        above = np.zeros((len(persona), len(tables.forest.levels[0].above)), dtype=np.int64)
        for level in tables.forest.levels:
            chance = [level.table[above[:, parent], :, place, persona] for place, parent in enumerate(level.above)]
            above = np.column_stack([_drawn(one, rng) for one in chance])
            codes[:, tables.forest.questions[level.nodes]] = above
    return codes


def _ticks_rows(question: Ticks, ticked: Bools) -> Floats:
    """(N, K) log P(ticks | persona), every option seen."""
    no = np.log1p(-question.ticked)
    rows: Floats = ticked @ (np.log(question.ticked) - no).T + no.sum(axis=1) + log_spoken(question.silence, len(no))
    return rows


def _number(question: Measure, persona: Integers, rng: np.random.Generator) -> Floats:
    """(N,) numbers from each persona's truncated law, by its inverse."""
    everybody = question.quantile(np.clip(rng.random(len(persona)), 1e-12, 1 - 1e-12))
    own: Floats = everybody[np.arange(len(persona)), persona]
    if question.lapse:
        own = np.where(rng.random(len(persona)) < question.lapse, rng.uniform(*question.reach, len(persona)), own)
    return np.clip(own, question.low, question.high)


def _opens(conditions: Conditions, evidence: Evidence, ticks: Mapping[int, Bools]) -> Bools:
    """(N, Q) questions whose conditions are all met by the respondent's own answers."""
    opens = np.ones_like(evidence.answered)
    for q, others in conditions.items():
        for other, wanted in others.items():
            named = (ticks[other] & wanted).any(axis=1) if other in ticks else wanted[evidence.codes[:, other]]
            opens[:, q] &= evidence.answered[:, other] & named
    return opens
