"""What the widget needs beyond answers: consent, drafts, clicks that would end the survey, and texts."""

from collections.abc import Iterator

import pytest
from sqlmodel import func, select

from survey_service.store.tables.core import Contact, SurveySession
from survey_service.store.tables.links import LinkOpen
from tests.survey_service.email_links.mailbox import Mail
from tests.survey_service.service import BANK, Service, a_service

MORE = """
  - {id: asks, title: Asks, questions: [owns, happy], stop: {at_most: 2}, consent: {text: {en: May we?, fr: Pouvons-nous ?}}}
  - {id: tells, title: Tells, questions: [owns, happy], stop: {at_most: 2}, consent: {text: We keep it for a year., required: false}}
  - {id: one, title: One question, questions: [owns], stop: {at_most: 1}}
  - {id: ticks, title: Ticks first, first: [owns, reasons], stop: {at_most: 3, gain_below: 0, confidence: 0.9999}}
"""


@pytest.fixture
def service(database_url: str) -> Iterator[Service]:
    """Services with surveys that require consent, that end after one question, and that begin with a multiple choice."""
    made = a_service(database_url, BANK + MORE)
    yield made
    made.parts.store.close()


def stored(service: Service) -> tuple[int, ...]:
    with service.parts.store.reading() as session:
        return tuple(session.exec(select(func.count()).select_from(table)).one() for table in (SurveySession, Contact, LinkOpen))


def test_nothing_is_stored_before_the_respondent_agrees(service):
    """A client that has not asked for consent gets the text and no session; after consent it gets a session."""
    before = stored(service)
    asked = service.client.post("/api/v1/surveys/asks/sessions", json={"consent": False, "language": "fr", "hidden": {"order": "A-7"}})

    assert asked.status_code == 200
    assert asked.json["consent"] == {"text": "Pouvons-nous ?", "required": True}
    assert asked.json["language"] == "fr"
    assert not {"session", "token"} & set(asked.json)
    assert stored(service) == before

    assert service.start("asks", consent=True).answer("owns", "no").status_code == 200


@pytest.mark.parametrize("body", [{}, {"consent": None}, {"consent": True}])
def test_a_client_that_handles_consent_itself_starts_at_once(service, body):
    """The view has the text and whether consent is required."""
    assert service.start("asks", **body).view["consent"] == {"text": "May we?", "required": True}


@pytest.mark.parametrize("survey", ["all", "tells"])
def test_without_required_consent_the_survey_starts_at_once(service, survey):
    """The notice is in the view of the first question."""
    view = service.start(survey, consent=False).view
    assert view.get("consent") == ({"text": "We keep it for a year.", "required": False} if survey == "tells" else None)


def test_before_consent_an_email_link_stores_nothing(service):
    """The link is not even counted as opened; a link to an unknown target is refused at once."""
    mail = Mail.to(service, survey="asks")
    before = stored(service)
    link = mail.path("yes").removeprefix("/l/")
    asked = service.client.post("/api/v1/surveys/asks/sessions", json={"consent": False, "link": link})
    assert (asked.status_code, stored(service)) == (200, before)

    wrong = service.client.post("/api/v1/surveys/asks/sessions", json={"consent": False, "link": link[:-3] + "xxx"})
    assert wrong.status_code == 422
    other = service.client.post("/api/v1/surveys/all/sessions", json={"consent": False, "link": link})
    assert other.json["code"] == "link_of_another_survey"
    assert service.start("asks", consent=True, link=link).view["claimed"]["text"] == "Yes"


