"""The fit of evidence tables: better than the prior, honest where nothing is known, and what it refuses to use."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from adaptive.learning.calibration import calibration_error
from adaptive.lookalike import regression
from adaptive.lookalike.encode import FEWEST_PEOPLE, design_matrix, encode_column, learn_encoding, table_of
from adaptive.lookalike.fit import fit_attribution, fit_exponent, log_loss, tempered
from adaptive.lookalike.model import score
from adaptive.lookalike.regression import PENALTIES, regress
from tests.adaptive.lookalike.people import KINDS, PERSONAS, one_hot, planted, take

pytestmark = pytest.mark.slow


def test_attributes_predict_the_personas_of_others(fitted):
    """On people who did not teach the fit it beats the prior by far and is calibrated."""
    columns, who = planted(3000, seed=2)

    vectors = score(fitted.model, columns)

    assert log_loss(vectors, one_hot(who)) < np.log(3) - 0.4
    top = vectors.argmax(axis=1)
    assert calibration_error(vectors.max(axis=1), (top == who).astype(float)) < 0.045
    assert fitted.model.metrics["log_loss"] == pytest.approx(log_loss(vectors, one_hot(who)), abs=0.06)


def test_attributes_that_tell_nothing_leave_the_prior():
    """The vectors stay within a few hundredths of the shares of the personas, and nobody is assigned."""
    columns, who = planted(300, strength=0)

    done = fit_attribution(columns, KINDS, one_hot(who), PERSONAS)

    fresh, others = planted(2000, seed=3, strength=0)
    assert log_loss(score(done.model, fresh), one_hot(others)) < log_loss(np.tile(done.model.prior, (2000, 1)), one_hot(others)) + 0.005
    assert done.model.threshold is None


def test_soft_labels_count_by_their_probabilities():
    """A respondent of two personas equals two respondents of half a weight each, as scikit-learn fits them."""
    rng = np.random.default_rng(4)
    features, labels = rng.normal(size=(80, 3)), rng.dirichlet(np.ones(3), 80)

    [(coefficients, intercept)] = regress(features, labels, (0.5,))

    model = LogisticRegression(C=0.5, tol=1e-8, max_iter=5000).fit(
        np.repeat(features, 3, axis=0), np.tile([0, 1, 2], 80), sample_weight=labels.ravel()
    )
    assert coefficients == pytest.approx(model.coef_.T, abs=0.01)
    assert intercept == pytest.approx(model.intercept_, abs=0.01)


def test_two_personas_are_fitted_as_well():
    columns, who = planted(200)
    labels = np.eye(2)[np.minimum(who, 1)]

    done = fit_attribution(columns, KINDS, labels, ("driver", "other"))

    assert log_loss(score(done.model, columns), labels) < log_loss(np.tile(done.model.prior, (200, 1)), labels) - 0.1


def test_out_of_fold_vectors_are_of_tables_that_the_respondent_did_not_teach():
    """With labels at random they predict no better than the prior, while the tables themselves do."""
    columns, _ = planted(120)
    labels = one_hot(np.random.default_rng(5).integers(0, 3, 120))

    done = fit_attribution(columns, KINDS, labels, PERSONAS)

    assert log_loss(done.out_of_fold, labels) > done.model.metrics["prior_log_loss"] - 0.01


def test_the_tables_give_the_logits_of_the_regression():
    """Tables, constants and intercept add up to coefficients times features, where every level has enough people."""
    columns, who = planted(400)
    names = list(KINDS)
    encodings = [learn_encoding(name, KINDS[name], columns[name]) for name in names]
    encoded = [encode_column(encoding, columns[encoding.name]) for encoding in encodings]
    designs = [design_matrix(encoding, column) for encoding, column in zip(encodings, encoded, strict=True)]
    [(coefficients, intercept)] = regress(np.hstack(designs), one_hot(who), (0.1,))

    parts = np.split(coefficients, np.cumsum([design.shape[1] for design in designs])[:-1])
    tables = [table_of(encoding, part) for encoding, part in zip(encodings, parts, strict=True)]
    logits = intercept + sum(column.evidence(table) + constant for column, (table, constant) in zip(encoded, tables, strict=True))

    assert logits == pytest.approx(np.hstack(designs) @ coefficients + intercept, abs=1e-9)


def test_a_table_holds_likelihood_ratios(fitted):
    """The mean of 2^bits over the respondents is one for each persona, so that a table alone leaves the prior."""
    encoding, table = next(pair for pair in zip(fitted.model.encodings, fitted.model.tables, strict=True) if pair[0].name == "city")
    people = np.array(encoding.people)

    assert people @ 2 ** (table / fitted.model.exponent) / people.sum() == pytest.approx(np.ones(3), abs=1e-6)


def test_levels_of_few_people_are_no_evidence():
    """A missing value of ten respondents says nothing, of eleven it may."""
    columns, who = planted(200)
    for missing in (FEWEST_PEOPLE - 1, FEWEST_PEOPLE):
        age = np.where(np.arange(200) < missing, np.nan, columns["age"])
        table = fit_attribution({"age": age}, {"age": "number"}, one_hot(who), PERSONAS).model.tables[0]
        assert (np.abs(table[-1]).max() > 0) == (missing >= FEWEST_PEOPLE)


@pytest.mark.parametrize(
    ("name", "values", "kind", "reason"),
    [
        ("constant", ["x"] * 300, "category", "constant"),
        ("empty", [None] * 200 + ["a", "b"] * 50, "category", "missing"),
        ("id", [f"c{n}" for n in range(300)], "category", "unique"),
        ("number", np.arange(300.0), "number", "unique"),
        ("rare", [f"v{n // 3}" for n in range(300)], "category", "no_level"),
        ("none", [None] * 300, "number", "missing"),
    ],
)
def test_useless_attributes_are_left_out_with_their_reason(name, values, kind, reason):
    columns, who = planted(300)

    done = fit_attribution({**columns, name: values}, {**KINDS, name: kind}, one_hot(who), PERSONAS)

    assert [(attribute.name, attribute.reason) for attribute in done.left_out] == [(name, reason)]
    assert done.model.attributes == tuple(KINDS)


def test_numbers_that_are_all_different_are_used():
    """An income is another one for everybody, and yet it tells something."""
    _, who = planted(300)
    income = 1000 * who + np.random.default_rng(6).normal(size=300) * 900

    done = fit_attribution({"income": income}, {"income": "number"}, one_hot(who), PERSONAS)

    assert done.left_out == ()
    assert done.gains["income"] > 0.3


@pytest.mark.parametrize("kind", ["category", "number", "text"])
def test_a_column_copied_from_the_label_is_a_leak(kind):
    """It is left out unless it is allowed by name."""
    columns, who = planted(300)
    copied = {"category": [PERSONAS[k] for k in who], "number": 10.0 * who, "text": [f"segment of a {PERSONAS[k]}" for k in who]}[kind]
    arguments = ({**columns, "segment": copied}, {**KINDS, "segment": kind}, one_hot(who), PERSONAS)

    refused, allowed = fit_attribution(*arguments), fit_attribution(*arguments, allow=("segment",))

    assert refused.leaks == ("segment",)
    assert "segment" not in refused.model.attributes
    assert allowed.leaks == ()
    assert log_loss(allowed.out_of_fold, one_hot(who)) < 0.2


def test_a_strong_attribute_is_no_leak(fitted):
    assert fitted.leaks == ()
    assert max(fitted.gains.values()) > 0.2


@pytest.mark.parametrize(("counts", "needed"), [((9, 8, 8), (5, {})), ((38, 1, 1), (0, {"family": 4, "saver": 4}))])
def test_with_too_few_labels_the_model_is_its_prior(counts, needed):
    """It says how many more are needed: 30 in all, 5 of each persona."""
    who = np.repeat([0, 1, 2], counts)
    columns, _ = planted(len(who))
    prior = np.array([0.2, 0.3, 0.5])

    done = fit_attribution(columns, KINDS, one_hot(who), PERSONAS, prior=10 * prior)

    assert (done.needed.labels, dict(done.needed.personas)) == needed
    assert done.is_prior_only
    assert score(done.model, columns, len(who)) == pytest.approx(np.tile(prior, (len(who), 1)))
    assert done.model.threshold is None


def test_a_persona_with_too_few_labels_keeps_its_prior_and_the_others_are_fitted():
    """Attributes are no evidence about it: its table columns are zero."""
    columns, who = planted(400)
    rows = np.concatenate([np.flatnonzero(who < 2), np.flatnonzero(who == 2)[:4]])
    labels = one_hot(who)[rows]

    done = fit_attribution(take(columns, rows), KINDS, labels, PERSONAS)

    assert dict(done.needed.personas) == {"saver": 1}
    assert not done.is_prior_only
    assert all((table[:, 2] == 0).all() for table in done.model.tables)
    vectors = score(done.model, take(columns, rows))
    assert vectors[:, 2].mean() == pytest.approx(done.model.prior[2], rel=0.5)
    assert log_loss(vectors, labels) < done.model.metrics["prior_log_loss"] - 0.1
    assert done.model.metrics["log_loss"] < done.model.metrics["prior_log_loss"] - 0.1


def test_the_exponent_tempers_overconfident_logits():
    """Evidence that is counted twice gets half of its weight."""
    rng = np.random.default_rng(7)
    prior = np.array([0.5, 0.5])
    evidence = rng.normal(size=4000)
    who = (rng.random(4000) < 1 / (1 + np.exp(-evidence))).astype(int)
    logits = np.column_stack([np.zeros(4000), 2 * evidence])

    exponent = fit_exponent(logits, np.eye(2)[who], prior)

    assert exponent == pytest.approx(0.5, abs=0.1)
    assert tempered(logits, prior, 0.0) == pytest.approx(np.full((4000, 2), 0.5))


def test_the_same_seed_gives_the_same_model(respondents, fitted):
    columns, labels = respondents

    again = fit_attribution(columns, KINDS, labels, PERSONAS)

    assert again.model.to_json() == fitted.model.to_json()
    assert again.model.metrics["penalty"] in PENALTIES


def test_with_many_respondents_penalties_are_compared_on_some(monkeypatch):
    """Everybody still gets a vector out of fold, and the model is as good."""
    columns, who = planted(1200)
    everybody = fit_attribution(columns, KINDS, one_hot(who), PERSONAS)

    monkeypatch.setattr(regression, "MOST_COMPARED", 400)
    some = fit_attribution(columns, KINDS, one_hot(who), PERSONAS)

    assert some.out_of_fold.shape == (1200, 3)
    assert some.model.metrics["log_loss"] == pytest.approx(everybody.model.metrics["log_loss"], abs=0.01)


def test_numbers_are_cut_finely_only_where_six_bins_hide_something():
    """A persona between two close thresholds needs more bins; a smooth effect does not."""
    rng = np.random.default_rng(8)
    age = rng.uniform(0, 100, 600)
    narrow = np.where((age > 40) & (age < 48), 2, rng.integers(0, 2, 600))
    smooth = rng.binomial(2, 0.2 + 0.6 * age / 100)

    found = [fit_attribution({"age": age}, {"age": "number"}, one_hot(who), PERSONAS).model.encodings[0] for who in (narrow, smooth)]

    assert len(found[0].edges) > 10
    assert len(found[1].edges) == 5
    assert min(found[0].people[:-1]) >= FEWEST_PEOPLE
