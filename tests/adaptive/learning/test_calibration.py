"""The calibration error, and what is kept where labels are given: dependences, the correlation of answers, a weight for each question."""

from dataclasses import replace

import numpy as np
import pytest

from adaptive.learning.calibration import calibration_error, masks_with_labels, masks_without_labels
from adaptive.learning.fit import evidence_of, fit_with_classes, fit_with_labels
from adaptive.learning.responses import Answers
from adaptive.posterior import believe, restrict_to
from adaptive.tables import ResponseTables

pytestmark = pytest.mark.slow


def test_the_calibration_error_weights_each_bin_by_its_size():
    """A bin of three quarters of the respondents has three quarters of the weight."""
    stated = np.repeat([0.95, 0.55], [300, 100])
    true = np.repeat([0.8, 0.55], [300, 100])

    assert calibration_error(stated, true) == pytest.approx(0.75 * 0.15)


@pytest.mark.parametrize(("seed", "is_kept"), [(4, True), (7, False)])
def test_dependences_stay_where_they_predict_held_out_labels_better(seed, is_kept):
    """A mood that moves ten answers together, and says nothing of the persona, may or may not be worth a forest."""
    rng = np.random.default_rng(seed)
    who, mood = rng.integers(0, 2, 300), rng.integers(0, 3, 300)
    columns = []
    for q in range(10):
        own = rng.random(300) < np.where(who == 1, 0.6, 0.4)
        columns.append(np.where(rng.random(300) < 0.35, (mood + q) % 3 == 0, own).astype(int))

    found = fit_with_labels(Answers.of(np.array(columns).T, [2] * 10), who, np.random.default_rng(1)).dependences

    assert (found.label_gain > 0, bool(found.parents)) == (is_kept, is_kept)


def hidden_segments(rng, respondents, questions=12):
    """Three hidden classes give twelve answers; the label is the class of six respondents in ten, and random of the others."""
    hidden = rng.integers(0, 3, respondents)
    label = np.where(rng.random(respondents) < 0.6, hidden, rng.integers(0, 3, respondents))
    favourite = (hidden[:, None] + np.arange(questions)) % 3
    return np.where(rng.random(favourite.shape) < 0.5, favourite, rng.integers(0, 3, favourite.shape)), label


def stated_and_true(engine, codes, label, asked):
    """Return the mean confidence and the accuracy after the first questions."""
    belief = believe(engine, restrict_to(evidence_of(codes, engine), np.broadcast_to(np.arange(codes.shape[1]) < asked, codes.shape)))
    return belief.max(axis=1).mean(), (belief.argmax(axis=1) == label).mean()


def test_labels_that_no_question_explains_are_stated_as_sure_as_they_are_true():
    """New respondents are stated at most .02 above the truth and .05 below it after three, six and all answers; without the correlation
    far above it.
    """
    codes, label = hidden_segments(np.random.default_rng(1), 1200)
    fresh = hidden_segments(np.random.default_rng(2), 6000)

    found = fit_with_labels(Answers.of(codes, [3] * 12), label, np.random.default_rng(3))

    assert found.weights.correlation > 0
    for asked in (3, 6, 12):
        stated, true = stated_and_true(found.engine, *fresh, asked)
        assert -0.05 < stated - true < 0.02, asked
    plain, true = stated_and_true(replace(found.engine, answer_correlation=0.0), *fresh, 12)
    assert plain > true + 0.1
    assert found.all_answers.true.mean() == pytest.approx(true, abs=3 * found.all_answers.standard_error)
    assert found.all_answers.stated.mean() == pytest.approx(true, abs=0.05)


def test_without_labels_there_is_no_correlation_and_no_weight_by_question():
    """The truth is then the belief after all answers at full weight: it cannot show that many answers count too much."""
    codes, _ = hidden_segments(np.random.default_rng(1), 300)

    found = fit_with_classes(Answers.of(codes, [3] * 12), 3, np.random.default_rng(3))

    assert (found.weights.correlation, found.weights.questions, found.question_weights_gain, found.all_answers) == (0, None, None, None)


