"""Contacts in the API: lists, labels, external ids and the export."""

import pytest

from tests.survey_service.contacts.people import belief_of, contact, respondent


def list_pages(service, query="", limit=2):
    pages, after = [], ""
    while after is not None:
        response = service.call("GET", f"/api/v1/contacts?limit={limit}{query}{f'&after={after}' if after else ''}")
        assert response.status_code == 200, response.text
        pages.append([contact["external_ids"][0]["id"] for contact in response.json["items"]])
        after = response.json["next"]
    return pages


def test_pages_list_every_contact_once_in_order_of_change(service):
    """Following `next` visits every contact once, the least recently changed first."""
    for name in "abcde":
        respondent(service, name, owns="yes")
        service.clock.forward(seconds=1)

    assert list_pages(service) == [["a", "b"], ["c", "d"], ["e"]]


def test_the_list_filters_by_persona_confidence_and_time(service):
    """The filters can be combined."""
    respondent(service, "unsure", happy=4)
    respondent(service, "driver", owns="yes", km=40_000)
    service.clock.forward(hours=1)
    respondent(service, "later", owns="yes", km=40_000)

    assert list_pages(service, "&persona=driver&min_confidence=0.9") == [["driver", "later"]]
    assert list_pages(service, "&bank=cars&updated_since=2026-01-05T10:30:00Z") == [["later"]]
    assert list_pages(service, "&persona=family") == [[]]


@pytest.mark.parametrize("query", ["after=nonsense", "min_confidence=2", "updated_since=yesterday", "limit=0", "persona2=x"])
def test_an_invalid_query_parameter_is_named(service, query):
    """The response is 422 and names the parameter."""
    response = service.call("GET", f"/api/v1/contacts?{query}")

    assert response.status_code == 422
    assert response.json["errors"][0]["path"] == query.partition("=")[0]


def test_a_label_updates_the_belief_by_its_reliability(service):
    """The label changes the odds by Bayes' rule; removing it restores the belief of the answers."""
    person = respondent(service, "zoe", happy=4)
    before = person.belief()
    response = service.call("PUT", "/api/v1/contacts/zoe/label", {"bank": "cars", "persona": "family", "reliability": 0.8})

    odds = before["family"] / before["driver"] * 0.8 / 0.2
    belief = response.json["beliefs"]["cars"]
    assert belief["probabilities"]["family"] == pytest.approx(odds / (1 + odds), abs=1e-12)
    assert [entry["kind"] for entry in belief["explanation"]] == ["answer", "label"]
    assert person.answer("owns", "yes").status_code == 200
    assert belief_of(service, "zoe")["explanation"][-1]["kind"] == "label"

    service.call("DELETE", "/api/v1/contacts/zoe/label/cars")
    assert belief_of(service, "zoe")["probabilities"] == pytest.approx(respondent(service, None, happy=4, owns="yes").belief())


def test_a_belief_from_a_label_only_is_of_kind_labelled(service):
    """A contact without answers has a belief of the kind "labelled" after a label."""
    service.call("PUT", "/api/v1/contacts/zoe", {})

    response = service.call("PUT", "/api/v1/contacts/zoe/label", {"bank": "cars", "persona": "family"})

    assert response.json["beliefs"]["cars"]["kind"] == "labelled"


@pytest.mark.parametrize(
    ("body", "status", "path"),
    [
        ({"bank": "boats", "persona": "family"}, 404, None),
        ({"bank": "cars", "persona": "captain"}, 422, "persona"),
        ({"bank": "cars", "persona": "family", "reliability": 0.5}, 422, "reliability"),
        ({"bank": "cars", "persona": "family", "reliability": 1}, 422, "reliability"),
        ({"persona": "family"}, 422, "bank"),
    ],
)
def test_an_invalid_label_is_refused(service, body, status, path):
    """An unknown bank is 404; an unknown persona and a useless reliability are 422 and name the field."""
    service.call("PUT", "/api/v1/contacts/zoe", {})

    response = service.call("PUT", "/api/v1/contacts/zoe/label", body)

    assert response.status_code == status
    assert path is None or [error["path"] for error in response.json["errors"]] == [path]


def test_a_contact_can_have_ids_in_several_systems(service):
    """The contact is found by each of its ids; an id of another contact is a conflict whose message suggests a merge."""
    service.call("PUT", "/api/v1/contacts/zoe", {"external_ids": [{"system": "hubspot", "type": "vid", "id": "51"}]})
    service.call("PUT", "/api/v1/contacts/max", {})

    assert service.call("GET", "/api/v1/contacts/51?system=hubspot").json["id"] == contact(service, "zoe")["id"]
    conflict = service.call("PUT", "/api/v1/contacts/max", {"external_ids": [{"system": "hubspot", "id": "51"}]})
    assert conflict.status_code == 409
    assert "merge" in conflict.json["errors"][0]["message"]


def test_the_export_contains_all_stored_data(service):
    """Withdrawn answers are included, and the digest of the session token is not."""
    service.call("PUT", "/api/v1/contacts/zoe", {"email": "zoe@example.com"})
    person = respondent(service, "zoe", owns="yes", why="because")
    person.back()
    service.call("POST", "/api/v1/links", {"survey": "all", "contacts": [{"external_id": "zoe"}]})

    export = service.call("GET", "/api/v1/contacts/zoe/export").json

    assert export["contact"]["email"] == "zoe@example.com"
    assert [(answer["question"], answer["value"], answer["state"]) for answer in export["answers"]] == [
        ("owns", "yes", "current"),
        ("why", "because", "withdrawn"),
    ]
    assert [session["survey"] for session in export["sessions"] + export["links"]] == ["all", "all"]
    assert "token_digest" not in export["sessions"][0]
