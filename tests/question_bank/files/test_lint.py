"""Warnings about valid banks."""

import pytest

from tests.question_bank.a_bank import GOOD, changed, report_of


def warnings_of(bank):
    """Path and words of every warning about a bank without errors, apart from its missing French and the sum of its priors."""
    report = report_of(bank)
    assert report.errors == ()
    found = [(warning.path, warning.wrong) for warning in report.warnings]
    return [(path, wrong) for path, wrong in found if "has no fr" not in wrong and "priors that add up" not in wrong]


@pytest.mark.parametrize(
    ("path", "value", "warned", "wrong"),
    [
        ("questions.0.likelihood.driver", [0.5, 0.5], "questions.0.likelihood", "is uninformative"),
        ("questions.3.likelihood.family", {"mean": 30, "sd": 9}, "questions.3.likelihood", "is uninformative"),
        ("questions.0.seconds", 0, "questions.0.seconds", "takes no time at all"),
        ("personas.0.prior", 0.001, "personas.0.prior", "is 0.0014 of the population"),
        ("surveys.0.origins", ["*"], "surveys.0.origins.0", "lets every site on the web embed this survey"),
        ("surveys", [], "", "has no survey"),
        ("surveys.0.questions", ["owns", "reasons", "happy", "age", "more"], "questions.5", "no survey can reach it"),
    ],
)
def test_each_doubtful_field_gives_one_warning_and_the_bank_loads(path, value, warned, wrong):
    """Warnings do not prevent loading."""
    ((at, words),) = warnings_of(changed(path, value))

    assert (at, wrong in words) == (warned, True), words


def test_personas_that_differ_only_in_no_answer_give_no_warning():
    """Equal rows with unequal no_answer still distinguish personas."""
    bank = changed("questions.0.likelihood.driver", [0.5, 0.5])
    bank["questions"][0]["no_answer"] = {"driver": 0.1, "family": 0.2}

    assert warnings_of(bank) == []


def test_personas_with_equal_tables_are_reported_together():
    """Personas that differ in prior only cannot be distinguished by answers."""
    bank = changed("personas.2", {"id": "twin", "prior": 0.5})
    for question in bank["questions"]:
        for table in (question.get("likelihood"), question.get("no_answer")):
            if table:
                table["twin"] = table["family"]
    bank["signals"][0]["likelihood"]["twin"] = 0.4
    bank["surveys"][0]["actions"]["call"]["twin"] = 1

    assert warnings_of(bank) == [("personas.2", 'no question can tell "family", "twin" apart')]


def test_rows_that_differ_under_one_answer_of_the_parent_are_enough():
    """A dependent question need not differ under every answer."""
    bank = changed("questions.2.likelihood.family", {"yes": [0.2, 0.3, 0.5], "no": {"mean": 2, "sd": 2}})
    assert warnings_of(bank) == []

    bank["questions"][2]["likelihood"]["family"] = GOOD["questions"][2]["likelihood"]["driver"]
    assert [path for path, _ in warnings_of(bank)] == ["questions.2.likelihood"]


def test_a_question_whose_condition_is_not_in_the_survey_is_reported():
    """Reasons depends on owns, which this survey does not ask; it is reported once, at the survey."""
    bank = changed("surveys.0.questions", ["reasons", "happy", "age", "more", "colour"])
    bank["surveys"][0]["first"] = []
    bank["surveys"].append({"id": "other", "questions": ["owns"]})

    assert warnings_of(bank) == [("surveys.0.questions", 'can never ask "reasons", which waits for owns, not in this survey')]


def test_a_question_that_depends_on_an_unreachable_one_is_unreachable():
    """Colour depends on reasons, which is never asked."""
    bank = changed("questions.5.ask_if", {"reasons": ["power"]})
    bank["surveys"][0].update(questions=["reasons", "happy", "age", "more", "colour"], first=[])
    bank["surveys"].append({"id": "other", "questions": ["owns"]})

    assert {path for path, _ in warnings_of(bank)} == {"questions.5", "surveys.0.questions"}


def test_a_text_that_is_neither_first_nor_required_is_reported():
    """It has no gain, so it would never be asked."""
    assert [wrong for _, wrong in warnings_of(changed("questions.4.required", False))] == ["is never asked: a text has no gain"]


def test_numbers_beyond_the_float_range_are_reported():
    """A bank that passes the check can be compiled."""
    for row in ({"mean": 100, "sd": 1e308}, {"median": 1e300, "spread": 1e300}):
        report = report_of(changed("questions.3.likelihood.driver", row))
        assert report.bank is None
        assert "cannot be computed" in report.errors[0].wrong
    assert report_of(changed("surveys.0.stop.at_most", 10**20)).bank is None


def test_an_origin_is_normalised_as_browsers_send_it():
    """Lower case, without the default port."""
    bank = report_of(changed("surveys.0.origins", ["https://Shop.Example:443", "http://x.example:80", "http://x.example:8080"])).bank
    assert bank.surveys[0].origins == ("https://shop.example", "http://x.example", "http://x.example:8080")


def test_an_action_that_is_best_for_every_persona_is_reported():
    """The survey then chooses by information; an action that costs something for one persona ends the warning."""
    bank = changed("surveys.0.actions.call", {"driver": 5, "family": 40})
    at, wrong = warnings_of(bank)[0]
    assert (at, wrong.split(",")[0]) == ("surveys.0.actions", '"call" is best for every persona')

    bank = changed("surveys.0.actions.call", {"driver": -5, "family": -1})
    assert '"nothing" is best' in warnings_of(bank)[0][1]


def test_personas_with_the_same_styles_in_another_order_are_reported():
    """Unless the shares of the styles differ."""
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
