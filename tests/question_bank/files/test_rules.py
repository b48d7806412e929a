"""Rules across fields."""

import json

import pytest

from tests.question_bank.a_bank import ABSENT, GOOD, changed, only_error_after, report_of

OWNS, REASONS, HAPPY, AGE, MORE, COLOUR = (f"questions.{index}" for index in range(6))
ROW, COUNTED = f"{OWNS}.likelihood.driver", f"{REASONS}.likelihood.driver"
AN_OPTION = {"id": "yes", "text": "Yes"}

MISTAKES = [
    # ids
    ("questions.4.id", "age", "questions.4.id", "is already the id of question 4"),
    (f"{OWNS}.options.2", AN_OPTION, f"{OWNS}.options.2.id", '"yes" is already the id of option 1'),
    ("signals.1", GOOD["signals"][0], "signals.1.id", "is already the id of signal 1"),
    ("surveys.1", GOOD["surveys"][0], "surveys.1.id", "is already the id of survey 1"),
    # personas
    ("personas.1.prior", ABSENT, "personas.1", "has no prior while others have one"),
    ("personas.0.styles", [{"id": "calm"}], "personas.0.styles", "has 1 styles"),
    ("personas.0.styles", [{"id": f"s{n}"} for n in range(6)], "personas.0.styles", "has 6 styles"),
    ("personas.0.styles", [{"id": "calm"}, {"id": "calm"}], "personas.0.styles.1.id", '"calm" is already the id of style 1'),
    ("personas.0.styles", [{"id": "a", "share": 0.4}, {"id": "b"}], "personas.0.styles.1", "has no share while others have one"),
    (f"{OWNS}.likelihood.driver/calm", [0.5, 0.5], f"{OWNS}.likelihood.driver/calm", 'persona "driver" has no style "calm"'),
    (f"{OWNS}.likelihood.driven/calm", [0.5, 0.5], f"{OWNS}.likelihood.driven/calm", 'there is no persona "driven"'),
    # languages
    ("languages", ["en", "fr", "en"], "languages.2", "is already declared"),
    ("title", {"fr": "Voitures"}, "title", "has no en, the first language"),
    ("personas.0.name", {"en": "a", "de": "b"}, "personas.0.name.de", '"de" is not a language of this bank'),
    (f"{OWNS}.options.0.text", {"fr": "Oui"}, f"{OWNS}.options.0.text", "has no en"),
    (f"{HAPPY}.labels.1", {"fr": "Non"}, f"{HAPPY}.labels.1", "has no en"),
    ("surveys.0.consent.text", {"fr": "Oui"}, "surveys.0.consent.text", "has no en"),
    ("surveys.0.result.default.text", {"fr": "Merci"}, "surveys.0.result.default.text", "has no en"),
    # options and ranges
    (f"{COLOUR}.options.0.id", "skip", f"{COLOUR}.options.0.id", '"skip" stands for not answering'),
    (f"{COLOUR}.options", ABSENT, COLOUR, "a single question has no options"),
    (f"{COLOUR}.options", [AN_OPTION], f"{COLOUR}.options", "needs 2 options at least"),
    (f"{COLOUR}.options", [{"id": f"o{n}", "text": "x"} for n in range(41)], f"{COLOUR}.options", "has 41 options"),
    (f"{AGE}.options", [AN_OPTION], f"{AGE}.options", "a number question has no options"),
    (f"{MORE}.options", [AN_OPTION], f"{MORE}.options", "a text question has no options"),
    (f"{OWNS}.min", 1, f"{OWNS}.min", "a single question has no min"),
    (f"{OWNS}.unit", "km", f"{OWNS}.unit", "a single question has no unit"),
    (f"{AGE}.labels", {"1": "x"}, f"{AGE}.labels", "a number question has no labels"),
    (f"{AGE}.max", 18, f"{AGE}.min", "min 18 is not below max 18"),
    (f"{HAPPY}.min", ABSENT, HAPPY, "a scale needs min and max"),
    (f"{HAPPY}.min", 3, f"{HAPPY}.min", "min 3 is not below max 3"),
    (f"{HAPPY}.min", 1.5, f"{HAPPY}.min", "whole numbers"),
    (f"{HAPPY}.max", 22, f"{HAPPY}.max", "has 22 points, more than 21"),
    (f"{HAPPY}.labels.4", "Yes", f"{HAPPY}.labels.4", "4 is not a point of this scale"),
    # conditions and parents
    (f"{REASONS}.ask_if", {"own": ["yes"]}, f"{REASONS}.ask_if.own", 'there is no question "own"'),
    (f"{REASONS}.ask_if", {"owns": ["maybe"]}, f"{REASONS}.ask_if.owns", '"maybe" is not an answer to question "owns"'),
    (f"{REASONS}.ask_if", {"owns": []}, f"{REASONS}.ask_if.owns", "names no answer"),
    (f"{REASONS}.ask_if", {"reasons": ["power"]}, f"{REASONS}.ask_if.reasons", "waits for its own answer"),
    (f"{REASONS}.ask_if", {"age": ["30"]}, f"{REASONS}.ask_if.age", "a number question cannot be a condition"),
    (f"{REASONS}.ask_if", {"more": ["x"]}, f"{REASONS}.ask_if.more", "a text question cannot be a condition"),
    (f"{OWNS}.ask_if", {"reasons": ["power"]}, f"{OWNS}.ask_if", "goes round in a circle: owns > reasons > owns"),
    (f"{HAPPY}.parent", "own", f"{HAPPY}.parent", 'there is no question "own"'),
    (f"{HAPPY}.parent", "happy", f"{HAPPY}.parent", "is its own parent"),
    (f"{MORE}.parent", "owns", f"{MORE}.parent", "a text question has no table, so no parent"),
    (f"{REASONS}.parent", "owns", f"{REASONS}.parent", "a multiple question cannot have a parent"),
    (f"{COLOUR}.parent", "reasons", f"{COLOUR}.parent", "a multiple question cannot be a parent"),
    (f"{COLOUR}.parent", "age", f"{COLOUR}.parent", "a number question cannot be a parent"),
    (f"{HAPPY}.evidence_weight", 0.5, f"{HAPPY}.evidence_weight", "with a parent, or that is one, has no weight of its own"),
    (f"{OWNS}.evidence_weight", 0.5, f"{OWNS}.evidence_weight", "with a parent, or that is one, has no weight of its own"),
    (f"{HAPPY}.likelihood.driver", [0.2, 0.3, 0.5], f"{HAPPY}.likelihood.driver", "is not a map by the parent's answer"),
    (f"{HAPPY}.likelihood.driver.no", ABSENT, f"{HAPPY}.likelihood.driver", 'has no row for answer no to "owns"'),
    (f"{HAPPY}.likelihood.driver.maybe", [1, 0, 0], f"{HAPPY}.likelihood.driver.maybe", 'is not an answer to "owns"'),
    (f"{HAPPY}.likelihood.driver.no", [1, 1, 0], f"{HAPPY}.likelihood.driver.no", "adds up to 2, not 1"),
    # tables
    (f"{OWNS}.likelihood", ABSENT, OWNS, "has no likelihood"),
    (f"{MORE}.likelihood", {"driver": [1]}, f"{MORE}.likelihood", "a text question has no likelihood"),
    (f"{OWNS}.likelihood.family", ABSENT, f"{OWNS}.likelihood", "says nothing for persona family"),
    (f"{OWNS}.likelihood.famly", [1, 0], f"{OWNS}.likelihood.famly", 'there is no persona "famly"'),
    (f"{REASONS}.no_answer.family", ABSENT, f"{REASONS}.no_answer", "says nothing for persona family"),
    (f"{REASONS}.no_answer.famly", 0.1, f"{REASONS}.no_answer.famly", 'there is no persona "famly"'),
    (f"{REASONS}.no_answer.family", 20, f"{REASONS}.no_answer.family", "20 is not a probability"),
    (f"{REASONS}.no_answer", 1.5, f"{REASONS}.no_answer", "1.5 is not a probability"),
    ("signals.0.likelihood.family", ABSENT, "signals.0.likelihood", "says nothing for persona family"),
    ("signals.0.likelihood.famly", 0.1, "signals.0.likelihood.famly", 'there is no persona "famly"'),
    ("signals.0.likelihood.family", "often", "signals.0.likelihood.family", '"often" is not a number'),
    # surveys
    ("surveys.0.questions", ["owns", "hapy"], "surveys.0.questions.1", 'there is no question "hapy"'),
    ("surveys.0.questions", ["owns", "owns"], "surveys.0.questions.1", 'names "owns" again'),
    ("surveys.0.first", ["owns", "owns"], "surveys.0.first.1", 'names "owns" again'),
    ("surveys.0.first", ["hapy"], "surveys.0.first.0", 'there is no question "hapy"'),
    ("surveys.0.questions", ["happy"], "surveys.0.first.0", '"owns" is not asked by this survey'),
    ("surveys.0.stop", {"at_most": 6, "endgame": "accuracy"}, "surveys.0.stop.endgame", "chooses by its actions to the end"),
    ("surveys.0.stop", {"at_most": 2, "at_least": 3}, "surveys.0.stop.at_least", "at_least 3 is more than at_most 2"),
    ("surveys.0.actions", ABSENT, "surveys.0.objective", "value needs to know what can be done"),
    ("surveys.0.actions.call.family", ABSENT, "surveys.0.actions.call", "says nothing for persona family"),
    ("surveys.0.actions.call.famly", 1, "surveys.0.actions.call.famly", 'there is no persona "famly"'),
    ("surveys.0.actions.call.family", "a lot", "surveys.0.actions.call.family", '"a lot" is not a number'),
    ("surveys.0.result.famly", {"text": "x"}, "surveys.0.result.famly", 'there is no persona "famly"'),
    ("surveys.0.result.family", {}, "surveys.0.result.family", "is empty"),
]


