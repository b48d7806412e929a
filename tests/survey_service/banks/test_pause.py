"""A paused survey begins no session, in whichever way people come; open sessions go on, and everything is as before once it is resumed."""

from survey_service.cli.main import main
from tests.survey_service.email_links.mailbox import Mail, links
from tests.survey_service.service import BANK


def set_state(service, state, survey="all", **more):
    return service.call("PATCH", f"/api/v1/surveys/{survey}", {"state": state}, **more)


def test_a_paused_survey_begins_no_session(service):
    """Neither over the API, nor on its page, nor by an email link; another survey of the bank does, and an open session is answered."""
    mail, open_session = Mail.to(service), service.start("all")
    before = service.start("all", start_id="a" * 22)

    paused = set_state(service, "paused")

    assert (paused.status_code, paused.json["state"]) == (200, "paused")
    refused = service.client.post("/api/v1/surveys/all/sessions", json={})
    assert (refused.status_code, refused.json["code"]) == (409, "survey_paused")
    assert service.client.post("/api/v1/surveys/all/sessions", json={"link": mail.token}).json["code"] == "survey_paused"
    for path in ("/s/all", mail.path(), mail.path("yes")):
        page = service.client.get(path, headers={"Accept-Language": "fr"} if path == "/s/all" else {})
        assert page.status_code == 409
        assert ("n’accepte pas de nouvelles réponses" if path == "/s/all" else "takes no new answers") in page.text
    again = service.client.post("/api/v1/surveys/all/sessions", json={"start_id": "a" * 22})
    assert again.json["session"] == before.session
    assert open_session.answer("owns", "yes").status_code == 200
    assert service.client.post("/api/v1/surveys/short/sessions", json={}).status_code == 201
    assert links(service, "ben")[0]["url"]  # may be prepared meanwhile

    assert set_state(service, "active").json["state"] == "active"
    assert service.client.post("/api/v1/surveys/all/sessions", json={"link": mail.token}).status_code == 201
    assert "Do you own a car?" in mail.open()


def test_publishing_leaves_a_survey_paused(service):
    """It pauses a survey id, not a version."""
    set_state(service, "paused")
    service.call("POST", "/api/v1/banks", data=BANK.replace("Happy?", "Are you happy?"))

    listed = {row["survey"]: (row["version"], row["state"]) for row in service.call("GET", "/api/v1/surveys").json["items"]}
    assert listed == {"all": (2, "paused"), "short": (2, "active")}


def test_what_pauses_is_checked(one_service):
    """An unknown survey, another state, and a key that may not."""
    assert set_state(one_service, "paused", "nothing").status_code == 404
    wrong = set_state(one_service, "gone")
    assert (wrong.status_code, wrong.json["errors"][0]["path"]) == (422, "state")


def test_the_commands_of_surveys(commands):
    """They say what they did, and a list shows it."""
    assert commands(main, "survey", "pause", "all").exit_code == 0
    assert commands(main, "survey", "list").stdout == "all cars version 1 paused\nshort cars version 1 active\n"
    assert commands(main, "survey", "resume", "all").exit_code == 0
    assert '"state": "active"' in commands(main, "survey", "list", "--json").stdout
    missing = commands(main, "survey", "pause", "nothing")
    assert (missing.exit_code, missing.stderr.splitlines()[0]) == (1, 'There is no survey "nothing".')
