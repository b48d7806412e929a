"""The start of a session: sent again, sent for somebody else, and sent with side data that cannot be stored."""

import logging

import pytest
from sqlmodel import func, select

from survey_service.store.tables.core import Contact, SurveySession
from survey_service.store.tables.links import LinkOpen
from tests.survey_service.contacts.people import respondent
from tests.survey_service.email_links.mailbox import Mail
from tests.survey_service.respondent.test_identify import identity

START_ID = "3141592653-589793238-46264338"
ORIGIN = {"Origin": "https://evil.example"}


def start(service, start_id=START_ID, survey="all", **body):
    return service.client.post(f"/api/v1/surveys/{survey}/sessions", json={"start_id": start_id, **body})


def count(service, table):
    with service.parts.store.reading() as session:
        return session.exec(select(func.count()).select_from(table)).one()


def test_a_start_that_is_sent_again_leads_to_the_same_session(service):
    """Two lost replies make one session and one contact, and the token of the third opens it, answers included."""
    first, second = start(service), start(service)
    assert first.status_code == second.status_code == 201
    assert {first.json["session"], first.json["token"]} == {second.json["session"], second.json["token"]}
    assert (count(service, SurveySession), count(service, Contact)) == (1, 1)

    body = {"answer_id": "a", "question": "owns", "kind": "answer", "value": "yes", "token": second.json["token"]}
    answered = service.client.post(f"/api/v1/sessions/{first.json['session']}/answers", json=body)
    resumed = start(service)
    assert resumed.json["question"] == answered.json["question"]
    assert resumed.json["progress"]["answered"] == 1


def test_another_key_or_survey_is_another_session(service):
    """Without a key every start is a session of its own."""
    made = [start(service), start(service, START_ID + "7"), start(service, survey="short"), start(service, None), start(service, None)]
    ids = [answer.json.get("session") for answer in made[:3]]
    assert [answer.status_code for answer in made] == [201, 201, 201, 422, 422]
    for _ in range(2):
        ids.append(service.client.post("/api/v1/surveys/all/sessions", json={}).json["session"])
    assert len(set(ids)) == 5


def test_a_device_resumes_only_the_session_of_the_same_person(service):
    """The same key with another signed identity, or with none, is another session; an identity that was signed anew is the same one."""
    for name in ("anna", "ben"):
        respondent(service, name)
    anna = start(service, identity=identity(service, "anna")).json
    service.clock.forward(hours=2)
    assert start(service, identity=identity(service, "anna")).json["session"] == anna["session"]

    ben, nobody = start(service, identity=identity(service, "ben")).json, start(service).json
    assert len({view["session"] for view in (anna, ben, nobody)}) == 3
    assert len({view["token"] for view in (anna, ben, nobody)}) == 3


def test_a_session_that_became_a_known_contacts_is_not_resumed_by_nobody(service):
    """The visitor of before has logged in meanwhile, and this visitor has not."""
    respondent(service, "anna")
    begun = start(service).json
    body = {"identity": identity(service, "anna"), "token": begun["token"]}
    assert service.client.post(f"/api/v1/sessions/{begun['session']}/identity", json=body).status_code == 200

    refused = start(service)
    assert (refused.status_code, refused.json["code"]) == (409, "somebody_else")
    assert start(service, START_ID + "7").status_code == 201


def test_a_start_by_link_is_counted_once(service):
    """A link to another option is another click, and starts another session."""
    mail = Mail.to(service)
    yes, no = (mail.path(option).removeprefix("/l/") for option in ("yes", "no"))
    first, second = start(service, link=yes).json, start(service, link=yes).json
    assert first["session"] == second["session"]
    assert second["claimed"]["text"] == "Yes"
    with service.parts.store.reading() as session:
        assert session.exec(select(func.sum(LinkOpen.opens))).one() == 1
    assert start(service, link=no).json["session"] != first["session"]


