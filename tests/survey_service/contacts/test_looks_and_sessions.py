"""Who answered what, contacts by their address, and the log of who looked at a contact."""

from survey_service.contacts.retention import prune
from survey_service.web.api_keys import create_key
from tests.survey_service.contacts.people import everything, respondent


def test_sessions_are_listed_by_survey_and_status(service):
    """The newest first, with the filters of the report."""
    respondent(service, "zoe", owns="yes").post("finish", {})
    service.clock.forward(minutes=1)
    second = service.start("short", language="fr", channel="app")

    def listed(**query):
        return [row["session"] for row in service.call("GET", "/api/v1/sessions", query_string=query).json["items"]]

    everyone = listed()
    assert len(everyone) == 2
    assert everyone[0] == second.session
    assert listed(survey="short") == listed(language="fr") == listed(channel="app", status="open") == [second.session]
    assert listed(survey="all", status="finished", version=1) == [everyone[1]]
    assert listed(version=2) == []
    assert service.call("GET", "/api/v1/sessions?status=away").status_code == 422
    assert service.call("GET", "/api/v1/sessions?after=x").status_code == 422


def test_contacts_are_found_by_their_address(service):
    """Upper case and blanks do not matter; a contact without a belief is found too."""
    service.call("PUT", "/api/v1/contacts/zoe", {"email": "Zoe@example.com"})
    service.call("PUT", "/api/v1/contacts/max", {"email": "max@example.com"})
    respondent(service, "max", owns="yes")

    found = [
        service.call("GET", "/api/v1/contacts", query_string={"email": email}).json for email in (" zoe@EXAMPLE.com", "max@example.com")
    ]

    assert [[row["external_ids"][0]["id"] for row in page["items"]] for page in found] == [["zoe"], ["max"]]
    assert found[0]["items"][0]["belief"] is None
    assert found[1]["items"][0]["belief"]["bank"] == "cars"
    assert service.call("GET", "/api/v1/contacts?email=nobody@example.com").json == {"items": [], "next": None}


def test_every_look_is_logged_until_the_contact_is_erased(service):
    """Admins see who looked; after the erasure nothing leads to the contact, and retention deletes the rest."""
    p = service.parts
    service.call("PUT", "/api/v1/contacts/zoe", {"email": "zoe@example.com"})
    contact_id = service.call("GET", "/api/v1/contacts/zoe").json["id"]
    with p.store.writing() as session:
        crm = create_key(session, p.keys, "read", "CRM", p.now())
    service.call("GET", "/api/v1/contacts/zoe/timeline", key=crm)
    service.call("GET", "/api/v1/contacts/zoe/export", key=crm)
    service.call("GET", "/api/v1/contacts", query_string={"email": "zoe@example.com"}, key=crm)

    looks = service.call("GET", "/api/v1/contacts/zoe/looks").json["items"]

    assert [(look["name"], look["what"]) for look in looks] == [
        ("CRM", "search"),
        ("CRM", "export"),
        ("CRM", "timeline"),
        ("tests", "contact"),
    ]
    assert service.call("GET", "/api/v1/contacts/zoe/looks", key=crm).status_code == 403
    service.call("DELETE", "/api/v1/contacts/zoe")
    with p.store.engine.connect() as connection:
        seen = connection.exec_driver_sql("SELECT contact FROM contact_look").scalars().all()
    assert len(seen) == 4
    assert contact_id not in seen
    assert "zoe@example.com" not in everything(service)
    service.clock.forward(days=40)
    assert prune(p.store, p.banks, 30, service.clock).looks == 4
