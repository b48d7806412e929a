"""Rates, means and shares: against their formula, against StepMix, and against the truth of drawn bases."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from adaptive.estimation.estimate import bch_weights, confusion_of, estimate_means, estimate_rates, estimate_shares, is_unsure
from adaptive.estimation.figures import beta_interval, t_interval
from adaptive.estimation.moments import Moments
from adaptive.estimation.ratio import MAX_GAIN, MIN_PROBES, estimate_ratio, form_of, kish, strata_of
from tests.adaptive.estimation.bases import PERSONAS, a_base

pytestmark = pytest.mark.slow


def difference_estimate(base, k, weight):
    """Return rate(k) by the formula, term by term: [λ·mean(p y) + mean_answered((r - λ p) y)] / the same with y = d."""

    def total(y):
        p, r = base.attributed[:, k], base.answered[:, k]
        return weight * np.mean(p * y) + np.mean((r - weight * p[base.rows]) * y[base.rows])

    return total(base.outcome) / total(base.denominator)


def ratio_of(base, k):
    strata, _ = strata_of(base.moments())
    own = np.eye(3)[k]
    bottom = form_of(own, own, "denominator")
    return estimate_ratio(strata, form_of(own, own, "outcome"), bottom, kish(strata, bottom))


@pytest.mark.parametrize("visits", [False, True])
def test_a_rate_is_that_of_the_formula_with_the_best_weight(visits):
    """The value is the formula at its λ, and over many samples no other λ has a clearly smaller error."""
    errors = {weight: [] for weight in (0.0, 0.25, 0.5, 0.75, 1.0)}
    own_errors = []
    for seed in range(150):
        base = a_base(seed, respondents=150, attributes=2.0, visits=visits)
        ratio, truth = ratio_of(base, 2), base.truth(2)
        assert ratio.value == pytest.approx(difference_estimate(base, 2, ratio.weight), abs=1e-12)
        own_errors.append(ratio.value - truth)
        for weight, found in errors.items():
            found.append(difference_estimate(base, 2, weight) - truth)

    assert np.std(own_errors) <= 1.05 * min(np.std(found) for found in errors.values())
    assert np.std(own_errors) < 0.95 * np.std(errors[0.0])


def test_the_variance_is_that_of_the_linearised_sample():
    """Delta method, term by term: S²(e)/n·(1 - n/N) + S²(u)/N, with u = r (y - rate d), e = u - λ p (y - rate d), and 1 + 2/people."""
    base = a_base(3)
    ratio = ratio_of(base, 1)
    rows, N, n = base.rows, 3000, 300
    r, p = base.answered[:, 1], base.attributed[rows, 1]
    residual = base.outcome[rows] - ratio.value * base.denominator[rows]
    u, e = r * residual, (r - ratio.weight * p) * residual
    variance = (e.var(ddof=1) / n * (1 - n / N) + u.var(ddof=1) / N) / ratio.base**2

    people = r.sum() ** 2 / (r**2).sum()
    assert ratio.variance == pytest.approx(variance * (1 + 2 / people), rel=2e-3)  # the rate in it is that of the step before


def test_the_variance_of_weighted_contacts_is_that_of_their_weighted_residuals():
    """Hájek, term by term, where everybody answered: Σ w² (u - mean u)² / (Σ w)² · n/(n - 1), with the mean weighted by w."""
    base, rng = a_base(4, contacts=200, respondents=200), np.random.default_rng(1)
    w = rng.uniform(1, 9, 200)
    strata, _ = strata_of(Moments.of(base.attributed, base.answered, base.rows, base.outcome, weights=w))
    own = np.eye(3)[1]
    ratio = estimate_ratio(strata, form_of(own, own, "outcome"), form_of(own, own, "denominator"), 100)

    total = base.attributed[base.rows].sum(axis=1) * base.outcome[base.rows]  # a form whose mean is far from 0
    about_mean = total - np.average(total, weights=w)
    form = np.repeat([0.0, 1.0, 0.0], [6, 3, 3])
    assert strata[0].covariance(form[None])[0, 0] == pytest.approx(np.sum(w**2 * about_mean**2) / w.sum() ** 2 * 200 / 199)
    r, y = base.answered[:, 1], base.outcome[base.rows]
    assert ratio.value == pytest.approx(np.sum(w * r * y) / np.sum(w * r))
    u = r * (y - ratio.value)
    u -= np.average(u, weights=w)
    bottom = np.average(r, weights=w)
    assert ratio.plain_variance == pytest.approx(np.sum(w**2 * u**2) / w.sum() ** 2 * 200 / 199 / bottom**2)


def test_uninformative_attributes_are_not_used():
    """Where λ would cost more than it saves it is 0, so that no interval is wider for having attributes."""
    weights = []
    for seed in range(20):
        base = a_base(seed, respondents=60)
        noise = replace(base, attributed=np.random.default_rng(seed).permutation(base.attributed))
        ratio = ratio_of(noise, 0)
        assert ratio.variance <= ratio.plain_variance
        weights.append(ratio.weight)

    assert 0 < np.mean(np.array(weights) == 0) < 1


def test_the_weight_of_a_mean_is_judged_by_the_people_who_make_it():
    """With three spenders λ is known from three people, not from all who spent nothing."""
    base = a_base(7, respondents=200, answers=6.0)
    saver = np.flatnonzero(base.answered.argmax(axis=1) == 2)
    spent = np.zeros(3000)
    spent[base.rows[saver[:3]]] = 90.0
    spent[np.setdiff1d(np.arange(3000), base.rows)[:60]] = 90.0
    moments = replace(base, outcome=spent).moments()
    strata, _ = strata_of(moments)
    own = np.eye(3)[2]
    top, bottom = form_of(own, own, "outcome"), form_of(own, own, "denominator")

    gain = estimate_ratio(strata, top, bottom, people=3).gain
    assert gain < estimate_ratio(strata, top, bottom, people=60).gain
    assert estimate_means(moments, PERSONAS)[2].n_eff == pytest.approx(gain * kish(strata, bottom))


def test_several_visits_of_a_contact_narrow_the_interval():
    """Its width is near that of the linearised variance, and less than that of as many people with one visit each."""
    widths, one_each, linear = [], [], []
    for seed in range(20):
        base = a_base(seed, respondents=300, visits=True, answers=6.0)
        figure, ratio = estimate_rates(base.moments(), PERSONAS)[2], ratio_of(base, 2)
        low, high = beta_interval(figure.value, figure.n_eff)
        widths.append(figure.high - figure.low)
        one_each.append(high - low)
        linear.append(2 * 1.96 * np.sqrt(ratio.variance))

    assert np.mean(widths) < 0.85 * np.mean(one_each)
    assert np.mean(linear) < np.mean(widths) < 1.15 * np.mean(linear)


@pytest.mark.filterwarnings("ignore:invalid escape sequence")
def test_corrected_beliefs_give_the_rates_of_stepmix():
    """Three-step estimation with BCH correction and proportional assignment, as StepMix computes it."""
    from stepmix.stepmix import StepMix

    rng = np.random.default_rng(0)
    who = rng.integers(0, 3, 400)
    chances = np.array([[0.9, 0.8, 0.7, 0.2, 0.1], [0.2, 0.7, 0.2, 0.8, 0.9], [0.1, 0.2, 0.8, 0.9, 0.3]])
    answers = (rng.random((400, 5)) < chances[who]).astype(int)
    outcome = (rng.random(400) < np.array([0.1, 0.4, 0.7])[who]).astype(float)
    quiet = {"n_components": 3, "measurement": "bernoulli", "random_state": 1, "progress_bar": 0, "verbose": 0}
    theirs = StepMix(**quiet, structural="bernoulli", n_steps=3, correction="BCH", assignment="soft").fit(answers, outcome[:, None])
    beliefs = StepMix(**quiet).fit(answers).predict_proba(answers)

    moments = Moments.of(np.full((400, 3), 1 / 3), beliefs, range(400), outcome)
    strata, _ = strata_of(moments)
    weights = bch_weights(confusion_of(moments))
    ours = [
        estimate_ratio(strata, form_of(weights[:, k], own, "outcome"), form_of(weights[:, k], own, "denominator"), 100).value
        for k, own in enumerate(np.eye(3))
    ]

    assert ours == pytest.approx(theirs.get_parameters()["structural"]["pis"].ravel(), abs=1e-9)


def test_beliefs_that_separate_no_personas_are_not_corrected():
    """Where every respondent has the same belief the error matrix has no inverse: the range is that of the beliefs as they are."""
    assert bch_weights(np.full((3, 3), 10.0)) is None
    flat = Moments.of(np.full((90, 3), 1 / 3), np.full((90, 3), 1 / 3), range(90), np.arange(90) % 2)

    assert all(figure.people in (0, 90) for figure in estimate_rates(flat, PERSONAS))
    assert is_unsure(flat)


@pytest.mark.parametrize("estimate", [estimate_rates, estimate_means])
@pytest.mark.parametrize("case", [{}, {"visits": True}, {"probes": 60, "chance": (1, 2, 4)}], ids=["contacts", "visits", "probes"])
def test_intervals_cover(estimate, case):
    """At least .92 of the intervals of 60 drawn bases hold the truth, where 100 contacts answered."""
    held = []
    for seed in range(60):
        base = a_base(seed, contacts=2000, respondents=100, **case)
        for k, figure in enumerate(estimate(base.moments(), PERSONAS)):
            if figure.n_eff >= 20:
                held.append(figure.low <= base.truth(k) <= figure.high)

    assert len(held) > 150
    assert np.mean(held) >= 0.92


def test_shares_are_near_the_truth_and_add_up():
    """Shares add up to 1 and their intervals cover."""
    held = []
    for seed in range(60):
        base = a_base(seed, respondents=100, attributes=2.0)
        figures = estimate_shares(base.moments(), PERSONAS)
        assert sum(figure.value for figure in figures) == pytest.approx(1)
        held += [figure.low <= np.mean(base.who == k) <= figure.high for k, figure in enumerate(figures)]

    assert np.mean(held) >= 0.92


def test_probes_correct_for_who_answers():
    """Where a persona answers four times as readily, shares from respondents are wrong; with probes they are right on average."""
    plain, probed = [], []
    for seed in range(40):
        base = a_base(seed, probes=120, chance=(1, 2, 4), respondents=600)
        without = replace(base, rows=base.rows[:600], answered=base.answered[:600], probed=base.probed[:600])
        truth = np.bincount(base.who, minlength=3) / len(base.who)
        plain.append([figure.value for figure in estimate_shares(without.moments(), PERSONAS)] - truth)
        probed.append([figure.value for figure in estimate_shares(base.moments(), PERSONAS)] - truth)
        assert {figure.population for figure in estimate_rates(without.moments(), PERSONAS)} == {"respondents"}
        assert {figure.population for figure in estimate_rates(base.moments(), PERSONAS)} == {"everyone"}

    assert np.abs(np.mean(plain, axis=0)).max() > 0.05
    assert np.abs(np.mean(probed, axis=0)).max() < 0.015


def test_few_probes_count_as_respondents():
    """Below `MIN_PROBES` the silent are not estimated from them."""
    base = a_base(1, probes=MIN_PROBES - 1)
    as_respondents = replace(base, probed=np.zeros(len(base.rows), dtype=bool))

    figures, same = (estimate_rates(of.moments(), PERSONAS) for of in (base, as_respondents))

    assert [figure.value for figure in figures] == pytest.approx([figure.value for figure in same])
    assert figures[0].population == "respondents"


def test_a_handful_of_probes_does_not_outweigh_the_respondents():
    """Five probes, each drawn with one chance in six hundred, leave the effective number of people as if they had no weights."""
    base = a_base(1, probes=5)
    weights = np.where(base.probed, 600.0, 1.0)

    def figures(w):
        moments = Moments.of(base.attributed, base.answered, base.rows, base.outcome, base.denominator, probed=base.probed, weights=w)
        return estimate_rates(moments, PERSONAS)

    for weighted, plain in zip(figures(weights), figures(np.ones(len(base.rows))), strict=True):
        assert (weighted.value, weighted.low, weighted.high) == pytest.approx((plain.value, plain.low, plain.high))
        assert weighted.n_eff == pytest.approx(plain.n_eff)


def test_contacts_who_cannot_be_reached_are_not_estimated_from_probes():
    """With probes, the figures are those of the base without them."""
    base = a_base(2, probes=60)
    silent = np.setdiff1d(np.arange(3000), base.rows)
    reachable = np.ones(3000, dtype=bool)
    reachable[silent[:500]] = False

    def moments(part):
        places = (np.cumsum(part) - 1)[base.rows]
        return Moments.of(
            base.attributed[part], base.answered, places, base.outcome[part], probed=base.probed, reachable=reachable[part]
        )  # fmt: skip

    assert estimate_rates(moments(np.ones(3000, dtype=bool)), PERSONAS) == estimate_rates(moments(reachable), PERSONAS)


def test_weights_undo_the_chance_to_be_drawn():
    """Probes drawn with a known unequal chance estimate the shares of the silent without bias."""
    errors = []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        base = a_base(seed, contacts=1500, respondents=30)
        chance = np.array([0.02, 0.05, 0.15])[base.who]
        drawn = np.setdiff1d(np.flatnonzero(rng.random(1500) < chance), base.rows)
        rows = np.concatenate([base.rows, drawn])
        moments = Moments.of(
            base.attributed, np.eye(3)[base.who[rows]], rows, np.ones(1500), probed=np.arange(len(rows)) >= 30, weights=1 / chance[rows]
        )
        errors.append([figure.value for figure in estimate_shares(moments, PERSONAS)] - np.bincount(base.who, minlength=3) / 1500)

    assert np.abs(np.mean(errors, axis=0)).max() < 0.012


def test_contacts_whose_outcome_is_not_known_count_in_no_rate():
    """NaN takes a contact out of numerator and denominator, not out of the base."""
    base = a_base(4)
    unknown = np.arange(3000) % 3 == 0
    known = replace(base, outcome=np.where(unknown, np.nan, base.outcome))
    zero = replace(base, outcome=np.where(unknown, 0.0, base.outcome), denominator=np.where(unknown, 0.0, 1.0))

    assert estimate_rates(known.moments(), PERSONAS) == estimate_rates(zero.moments(), PERSONAS)
    assert sum(figure.people for figure in estimate_rates(known.moments(), PERSONAS)) == int((~unknown[base.rows]).sum())


def certain(outcomes, who):
    """Return the moments of contacts who all answered, of known personas."""
    beliefs = np.eye(3)[who]
    return Moments.of(beliefs, beliefs, range(len(who)), np.array(outcomes, dtype=float))


def test_states_follow_the_number_of_people():
    """Below 10, or below 11 people, nothing is shown; below 20 a figure is uncertain."""
    who = np.repeat([0, 1, 2], [10, 15, 25])
    figures = estimate_rates(certain(np.arange(50) % 2, who), PERSONAS)

    assert [(figure.state, figure.people, round(figure.n_eff)) for figure in figures] == [
        ("too_few", 10, 10),
        ("uncertain", 15, 15),
        ("shown", 25, 25),
    ]
    assert (figures[0].value, figures[0].low, figures[0].high) == (None, None, None)


def test_rates_of_all_or_none_are_hidden():
    """They would disclose what every person did; means are not hidden."""
    who = np.repeat([0, 1, 2], 30)
    outcomes = np.concatenate([np.zeros(30), np.ones(30), np.arange(30) % 2])

    assert [figure.state for figure in estimate_rates(certain(outcomes, who), PERSONAS)] == ["too_few", "too_few", "shown"]
    assert [figure.value for figure in estimate_means(certain(outcomes, who), PERSONAS)] == pytest.approx([0, 1, 0.5])


def test_the_effective_number_of_people_grows_fourfold_at_most():
    """With attributes that predict every answer the gain stops at `MAX_GAIN`."""
    base = a_base(5, respondents=100)
    knowing = replace(base, attributed=np.eye(3)[base.who], answered=np.eye(3)[base.who[base.rows]])
    figures = estimate_rates(knowing.moments(), PERSONAS)
    people = np.bincount(base.who[base.rows], minlength=3)

    assert [figure.n_eff for figure in figures] == pytest.approx(MAX_GAIN * people)


def test_a_part_may_be_corrected_by_the_errors_of_everybody():
    """The error matrix of the whole base is used where it is given."""
    base = a_base(6)
    part = base.moments(np.arange(3000) < 1500)
    everybody = confusion_of(base.moments())

    own, given = estimate_rates(part, PERSONAS), estimate_rates(part, PERSONAS, everybody)

    assert [figure.value for figure in own] == [figure.value for figure in given]
    assert [figure.low for figure in own] != [figure.low for figure in given]
    assert estimate_rates(part, PERSONAS, confusion_of(part)) == own


def test_unclear_answers_come_with_a_warning():
    """The mean confidence of those who answered decides."""
    assert is_unsure(a_base(1, answers=1.2).moments())
    assert not is_unsure(a_base(1, answers=4.0).moments())


def test_means_of_skewed_values_cover():
    """Revenue is nothing for most and large for a few: .92 of the intervals of 60 bases hold the truth, where Student's t holds .86."""
    held = []
    for seed in range(60):
        base = a_base(seed, contacts=2000, respondents=80, answers=6.0)
        spent = replace(base, outcome=base.outcome * np.exp(np.random.default_rng(seed).normal(0, 1, 2000)))
        for k, figure in enumerate(estimate_means(spent.moments(), PERSONAS)):
            if figure.n_eff >= 20:
                held.append(figure.low <= spent.truth(k) <= figure.high)

    assert np.mean(held) >= 0.92


@pytest.mark.parametrize("skew", [-0.8, -0.1, 0.0, 1e-5, 0.3, 1.0])
def test_skewed_intervals_undo_the_published_transformation(skew):
    """Hall's transformation T + s (T²/3 + 1/6) + s² T³/27 of both ends is Student's quantile: 2.045 for 30 people."""
    low, high = t_interval(0.0, 1.0, 30, skew)

    for end, quantile in ((-low, 2.0452296), (-high, -2.0452296)):
        assert end + skew * (end**2 / 3 + 1 / 6) + skew**2 * end**3 / 27 == pytest.approx(quantile, abs=1e-6)


def test_the_example_of_the_page_runs(capsys):
    """The code of docs/figures.md prints a figure of each persona."""
    page = (Path(__file__).parents[3] / "docs" / "figures.md").read_text(encoding="utf-8")
    exec(page.partition("```python\n")[2].partition("```")[0], {})

    assert [line.split(",")[0] for line in capsys.readouterr().out.splitlines()] == ["Figure(persona='driver'", "Figure(persona='family'"]