def test_consent_that_was_given_is_not_asked_for_again(database_url):
    """Before it nothing is stored, and the same key starts the session afterwards."""
    from tests.survey_service.respondent.test_widget_calls import MORE
    from tests.survey_service.service import BANK, a_service

    service = a_service(database_url, BANK + MORE)
    assert start(service, survey="asks", consent=False).status_code == 200
    assert count(service, SurveySession) == 0
    agreed = start(service, survey="asks", consent=True).json
    assert start(service, survey="asks", consent=False).json["session"] == agreed["session"]
    service.parts.store.close()


@pytest.mark.parametrize(
    ("body", "left_out"),
    [
        ({"identity": ""}, ["identity"]),
        ({"link": ""}, ["link"]),
        ({"language": "x" * 501}, ["language"]),
        ({"language": ""}, ["language"]),
        ({"language": 5}, ["language"]),
        ({"channel": "Röhre"}, ["channel"]),
        ({"page": "x" * 3000}, ["page"]),
        ({"hidden": [1]}, ["hidden"]),
        ({"hidden": {"order": "x" * 600}}, ["hidden.order"]),
        ({"hidden": {"": "x", "a": {"b": 1}, "n" * 101: 1}}, ["hidden.", "hidden.a", f"hidden.{'n' * 93}"]),
        ({"hidden": {str(number): number for number in range(51)}}, ["hidden.50"]),
    ],
)
def test_side_data_that_cannot_be_stored_is_left_out(service, caplog, body, left_out):
    """The questions are asked, the response and the log name what was left out, and the log has no value."""
    with caplog.at_level(logging.WARNING, "survey_service.respondent.side_data"):
        answer = service.client.post("/api/v1/surveys/all/sessions", json={**body, "channel": body.get("channel", "kiosk")})
    assert answer.status_code == 201
    assert answer.json["question"]["id"]
    assert [item["path"] for item in answer.json["left_out"]] == left_out
    assert "xxxxxxxxxx" not in caplog.text
    with service.parts.store.reading() as session:
        row = session.exec(select(SurveySession)).one()
        assert row.language == "en"
        assert len(row.hidden) == (50 if len(body.get("hidden", ())) > 50 else 0)


def test_the_rest_of_the_side_data_is_stored(service):
    """One field that is too long takes no other with it."""
    answer = service.client.post(
        "/api/v1/surveys/all/sessions", json={"hidden": {"order": "A-7", "note": "x" * 501}, "page": "https://a.b"}
    )
    assert [item["path"] for item in answer.json["left_out"]] == ["hidden.note"]
    with service.parts.store.reading() as session:
        row = session.exec(select(SurveySession)).one()
        assert (row.hidden, row.page) == ({"order": "A-7"}, "https://a.b")


@pytest.mark.parametrize("more", [{"seconds": -1}, {"seconds": 200_000.5}, {"seconds": "soon"}, {"seconds": True}, {"website": 5}])
def test_side_data_never_refuses_an_answer(service, more):
    """A page that stayed open for two days still sends an answer."""
    someone = service.start()
    assert someone.answer("owns", "yes", **more).status_code == 200
    [entry] = someone.insight()["log"]
    assert entry["seconds"] == (86_400 if more.get("seconds") == 200_000.5 else None)


def test_a_page_of_another_site_can_read_every_refusal(service):
    """Otherwise its developer sees a failed request and no reason. A wrapper of fetch may have added its own headers."""
    address = "/api/v1/surveys/all/sessions"
    asked = {**ORIGIN, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-csrf-token, content-type"}
    preflight = service.client.options(address, headers=asked)
    assert (preflight.status_code, preflight.headers["Access-Control-Allow-Headers"]) == (204, "x-csrf-token, content-type")
    assert preflight.headers["Access-Control-Allow-Origin"] == "https://evil.example"
    for body, status in (("{}", 403), ("x" * 70_000, 403), ("{", 403)):
        refused = service.client.post(address, data=body, headers=ORIGIN)
        assert (refused.status_code, refused.json["code"]) == (status, "origin_not_allowed")
        assert refused.headers["Access-Control-Allow-Origin"] == "https://evil.example"
    missing = service.client.post("/api/v1/surveys/nowhere/sessions", headers=ORIGIN)
    assert (missing.status_code, missing.headers["Access-Control-Allow-Origin"]) == (404, "*")
    assert count(service, SurveySession) == 0
