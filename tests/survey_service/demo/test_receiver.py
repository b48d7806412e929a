"""The demo's CRM accepts signed messages only."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from threading import Thread

import pytest
from standardwebhooks.webhooks import Webhook

from survey_service.demo.receiver import Crm, InvalidSignature, verify
from survey_service.egress.signing import new_secret, sign

BODY = json.dumps({"type": "contact.persona.updated", "data": {"sequence": 3, "contact": {"id": "ct_1"}}}).encode()
SECRET = new_secret()


def headers_of(secret: str = SECRET, body: bytes = BODY, at: float | None = None, event: str = "evt_1"):
    return dict(sign([secret], event, int(time.time() if at is None else at), body))


@pytest.fixture
def crm() -> Iterator[Crm]:
    with Crm(socket.create_server(("127.0.0.1", 0)), SECRET) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def call(crm: Crm, method: str, path: str, body: bytes | None = None, headers=None) -> tuple[int, dict]:
    with closing(HTTPConnection("127.0.0.1", crm.server_address[1], timeout=5)) as connection:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return response.status, json.loads(response.read())


def test_the_demo_receiver_agrees_with_the_reference_verifier():
    """Both accept what we sign, and both refuse a changed body."""
    assert verify(SECRET, headers_of(), BODY, time.time()) == Webhook(SECRET).verify(BODY, headers_of())
    both = dict(sign([new_secret(), SECRET], "evt_1", int(time.time()), BODY))
    assert verify(SECRET, both, BODY, time.time())["type"] == "contact.persona.updated"
    with pytest.raises(InvalidSignature):
        verify(SECRET, headers_of(), BODY + b" ", time.time())


def test_a_repeated_message_is_stored_once(crm):
    """A message with a known id is acknowledged and not stored again."""
    for _ in range(2):
        assert call(crm, "POST", "/hook", BODY, headers_of())[0] == 200
    status, got = call(crm, "GET", "/received?contact=ct_1")

    assert status == 200
    assert [(event["type"], event["sequence"], event["verified"]) for event in got["events"]] == [("contact.persona.updated", 3, True)]
    assert call(crm, "GET", "/received?contact=ct_2")[1] == {"events": []}


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (BODY, {}),
        (BODY, headers_of(new_secret())),
        (BODY, headers_of(at=time.time() - 3600)),
        (BODY, {**headers_of(), "webhook-timestamp": "soon"}),
        (BODY, {**headers_of(), "webhook-signature": "v1,é ,v1a,= v1,"}),
        (BODY, {**headers_of(), "webhook-id": "evt_2"}),
        (b"\xff\xfe", headers_of()),
        (b"[" * 20_000, headers_of()),
        (b"", {}),
        (b"[]", headers_of(body=b"[]")),
    ],
)
def test_an_invalid_signature_or_body_is_refused(crm, body, headers):
    """The response is 400, and the message is listed as not verified."""
    sent = {name: value.encode("utf-8") for name, value in headers.items()}
    assert call(crm, "POST", "/hook", body, sent)[0] == 400
    assert [event["verified"] for event in call(crm, "GET", "/received")[1]["events"]] == [False]


def test_other_addresses_and_sizes_are_refused(crm):
    """Other paths return 404, and a body that is too large returns 413."""
    assert call(crm, "POST", "/", BODY)[0] == 404
    assert call(crm, "GET", "/hook")[0] == 404
    assert call(crm, "POST", "/hook", None, {"Content-Length": "70000"})[0] == 413


def test_signed_messages_of_any_form_are_accepted(crm):
    """A signed JSON object is accepted whatever its fields are."""
    for number, body in enumerate((b"{}", b'{"data": 3}', b'{"data": {"contact": []}}')):
        assert call(crm, "POST", "/hook", body, headers_of(body=body, event=f"evt_{number}"))[0] == 200
