"""What is allowed and probably not meant."""

import pytest

from tests.question_bank.a_bank import GOOD, changed, report_of


def warnings_of(bank):
    """Path and words of every warning about a bank without errors."""
    report = report_of(bank)
    assert report.errors == ()
    return [(warning.path, warning.wrong) for warning in report.warnings]


@pytest.mark.parametrize(
    ("path", "value", "warned", "wrong"),
    [
        ("questions.0.likelihood.driver", [0.5, 0.5], "questions.0.likelihood", "tells nothing"),
        ("questions.3.likelihood.family", {"mean": 30, "sd": 9}, "questions.3.likelihood", "tells nothing"),
        ("questions.0.seconds", 0, "questions.0.seconds", "takes no time at all"),
        ("personas.0.prior", 0.001, "personas.0.prior", "is 0.0014 of the population"),
        ("surveys.0.origins", ["*"], "surveys.0.origins.0", "lets every site on the web embed this survey"),
        ("surveys", [], "", "has no survey"),
        ("surveys.0.questions", ["owns", "reasons", "happy", "age", "more"], "questions.5", "no survey can reach it"),
    ],
)
def test_doubts_are_told_and_do_not_stand_in_the_way(path, value, warned, wrong):
    """One doubtful thing, one warning, and the bank is there."""
    ((at, words),) = warnings_of(changed(path, value))

    assert (at, wrong in words) == (warned, True), words


def test_skipping_differently_is_telling_something():
    """Equal rows and unequal no_answer still tell personas apart."""
    bank = changed("questions.0.likelihood.driver", [0.5, 0.5])
    bank["questions"][0]["no_answer"] = {"driver": 0.1, "family": 0.2}

    assert warnings_of(bank) == []


def test_personas_that_no_question_can_tell_apart_are_named_together():
    """A twin of the family differs in prior only: no answer will ever find it."""
    bank = changed("personas.2", {"id": "twin", "prior": 0.5})
    for question in bank["questions"]:
        for table in (question.get("likelihood"), question.get("no_answer")):
            if table:
                table["twin"] = table["family"]
    bank["signals"][0]["likelihood"]["twin"] = 0.4
    bank["surveys"][0]["actions"]["call"]["twin"] = 1

    assert warnings_of(bank) == [("personas.2", 'no question can tell "family", "twin" apart')]


def test_a_parent_tells_through_its_answers():
    """Rows that differ under one answer of the parent only are enough."""
    bank = changed("questions.2.likelihood.family", {"yes": [0.2, 0.3, 0.5], "no": {"mean": 2, "sd": 2}})
    assert warnings_of(bank) == []

    bank["questions"][2]["likelihood"]["family"] = GOOD["questions"][2]["likelihood"]["driver"]
    assert [path for path, _ in warnings_of(bank)] == ["questions.2.likelihood"]


def test_a_survey_without_the_condition_of_its_question_can_never_ask_it():
    """Reasons wait for owns, which this survey does not ask; it is told at the survey, once."""
    bank = changed("surveys.0.questions", ["reasons", "happy", "age", "more", "colour"])
    bank["surveys"][0]["first"] = []
    bank["surveys"].append({"id": "other", "questions": ["owns"]})

    assert warnings_of(bank) == [("surveys.0.questions", 'can never ask "reasons", which waits for owns, not in this survey')]


def test_what_waits_for_the_unreachable_is_unreachable():
    """Colour waits for reasons, which nobody is asked."""
    bank = changed("questions.5.ask_if", {"reasons": ["power"]})
    bank["surveys"][0].update(questions=["reasons", "happy", "age", "more", "colour"], first=[])
    bank["surveys"].append({"id": "other", "questions": ["owns"]})

    assert {path for path, _ in warnings_of(bank)} == {"questions.5", "surveys.0.questions"}


def test_a_text_that_nobody_insists_on_is_named():
    """Gain never chooses it, so it would never be asked."""
    report = report_of(changed("questions.4.required", False))
    assert [problem.wrong for problem in report.warnings] == ["is never asked: a text tells nothing"]


def test_numbers_that_no_arithmetic_can_take_are_told_and_do_not_crash():
    """What passes the check can be served."""
    for row in ({"mean": 100, "sd": 1e308}, {"median": 1e300, "spread": 1e300}):
        report = report_of(changed("questions.3.likelihood.driver", row))
        assert report.bank is None
        assert "cannot be computed" in report.errors[0].wrong
    assert report_of(changed("surveys.0.stop.at_most", 10**20)).bank is None


def test_an_origin_is_kept_as_browsers_send_it():
    """Small letters, and no port that goes without saying."""
    bank = report_of(changed("surveys.0.origins", ["https://Shop.Example:443", "http://x.example:80", "http://x.example:8080"])).bank
    assert bank.surveys[0].origins == ("https://shop.example", "http://x.example", "http://x.example:8080")


def test_an_action_that_is_best_whoever_it_is_makes_the_answers_useless():
    """Then the survey chooses by information; an action that costs something with one persona ends the doubt."""
    bank = changed("surveys.0.actions.call", {"driver": 5, "family": 40})
    at, wrong = warnings_of(bank)[0]
    assert (at, wrong.split(",")[0]) == ("surveys.0.actions", '"call" is best whoever it is')

    bank = changed("surveys.0.actions.call", {"driver": -5, "family": -1})
    assert '"nothing" is best' in warnings_of(bank)[0][1]


def test_personas_with_the_same_styles_in_another_order_cannot_be_told_apart():
    """Unless one style is more frequent in one of them."""
    bank = {
        "bank": "b",
        "personas": [
            {"id": "a", "styles": [{"id": "x", "share": 1}, {"id": "y", "share": 3}]},
            {"id": "b", "styles": [{"id": "x", "share": 3}, {"id": "y", "share": 1}]},
        ],
        "questions": [
            {
                "id": "q",
                "type": "single",
                "text": "?",
                "options": [{"id": "yes", "text": "Yes"}, {"id": "no", "text": "No"}],
                "likelihood": {"a/x": [0.9, 0.1], "a/y": [0.2, 0.8], "b/x": [0.2, 0.8], "b/y": [0.9, 0.1]},
            }
        ],
        "surveys": [{"id": "s"}],
    }
    assert warnings_of(bank) == [("personas.1", 'no question can tell "a", "b" apart')]

    bank["personas"][1]["styles"][0]["share"] = 2
    assert warnings_of(bank) == []
