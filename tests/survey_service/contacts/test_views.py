"""Contacts as a CRM sees them: pages of them, labels, more names, and the export of everything."""

import pytest

from tests.survey_service.contacts.people import belief_of, contact, respondent


def pages(service, query="", limit=2):
    seen, after = [], ""
    while after is not None:
        response = service.call("GET", f"/api/v1/contacts?limit={limit}{query}{f'&after={after}' if after else ''}")
        assert response.status_code == 200, response.text
        seen.append([item["external_ids"][0]["id"] for item in response.json["items"]])
        after = response.json["next"]
    return seen


def test_a_crm_that_asks_gets_all_contacts_in_the_order_in_which_they_changed(service):
    """Page by page, each once."""
    for name in "abcde":
        respondent(service, name, owns="yes")
        service.clock.forward(seconds=1)

    assert pages(service) == [["a", "b"], ["c", "d"], ["e"]]


def test_it_can_ask_for_one_persona_that_is_sure_enough_and_for_what_is_new(service):
    """The filters go together."""
    respondent(service, "unsure", happy=4)
    respondent(service, "driver", owns="yes", km=40_000)
    service.clock.forward(hours=1)
    respondent(service, "later", owns="yes", km=40_000)

    assert pages(service, "&persona=driver&min_confidence=0.9") == [["driver", "later"]]
    assert pages(service, "&bank=cars&updated_since=2026-01-05T10:30:00Z") == [["later"]]
    assert pages(service, "&persona=family") == [[]]


@pytest.mark.parametrize("query", ["after=nonsense", "min_confidence=2", "updated_since=yesterday", "limit=0", "persona2=x"])
def test_a_query_that_is_not_understood_is_named(service, query):
    """422 with the field."""
    response = service.call("GET", f"/api/v1/contacts?{query}")

    assert response.status_code == 422
    assert response.json["errors"][0]["path"] == query.partition("=")[0]


def test_a_word_of_an_agent_is_weighed_with_the_rest(service):
    """By Bayes' rule with the reliability they claim; taken back, it leaves nothing."""
    person = respondent(service, "zoe", happy=4)
    before = person.belief()
    said = service.call("PUT", "/api/v1/contacts/zoe/label", {"bank": "cars", "persona": "family", "reliability": 0.8})

    odds = before["family"] / before["driver"] * 0.8 / 0.2
    told = said.json["beliefs"]["cars"]
    assert told["probabilities"]["family"] == pytest.approx(odds / (1 + odds), abs=1e-12)
    assert [item["kind"] for item in told["explanation"]] == ["answer", "label"]
    assert person.answer("owns", "yes").status_code == 200  # and goes on counting
    assert belief_of(service, "zoe")["explanation"][-1]["kind"] == "label"

    service.call("DELETE", "/api/v1/contacts/zoe/label/cars")
    assert belief_of(service, "zoe")["probabilities"] == pytest.approx(respondent(service, None, happy=4, owns="yes").belief())


def test_somebody_of_whom_only_a_word_is_known_is_labelled(service):
    """The kind says what a belief rests on."""
    service.call("PUT", "/api/v1/contacts/zoe", {})

    said = service.call("PUT", "/api/v1/contacts/zoe/label", {"bank": "cars", "persona": "family"})

    assert said.json["beliefs"]["cars"]["kind"] == "labelled"


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
def test_a_word_that_means_nothing_is_refused(service, body, status, path):
    """Each with what to do."""
    service.call("PUT", "/api/v1/contacts/zoe", {})

    response = service.call("PUT", "/api/v1/contacts/zoe/label", body)

    assert response.status_code == status
    assert path is None or [error["path"] for error in response.json["errors"]] == [path]


def test_a_contact_has_names_in_several_systems(service):
    """By each of them it is found; a name of somebody else is a conflict that says what to do."""
    service.call("PUT", "/api/v1/contacts/zoe", {"external_ids": [{"system": "hubspot", "type": "vid", "id": "51"}]})
    service.call("PUT", "/api/v1/contacts/max", {})

    assert service.call("GET", "/api/v1/contacts/51?system=hubspot").json["id"] == contact(service, "zoe")["id"]
    taken = service.call("PUT", "/api/v1/contacts/max", {"external_ids": [{"system": "hubspot", "id": "51"}]})
    assert taken.status_code == 409
    assert "merge" in taken.json["errors"][0]["message"]


def test_the_export_has_everything_that_is_kept(service):
    """Also what was withdrawn."""
    service.call("PUT", "/api/v1/contacts/zoe", {"email": "zoe@example.com"})
    person = respondent(service, "zoe", owns="yes", why="because")
    person.back()
    service.call("POST", "/api/v1/links", {"survey": "all", "contacts": [{"external_id": "zoe"}]})

    told = service.call("GET", "/api/v1/contacts/zoe/export").json

    assert told["contact"]["email"] == "zoe@example.com"
    assert [(answer["question"], answer["value"], answer["state"]) for answer in told["answers"]] == [
        ("owns", "yes", "current"),
        ("why", "because", "withdrawn"),
    ]
    assert [session["survey"] for session in told["sessions"] + told["links"]] == ["all", "all"]
    assert "token_digest" not in told["sessions"][0]
