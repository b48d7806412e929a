"""Sessions that are abandoned in the middle, or before the first answer."""

import pytest
from sqlmodel import select

from survey_service.respondent.expiry import expire_sessions
from survey_service.store.tables.core import Contact, SurveySession
from survey_service.store.tables.webhooks import Delivery
from survey_service.webhooks.endpoints import add


@pytest.fixture
def listening(service):
    """A service with an endpoint that is subscribed to every event."""
    with service.parts.store.writing() as session:
        add(session, service.parts.settings, url="https://crm.example/hook", events=[], when="every_answer", now=service.clock())
    return service


def published(service, event_type):
    with service.parts.store.reading() as session:
        return session.exec(select(Delivery).where(Delivery.event_type == event_type)).all()


def test_leaving_in_the_middle_is_published_once_with_the_answers(listening):
    """A session is abandoned after half an hour without an answer and stays open for a day."""
    someone = listening.start()
    someone.answer("owns", "yes")
    for minutes in (20, 15, 30):
        listening.clock.forward(minutes=minutes)
        expire_sessions(listening.parts.store, listening.parts.banks, listening.clock())

    (message,) = published(listening, "survey.response.abandoned")
    states = {question["question"]: question["state"] for question in message.facts["questions"]}
    assert states["owns"] == "answered"
    assert states["happy"] == "not_asked"
    assert someone.answer("happy", 4).status_code == 200


def test_a_page_that_was_opened_and_left_is_no_response(listening):
    """A visitor who answers nothing leads to no message."""
    listening.start()
    listening.clock.forward(hours=30)
    expire_sessions(listening.parts.store, listening.parts.banks, listening.clock())

    assert published(listening, "survey.response.abandoned") == []
    with listening.parts.store.reading() as session:
        assert session.exec(select(SurveySession.status)).all() == ["expired"]


def test_looking_at_the_hosted_page_stores_nothing(listening):
    """Robots load pages without answering."""
    for _ in range(3):
        assert listening.client.get("/s/all").status_code == 200
        assert listening.client.head("/s/all").status_code == 200
    with listening.parts.store.reading() as session:
        assert session.exec(select(Contact)).all() == []
        assert session.exec(select(SurveySession)).all() == []


def test_an_answer_and_its_message_are_one_transaction(listening, monkeypatch):
    """If the message cannot be stored, the answer is refused too, and the client gets an error."""
    someone = listening.start()

    def full(*_args, **_more):
        raise OSError("disk full")

    monkeypatch.setattr("survey_service.outbox.messages.enqueue", full)
    listening.app.testing = True
    with pytest.raises(OSError, match="disk full"):
        someone.answer("owns", "yes")
    monkeypatch.undo()

    assert someone.insight()["log"] == []
    assert someone.answer("owns", "yes").status_code == 200
    assert len(published(listening, "contact.persona.updated")) == 1
