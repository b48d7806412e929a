"""Update of a bank with more answers: its tables count, questions without answers keep theirs, texts and ids are kept."""

from dataclasses import replace

import numpy as np
import pytest

from question_bank.compile import ObservedAnswer, compile_bank
from question_bank.datasets import update
from question_bank.datasets.answer_table import read_answers
from question_bank.datasets.update import answers_of, refit_bank, rows_of, stored_chunks, update_bank
from question_bank.definitions import Signal
from question_bank.exports.table_files import AnswersInvalid
from question_bank.files.load import check_bank, read_bank
from question_bank.files.write import write_bank

pytestmark = pytest.mark.slow

BANK = """
bank: shop
title: {en: Shop, fr: Magasin}
languages: [en, fr]
personas:
  - {id: a, name: {en: A}, prior: 0.5, value: 7}
  - {id: b, name: {en: B}, prior: 0.5}
questions:
  - id: colour
    type: single
    text: {en: Colour?, fr: Couleur ?}
    topic: looks
    options: [{id: red, text: {en: Red}}, {id: blue, text: {en: Blue}}]
    likelihood: {a: [0.7, 0.3], b: [0.3, 0.7]}
  - id: mood
    type: scale
    text: {en: Mood?}
    min: 1
    max: 3
    likelihood: {a: [0.2, 0.3, 0.5], b: [0.5, 0.3, 0.2]}
  - id: shade
    type: single
    text: {en: Shade?}
    parent: colour
    options: [{id: dark, text: {en: Dark}}, {id: light, text: {en: Light}}]
    likelihood: {a: {red: [0.9, 0.1], blue: [0.2, 0.8]}, b: {red: [0.8, 0.2], blue: [0.1, 0.9]}}
  - id: why
    type: multiple
    text: {en: Why?}
    options: [{id: price, text: {en: Price}}, {id: style, text: {en: Style}}]
    likelihood: {a: [0.2, 0.8], b: [0.8, 0.2]}
    no_answer: {a: 0.1, b: 0.3}
  - id: age
    type: number
    text: {en: Age?}
    min: 0
    max: 120
    unit: years
    likelihood: {a: {mean: 30, sd: 8}, b: {mean: 55, sd: 8}}
  - id: never
    type: single
    text: {en: Never asked}
    options: [{id: x, text: {en: X}}, {id: y, text: {en: Y}}]
    likelihood: {a: [0.25, 0.75], b: [0.5, 0.5]}
  - {id: words, type: text, text: {en: Words?}}
surveys:
  - {id: main, title: {en: Main}, questions: all, stop: {confidence: 0.8}}
"""


@pytest.fixture(scope="module")
def bank():
    return read_bank(BANK, "bank.yaml")


def people(respondents, seed=1, red=(0.9, 0.1)):
    """Personas in turn; colours as given, everything else as the bank says."""
    rng = np.random.default_rng(seed)
    who = ["ab"[n % 2] for n in range(respondents)]
    rows = []
    for persona in who:
        k = "ab".index(persona)
        colour = "red" if rng.random() < red[k] else "blue"
        dark = {"red": (0.9, 0.8), "blue": (0.2, 0.1)}[colour][k]
        why = [option for option, share in zip(("price", "style"), ((0.2, 0.8), (0.8, 0.2))[k], strict=True) if rng.random() < share]
        rows.append({
            "colour": colour,
            "mood": int(rng.choice([1, 2, 3], p=[(0.2, 0.3, 0.5), (0.5, 0.3, 0.2)][k])),
            "shade": "dark" if rng.random() < dark else "light",
            "why": None if rng.random() < (0.1, 0.3)[k] else why,
            "age": float(np.clip(rng.normal((30, 55)[k], 8), 0, 120)),
            "words": "hello",
        })  # fmt: skip
    return rows, who


def share(bank, question, persona, outcome):
    compiled = compile_bank(bank)
    q = compiled.index[question]
    return compiled.tables.questions[q].cells[compiled.personas.index(persona), bank.questions[q].outcomes.index(outcome)]


