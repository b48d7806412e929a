"""Erasing a contact."""

from tests.survey_service.contacts.people import everything, respondent

EXTERNAL_ID, EMAIL, ANSWER = "zoe-4711", "zoe@example.com", "because my aunt Petronella said so"


def create_contact_with_answers(service):
    service.call("POST", "/api/v1/endpoints", {"url": "https://crm.example.com/hook", "when": "every_answer", "include_pii": True})
    service.call("PUT", f"/api/v1/contacts/{EXTERNAL_ID}", {"email": EMAIL, "attributes": {"city": "Quimperlé"}})
    return respondent(service, EXTERNAL_ID, owns="yes", why=ANSWER, km=9_000)


def test_erasure_leaves_no_personal_data_in_any_table(service):
    """Only the message about the erasure keeps the contact's ids until it is delivered."""
    create_contact_with_answers(service)
    assert all(text in everything(service) for text in (EMAIL, ANSWER, "Quimperlé", EXTERNAL_ID))

    assert service.call("DELETE", f"/api/v1/contacts/{EXTERNAL_ID}").status_code == 204

    left = everything(service)
    assert not any(text in left for text in (EMAIL, ANSWER, "Quimperlé", "9000"))
    assert left.count(EXTERNAL_ID) == 1
    assert "contact.erased" in left
    assert service.call("GET", f"/api/v1/contacts/{EXTERNAL_ID}").status_code == 404


def test_data_about_an_erased_contact_is_refused(service):
    """A session token, a signed identity, a link and the external id are all refused after the erasure."""
    person = create_contact_with_answers(service)
    identity = service.call("POST", f"/api/v1/contacts/{EXTERNAL_ID}/identity").json["identity"]
    link = service.call("POST", "/api/v1/links", {"survey": "all", "contacts": [{"external_id": EXTERNAL_ID}]}).json["items"][0]["url"]
    service.call("DELETE", f"/api/v1/contacts/{EXTERNAL_ID}")

    assert person.answer("happy", 3).status_code == 404
    assert service.client.post("/api/v1/surveys/all/sessions", json={"identity": identity}).json["code"] == "contact_erased"
    assert service.client.get(f"/l/{link.rpartition('/')[2]}").status_code in (404, 410)
    assert service.call("PUT", f"/api/v1/contacts/{EXTERNAL_ID}", {"attributes": {"a": 1}}).status_code == 410
    assert service.call("POST", f"/api/v1/contacts/{EXTERNAL_ID}/identity").status_code == 410
    again = service.call("POST", "/api/v1/links", {"survey": "all", "contacts": [{"external_id": EXTERNAL_ID}, {"external_id": "other"}]})
    assert [link.get("refused") for link in again.json["items"]] == ["erased", None]


def test_an_erased_contact_can_return_with_a_new_consent(service):
    """A PUT with consent to profiling creates a new contact without a belief."""
    create_contact_with_answers(service)
    service.call("DELETE", f"/api/v1/contacts/{EXTERNAL_ID}")

    back = service.call("PUT", f"/api/v1/contacts/{EXTERNAL_ID}", {"consent": {"profiling": True}})

    assert back.status_code == 201
    assert back.json["beliefs"] == {}


def test_erasing_an_unknown_contact_returns_404(service):
    """DELETE of an unknown external id returns 404."""
    assert service.call("DELETE", "/api/v1/contacts/nobody").status_code == 404


def test_erasure_does_not_change_other_contacts(service):
    """The representation of another contact is the same before and after."""
    create_contact_with_answers(service)
    respondent(service, "other", owns="no")
    before = service.call("GET", "/api/v1/contacts/other").json

    service.call("DELETE", f"/api/v1/contacts/{EXTERNAL_ID}")

    assert service.call("GET", "/api/v1/contacts/other").json == before
