"""Barometers: means and Net Promoter Scores per persona, shrunk cells, trends."""

import numpy as np
import pytest

from adaptive.estimation.barometer import (
    Levels,
    ScoreSums,
    corrected_levels,
    estimate_mean_scores,
    estimate_nps,
    mean_levels,
    nps_interval,
    nps_levels,
)
from adaptive.estimation.shrinkage import estimate_cells, shrink, trends
from tests.adaptive.estimation.bases import PERSONAS, beliefs

ONE = ("driver",)


def certain(scores):
    """Return the sums of scores of one persona."""
    return ScoreSums.of(np.array(scores, dtype=float), np.ones((len(scores), 1)))


def test_a_mean_score_is_the_weighted_mean():
    """With known personas it is the mean with Student's interval; with beliefs, the belief-weighted mean of Kish's number of people."""
    scores = np.array([3, 4, 4, 5, 2, 4, 5, 3, 4, 5, 1, 4], dtype=float)
    figure = estimate_mean_scores(certain(scores), ONE)[0]

    assert figure.value == pytest.approx(scores.mean())
    assert figure.high - figure.value == pytest.approx(2.200985 * scores.std(ddof=1) / np.sqrt(12))  # t(11) at .975
    assert (figure.n_eff, figure.people, figure.state, figure.population) == (12, 12, "uncertain", "respondents")

    r = beliefs(np.random.default_rng(1), np.arange(12) % 3, 1.5)
    levels = mean_levels(ScoreSums.of(scores, r))
    assert levels.value == pytest.approx((r * scores[:, None]).sum(axis=0) / r.sum(axis=0))
    assert levels.n_eff == pytest.approx(r.sum(axis=0) ** 2 / (r**2).sum(axis=0))


def test_nps_is_promoters_less_detractors_with_pseudo_answers_in_its_interval():
    """0 to 6 are detractors, 9 and 10 promoters; the interval is that of 3 more answers: .75, 1.5 and .75."""
    scores = [0, 6, 7, 8, 9, 10, 10, 10, 9, 5, 8, 10]  # 3 detractors, 3 passives, 6 promoters
    figure = estimate_nps(certain(scores), ONE)[0]

    assert figure.value == pytest.approx(100 * (6 - 3) / 12)
    up, down, n = 6.75 / 15, 3.75 / 15, 15
    error = np.sqrt((up + down - (up - down) ** 2) / n)
    assert figure.low == pytest.approx(100 * (up - down - 1.959964 * error))
    assert figure.high == pytest.approx(100 * (up - down + 1.959964 * error))


@pytest.mark.parametrize("shares", [(0.2, 0.3, 0.5), (0.1, 0.2, 0.7), (0.4, 0.3, 0.3), (0.05, 0.35, 0.6)])
def test_nps_intervals_cover_at_eight_answers(shares):
    """At n = 8 at least .93 of 4,000 intervals hold the true score, counted before figures of so few are hidden."""
    rng = np.random.default_rng(3)
    truth = 100 * (shares[2] - shares[0])
    groups = rng.multinomial(8, shares, size=4000).astype(float)
    sums = ScoreSums(*np.full((2, 4000), 8.0), *np.zeros((2, 4000)), np.full(4000, 8.0), groups.T)
    low, high = nps_interval(sums)

    assert np.mean((low <= truth) & (truth <= high)) >= 0.93


