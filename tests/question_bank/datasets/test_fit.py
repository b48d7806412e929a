"""Questions inferred from columns, and a bank fitted to them that reads back equal."""

from dataclasses import replace
from math import fsum

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from adaptive.learning.chow_liu import Dependences
from question_bank.compile import compile_bank
from question_bank.datasets.answer_table import read_answers, respondents_of
from question_bank.datasets.column_map import read_column_map
from question_bank.datasets.dataset import slug
from question_bank.datasets.fit import (
    fit_dataset,
    fit_notes,
    fitted_bank,
    question_weights_choice,
    rounded_shares,
    unreached_confidence,
)
from question_bank.datasets.infer import read_dataset
from question_bank.datasets.read_options import ReadOptions
from question_bank.exports.table_files import AnswersInvalid
from question_bank.files.load import check_bank, read_bank
from question_bank.files.write import write_bank
from tests.question_bank.planted import planted

pytestmark = pytest.mark.slow


def column(values, name="q"):
    """One recognised column; the second one keeps its respondents when a cell is empty."""
    cells = "\n".join(f'"{value}",{number % 2}' for number, value in enumerate(values))
    return read_dataset(f"{name},other\n{cells}\n", "a.csv").columns[0]


@pytest.mark.parametrize(
    ("values", "kind", "outcomes", "codes"),
    [
        (["1", "0", "", "1"], "single", ("0", "1"), [1, 0, -1, 1]),
        (["1.0", "0.0", "", "1.0"], "single", ("0", "1"), [1, 0, -1, 1]),
        (["True", "FALSE", "true"], "single", ("false", "true"), [1, 0, 1]),
        (["Yes", "no", ""], "single", ("no", "yes"), [1, 0, -1]),
        (["red", "dark blue", " red "], "single", ("dark-blue", "red"), [1, 0, 1]),
        (["< 130", "> 130", "130"], "single", ("130", "130-2", "130-3"), [0, 1, 2]),
        (["3", "1", "", "4"], "scale", ("1", "2", "3", "4"), [2, 0, -1, 3]),
        (["-2", "+2", "1.0"], "scale", ("-2", "-1", "0", "1", "2"), [0, 4, 3]),
        (["1", "21"], "scale", tuple(map(str, range(1, 22))), [0, 20]),
    ],
)
def test_the_question_of_a_column_is_inferred_from_its_answers(values, kind, outcomes, codes):
    """An empty cell is a missing answer, not an answer of its own."""
    found = column(values)

    assert (found.question.type, found.question.outcomes) == (kind, outcomes)
    assert found.codes.tolist() == codes


def test_texts_are_kept_and_ids_are_made_from_them():
    """Accents and punctuation stay in the text and are removed from the id."""
    found = column(["Écluse n°1", "Écluse n°2"], "Q7.1 Écluses").question

    assert (found.id, found.text["en"]) == ("q7-1-ecluses", "Q7.1 Écluses")
    assert [(option.id, option.text["en"]) for option in found.options] == [("ecluse-n1", "Écluse n°1"), ("ecluse-n2", "Écluse n°2")]


def test_ids_are_unique_and_the_same_for_every_order_of_lines():
    """Fits of shuffled lines give one set of ids."""
    assert column(["a b", "a-b", "A+B"]).values == column(["A+B", "a-b", "a b"]).values == {"A+B": "a-b", "a b": "a-b-2", "a-b": "a-b-3"}
    assert slug("¿?", {"x"}) == "x-2"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "a.csv: has no answers"),
        ("q,r\n", "a.csv: has no answers"),
        ("q,r\n,\n,\n", "a.csv: has no answers"),
        ("q,r\n1,2\n", "has one respondent to fit"),
        ("q,r\n1,1\n1,2\n", 'a.csv:1: column "q": everybody answered "1"'),
        ("q,r\n,1\n,1\n", 'a.csv:1: column "r": everybody answered "1"'),
        ("q,q\n1,1\n0,2\n", 'column "q" stands there twice'),
        ("q,\n1,1\n0,2\n", "a.csv:1: column 2 has no name"),
        ("q,r\n1\n0,2\n", "a.csv:2: has 1 cells where the first line names 2 columns"),
        ("q\n" + "\n".join(f"w{n}" for n in [*range(41), 0]), 'left out: "q" (free text)'),
        ("q\n" + "\n".join(f"w{n}" for n in range(12)), 'left out: "q" (another value on every line)'),
        ('q,r\n"1,2\n' + "x" * 140_000, "is not readable CSV"),
    ],
)
def test_all_unusable_columns_are_reported_with_their_places(text, words):
    """Every problem is reported at once."""
    with pytest.raises(AnswersInvalid) as error:
        read_dataset(text, "a.csv")
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("wanted", "label", "words"),
    [
        (["q", "z"], None, '--columns: there is no column "z": the file has q, r, who'),
        ([], None, "--columns: names no question"),
        (["who"], "who", "--columns: names no question"),
        (None, "whom", '--label: there is no column "whom"'),
        (None, "r", 'label column "r": holds only "2"'),
    ],
)
def test_options_that_do_not_fit_the_file_are_refused(wanted, label, words):
    """The message names the columns that exist."""
    with pytest.raises(AnswersInvalid) as error:
        read_dataset("q,r,who\n1,2,a\n0,2,b\n", "a.csv", wanted, label)
    assert words in str(error.value)


