"""Making links over HTTP."""

import pytest
from sqlmodel import select

from survey_service.store.tables.links import Link
from tests.survey_service.email_links.mailbox import links


def test_contacts_that_nobody_knows_are_made(service):
    """With what is told about them; those that are known stay who they are."""
    service.call("PUT", "/api/v1/contacts/zoe", {"attributes": {"city": "Lyon"}})
    body = [{"external_id": "zoe"}, {"external_id": "ben", "email": "ben@example.com", "attributes": {"language": "fr"}}]
    made = links(service, contacts=body)
    assert [item["external_id"] for item in made] == ["zoe", "ben"]
    assert [item["language"] for item in made] == ["en", "fr"]
    assert service.call("GET", "/api/v1/contacts/zoe").json["attributes"] == {"city": "Lyon"}
    assert service.call("GET", "/api/v1/contacts/ben").json["email"] == "ben@example.com"


def test_every_option_has_an_address_of_its_own(service):
    """Points of a scale too."""
    choice, scale = links(service, "zoe", question="owns")[0], links(service, "zoe", question="happy")[0]
    assert list(choice["options"]) == ["yes", "no"]
    assert list(scale["options"]) == ["1", "2", "3", "4", "5"]
    assert len({*choice["options"].values(), *scale["options"].values(), choice["url"], scale["url"]}) == 9


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"question": "km"}, "question"),
        ({"question": "nothing"}, "question"),
        ({"contacts": []}, "contacts"),
        ({"contacts": [{"external_id": ""}]}, "contacts.0.external_id"),
        ({"contacts": [{"external_id": "a"}, {"external_id": "a"}]}, "contacts.1"),
        ({"contacts": [{"external_id": "a", "name": "A"}]}, "contacts.0.name"),
        ({"contacts": [{"external_id": str(n)} for n in range(501)]}, "contacts"),
        ({"expires_in_days": 0}, "expires_in_days"),
        ({"expires_in_days": 367}, "expires_in_days"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_made(service, change, path):
    """By its field."""
    body = {"survey": "all", "contacts": [{"external_id": "zoe"}], **change}
    response = service.call("POST", "/api/v1/links", body)
    assert response.status_code == 422
    assert path in [error["path"] for error in response.json["errors"]]
    with service.parts.store.reading() as session:
        assert session.exec(select(Link)).all() == []


def test_a_survey_that_is_not_there_is_404(service):
    assert service.call("POST", "/api/v1/links", {"survey": "no", "contacts": [{"external_id": "zoe"}]}).status_code == 404
    assert service.call("GET", "/api/v1/surveys/no/links").status_code == 404


def test_reading_keys_make_no_links(service):
    """Scope write; the funnel needs read."""
    from survey_service.web.api_keys import create_key

    with service.parts.store.writing() as session:
        key = create_key(session, service.parts.keys, "read", "", service.clock())
    body = {"survey": "all", "contacts": [{"external_id": "zoe"}]}
    assert service.call("POST", "/api/v1/links", body, key=key).status_code == 403
    assert service.call("GET", "/api/v1/surveys/all/links", key=key).status_code == 200
    assert service.call("GET", "/api/v1/surveys/all/links", key="no").status_code == 401
