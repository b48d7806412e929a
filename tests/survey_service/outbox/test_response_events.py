"""The end of a response is published by the answering path: completed, finished early, abandoned, expired."""

from datetime import timedelta

import pytest

from survey_service.respondent import interview
from survey_service.respondent.expiry import expire, expire_sessions
from survey_service.respondent.state import GivenAnswer, Start
from survey_service.respondent.view import view_of
from survey_service.store.tables.core import SurveySession

RESPONSES = ("survey.response.completed", "survey.response.abandoned")
UPDATED = ("contact.persona.updated",)


class Respondent:
    def __init__(self, world, contact=None, **start):
        self.world, self.answers = world, 0
        world.publish()
        with world.store.writing() as session:
            begun, self.token = interview.start(session, world.banks, "after", Start(contact_id=contact, **start), world.now)
        self.session = begun.row.id

    def answer(self, question, value=None, kind="answer"):
        self.answers += 1
        given_answer = GivenAnswer(str(self.answers), question, kind, value)
        with self.world.store.writing() as session:
            acted = interview.record_answers(session, self.world.banks, self.session, self.token, [given_answer], self.world.now)
        return view_of(acted, self.world.now)

    def finish(self):
        with self.world.store.writing() as session:
            interview.finish(session, self.world.banks, self.session, self.token, self.world.now)

    @property
    def row(self):
        (row,) = self.world.all(SurveySession)
        return row


@pytest.fixture
def respondent(world):
    return Respondent(world, world.contact(), hidden={"order": "1001"}, language="fr", channel="email")


def sweep(world):
    return expire_sessions(world.store, world.banks, world.now)


def test_every_question_is_listed_with_its_outcome(world, respondent):
    """Free text is sent only to endpoints that ask for it."""
    world.endpoint(events=RESPONSES)
    world.endpoint(events=RESPONSES, include_pii=True)
    respondent.answer("owns", "yes")
    respondent.answer("age", kind="refuse")
    respondent.answer("more", "Call me: Zoé 🦊")
    respondent.finish()

    plain, full = sorted(world.deliver_due(), key=lambda sent: b"withheld" not in sent.body)

    assert plain.data["questions"] == [
        {"question": "owns", "type": "single", "state": "answered", "value": "yes"},
        {"question": "reasons", "type": "multiple", "state": "not_asked"},
        {"question": "happy", "type": "scale", "state": "not_asked"},
        {"question": "age", "type": "number", "state": "refuse"},
        {"question": "more", "type": "text", "state": "answered", "value": None, "withheld": True},
        {"question": "colour", "type": "single", "state": "not_asked"},
    ]
    assert full.data["questions"][4] == {"question": "more", "type": "text", "state": "answered", "value": "Call me: Zoé 🦊"}
    assert "Zoé".encode() not in plain.body
    about = {name: plain.data["response"][name] for name in ("survey", "status", "stopped_because", "hidden", "channel", "language")}
    assert about == {
        "survey": "after",
        "status": "finished",
        "stopped_because": "respondent",
        "hidden": {"order": "1001"},
        "channel": "email",
        "language": "fr",
    }


def test_free_text_is_not_quoted_in_explanations_either(world, respondent):
    world.endpoint(events=UPDATED)
    respondent.answer("owns", "yes")
    respondent.answer("more", "Call me")

    sent = world.deliver_due()

    assert [entry["question"] for entry in sent[-1].data["explanation"]] == ["owns", "more"]
    assert not any(b"Call me" in delivery.body for delivery in sent)


@pytest.mark.parametrize("when", ["material", "idle", "final"])
def test_an_early_finish_is_published_at_once_with_the_last_state(world, respondent, when):
    """Debounced updates go out, `final` endpoints get their first message, and the completion is last."""
    world.endpoint(when=when, events=())
    respondent.answer("owns", "yes")
    assert world.deliver_due() == []

    respondent.finish()

    published = [(sent.message["type"], sent.data["sequence"]) for sent in world.deliver_due()]
    assert [kind for kind, _ in published] == ["contact.persona.updated", "survey.response.completed"]
    assert published[0][1] < published[1][1]