@pytest.mark.parametrize("labelled", [True, False])
def test_a_refit_changes_the_tables_and_nothing_else(bank, labelled):
    """With known or inferred personas the changed question is fitted; ids, texts, trees, surveys and other questions are kept."""
    rows, who = people(600)

    refitted = refit_bank(bank, rows, who if labelled else None, 1)

    assert share(bank, "colour", "a", "red") == pytest.approx(0.7)
    assert share(refitted.bank, "colour", "a", "red") == pytest.approx(0.9, abs=0.07)
    assert share(refitted.bank, "colour", "b", "red") == pytest.approx(0.1, abs=0.07)
    before, after = bank.questions, refitted.bank.questions
    assert [q.id for q in after] == [q.id for q in before]
    assert [q.text for q in after] == [q.text for q in before]
    assert (after[5], after[6]) == (before[5], before[6])
    assert {refitted.bank.question("shade").parent, refitted.bank.question("colour").parent} >= {"colour"}
    assert refitted.bank.question("colour").topic == "looks"
    assert refitted.bank.question("why").no_answer == pytest.approx({"a": 0.1, "b": 0.3}, abs=0.06)
    assert refitted.bank.question("age").unit == "years"
    assert refitted.bank.question("age").likelihood["a"].mean == pytest.approx(30, abs=2)
    assert refitted.bank.surveys == bank.surveys
    assert refitted.bank.personas[0] == replace(bank.personas[0], prior=refitted.bank.personas[0].prior)


def test_a_refitted_bank_reads_back(bank):
    """Its file has no problems and gives an equal bank."""
    rows, who = people(200)
    refitted = refit_bank(bank, rows, who, 1)

    written = write_bank(refitted.bank, refitted.notes)

    assert check_bank(written.encode(), "bank.yaml").errors == ()
    assert read_bank(written, "bank.yaml") == refitted.bank
    assert sum(persona.prior for persona in refitted.bank.personas) == pytest.approx(1)
    assert written.startswith("# Refitted by `discern fit --from` to 200 respondents")


def test_few_answers_that_agree_with_the_bank_change_it_little(bank):
    """Ten respondents drawn from the bank: its tables count for much more."""
    rows, who = people(40, seed=3, red=(0.7, 0.3))

    refitted = refit_bank(bank, rows, who, 1)

    assert refitted.update.strength >= 20
    assert share(refitted.bank, "mood", "a", "3") == pytest.approx(0.5, abs=0.08)


def test_respondents_without_a_label_are_left_out(bank):
    """Respondents with a label are all used."""
    rows, who = people(60)
    some = [persona if n < 40 else None for n, persona in enumerate(who)]
    assert refit_bank(bank, rows, some, 1).update.counts.respondents == 40


def test_a_question_whose_parent_nobody_answered_keeps_its_table(bank):
    """Without answers of the parent its table cannot be fitted."""
    rows, who = people(100)
    alone = [{question: value for question, value in row.items() if question != "colour"} for row in rows]

    refitted = refit_bank(bank, alone, who, 1)

    assert refitted.bank.question("shade") == bank.question("shade")
    assert refitted.bank.question("colour") == bank.question("colour")


def test_too_few_respondents_are_refused(bank):
    """One respondent, or none with a known persona."""
    rows, _ = people(3)
    with pytest.raises(AnswersInvalid, match="too few"):
        refit_bank(bank, rows[:1], None, 1)
    with pytest.raises(AnswersInvalid, match="too few"):
        refit_bank(bank, rows, [None] * 3, 1)


def test_the_same_seed_gives_the_same_refit(bank):
    """Two refits with one seed give equal banks."""
    rows, _ = people(100)
    assert refit_bank(bank, rows, None, 4).bank == refit_bank(bank, rows, None, 4).bank


def test_empty_cells_are_skips_of_questions_that_have_a_column(bank):
    """Questions without a column were never asked."""
    rows = rows_of(read_answers("colour,mood\nred,\nblue,3\n", bank, "a.csv"))
    assert rows == [{"colour": "red", "mood": None}, {"colour": "blue", "mood": 3}]


