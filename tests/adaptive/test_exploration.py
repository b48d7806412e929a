"""Exploration and pilots: questions drawn at random with a known probability, reproducible per session."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adaptive import Evidence, Progress, ResponseTables, StopRule, SurveyRules, Unmodelled, believe, next_questions
from adaptive.exploration import PILOT_SHARE, RandomDraw, draw_by_score

SHARP = [[0.95, 0.05], [0.05, 0.95]]
WEAK = [[0.6, 0.4], [0.4, 0.6]]
DULL = [[0.5, 0.5], [0.5, 0.5]]


def a_step(tables, rules, draws, taken=0, done=None):
    people, size = len(draws.draw), len(tables.questions)
    done = np.zeros((people, size), dtype=bool) if done is None else done
    progress = Progress(done, np.ones((people, size), dtype=bool), np.full(people, taken), np.zeros(people), np.full(people, size))
    return next_questions(tables, rules, Evidence.none(tables, people), progress, draws)


def rules_for(tables, **more):
    size = len(tables.questions)
    return SurveyRules(np.ones(size, bool), np.zeros(size, bool), np.zeros((size, size), bool), (), StopRule(), **more)


@given(st.integers(0, 10**6))
@settings(max_examples=50, deadline=None)
def test_a_draw_takes_candidates_only_and_returns_its_probability(seed):
    """Over an even grid of random numbers each question is drawn as often as its probability."""
    rng = np.random.default_rng(seed)
    scores, good = rng.random((1, 6)), rng.random((1, 6)) < 0.6
    grid = (np.arange(4000) + 0.5) / 4000

    chosen, chance = draw_by_score(np.repeat(scores, 4000, axis=0), np.repeat(good, 4000, axis=0), grid)

    if not good.any():
        assert (chosen == -1).all()
        return
    assert good[0, chosen].all()
    share = np.where(good, scores, 0)[0] / scores[good].sum()
    assert chance == pytest.approx(share[chosen])
    assert np.bincount(chosen, minlength=6) / 4000 == pytest.approx(share, abs=1e-3)


def test_exploring_sessions_cover_the_informative_questions():
    """Each informative question is drawn at times, an uninformative one never; other sessions get the best question."""
    tables = ResponseTables.of([WEAK, SHARP, DULL, WEAK])
    draws = np.random.default_rng(1).random(500)
    explore = np.arange(500) < 400

    step = a_step(tables, rules_for(tables), RandomDraw(explore, np.zeros(500, bool), draws))

    assert set(step.chosen[explore]) == {0, 1, 3}
    assert set(step.chosen[~explore]) == {1}
    assert (step.chance[~explore] == 1).all()
    assert (step.chance[explore] < 1).all()


def test_a_pilot_is_asked_after_the_first_question_and_adds_no_evidence():
    """It is never first, at most once per session, in one session of ten; its answer does not change the belief."""
    tables = ResponseTables.of([SHARP, WEAK, Unmodelled(2), Unmodelled(2)])
    rules = rules_for(tables, pilots=np.array([False, False, True, True]))
    draws = RandomDraw(np.zeros(2, bool), np.array([True, False]), np.array([0.7, 0.7]))

    assert a_step(tables, rules, draws).chosen.tolist() == [0, 0]
    later = a_step(tables, rules, draws, taken=1)
    assert later.chosen.tolist() == [3, 0]
    assert later.chance.tolist() == [PILOT_SHARE / 2, 1]
    asked = np.array([[True, False, False, True]] * 2)
    assert a_step(tables, rules, draws, taken=2, done=asked).chosen.tolist() == [1, 1]

    evidence = Evidence.none(tables)
    evidence.answered[0, 3] = True
    assert believe(tables, evidence)[0].tolist() == [0.5, 0.5]


def test_the_draws_of_a_session_are_reproducible():
    """The look-ahead and the live choice agree, and the log can be replayed."""
    first, again, other = (RandomDraw.of(seed, 2, 0.5, 3) for seed in ("ses_1", "ses_1", "ses_2"))
    assert (first.draw == again.draw).all()
    assert (first.draw == first.draw[0]).all()
    assert first.draw[0] != other.draw[0]

    shares = np.array([[draw.explore[0], draw.pilots[0]] for draw in (RandomDraw.of(f"ses_{n}", 0, 0.3) for n in range(4000))]).mean(axis=0)
    assert shares == pytest.approx([0.3, PILOT_SHARE], abs=0.03)
