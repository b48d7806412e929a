"""Questions chosen at random, the logged probability of the choice, and surveys that end when the decision is certain."""

import pytest

from survey_service.store.tables.core import SurveySession
from tests.survey_service.service import BANK, a_service

EXPLORING = BANK.replace("  - id: all\n", "  - id: all\n    explore: 1\n")
PILOTING = BANK.replace(
    "  - id: why\n",
    """  - id: colour
    type: single
    pilot: true
    text: Which colour?
    options: [{id: red, text: Red}, {id: blue, text: Blue}]
  - id: why
""",
)
DECIDING = BANK.replace(
    "  - id: all\n", "  - id: all\n    objective: value\n    actions: {call: {driver: -30, family: 3}, gift: {driver: 2, family: 1}}\n"
)


@pytest.fixture
def serving(database_url):
    """Start services with other banks and close them after the test."""
    made = []

    def serve(bank):
        made.append(a_service(database_url, bank))
        return made[-1]

    yield serve
    for service in made:
        service.parts.store.close()


def test_in_an_exploring_session_the_drawn_question_is_logged_and_shown_ahead(serving):
    """The log has the probability beside the answer to the drawn question, and `ahead` has the question that follows."""
    service = serving(EXPLORING)
    firsts = set()
    for _ in range(12):
        someone = service.start()
        asked, ahead = someone.view["question"], someone.view["ahead"]
        firsts.add(asked["id"])
        someone.silent(asked["id"])
        assert someone.view["question"]["id"] == ahead["skip"]
        (entry,) = someone.insight()["log"]
        assert 0 < entry["chance"] < 1
    assert len(firsts) > 1


def test_a_question_that_was_not_drawn_has_no_chance_in_the_log(service):
    """A question chosen by the rule, or answered unasked, has no logged probability."""
    someone = service.start()
    someone.silent(someone.view["question"]["id"])
    someone.answer("km", 20000)
    assert [entry["chance"] for entry in someone.insight()["log"]] == [None, None]


def test_a_pilot_is_asked_in_some_sessions_after_the_first_answer(serving):
    """The logged probability is one in ten; the belief does not depend on it."""
    service = serving(PILOTING)
    met = []
    for _ in range(60):
        someone = service.start()
        assert someone.view["question"]["id"] != "colour"
        someone.silent(someone.view["question"]["id"])
        if someone.view["question"]["id"] == "colour":
            before = someone.belief()
            someone.answer("colour", "red")
            assert someone.belief() == before
            met.append(someone.insight()["log"][-1]["chance"])
    assert met == [0.1] * len(met)
    assert 0 < len(met) < 30


def test_a_survey_for_a_decision_ends_when_it_is_certain(serving):
    """No further answer could change the best gift, so the survey stops with the reason `decision`."""
    service = serving(DECIDING)
    someone = service.start()
    someone.answer("owns", "yes")
    assert someone.view["status"] == "open"
    someone.answer("km", 40000)
    assert someone.view["stopped_because"] == "decision"


def test_the_last_question_is_stored(service):
    """The question that was open when the respondent finished is stored as the last one."""
    someone = service.start()
    open_question = someone.view["question"]["id"]
    someone.post("finish", {})
    with service.parts.store.reading() as session:
        assert session.get(SurveySession, someone.session).left_at == open_question