@pytest.mark.parametrize("is_nps", [False, True])
def test_intervals_cover_where_the_scores_depend_on_the_persona_alone(is_nps):
    """Beliefs mix the personas, so that their means lie too near to each other; .93 of 200 intervals of each persona hold its truth."""
    means, held = np.array([5.0, 7.0, 9.0]), []
    estimate = estimate_nps if is_nps else estimate_mean_scores

    def drawn(rng, who):
        return np.clip(np.round(rng.normal(means[who], 1.5)), 0, 10)

    many = drawn(np.random.default_rng(0), np.repeat(np.arange(3), 200_000)).reshape(3, -1)
    truth = 100 * ((many >= 9).mean(axis=1) - (many <= 6).mean(axis=1)) if is_nps else many.mean(axis=1)
    for seed in range(200):
        rng = np.random.default_rng(seed)
        who = rng.integers(0, 3, 300)
        given = drawn(rng, who), beliefs(rng, who, 2)
        figures = estimate(ScoreSums.of(*given), PERSONAS, corrected=corrected_levels(*given, is_nps=is_nps))
        held.append([figure.low <= value <= figure.high for figure, value in zip(figures, truth, strict=True)])

    assert np.mean(held, axis=0).min() >= 0.93


def test_corrected_scores_of_certain_beliefs_are_the_means_themselves():
    """Where beliefs are certain there is nothing to correct; where they separate no personas there is no correction."""
    scores, r = np.array([1.0, 4.0, 7.0, 10.0, 9.0, 2.0]), np.eye(2)[[0, 0, 1, 1, 1, 0]]

    corrected = corrected_levels(scores, r)

    assert corrected.value == pytest.approx([7 / 3, 26 / 3])
    assert corrected.error == pytest.approx(mean_levels(ScoreSums.of(scores, r)).error)
    assert corrected_levels(scores, r, is_nps=True).value == pytest.approx([-100, 100 * 2 / 3])
    assert corrected_levels(scores, np.full((6, 2), 0.5)) is None


def test_sums_add_and_are_restored():
    """Sums of two halves add up to those of all; JSON restores them; anything else is refused."""
    rng = np.random.default_rng(5)
    scores, r = rng.integers(0, 11, 60).astype(float), beliefs(rng, np.arange(60) % 3, 2)
    whole, added = ScoreSums.of(scores, r), ScoreSums.of(scores[:20], r[:20]) + ScoreSums.of(scores[20:], r[20:])

    for first, second in zip(estimate_nps(whole, PERSONAS), estimate_nps(added, PERSONAS), strict=True):
        assert [first.value, first.low, first.high] == pytest.approx([second.value, second.low, second.high], abs=1e-9)
    assert ScoreSums.from_json(whole.to_json()).to_json() == whole.to_json()
    for wrong in ({}, whole.to_json() | {"top": [1]}, whole.to_json() | {"top": "x"}):
        with pytest.raises(ValueError, match=r"^known: "):
            ScoreSums.from_json(wrong)


def test_a_moment_without_answers_has_no_figure():
    """Nobody, or one, says nothing: too few, no division by zero."""
    for sums in (ScoreSums.none(3), ScoreSums.of([7.0], [[1.0, 0.0, 0.0]])):
        for figures in (estimate_mean_scores(sums, PERSONAS), estimate_nps(sums, PERSONAS)):
            assert [(figure.value, figure.state) for figure in figures] == [(None, "too_few")] * 3


def drawn_levels(rng, truth, n, spread=1.0):
    """Return, for each moment of a (K, M) truth, the levels of n answers of each persona."""
    answers = truth[:, :, None] + rng.normal(0, spread, (*truth.shape, n))
    return [
        Levels(own.mean(axis=1), own.std(axis=1, ddof=1) / np.sqrt(n), np.full(len(own), float(n)), np.full(len(own), float(n)))
        for own in np.moveaxis(answers, 1, 0)
    ]