@pytest.mark.parametrize(("path", "value", "blamed", "wrong"), MISTAKES)
def test_a_broken_rule_is_reported_once_at_the_place_to_change(path, value, blamed, wrong):
    """One mistake gives one error, without consequential errors."""
    problem = only_error_after(path, value)

    assert (problem.path, wrong in problem.wrong) == (blamed, True), problem
    assert problem.todo


ROWS = [
    (ROW, [0.6, 0.3], "", "adds up to 0.9, not 1"),
    (ROW, [0.6, 0.3, 0.1], "", "has 3 values for 2 outcomes"),
    (ROW, {"yes": 0.5, "noo": 0.5}, ".noo", '"noo" is not an outcome of this question'),
    (ROW, {"yes": 1}, "", "says nothing for no"),
    (ROW, {"yes": 60, "no": 40}, ".yes", "60 is not a probability"),
    (ROW, [1.5, -0.5], ".0", "1.5 is not a probability"),
    (ROW, [True, 0], ".0", "true is not a number"),
    (ROW, 0.5, "", "0.5 is not a row"),
    (ROW, None, "", "nothing is not a row"),
    (ROW, {"yes": "+++"}, ".yes", '"+++" is not one of ++, +, 0, -, --'),
    (ROW, {"yes": "++", "no": 0.5}, ".no", "0.5 is not one of ++, +, 0, -, --"),
    (ROW, {"counts": [1, 2], "of": 3}, ".of", "only counts of a multiple question need"),
    (ROW, {"counts": [0, 0]}, "", "has counted nobody"),
    (ROW, {"counts": [-1, 2]}, ".counts.0", "-1 is less than nobody"),
    (ROW, {"counts": [1e11, 2]}, ".counts.0", "is more people than there are"),
    (ROW, {"counts": {"yes": 1}}, "", "says nothing for no"),
    (ROW, {"counts": [1, 2], "off": 3}, ".off", '"off" is not a field of this'),
    (COUNTED, {"counts": [1, 9]}, "", "does not say how many were asked"),
    (COUNTED, {"counts": [1, 9], "of": 8}, ".of", "says 8 were asked, which cannot be"),
    (COUNTED, {"counts": [0, 0], "of": 0}, ".of", "says 0 were asked"),
    (COUNTED, [0.2, 1.2], ".1", "1.2 is not a probability"),
    (f"{HAPPY}.likelihood.driver.no", {"mean": 2, "sd": 0}, ".sd", "0 is not more than 0"),
    (f"{HAPPY}.likelihood.driver.no", {"mean": 2}, "", "has no sd"),
    (f"{HAPPY}.likelihood.driver.no", {"median": 2, "spread": 2}, ".median", '"median" is not an outcome'),
    (f"{AGE}.likelihood.driver", {"mean": 30, "sd": -1}, ".sd", "-1 is not more than 0"),
    (f"{AGE}.likelihood.driver", {"mean": 30, "median": 9}, ".median", '"median" is not a field of this'),
    (f"{AGE}.likelihood.driver", {"median": 0, "spread": 2}, ".median", "0 is not more than 0"),
    (f"{AGE}.likelihood.driver", {"median": 30, "spread": 1}, ".spread", "1 is not more than 1"),
    (f"{AGE}.likelihood.driver", [0.5, 0.5], "", "is not a row of a number question"),
]