@pytest.mark.parametrize("labelled", [True, False])
def test_with_labels_weights_are_scored_by_what_a_survey_would_ask(labelled):
    """After all questions, and after 3, 5 and 8 of the adaptive order, which begins with the questions that tell most. Without labels
    random questions are scored too, and not all of them.
    """
    rng = np.random.default_rng(1)
    tables = ResponseTables.of([[[0.5 + 0.04 * q, 0.5 - 0.04 * q], [0.5 - 0.04 * q, 0.5 + 0.04 * q]] for q in range(10)])

    answers = evidence_of(rng.integers(0, 2, (50, 10)), tables)
    masks = masks_with_labels(tables, answers) if labelled else masks_without_labels(tables, answers, rng)

    sizes = [np.unique(mask.sum(axis=1)).tolist() for mask in masks]
    assert sizes == [[10], [3], [5], [8]] if labelled else sizes == [[3], [5], [8]] * 2
    assert all(mask[:, -3:].all() for mask in masks[-3:])
    assert labelled or not any(mask[:, -3:].all() for mask in masks[:2])


def opinion_and_others(rng, respondents):
    """Two personas. One hidden opinion gives seven answers, and four others depend on the persona alone: each tells as much of it."""
    who = rng.integers(0, 2, respondents)
    opinion = rng.random(respondents) < np.where(who == 1, 0.75, 0.25)
    same = [np.where(rng.random(respondents) < 0.9, opinion, ~opinion) for _ in range(7)]
    own = [rng.random(respondents) < np.where(who == 1, 0.7, 0.3) for _ in range(4)]
    return np.column_stack([*same, *own]).astype(int), who


def test_weights_by_question_are_kept_where_they_predict_held_out_labels_better():
    """The answers that one opinion gives count less than the others, except for one that stands for all of them, and the belief about new
    respondents has the better log score.

    Like numbers and ticks, the questions cannot be linked: a forest would find the opinion.
    """
    codes, who = opinion_and_others(np.random.default_rng(1), 800)
    fresh, fresh_who = opinion_and_others(np.random.default_rng(2), 5000)

    answers = Answers.of(codes, [2] * 11, linkable=np.zeros(11, dtype=bool))
    found = fit_with_labels(answers, who, np.random.default_rng(3))

    assert found.question_weights_gain > 0.1
    assert np.sort(found.weights.questions[:7])[:6].max() < found.weights.questions[7:].min() / 2
    scores = [
        np.log(believe(engine, evidence_of(fresh, engine))[np.arange(5000), fresh_who]).mean()
        for engine in (found.engine, replace(found.engine, question_weights=None))
    ]
    assert scores[0] > scores[1] + 0.01


def test_weights_by_question_are_left_out_where_questions_are_alike():
    """Ten questions that depend on the persona in the same way, and on nothing else."""
    rng = np.random.default_rng(4)
    who = rng.integers(0, 2, 300)
    codes = (rng.random((300, 10)) < np.where(who == 1, 0.65, 0.35)[:, None]).astype(int)

    assert fit_with_labels(Answers.of(codes, [2] * 10), who, np.random.default_rng(1)).weights.questions is None


def strong_and_repeated_answers(rng, respondents):
    """Two personas. The first answer tells much of the persona; twelve others repeat one opinion that tells little of it."""
    who = rng.integers(0, 2, respondents)
    strong = rng.random(respondents) < np.where(who == 1, 0.85, 0.15)
    opinion = rng.random(respondents) < np.where(who == 1, 0.6, 0.4)
    same = [np.where(rng.random(respondents) < 0.9, opinion, ~opinion) for _ in range(12)]
    return np.column_stack([strong, *same]).astype(int), who


def test_answers_that_say_little_do_not_make_a_strong_one_count_less():
    """After all answers the log score on new respondents is within .02 of that of the strong answer alone under its true table."""
    codes, who = strong_and_repeated_answers(np.random.default_rng(1), 800)
    fresh, fresh_who = strong_and_repeated_answers(np.random.default_rng(2), 5000)

    found = fit_with_labels(Answers.of(codes, [2] * 13, linkable=np.zeros(13, dtype=bool)), who, np.random.default_rng(3))

    belief = believe(found.engine, evidence_of(fresh, found.engine))
    right = belief[np.arange(5000), fresh_who]
    assert (belief.argmax(axis=1) == fresh_who).mean() > 0.84
    assert np.log(right).mean() > 0.85 * np.log(0.85) + 0.15 * np.log(0.15) - 0.02