def test_shrunk_cells_are_nearer_to_the_truth_and_their_intervals_cover():
    """At five answers a cell the error is at most .7 of that of raw means, and .93 of the intervals hold the truth."""
    raw_error, error, held = [], [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        truth = 7 + rng.normal(0, 0.5, (4, 1)) + rng.normal(0, 0.3, (1, 6)) + rng.normal(0, 0.25, (4, 6))
        levels = drawn_levels(rng, truth, 5, spread=1.7)
        cells = shrink(levels)
        raw_error.append(np.array([level.value for level in levels]).T - truth)
        error.append(cells.value - truth)
        held.append((cells.low <= truth) & (truth <= cells.high))

    assert np.sqrt(np.mean(np.square(error))) <= 0.7 * np.sqrt(np.mean(np.square(raw_error)))
    assert np.mean(held) >= 0.93


def test_cells_that_differ_much_keep_their_own_level():
    """Between cells that deviate ten times as far as chance, nothing is shrunk away."""
    rng = np.random.default_rng(1)
    truth = rng.normal(0, 3, (4, 6))

    assert shrink(drawn_levels(rng, truth, 50)).kept.min() > 0.95


def test_cells_without_answers_stay_empty():
    """A cell nobody answered is NaN and disturbs no other; a table without any answer is empty."""
    levels = drawn_levels(np.random.default_rng(2), np.full((3, 4), 5.0), 20)
    levels[1].value[0], levels[1].error[0], levels[1].n_eff[0] = np.nan, np.inf, 0.0

    cells = shrink(levels)

    assert np.argwhere(np.isnan(cells.value)).tolist() == [[0, 1]]
    assert np.isnan(shrink([mean_levels(ScoreSums.none(3))]).value).all()
    assert shrink([nps_levels(certain([10] * 20))]).value[0, 0] == pytest.approx(100)
    assert shrink([mean_levels(certain([7] * 20)), mean_levels(certain([5] * 20))]).value.tolist() == [[7, 5]]
    with pytest.raises(ValueError, match=r"^levels: "):
        shrink([])


def test_cells_become_figures_within_the_scale():
    """Each moment has a figure of each persona; a moment of too few people has none; no end leaves the scale."""
    rng = np.random.default_rng(3)
    moments = [rng.integers(low, 11, 12 * people).astype(float) for low, people in ((8, 3), (9, 3), (6, 1))]
    levels = [nps_levels(ScoreSums.of(scores, np.eye(3)[np.arange(len(scores)) % 3])) for scores in moments]

    figures = estimate_cells(levels, PERSONAS, (-100, 100))

    assert [[figure.state for figure in moment] for moment in figures] == [["uncertain"] * 3] * 2 + [["too_few"] * 3]
    assert figures[0][0].value == pytest.approx(shrink(levels).value[0, 0])
    assert max(figure.high for moment in figures[:2] for figure in moment) == 100
    with pytest.raises(ValueError, match=r"^personas: "):
        estimate_cells(levels, ("a",))


def test_a_trend_is_significant_only_where_its_interval_excludes_zero():
    """At most 5 % of 1,000 pairs of periods without a change report one; a change of five errors is reported, an unknown one is not."""
    rng = np.random.default_rng(4)
    before, after = (drawn_levels(rng, np.full((1000, 1), 7.0), 40)[0] for _ in range(2))
    names = [str(k) for k in range(1000)]

    assert np.mean([trend.is_significant for trend in trends(before, after, names)]) <= 0.05
    moved = Levels(before.value + 1.2, after.error, after.n_eff, after.people)
    assert all(trend.is_significant for trend in trends(before, moved, names))
    nobody = mean_levels(ScoreSums.none(1000))
    assert not any(trend.is_significant for trend in trends(nobody, after, names))
    with pytest.raises(ValueError, match=r"^personas: "):
        trends(before, after, names[:3])


@pytest.mark.parametrize(
    ("name", "wrong"), [("scores", [1.0]), ("scores", [1.0, np.nan]), ("answered", [[0.5, 0.4], [1, 0]]), ("weights", [1.0, 0.0])]
)
def test_bad_input_names_its_argument(name, wrong):
    """Wrong shapes and missing numbers are refused by name."""
    right = {"scores": [1.0, 2.0], "answered": np.eye(2)}

    with pytest.raises(ValueError, match=f"^{name}: "):
        ScoreSums.of(**(right | {name: wrong}))
    with pytest.raises(ValueError, match=r"^personas: "):
        estimate_nps(ScoreSums.of(**right), ("a",))
