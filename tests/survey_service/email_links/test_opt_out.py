"""The ways out: not me, do not ask me again, expiry, erasure; and links that never were."""

import pytest

from survey_service.contacts.identity import sign_identity
from survey_service.crypto import Keyring
from survey_service.links.lookup import revoke_links
from tests.survey_service.email_links.mailbox import Mail, links
from tests.survey_service.service import SECRET


def start(service, token, survey="all"):
    return service.client.post(f"/api/v1/surveys/{survey}/sessions", json={"link": token})


def test_not_me_takes_back_what_a_stranger_answered(service):
    """What the contact had said before counts again, the CRM's contact is not the stranger, and the links are dead."""
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


def test_not_me_leaves_the_contact_without_a_belief_of_a_stranger(service):
    """Where nothing was known before, nothing is known after."""
    mail = Mail.to(service)
    mail.open("yes")
    mail.send("yes", act="confirm")
    service.client.post(mail.leave, data={"act": "not_me"})
    assert mail.probabilities() == pytest.approx({"driver": 0.5, "family": 0.5})
    assert mail.answers() == []


def test_whoever_asks_to_be_left_alone_is(service):
    """On the consent of the contact, for every link there is and every one there might be; the CRM's next update does not undo it."""
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


def test_all_links_of_a_contact_can_be_revoked(service):
    """Erasure does it; those of others live on."""
    mine, mine_too, other = Mail.to(service), Mail.to(service), Mail.to(service, "ben")
    with service.parts.store.writing() as session:
        assert revoke_links(session, mine.row(session).contact_id, "erased", service.clock()) == 2
    for mail in (mine, mine_too):
        for option in (None, "yes", "no"):
            mail.open(option, status=410)
        assert service.client.get(mail.leave).status_code == 410
        assert service.client.post(mail.path("yes"), data={"act": "confirm"}).status_code == 410
    other.open("yes")


def test_a_link_that_somebody_changed_is_refused_wherever_it_was_changed(service):
    """With a page that says what to do, and with problem+json for the API."""
    mail = Mail.to(service)
    for place in range(len(mail.token)):
        token = mail.token[:place] + ("A" if mail.token[place] != "A" else "B") + mail.token[place + 1 :]
        assert service.client.get(f"/l/{token}").status_code == 404
    for token in ("x", "ü", "a" * 3000, mail.token + "=", mail.token + "A", mail.token[:-1]):
        response = service.client.get(f"/l/{token}", headers={"Accept-Language": "fr"})
        assert response.status_code == 404
        assert "Ce lien n’est pas complet." in response.text
    refused = start(service, mail.token[:-1])
    assert (refused.status_code, refused.content_type) == (422, "application/problem+json")
    assert refused.json["errors"][0]["path"] == "link"


def test_a_token_of_another_purpose_or_survey_is_refused(service):
    """An identity is no link, a link is no identity, and a link belongs to one survey."""
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


def test_links_outlive_a_rotation_of_the_keys_and_not_their_loss(service):
    """The newest key writes, the others still read."""
    mail = Mail.to(service)
    object.__setattr__(service.parts, "keys", Keyring(("a newer key that is long enough too", SECRET)))
    mail.open("yes")
    newer = Mail.to(service)
    object.__setattr__(service.parts, "keys", Keyring(("a newer key that is long enough too",)))
    newer.open("yes")
    mail.open("yes", status=404)


def test_an_expired_link_starts_no_session(service):
    """Sixty days unless something else was asked for."""
    mail, short = Mail.to(service), Mail.to(service, expires_in_days=1)
    service.clock.forward(days=1)
    assert start(service, short.token).json["code"] == "link_expired"
    service.clock.forward(days=58)
    assert start(service, mail.token).status_code == 201
    service.clock.forward(days=1)
    assert start(service, mail.token).json["code"] == "link_expired"
