"""Questions that depend on one another, where answers are many, sharp or impossible."""

import numpy as np
import pytest

from adaptive.arrays import Floats
from adaptive.information import information_gain
from adaptive.posterior import Evidence, infer
from adaptive.tables import ResponseTables

PERSONAS, ANSWERS = 3, 4


def a_tree(questions: int, rng: np.random.Generator, sharpness: float) -> tuple[ResponseTables, dict[int, int], dict[int, Floats]]:
    """Return tables in which every question but the first depends on an earlier one: the smaller the number, the sharper they are."""
    shares = [rng.dirichlet(np.full(ANSWERS, sharpness), size=PERSONAS) for _ in range(questions)]
    parents = {q: int(rng.integers(q)) for q in range(1, questions)}
    given = {q: rng.dirichlet(np.full(ANSWERS, sharpness), size=(PERSONAS, ANSWERS)) for q in parents}
    return ResponseTables.of(shares, parents=parents, given=given), parents, given


def answer(tables: ResponseTables, codes: dict[int, int]) -> Evidence:
    evidence = Evidence.none(tables)
    for question, code in codes.items():
        evidence.answered[0, question], evidence.codes[0, question] = True, code
    return evidence


def together(*alone: Evidence) -> Evidence:
    return Evidence(
        *(np.concatenate([getattr(each, name) for each in alone]) for name in ("answered", "silent", "rows", "codes", "signals"))
    )


@pytest.mark.parametrize("questions", [5, 17, 300])
@pytest.mark.parametrize("seed", range(5))
def test_answers_to_all_questions_multiply(questions, seed):
    """With every parent known, the likelihood is the product of the cells, however many there are."""
    rng = np.random.default_rng(seed)
    tables, parents, given = a_tree(questions, rng, 1.0)
    codes = dict(enumerate(rng.integers(ANSWERS, size=questions).tolist()))

    found = infer(tables, answer(tables, codes))

    cells = [given[q][:, codes[parents[q]], codes[q]] for q in parents]
    logits = np.log(np.maximum(tables.questions[0].cells[:, codes[0]], 1e-18)) + np.log(cells).sum(axis=0)
    assert found.belief[0] == pytest.approx(np.exp(logits - np.logaddexp.reduce(logits)), abs=1e-9)
    assert found.upward is not None
    stated = found.upward.log_likelihood[0]
    assert stated - stated.max() == pytest.approx(logits - logits.max(), abs=1e-9)


@pytest.mark.parametrize(("children", "mistake"), [(8, 1e-4), (60, 1e-4), (160, 0.05)])
def test_later_answers_make_up_for_earlier_ones(children, mistake):
    """Half of the children of a question speak for one of its answers, as many for the other: nothing is known of it."""
    root = np.array([[0.7, 0.3], [0.4, 0.6]])
    given = {q: np.tile([[1 - mistake, mistake], [mistake, 1 - mistake]], (2, 1, 1)) for q in range(1, children + 1)}
    shares = [root, *[np.full((2, 2), 0.5)] * children]
    tables = ResponseTables.of(shares, parents=dict.fromkeys(given, 0), given=given)
    codes = {q: int(q > children // 2) for q in given}

    found = infer(tables, answer(tables, codes))

    assert found.belief[0] == pytest.approx([0.5, 0.5])
    assert tables.forest is not None
    assert found.upward is not None
    predicted = tables.forest.predict(found.upward, np.ones((1, 2)))
    assert predicted[:, tables.forest.questions.tolist().index(0), :, 0] == pytest.approx(root)


@pytest.mark.parametrize("answered", [3, 16, 40, 120])
@pytest.mark.parametrize("seed", range(5))
def test_sharp_tables_give_finite_figures(answered, seed):
    """Most cells are zero, so that some answers are impossible under every persona. One respondent alone gets the same as among others."""
    rng = np.random.default_rng(seed)
    tables, parents, given = a_tree(150, rng, 0.005)
    given = {q: np.where(table < 1e-6, 0, table) for q, table in given.items()}
    given = {q: table / table.sum(axis=2, keepdims=True) for q, table in given.items()}
    tables = ResponseTables.of([question.cells for question in tables.questions], parents=parents, given=given)
    alone = [answer(tables, {int(q): int(rng.integers(ANSWERS)) for q in rng.choice(150, answered, replace=False)}) for _ in range(3)]

    with np.errstate(divide="raise", invalid="raise", over="raise"):
        one_by_one = [infer(tables, evidence) for evidence in alone]
        gains = [information_gain(tables, posterior)[0] for posterior in one_by_one]
        all_at_once = infer(tables, together(*alone))
        gains_at_once = information_gain(tables, all_at_once)

    assert np.isfinite(gains).all()
    assert np.min(gains) > -1e-12
    assert np.max(gains) <= np.log2(PERSONAS) + 1e-9
    assert gains_at_once == pytest.approx(np.array(gains), abs=1e-9)
    assert all_at_once.belief == pytest.approx(np.concatenate([posterior.belief for posterior in one_by_one]), abs=1e-9)