def test_the_end_is_not_debounced_for_endpoints_with_updates_only(world, respondent):
    world.endpoint(when="material", events=UPDATED)
    respondent.answer("owns", "yes")
    respondent.finish()

    assert len(world.deliver_due()) == 1


def test_a_decision_is_published_at_the_end_to_endpoints_that_want_only_that(world):
    world.endpoint(when="final", events=("contact.persona.decided",))
    contact = world.contact()
    respondent = Respondent(world, contact)
    world.store_belief(contact, 0.95)
    assert world.deliver_due() == []

    respondent.finish()

    assert [sent.message["type"] for sent in world.deliver_due()] == ["contact.persona.decided"]


def test_a_finish_without_an_answer_publishes_nothing_about_the_persona(world, respondent):
    world.endpoint(events=())
    respondent.finish()

    assert [sent.message["type"] for sent in world.deliver_due()] == ["survey.response.completed"]


def test_an_end_that_an_answer_brings_is_published_once(world, respondent):
    """The end does not publish the last update a second time."""
    world.endpoint(when="final", events=())
    respondent.answer("owns", "no")

    kinds = [sent.message["type"] for sent in world.deliver_due()]

    assert respondent.row.status != "open"
    assert [kind.rpartition(".")[2] for kind in kinds] == ["updated", "decided", "completed"]


def test_leaving_in_the_middle_is_published_once(world, respondent):
    """A session is abandoned after half an hour, and a second time when the respondent returned and left again."""
    world.endpoint(events=("survey.response.abandoned",))
    respondent.answer("owns", "yes")
    world.forward(minutes=29)
    assert sweep(world) == 0

    world.forward(minutes=1)
    assert sweep(world) == 1
    assert sweep(world) == 0
    [sent] = world.deliver_due()
    assert (sent.message["type"], sent.data["response"]["status"]) == ("survey.response.abandoned", "open")
    assert sent.data["questions"][0]["state"] == "answered"

    respondent.answer("age", kind="refuse")
    world.forward(minutes=30)
    sweep(world)
    assert len(world.deliver_due()) == 1


def test_an_expired_session_is_closed(world, respondent):
    """An expired session publishes no second abandonment; endpoints with `final` get the last state now."""
    world.endpoint(when="final", events=())
    respondent.answer("owns", "yes")
    world.forward(minutes=30)
    sweep(world)
    assert [sent.message["type"] for sent in world.deliver_due()] == ["survey.response.abandoned"]

    world.forward(hours=24)
    assert sweep(world) == 1

    row = respondent.row
    assert (row.status, row.question, row.ended_at) == ("expired", None, world.now)
    assert [(sent.message["type"], sent.data["reason"]) for sent in world.deliver_due()] == [("contact.persona.updated", "expired")]
    world.forward(hours=24)
    assert sweep(world) == 0


def test_an_answer_that_arrives_during_expiry_keeps_the_session_open(world, respondent, monkeypatch):
    """The sweep checks the session again once it holds the contact's lock."""
    world.endpoint(events=())
    world.forward(minutes=30)
    found = world.now
    world.forward(seconds=-1)
    respondent.answer("owns", "yes")

    with world.store.writing() as session:
        expire(session, world.banks, respondent.session, found)

    assert respondent.row.abandoned_at is None


def test_expired_secrets_are_deleted(world):
    from survey_service.webhooks import endpoints

    endpoint, _ = world.endpoint()
    with world.store.writing() as session:
        endpoints.rotate(session, world.settings, endpoint, world.now)
    assert len(world.the_endpoint().secrets) == 2
    world.now += timedelta(hours=24)

    sweep(world)

    assert len(world.the_endpoint().secrets) == 1