def test_a_column_of_probabilities_that_is_named_twice_is_refused():
    """Its shares would be counted twice."""
    with pytest.raises(AnswersInvalid) as error:
        read_dataset("q,a,b\n1,0.5,0.5\n0,1,0\n", "a.csv", ReadOptions(probabilities=("a", "a", "b")))
    assert str(error.value) == '--label-probabilities: names "a" twice: name each column once'


def test_more_personas_than_different_respondents_are_refused():
    """Three lines, two of them equal."""
    sheet = read_dataset("q,r\n1,x\n0,y\n1,x\n", "a.csv")
    with pytest.raises(AnswersInvalid, match="3 are more than the 2 different respondents"):
        fit_dataset(sheet, 3, 1)


def test_lines_without_answers_or_label_are_dropped_and_counted():
    """Only the two complete lines are fitted."""
    sheet = read_dataset("q,who\n1,a\n,a\n0,\n0,b\n", "a.csv", label="who")

    assert sheet.codes.tolist() == [[1], [0]]
    assert (sheet.labels.names, sheet.labels.codes.tolist(), sheet.dropped) == (("a", "b"), [0, 1], 2)


def test_an_answer_of_unlabelled_respondents_only_is_still_an_option():
    """The fitted bank has to read the whole file; a column in which only they differ is refused."""
    sheet = read_dataset("q,who\nred,a\nblue,b\ngreen,\n", "a.csv", label="who")
    assert sheet.columns[0].question.outcomes == ("blue", "green", "red")
    assert sheet.codes.tolist() == [[2], [0]]
    assert fit_dataset(sheet, None, 1).tables[0].shape == (2, 3)

    with pytest.raises(AnswersInvalid, match='column "q": those who have a label all gave the same answer'):
        read_dataset("q,who\nred,a\nred,b\ngreen,\n", "a.csv", label="who")


@pytest.mark.parametrize("label", [None, "Who?"])
def test_a_fitted_bank_reads_back_and_reads_the_file_it_was_fitted_to(label):
    """It has no problems, equals itself, has the planted parent, and reads every answer by the column map."""
    text = planted()
    sheet = read_dataset(text, "a.csv", None if label else [f"Q.{n}" for n in range(9)], label)
    fit = fit_dataset(sheet, None if label else 2, 1)
    bank = fitted_bank(sheet, fit, "planted")

    written = write_bank(bank, fit_notes(sheet, fit))
    assert check_bank(written.encode(), "planted.yaml").errors == ()
    again = read_bank(written, "planted.yaml")
    assert again == bank
    assert bank.question("q-8").parent == "q-0"
    assert [survey.id for survey in bank.surveys] == ["main"]
    assert sum(persona.prior for persona in bank.personas) == pytest.approx(1)

    answers = read_answers(text, again, "a.csv", read_column_map(sheet.column_map().written(), "map"))
    people = respondents_of(compile_bank(again), answers)
    assert (np.where(people.answers.answered, people.answers.codes, -1) == sheet.codes).all()


def test_priors_that_round_down_still_add_up_to_one():
    """Each of three personas has a third of the respondents: .3333 three times would be .9999, of which the bank's own check warns."""
    moods = np.random.default_rng(1).integers(1, 6, (300, 4))
    lines = [f"{','.join(map(str, row))},{'abc'[n % 3]}" for n, row in enumerate(moods)]
    sheet = read_dataset("first,second,third,fourth,who\n" + "\n".join(lines), "a.csv", label="who")

    fit = fit_dataset(sheet, None, 1)
    bank = fitted_bank(sheet, fit, "thirds")

    assert sorted(persona.prior for persona in bank.personas) == [0.3333, 0.3333, 0.3334]
    assert not [warning for warning in check_bank(write_bank(bank, {}).encode(), "a.yaml").warnings if "add up to" in str(warning)]


@given(arrays(float, st.integers(1, 12), elements=st.floats(1e-9, 1)), st.integers(0, 1))
def test_rounded_shares_add_up_to_one(shares, least):
    """None is below the least one, and each moves by at most one unit of the last place beyond what was raised to the least."""
    rounded = np.array(rounded_shares(shares, least=least))

    assert fsum(rounded) == pytest.approx(1, abs=1e-12)
    assert rounded.min() >= least * 1e-4
    assert np.abs(rounded - shares / shares.sum()).max() <= 1e-4 * (1 + least * len(shares))


