"""Creating links over HTTP."""

import pytest
from sqlmodel import select

from survey_service.store.tables.links import Link
from tests.survey_service.email_links.mailbox import links


def test_creating_links_creates_unknown_contacts(service):
    """Fields in the body are stored for new contacts; existing contacts keep their data."""
    service.call("PUT", "/api/v1/contacts/zoe", {"attributes": {"city": "Lyon"}})
    body = [{"external_id": "zoe"}, {"external_id": "ben", "email": "ben@example.com", "attributes": {"language": "fr"}}]
    created = links(service, contacts=body)
    assert [link["external_id"] for link in created] == ["zoe", "ben"]
    assert [link["language"] for link in created] == ["en", "fr"]
    assert service.call("GET", "/api/v1/contacts/zoe").json["attributes"] == {"city": "Lyon"}
    assert service.call("GET", "/api/v1/contacts/ben").json["email"] == "ben@example.com"


def test_every_option_has_its_own_url(service):
    """This includes each point of a scale."""
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
def test_an_invalid_request_names_the_field_and_creates_nothing(service, change, path):
    """The response is 422 with the path of the field."""
    body = {"survey": "all", "contacts": [{"external_id": "zoe"}], **change}
    response = service.call("POST", "/api/v1/links", body)
    assert response.status_code == 422
    assert path in [error["path"] for error in response.json["errors"]]
    with service.parts.store.reading() as session:
        assert session.exec(select(Link)).all() == []


def test_an_unknown_survey_returns_404(service):
    """Creating links and reading the funnel both return 404."""
    assert service.call("POST", "/api/v1/links", {"survey": "no", "contacts": [{"external_id": "zoe"}]}).status_code == 404
    assert service.call("GET", "/api/v1/surveys/no/links").status_code == 404


def test_creating_links_needs_a_key_with_scope_write(service):
    """A read key gets 403 for links, and may read the funnel."""
    from survey_service.web.api_keys import create_key

    with service.parts.store.writing() as session:
        key = create_key(session, service.parts.keys, "read", "", service.clock())
    body = {"survey": "all", "contacts": [{"external_id": "zoe"}]}
    assert service.call("POST", "/api/v1/links", body, key=key).status_code == 403
    assert service.call("GET", "/api/v1/surveys/all/links", key=key).status_code == 200
    assert service.call("GET", "/api/v1/surveys/all/links", key="no").status_code == 401
