"""Erasing a contact."""

from tests.survey_service.contacts.people import everything, respondent

NAME, EMAIL, WORDS = "zoe-4711", "zoe@example.com", "because my aunt Petronella said so"


def known(service):
    service.call("POST", "/api/v1/endpoints", {"url": "https://crm.example.com/hook", "when": "every_answer", "include_pii": True})
    service.call("PUT", f"/api/v1/contacts/{NAME}", {"email": EMAIL, "attributes": {"city": "Quimperlé"}})
    return respondent(service, NAME, owns="yes", why=WORDS, km=9_000)


def test_nothing_of_the_person_is_left_in_any_table(service):
    """The message that tells of the erasure has their ids until it is delivered, and nothing else does."""
    known(service)
    assert all(text in everything(service) for text in (EMAIL, WORDS, "Quimperlé", NAME))

    assert service.call("DELETE", f"/api/v1/contacts/{NAME}").status_code == 204

    left = everything(service)
    assert not any(text in left for text in (EMAIL, WORDS, "Quimperlé", "9000"))
    assert left.count(NAME) == 1
    assert "contact.erased" in left
    assert service.call("GET", f"/api/v1/contacts/{NAME}").status_code == 404


def test_what_comes_later_under_the_name_is_refused(service):
    """With a session token, a signed identity, a link, or the name itself."""
    person = known(service)
    identity = service.call("POST", f"/api/v1/contacts/{NAME}/identity").json["identity"]
    link = service.call("POST", "/api/v1/links", {"survey": "all", "contacts": [{"external_id": NAME}]}).json["items"][0]["url"]
    service.call("DELETE", f"/api/v1/contacts/{NAME}")

    assert person.answer("happy", 3).status_code == 404
    assert service.client.post("/api/v1/surveys/all/sessions", json={"identity": identity}).json["code"] == "contact_erased"
    assert service.client.get(f"/l/{link.rpartition('/')[2]}").status_code in (404, 410)
    assert service.call("PUT", f"/api/v1/contacts/{NAME}", {"attributes": {"a": 1}}).status_code == 410
    assert service.call("POST", f"/api/v1/contacts/{NAME}/identity").status_code == 410
    again = service.call("POST", "/api/v1/links", {"survey": "all", "contacts": [{"external_id": NAME}, {"external_id": "other"}]})
    assert [item.get("refused") for item in again.json["items"]] == ["erased", None]


def test_they_may_come_back_with_a_consent_of_their_own(service):
    """And are new."""
    known(service)
    service.call("DELETE", f"/api/v1/contacts/{NAME}")

    back = service.call("PUT", f"/api/v1/contacts/{NAME}", {"consent": {"profiling": True}})

    assert back.status_code == 201
    assert back.json["beliefs"] == {}


def test_erasing_somebody_unknown_is_a_404(service):
    assert service.call("DELETE", "/api/v1/contacts/nobody").status_code == 404


def test_what_the_other_contacts_have_stays(service):
    """Only one is forgotten."""
    known(service)
    respondent(service, "other", owns="no")
    before = service.call("GET", "/api/v1/contacts/other").json

    service.call("DELETE", f"/api/v1/contacts/{NAME}")

    assert service.call("GET", "/api/v1/contacts/other").json == before