def test_a_draft_counts_and_its_question_stays(service):
    """The unconfirmed options of a respondent who leaves are stored, shown on return, and replaced by the confirmed answer."""
    someone = service.start("ticks")
    someone.answer("owns", "yes")
    progress = someone.view["progress"]
    left = {"ticked": ["power"], "seen": ["power", "safety"]}
    someone.answer("reasons", left, draft=True)

    assert someone.view["question"]["id"] == "reasons"
    assert someone.view["question"]["given"] == {"ticked": ["power"], "seen": ["safety", "power"]}
    assert someone.view["progress"] == progress
    assert someone.belief()["driver"] > 0.5

    someone.answer("reasons", ["safety", "price"])
    assert someone.view["question"]["id"] != "reasons"
    kept = [(entry["question"], entry["value"]) for entry in someone.insight()["log"] if entry["state"] == "current"]
    assert kept == [("owns", "yes"), ("reasons", {"ticked": ["safety", "price"], "seen": ["safety", "power", "price"]})]


def test_a_draft_may_be_sent_twice_and_ends_nothing(service):
    """A closing page sends the draft without reading the reply; even the last question of a survey is asked again afterwards."""
    someone = service.start("ticks")
    someone.answer("owns", "yes")
    draft = {"answer_id": "left", "question": "reasons", "kind": "answer", "value": ["power"], "draft": True}
    first, again = someone.post("answers", draft).json, someone.post("answers", draft).json
    assert first == again
    assert first["status"] == "open"
    assert len(someone.insight()["log"]) == 2


def test_going_back_from_a_draft_leads_to_the_question_before(service):
    """Back from a draft leads to the question before it, not to the one being asked."""
    someone = service.start("ticks")
    someone.answer("owns", "yes")
    someone.answer("reasons", ["power"], draft=True)
    someone.back()
    assert someone.view["question"]["id"] == "owns"
    assert someone.view["question"]["given"] == "yes"


def test_a_click_that_would_end_the_survey_has_to_be_confirmed(service):
    """No question is left, so the view shows the clicked question until the respondent confirms the click."""
    mail = Mail.to(service, survey="one")
    link = mail.path("yes").removeprefix("/l/")
    someone = service.start("one", link=link)
    assert someone.view["status"] == "open"
    assert someone.view["question"]["id"] == someone.view["claimed"]["question"]["id"] == "owns"
    assert someone.view["question"]["given"] is None
    assert mail.answers() == []

    someone.answer("owns", "yes")
    assert someone.view["status"] == "complete"
    assert mail.answers() == [("owns", "answer", "yes")]


def test_words_open_no_transaction_of_their_own(service, monkeypatch):
    """The title among them is that of the bank version that the session has pinned."""
    someone, opened, reading = service.start(), [], type(service.parts.store).reading

    def count_reading(store):
        opened.append(store)
        return reading(store)

    monkeypatch.setattr(type(service.parts.store), "reading", count_reading)
    start, look, headers = (
        "/api/v1/surveys/tells/sessions",
        f"/api/v1/sessions/{someone.session}",
        {"Authorization": f"Bearer {someone.token}"},
    )
    counts = []
    for words in (False, True):
        opened.clear()
        begun = service.client.post(start, json={"words": words})
        asked = service.client.post(start.replace("tells", "asks"), json={"words": words, "consent": False})
        seen = service.client.get(look + "?words" * words, headers=headers)
        counts.append(len(opened))
        assert [reply.status_code for reply in (begun, asked, seen)] == [201, 200, 200]
    assert counts[0] == counts[1]
    assert [reply.json["words"]["title"] for reply in (begun, asked, seen)] == ["Tells", "Asks", "Everything"]


def test_words_come_with_the_session_in_its_language(service):
    """Texts are sent on request at the start and on resuming, and not with every answer."""
    someone = service.start(language="fr", words=True)
    assert someone.view["words"]["dont-know"] == "Je ne sais pas"
    assert someone.view["words"]["progress"] == "Question {n} sur {most} au plus"
    assert someone.view["words"]["outside"] == "Indiquez un nombre de {min} à {max}."
    again = service.client.get(f"/api/v1/sessions/{someone.session}?words", headers={"Authorization": f"Bearer {someone.token}"})
    assert again.json["words"] == someone.view["words"]
    assert "words" not in someone.silent("owns").json
    assert "words" not in service.start().view
