"""The generic connection fills a template without logic, and no value can change the structure of the request."""

from typing import Any

import pytest

from survey_service.crm.adapters.http_template import filled, requests, wrong
from survey_service.crm.adapters.protocol import ConnectionConfig, Identity, Record
from tests.survey_service.crm.fake_crm import Answer

NASTY = 'Zoé "the\\ fox"\n{{email}} </script>'
OURS: dict[str, Any] = {
    "persona_top": "driver",
    "persona_p_driver": 0.62,
    "persona_is_decided": True,
    "email": NASTY,
    "external_id": "a/b?c&d ü",
}
RECORD = Record("evt_1", Identity("external_id", "a/b"), {}, OURS)
BODY = {
    "who": "{{external_id}}",
    "fields": [{"name": "p", "value": "{{ persona_p_driver }}"}],
    "text": "is {{persona_top}}, {{persona_is_decided}}",
}


def test_a_placeholder_alone_keeps_its_type_and_in_text_becomes_text():
    """Numbers stay numbers; an unknown value is null alone and empty within text."""
    assert filled(BODY, RECORD) == {
        "who": OURS["external_id"],
        "fields": [{"name": "p", "value": 0.62}],
        "text": "is driver, true",
    }
    assert filled(["{{persona_p_pilot}}", "x{{persona_p_pilot}}", 1, None], RECORD) == [None, "x", 1, None]


def test_a_value_is_never_read_as_a_template():
    """A contact's name that looks like a placeholder is sent as it is."""
    assert filled("{{email}}", RECORD) == NASTY
    assert filled("<{{email}}>", RECORD) == f"<{NASTY}>"


def test_values_in_a_url_are_percent_encoded():
    """A name with a slash stays one segment of the path."""
    (request,) = requests(ConnectionConfig("https://x.example/c/{{external_id}}?p={{persona_top}}", template={"body": {}}), None, [RECORD])
    assert request.url == "https://x.example/c/a%2Fb%3Fc%26d%20%C3%BC?p=driver"


@pytest.mark.parametrize(
    ("url", "template", "path"),
    [
        ("https://x.example/{{nothing}}", {"body": {}}, "url"),
        ("https://{{external_id}}.example/x", {"body": {}}, "url"),
        ("https://x.example/", {"body": {"deep": ["{{ persona_p_pilot }}"]}}, "template.body"),
        ("https://x.example/", {"body": {"deep": "{{#if persona_top}}"}}, "template.body"),
        ("https://x.example/", {"body": {}, "headers": {"x": "{{persona_top}}"}}, "template.headers"),
    ],
)
def test_what_a_template_cannot_have_is_named_when_it_is_saved(url, template, path):
    assert [found for found, _ in wrong(url, template, tuple(OURS))] == [path]


def http(there: Any, **given: Any) -> str:
    whole = {
        "kind": "http",
        "url": there.crm.url + "/people/{{external_id}}",
        "identity": ["external_id"],
        "template": {"method": "PUT", "body": BODY},
    }
    return there.connect(**{**whole, "credentials": {"headers": {"X-Api-Key": "not-for-logs"}}, **given})


def test_each_contact_is_one_request(there):
    """The request has the method, URL, secret header and body of the template."""
    http(there)
    there.people(2)
    there.crm.behaviour = lambda asked: Answer(204)
    there.deliver_due()
    assert sorted((asked.method, asked.path) for asked in there.crm.asked) == [("PUT", "/people/crm-0"), ("PUT", "/people/crm-1")]
    assert {asked.headers["x-api-key"] for asked in there.crm.asked} == {"not-for-logs"}
    assert there.crm.asked[0].body["fields"] == [{"name": "p", "value": 0.7}]
    assert set(there.world.states) == {"delivered"}


def test_each_answer_is_for_one_contact(there):
    """404 and 422 are final for their record, 500 is retried, and the other records are delivered."""
    http(there)
    there.people(4)
    says = {"crm-0": 404, "crm-1": 422, "crm-2": 500, "crm-3": 200}
    there.crm.behaviour = lambda asked: Answer(says[asked.path.rpartition("/")[2]])
    there.deliver_due()
    assert {row.contact_id: (row.state, row.last_error) for row in there.world.deliveries} == {
        "ct_crm-0": ("dead", "not_found"),
        "ct_crm-1": ("dead", "refused_422"),
        "ct_crm-2": ("pending", "status_500"),
        "ct_crm-3": ("delivered", None),
    }


def test_retry_after_stops_the_rest_of_the_batch(there):
    """Earlier responses of the batch count; the remaining records wait without using up an attempt."""
    http(there)
    there.people(3)
    there.crm.answers += [Answer(200), Answer(429, headers={"Retry-After": "120"})]
    there.deliver_due()
    assert [row.state for row in there.world.deliveries] == ["delivered", "pending", "pending"]
    assert [row.attempt for row in there.world.deliveries] == [1, 0, 0]
    assert (there.world.the_endpoint().paused_until - there.world.now).total_seconds() == 120
    there.world.forward(seconds=120)
    there.deliver_due()
    assert len(there.crm.asked) == 4
    assert set(there.world.states) == {"delivered"}


@pytest.mark.parametrize("status", [301, 302, 307])
def test_a_redirect_is_not_followed(there, status):
    """The target of the redirect gets no request."""
    http(there)
    there.people(1)
    there.crm.behaviour = lambda asked: Answer(status, headers={"Location": there.crm.url + "/elsewhere"})
    there.deliver_due()
    assert len(there.crm.asked) == 1
    assert there.world.states == ["pending"]
