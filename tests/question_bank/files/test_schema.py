"""The schema of a bank file: each wrong field gives one message."""

import pytest

from tests.question_bank.a_bank import ABSENT, GOOD, only_error_after, report_of

NO_WORDS = "has no words"

MISTAKES = [
    ("bank", ABSENT, "bank", "is missing"),
    ("bank", "Cars", "bank", '"Cars" is not an id'),
    ("bank", "-cars", "bank", "is not an id"),
    ("bank", "c" * 65, "bank", "is not an id"),
    ("bank", None, "bank", "is empty"),
    ("bank", True, "bank", "true is a yes-or-no value"),
    ("personas", ABSENT, "personas", "is missing"),
    ("personas", "driver", "personas", "is not a list"),
    ("personas", {"driver": {}}, "personas", "is not a list"),
    ("personas.2", "walker", "personas.2", "is not a map of fields"),
    ("personas.0.prior", 0, "personas.0.prior", "0 is not more than 0"),
    ("personas.0.prior", "0.3", "personas.0.prior", '"0.3" is not a number'),
    ("personas.0.value", -1, "personas.0.value", "-1 is less than 0"),
    ("personas.0.name", {"en": ""}, "personas.0.name.en", NO_WORDS),
    ("personas.0.name", {}, "personas.0.name", NO_WORDS),
    ("personas.0.name", " ", "personas.0.name", NO_WORDS),
    ("personas.0.name", 1.5, "personas.0.name", "1.5 is not words"),
    ("personas.0.name", ["a"], "personas.0.name", "a list is not words"),
    ("personas.0.image", "two\nlines", "personas.0.image", "cannot stand here"),
    ("personas.0.expectations", {"advice": 2}, "personas.0.expectations.advice", "2 is more than 1"),
    ("personas.0.expectations", {"advise": 1}, "personas.0.expectations.advise", "is not a field of this"),
    ("personas.0.channels", {"email": -0.1}, "personas.0.channels.email", "-0.1 is less than 0"),
    ("personas.0.channels", [], "personas.0.channels", "nothing cannot stand here"),
    ("questions.0.type", "singel", "questions.0.type", "is not one of single, multiple, scale, number, text"),
    ("questions.0.type", ABSENT, "questions.0.type", "is missing"),
    ("questions.0.text", ABSENT, "questions.0.text", "is missing"),
    ("questions.0.seconds", -1, "questions.0.seconds", "-1 is less than 0"),
    ("questions.0.required", "yes", "questions.0.required", '"yes" is neither true nor false'),
    ("questions.0.pilot", 1, "questions.0.pilot", "1 is neither true nor false"),
    ("questions.0.options.0.text", ABSENT, "questions.0.options.0.text", "is missing"),
    ("questions.0.likelihood", 0.5, "questions.0.likelihood", "0.5 is not a map"),
    ("questions.1.no_answer", "0.5", "questions.1.no_answer", "is not a map"),
    ("questions.1.ask_if", {"owns": [1.5]}, "questions.1.ask_if.owns", "is not a list of ids"),
    ("questions.1.ask_if", ["owns"], "questions.1.ask_if", "a list is not a map"),
    ("questions.3.min", "18", "questions.3.min", "is not a number"),
    ("signals.0.match", {}, "signals.0.match", "nothing cannot stand here"),
    ("signals.0.match", {"evnt": "Seen"}, "signals.0.match.evnt", "is not a field of this"),
    ("signals.0.match", {"event": 3}, "signals.0.match.event", "3 cannot stand here"),
    ("signals.0.half_life_days", 0, "signals.0.half_life_days", "0 is not more than 0"),
    ("signals.0.at_most", 0, "signals.0.at_most", "0 is less than 1"),
    ("signals.0.at_most", 1.5, "signals.0.at_most", "1.5 is not a whole number"),
    ("signals.0.likelihood", ABSENT, "signals.0.likelihood", "is missing"),
    ("surveys.0.stop.confidence", 1, "surveys.0.stop.confidence", "1 is not less than 1"),
    ("surveys.0.stop.confidence", 0, "surveys.0.stop.confidence", "0 is not more than 0"),
    ("surveys.0.stop.at_most", 0, "surveys.0.stop.at_most", "0 is less than 1"),
    ("surveys.0.stop.at_least", -1, "surveys.0.stop.at_least", "-1 is less than 0"),
    ("surveys.0.stop.endgame", "none at all", "surveys.0.stop.endgame", '"none at all" is not one of'),
    ("surveys.0.stop.gain_below", -0.1, "surveys.0.stop.gain_below", "-0.1 is less than 0"),
    ("surveys.0.stop.seconds", 0, "surveys.0.stop.seconds", "0 is not more than 0"),
    ("surveys.0.effort", 2.1, "surveys.0.effort", "2.1 is more than 2"),
    ("surveys.0.explore", 1.1, "surveys.0.explore", "1.1 is more than 1"),
    ("surveys.0.objective", "money", "surveys.0.objective", "is not one of information, value"),
    ("surveys.0.questions", "some", "surveys.0.questions", "is not a choice of questions"),
    ("surveys.0.questions", [], "surveys.0.questions", "is not a choice of questions"),
    ("surveys.0.questions", {"topics": "choice"}, "surveys.0.questions", "is not a choice of questions"),
    ("surveys.0.origins", "https://shop.example", "surveys.0.origins", "is not a list"),
    ("surveys.0.origins.0", "https://shop.example/", "surveys.0.origins.0", "cannot stand here"),
    ("surveys.0.origins.0", "https://shop.example:99999", "surveys.0.origins.0", "cannot stand here"),
    ("surveys.0.result.driver.redirect", "https://ok.example\\@evil.example", "surveys.0.result.driver.redirect", "cannot stand here"),
    ("surveys.0.result.driver.redirect", "https://ok.example@evil.example/", "surveys.0.result.driver.redirect", "cannot stand here"),
    ("surveys.0.result.driver.redirect", "https://ok.example:99999/", "surveys.0.result.driver.redirect", "cannot stand here"),
    ("surveys.0.result.driver.redirect", "https://ok.example/a\\b", "surveys.0.result.driver.redirect", "cannot stand here"),
    (
        "surveys.0.result.driver.redirect",
        "javascript:alert(1)//https://ok.example",
        "surveys.0.result.driver.redirect",
        "cannot stand here",
    ),
    ("surveys.0.origins.0", "shop.example", "surveys.0.origins.0", "cannot stand here"),
    ("surveys.0.result.driver.redirect", "javascript:x", "surveys.0.result.driver.redirect", "cannot stand here"),
    ("surveys.0.result.driver.redirect", "//x", "surveys.0.result.driver.redirect", "cannot stand here"),
    ("surveys.0.consent", {}, "surveys.0.consent.text", "is missing"),
    ("languages", [], "languages", "names no language"),
    ("languages", "en", "languages", "is not a list"),
    ("languages.1", "french", "languages.1", '"french" cannot stand here'),
    ("evidence_weight", 0, "evidence_weight", "0 is not more than 0"),
    ("evidence_weight", 1.6, "evidence_weight", "1.6 is more than 1.5"),
    ("questions.0.evidence_weight", 0, "questions.0.evidence_weight", "0 is not more than 0"),
    ("questions.0.evidence_weight", 1.6, "questions.0.evidence_weight", "1.6 is more than 1.5"),
    ("answer_correlation", 1.1, "answer_correlation", "1.1 is more than 1"),
    ("repeat_weight", -0.1, "repeat_weight", "-0.1 is less than 0"),
    ("repeat_weight", 1.1, "repeat_weight", "1.1 is more than 1"),
]


@pytest.mark.parametrize(("path", "value", "blamed", "wrong"), MISTAKES)
def test_a_wrong_field_is_reported_once_at_its_place(path, value, blamed, wrong):
    """Changing one field to nonsense gives one error, at that field."""
    problem = only_error_after(path, value)

    assert (problem.path, wrong in problem.wrong) == (blamed, True), problem
    assert problem.todo


def test_an_unknown_field_suggests_the_closest_known_one():
    """`langages` suggests `languages`, and `lik` inside a question lists the fields of a question."""
    assert only_error_after("langages", ["en"]).todo == 'did you mean "languages"?'
    assert "remove it; the fields are ask_if, evidence_weight, help, id" in only_error_after("questions.0.zzz", 1).todo


@pytest.mark.parametrize("origin", ["*", "http://localhost:8000", "https://shop.example", "http://[::1]:80"])
def test_origins_are_scheme_host_and_port(origin):
    """An origin may be written as browsers send it."""
    assert report_of({**GOOD, "surveys": [{**GOOD["surveys"][0], "origins": [origin]}]}).errors == ()