@pytest.mark.parametrize(("path", "row", "cell", "wrong"), ROWS)
def test_an_unreadable_row_is_reported_at_its_persona_or_cell(path, row, cell, wrong):
    """Each form of row has its own message."""
    problem = only_error_after(path, row)

    assert (problem.path, wrong in problem.wrong) == (path + cell, True), problem


def test_a_duplicate_persona_id_is_reported_with_the_missing_persona():
    """The second id is reported first, then each entry of the persona that no longer exists."""
    first, *rest = sorted(report_of(changed("personas.1.id", "driver")).errors, key=lambda error: error.path)

    assert (first.path, first.wrong) == ("personas.1.id", '"driver" is already the id of persona 1')
    assert {error.wrong for error in rest} == {'there is no persona "family"'}


@pytest.mark.parametrize("wrong_id", ["Family", ABSENT])
def test_references_to_an_unreadable_id_are_not_reported(wrong_id):
    """A persona written Family is reported once, at its id, and not again in each of its rows."""
    bank = changed("personas.1.id", wrong_id)
    bank = json.loads(json.dumps(bank).replace('"family"', json.dumps("Family")))

    assert [error.path for error in report_of(bank).errors] == ["personas.1.id"]


def test_a_bank_needs_two_personas_and_a_question():
    """One persona leaves nothing to infer; no question leaves nothing to ask."""
    alone = {"bank": "b", "personas": [{"id": "a"}], "questions": []}

    assert [error.wrong for error in report_of(alone).errors] == ["has fewer than two personas", "has no question"]


