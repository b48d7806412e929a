"""Opt-outs, expired, revoked and forged links."""

import pytest

from survey_service.contacts.identity import sign_identity
from survey_service.crypto import Keyring
from survey_service.links.lookup import revoke_links
from tests.survey_service.email_links.mailbox import Mail, links
from tests.survey_service.service import SECRET


def start(service, token, survey="all"):
    return service.client.post(f"/api/v1/surveys/{survey}/sessions", json={"link": token})


def test_not_me_removes_the_answers_from_the_contact(service):
    """The contact's earlier answer counts again, and the links are revoked."""
    zoe = service.start(identity=service.call("POST", "/api/v1/contacts/zoe/identity").json["identity"])
    zoe.answer("owns", "no")
    mail = Mail.to(service)
    before = mail.probabilities()
    mail.open("yes")
    mail.send("yes", act="confirm")
    assert mail.probabilities() != before

    page = service.client.get(mail.leave).text
    assert "This is not me" in page
    done = service.client.post(mail.leave, data={"act": "not_me"})

    assert done.status_code == 200
    assert mail.probabilities() == before
    assert mail.answers() == [("owns", "answer", "no")]
    assert "This link does not work any more." in mail.open("yes", status=410)
    assert start(service, mail.token).json["code"] == "link_revoked"


def test_not_me_restores_the_prior_of_a_contact_without_other_answers(service):
    """The contact has the prior and no answers afterwards."""
    mail = Mail.to(service)
    mail.open("yes")
    mail.send("yes", act="confirm")
    service.client.post(mail.leave, data={"act": "not_me"})
    assert mail.probabilities() == pytest.approx({"driver": 0.5, "family": 0.5})
    assert mail.answers() == []


def test_an_opt_out_disables_all_links_of_the_contact(service):
    """The opt-out is in the consent, holds for existing and new links, and survives a PUT that does not mention it."""
    first, second = Mail.to(service), Mail.to(service)
    first.open("yes")
    assert service.client.post(first.leave, data={"act": "leave_alone"}).status_code == 200
    assert service.call("GET", "/api/v1/contacts/zoe").json["consent"]["asking"] is False

    assert "You asked us not to ask you again" in second.open("no", status=410)
    assert start(service, second.token).json["code"] == "asked_to_be_left_alone"
    service.call("PUT", "/api/v1/contacts/zoe", {"consent": {"profiling": True}})
    assert links(service, "zoe") == [{"external_id": "zoe", "refused": "asked_to_be_left_alone"}]

    service.call("PUT", "/api/v1/contacts/zoe", {"consent": {"profiling": True, "asking": True}})
    assert "url" in links(service, "zoe")[0]


def test_revoking_affects_every_link_of_one_contact(service):
    """All URLs of the contact's links return 410; links of other contacts still work."""
    first, second, other = Mail.to(service), Mail.to(service), Mail.to(service, "ben")
    with service.parts.store.writing() as session:
        assert revoke_links(session, first.row(session).contact_id, "erased", service.clock()) == 2
    for mail in (first, second):
        for option in (None, "yes", "no"):
            mail.open(option, status=410)
        assert service.client.get(mail.leave).status_code == 410
        assert service.client.post(mail.path("yes"), data={"act": "confirm"}).status_code == 410
    other.open("yes")


def test_a_changed_link_token_is_refused(service):
    """A change of any character is refused, with a page for people and problem+json for the API."""
    mail = Mail.to(service)
    for place in range(len(mail.token)):
        token = mail.token[:place] + ("A" if mail.token[place] != "A" else "B") + mail.token[place + 1 :]
        assert service.client.get(f"/l/{token}").status_code == 404
    for token in ("x", "ü", "a" * 3000, mail.token + "A", mail.token[:-1]):
        response = service.client.get(f"/l/{token}", headers={"Accept-Language": "fr"})
        assert response.status_code == 404
        assert "Ce lien n’est pas complet." in response.text
    refused = start(service, mail.token[:-1])
    assert (refused.status_code, refused.content_type) == (422, "application/problem+json")
    assert refused.json["errors"][0]["path"] == "link"


def test_a_token_of_another_purpose_or_survey_is_refused(service):
    """An identity is refused as a link, a link as an identity, and a link by another survey."""
    mail = Mail.to(service)
    with service.parts.store.reading() as session:
        identity = sign_identity(service.parts.keys, mail.row(session).contact_id)
    assert service.client.get(f"/l/{identity}").status_code == 404
    assert start(service, identity).json["code"] in ("link_invalid", "invalid")
    crossed = service.client.post("/api/v1/surveys/all/sessions", json={"identity": mail.token})
    assert crossed.json["code"] == "identity_invalid"
    assert start(service, mail.token, "short").json["code"] == "link_of_another_survey"
    both = service.client.post("/api/v1/surveys/all/sessions", json={"identity": identity, "link": mail.token})
    assert both.status_code == 422


def test_links_survive_key_rotation(service):
    """Tokens of an older key work while that key is configured, and fail after it was removed."""
    mail = Mail.to(service)
    object.__setattr__(service.parts, "keys", Keyring(("a newer key that is long enough too", SECRET)))
    mail.open("yes")
    newer = Mail.to(service)
    object.__setattr__(service.parts, "keys", Keyring(("a newer key that is long enough too",)))
    newer.open("yes")
    mail.open("yes", status=404)


def test_an_expired_link_starts_no_session(service):
    """Links expire after sixty days, or after the given number of days."""
    mail, short = Mail.to(service), Mail.to(service, expires_in_days=1)
    service.clock.forward(days=1)
    assert start(service, short.token).json["code"] == "link_expired"
    service.clock.forward(days=58)
    assert start(service, mail.token).status_code == 201
    service.clock.forward(days=1)
    assert start(service, mail.token).json["code"] == "link_expired"