def test_the_written_tables_are_those_of_the_fit():
    """To four decimal places, with rows adding up to exactly one."""
    sheet = read_dataset(planted(), "a.csv", label="Who?")
    fit = fit_dataset(sheet, None, 1)
    tables = compile_bank(fitted_bank(sheet, fit, "planted")).tables

    assert tables.questions[3].cells == pytest.approx(fit.tables[3], abs=1e-4)
    forest = tables.forest
    for answer in range(sheet.levels[fit.dependences.parents[8]]):
        codes = np.full((1, len(sheet.levels)), -1)
        codes[0, fit.dependences.parents[8]] = answer
        shares = forest.predict(forest.collect(codes), np.ones((1, tables.classes)))[:, forest.questions.tolist().index(8), :, 0]
        assert pytest.approx(fit.dependences.given[8][:, answer], abs=1e-4) == shares[:, : sheet.levels[8]]
    assert tables.evidence_weight == fit.evidence_weight


def test_a_strong_answer_beside_many_that_repeat_one_another_makes_a_valid_bank():
    """The strong one counts hardly more than its table says, the others much less; the bank with these weights reads back."""
    rng = np.random.default_rng(1)
    who = rng.integers(0, 2, 800)
    strong = np.where(who == 1, 1.0, -1.0) + rng.normal(size=800)
    opinion = rng.random(800) < np.where(who == 1, 0.6, 0.4)
    same = [np.where(rng.random(800) < 0.9, opinion, ~opinion).astype(int) for _ in range(12)]
    lines = (f"{who[n]},{strong[n]:.2f}," + ",".join(str(answers[n]) for answers in same) for n in range(800))
    sheet = read_dataset("\n".join(["who,strong," + ",".join(f"q{n}" for n in range(12)), *lines]), "a.csv", label="who")

    fit = fit_dataset(sheet, None, 1)
    bank = read_bank(write_bank(fitted_bank(sheet, fit, "planted"), fit_notes(sheet, fit)))

    weights = [question.evidence_weight for question in bank.questions]
    assert bank.evidence_weight == 1
    assert 0.9 <= weights[0] <= 1.25
    assert np.mean(weights[1:]) < weights[0] / 2


def test_the_notes_give_the_support_of_the_tables():
    """Respondents, missing share, strength, weight and support."""
    sheet = read_dataset(planted(), "a.csv", label="Who?")
    fit = fit_dataset(sheet, None, 1)

    written = write_bank(fitted_bank(sheet, fit, "planted"), fit_notes(sheet, fit))

    assert written.startswith(f"# Fitted by `discern fit` from 300 respondents, {(sheet.codes < 0).mean():.1%} of answers missing.")
    assert f"by {fit.pseudo_counts:g} answers (cross-validated). Questions with a parent: 1" in written
    assert f"  # support: {(sheet.labels.codes == 0).sum()} of 300 respondents\n  - id: small-ones" in written
    assert "its parent gains" in written
    assert f"# cross-validated log score after a few questions\nevidence_weight: {fit.evidence_weight:g}" in written or (
        fit.evidence_weight == 1
    )


@pytest.mark.parametrize("label", [None, "Who?"])
def test_the_notes_do_not_deny_the_dependences_that_they_count(label):
    """With labels they say why the dependences were kept; without labels nothing had a say in it."""
    sheet = read_dataset(planted(), "a.csv", None if label else [f"Q.{n}" for n in range(9)], label)

    note = fit_notes(sheet, fit_dataset(sheet, None if label else 2, 1))[""]

    assert "Questions with a parent: 1;" in note
    assert "No dependence" not in note
    assert ("Dependences were kept" in note) == bool(label)


def test_what_the_weights_gained_and_what_all_questions_reach_is_written():
    """The bank has the correlation and the weights of the fit, its comments say what was chosen, and few who get sure are warned of."""
    sheet = read_dataset(planted(), "a.csv", label="Who?")
    fit = fit_dataset(sheet, None, 1)
    own = np.linspace(0.5, 1.5, 9).round(2)
    kept = replace(fit, weights=replace(fit.weights, correlation=0.1, questions=own), dependences=Dependences(), question_weights_gain=0.02)

    bank = fitted_bank(sheet, kept, "planted")
    written = write_bank(bank, fit_notes(sheet, kept))

    assert [question.evidence_weight for question in bank.questions] == own.tolist()
    assert compile_bank(bank).tables.question_weights.tolist() == own.tolist()
    assert "cross-validated log score\nanswer_correlation: 0.1\n" in written
    assert "# Weights by question were kept: without dependences they predict held-out labels better, by 0.020 nats.\n" in written
    assert f"is right for {fit.all_answers.true.mean():.1%} of held-out respondents" in written
    assert "worse, by 0.030 nats" in question_weights_choice(replace(fit, question_weights_gain=-0.03))
    unsure = replace(fit, all_answers=replace(fit.all_answers, stated=np.linspace(0.4, 0.86, 100)))
    assert unreached_confidence(unsure).startswith("3% of held-out respondents reach the confidence of 0.85")
    sure = replace(fit, all_answers=replace(fit.all_answers, stated=np.full(100, 0.9)))
    assert unreached_confidence(sure) is None