def test_a_parent_must_have_a_table_of_its_own():
    """A pilot question has no table yet, so no question can depend on it."""
    bank = changed("questions.5.parent", "owns")
    bank["questions"].append({**bank["questions"][5], "id": "shade", "parent": "colour"})

    (problem,) = report_of(bank).errors

    assert "a pilot question cannot be a parent" in problem.wrong


def test_a_cycle_of_parents_is_reported_once():
    """Two scales that are each other's parent give one error, at the first."""
    bank = changed("questions.5.text", "?")
    scale = {"type": "scale", "text": "?", "min": 0, "max": 1, "pilot": False}
    row = {"driver": {"0": [1, 0], "1": [0, 1]}, "family": {"0": [1, 0], "1": [0, 1]}}
    bank["questions"] += [
        {"id": "a", "parent": "b", "likelihood": row, **scale},
        {"id": "b", "parent": "a", "likelihood": row, **scale},
    ]

    (problem,) = report_of(bank).errors

    assert (problem.path, problem.wrong) == ("questions.6.parent", "goes round in a circle: a > b > a")


def test_a_long_chain_of_conditions_is_accepted():
    """Two thousand questions, each depending on the one before, are checked without recursion."""
    bank = changed("questions.5.text", "?")
    first = bank["questions"][0]
    bank["questions"] += [{**first, "id": f"q{n}", "ask_if": {f"q{n - 1}" if n else "owns": ["yes"]}} for n in range(2000)]

    assert report_of(bank).errors == ()