def test_the_forest_and_the_weights_are_kept(bank):
    """A refit changes no dependence, no topic and no weight, whatever the answers are like."""
    rows, who = people(200, red=(0.5, 0.5))
    alone = [question.parent is None and all(other.parent != question.id for other in bank.questions) for question in bank.questions]
    own = tuple(replace(q, evidence_weight=0.6 if is_alone else 1.0) for q, is_alone in zip(bank.questions, alone, strict=True))
    weighed = replace(bank, questions=own, evidence_weight=0.8, repeat_weight=0.3, answer_correlation=0.1)

    refitted = refit_bank(weighed, rows, who, 1).bank

    assert (refitted.evidence_weight, refitted.repeat_weight, refitted.answer_correlation) == (0.8, 0.3, 0.1)
    assert any(alone)
    assert [question.evidence_weight for question in refitted.questions] == [question.evidence_weight for question in own]
    assert [(question.parent, question.topic) for question in refitted.questions] == [(q.parent, q.topic) for q in bank.questions]
    assert [question.no_answer is None for question in refitted.questions] == [q.no_answer is None for q in bank.questions]


def test_a_pilot_question_of_a_file_gets_a_table_from_enough_answers(bank):
    """Twenty answers a persona are enough, 30 of the 40 that two personas need are not."""
    pilot = replace(bank.question("never"), pilot=True, likelihood={})
    trying = replace(bank, questions=tuple(pilot if question.id == "never" else question for question in bank.questions))
    rows, who = people(60)

    def with_answers(count):
        return [{**row, "never": "xy"[who[n] == "a"]} if n < count else row for n, row in enumerate(rows)]

    few, many = (refit_bank(trying, with_answers(count), who, 1).bank.question("never") for count in (30, 60))

    assert few == pilot
    assert not many.pilot
    assert many.likelihood["a"].values[1] > 0.8
    assert many.likelihood["b"].values[0] > 0.8


def test_the_notes_give_the_support(bank):
    """Of the tables there were, of each persona, and of each question with answers."""
    rows, who = people(50)

    notes = refit_bank(bank, [{**row, "colour": None if n < 10 else row["colour"]} for n, row in enumerate(rows)], who, 1).notes

    assert "count as" in notes[""]
    assert notes["personas.0"] == "support: 25 of 50 respondents"
    assert notes["questions.0"] == "support: 40 answers, 20.0% missing"
    assert "questions.5" not in notes


def test_the_size_of_the_chunks_does_not_change_the_bank(bank, monkeypatch):
    """A file that is read in chunks of 7 respondents gives the bank of one chunk."""
    rows, _ = people(60)
    whole = refit_bank(bank, rows, None, 2).bank
    monkeypatch.setattr(update, "CHUNK", 7)
    assert refit_bank(bank, rows, None, 2).bank == whole


def test_chunks_are_read_once_and_stored_for_the_passes(bank):
    """The source is an iterator; what is stored can be read again, also while another pass is under way."""
    compiled = compile_bank(bank)
    made = [answers_of(compiled, [[ObservedAnswer("mood", point)] * 2]) for point in (1, 2, 3)]

    with stored_chunks(iter(made)) as chunks:
        first = iter(chunks)
        next(first)
        again = [chunk.codes[0, 1] for chunk in chunks]
        rest = [chunk.codes[0, 1] for chunk in first]

    assert again == [0, 1, 2]
    assert rest == [1, 2]


def test_signals_of_a_bank_get_new_tables(bank):
    """P(seen | persona) follows the respondents with events; a signal that nobody showed keeps its table."""
    signals = (Signal("wished", {"event": "Wish"}, {"a": 0.5, "b": 0.5}), Signal("left", {"event": "Left"}, {"a": 0.2, "b": 0.3}))
    compiled = compile_bank(replace(bank, signals=signals))
    rows, who = people(300)
    answers = answers_of(compiled, [[ObservedAnswer(*item) for item in row.items()] for row in rows], who)
    seen = np.array([[persona == "a" and n % 10 != 0, False] for n, persona in enumerate(who)], dtype=float)

    found = update_bank(compiled, [replace(answers, signals=seen, active=np.ones(300, dtype=bool))], 1, "Heading.").bank

    wished, left = found.signals
    assert wished.likelihood["a"] > 0.7
    assert wished.likelihood["b"] < 0.1
    assert left == signals[1]
