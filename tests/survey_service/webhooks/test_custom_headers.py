"""Custom headers are sent with every message, stored encrypted, and cannot replace the headers of the message."""

import pytest

from survey_service.webhooks.endpoints import MOST_HEADERS
from tests.survey_service.webhooks.api_clients import ENDPOINT

TOKEN = "Bearer not-for-eyes"


def test_custom_headers_are_sent_and_never_shown_again(world, call):
    """Neither the API nor the database shows the values in clear."""
    made = call("post", "/endpoints", {**ENDPOINT, "headers": {"Authorization": TOKEN, "X-Shop": "7"}})
    world.store_belief(world.contact(), 0.4, ended=True)
    [sent] = world.deliver_due()

    assert (sent.headers["Authorization"], sent.headers["X-Shop"]) == (TOKEN, "7")
    assert sent.headers["webhook-id"] == sent.message["id"]
    assert made.json["header_names"] == ["Authorization", "X-Shop"]
    for answer in (made, call("get", f"/endpoints/{made.json['id']}"), call("get", "/endpoints")):
        assert TOKEN not in answer.text
    assert TOKEN not in repr(world.all_as_text())


def test_custom_headers_are_replaced_as_a_whole(world, call):
    made = call("post", "/endpoints", {**ENDPOINT, "headers": {"A": "1", "B": "2"}}).json
    changed = call("patch", f"/endpoints/{made['id']}", {"headers": {"C": "3"}}).json

    assert changed["header_names"] == ["C"]
    assert call("patch", f"/endpoints/{made['id']}", {"description": "x"}).json["header_names"] == ["C"]


REFUSED = {
    "host": ["Host"],
    "of the body": ["Content-Type", "content-length", "Content-Encoding"],
    "of the line": ["Connection", "Transfer-Encoding", "TE", "Upgrade", "Keep-Alive", "Trailer", "Expect"],
    "of a proxy": ["Proxy-Authorization", "proxy-connection"],
    "of the signature": ["webhook-id", "Webhook-Signature"],
    "no name": ["", "a b", "a:b", "é", "a\r\nb", "x" * 101],
}


@pytest.mark.parametrize("name", [name for names in REFUSED.values() for name in names])
def test_a_name_that_belongs_to_the_message_is_refused(call, name):
    answer = call("post", "/endpoints", {**ENDPOINT, "headers": {name: "1", "Fine": "1"}})

    assert answer.status_code == 422
    assert [error["path"] for error in answer.json["errors"]] == [f"headers.{name[:100]}"]


@pytest.mark.parametrize("value", ["a\r\nHost: inside", "a\nb", "a\rb", "", " a", "a ", "é", "x" * 4097])
def test_a_value_is_one_line(call, value):
    """A value with a line break is refused and not quoted in the error: it may be a token with a typing mistake."""
    answer = call("post", "/endpoints", {**ENDPOINT, "headers": {"X-Token": value}})

    assert (answer.status_code, [error["path"] for error in answer.json["errors"]]) == (422, ["headers.X-Token"])
    assert len(value) < 10 or value not in answer.text


def test_all_problems_come_at_once(call):
    given = {"url": "x", "events": ["y"], "headers": {"Host": "1", "A": "1", "a": "2"}}
    answer = call("post", "/endpoints", given)

    assert {error["path"] for error in answer.json["errors"]} == {"url", "events.0", "headers.Host", "headers"}
    assert call("post", "/endpoints", {**ENDPOINT, "headers": {f"X-{n}": "1" for n in range(MOST_HEADERS + 1)}}).status_code == 422