def test_a_mistake_does_not_hide_another():
    """A wrong type of one question leaves the other questions checked."""
    bank = changed("questions.0.type", "singel")
    bank["questions"][3]["likelihood"]["driver"]["sd"] = 0
    bank["surveys"][0]["first"] = ["hapy"]

    assert {error.path for error in report_of(bank).errors} == {
        "questions.0.type",
        "questions.3.likelihood.driver.sd",
        "surveys.0.first.0",
    }


STYLES = [{"id": "calm", "share": 3}, {"id": "sporty", "share": 1}]


@pytest.mark.parametrize(
    ("path", "table", "at", "wrong"),
    [
        (f"{OWNS}.likelihood", {"driver/calm": [1, 0], "family": [0, 1]}, f"{OWNS}.likelihood", "says nothing for style driver/sporty"),
        (f"{OWNS}.likelihood", {"family": [0, 1]}, f"{OWNS}.likelihood", "says nothing for persona driver"),
        (f"{OWNS}.likelihood.driver/calm", [1, 0], f"{OWNS}.likelihood.driver/calm", "has an entry for all its styles already"),
        (f"{OWNS}.likelihood.driver/claim", [1, 0], f"{OWNS}.likelihood.driver/claim", 'persona "driver" has no style "claim"'),
        (f"{REASONS}.no_answer.driver/calm", 0.1, f"{REASONS}.no_answer.driver/calm", "has an entry for all its styles already"),
        ("signals.0.likelihood.driver/calm", 0.1, "signals.0.likelihood.driver/calm", "has an entry for all its styles already"),
        (f"{HAPPY}.likelihood.family/calm", {"yes": [1, 0, 0]}, f"{HAPPY}.likelihood.family/calm", 'persona "family" has no style "calm"'),
        ("surveys.0.actions", {"call": {"driver/calm": 1, "family": 1}}, None, 'there is no persona "driver/calm"'),
    ],
)
def test_a_table_has_one_entry_per_persona_or_one_per_style(path, table, at, wrong):
    """Never both; actions and results refer to personas only."""
    bank = changed(path, table)
    bank["personas"][0]["styles"] = STYLES

    problems = report_of(bank).errors

    assert any(wrong in problem.wrong and at in (None, problem.path) for problem in problems), problems


def test_unreadable_styles_give_no_errors_in_tables():
    """One mistake in the styles is one error, however many tables name them."""
    bank = changed(f"{OWNS}.likelihood", {"driver/calm": [1, 0], "driver/sporty": [0, 1], "family": [0, 1]})
    bank["personas"][0]["styles"] = [{"id": "calm", "share": -1}, {"id": "sporty", "share": 1}]

    assert [problem.path for problem in report_of(bank).errors] == ["personas.0.styles.0.share"]


def test_an_endgame_needs_a_length():
    """Without `at_most` nobody knows which questions are the last two."""
    short = {"id": "short", "title": "Short", "questions": ["owns"], "stop": {"confidence": 0.9, "endgame": "accuracy"}}

    problem = only_error_after("surveys.1", short)

    assert (problem.path, problem.todo) == ("surveys.1.stop.endgame", "add at_most, such as 6")
