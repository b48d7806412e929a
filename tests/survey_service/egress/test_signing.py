"""The public Python library of Standard Webhooks verifies our signatures: a module that signs and verifies itself proves nothing."""

import base64
import json
import time

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from survey_service.egress.signing import SigningError, new_secret, sign

BODY = b'{"type":"endpoint.ping"}'


def now() -> int:
    return int(time.time())


@pytest.mark.parametrize(
    "text",
    [
        '{"name":"Zoé 🦊"}',
        '{"line":"a\u2028b\u2029c"}',
        '{"b":1,"a":2}',
        '{ "spaced" : 1e-9 }\n',
        '{"big":9007199254740993}',
    ],
)
def test_a_public_library_verifies_what_we_sign(text):
    """The signature covers the exact bytes: key order and escapes are kept."""
    secret, body = new_secret(), text.encode()

    assert Webhook(secret).verify(body, sign([secret], "evt_01", now(), body)) == json.loads(text)


def test_during_rotation_the_old_and_the_new_secret_both_verify():
    """The receiver may switch to the new secret at any moment of the overlap."""
    old, new = new_secret(), new_secret()

    headers = sign([new, old], "evt_01", now(), BODY)

    for secret in (old, new):
        Webhook(secret).verify(BODY, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(BODY, headers)


def test_entries_are_separated_by_exactly_one_space():
    """The public Python library crashes on an empty entry."""
    signature = sign([new_secret(), new_secret()], "evt_01", now(), BODY)["webhook-signature"]

    assert [entry.partition(",")[0] for entry in signature.split(" ")] == ["v1", "v1"]


def test_the_signature_is_that_of_the_specification():
    """The expected value is the worked example of the Standard Webhooks reference tests."""
    headers = sign(["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')

    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@pytest.mark.parametrize("changed", [{"webhook-id": "evt_02"}, {"webhook-timestamp": str(now() - 1)}, {"webhook-signature": "v1,AAAA"}])
def test_every_header_is_covered(changed):
    """A signature is invalid with another id or another time."""
    secret = new_secret()

    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(BODY, {**sign([secret], "evt_01", now(), BODY), **changed})


@pytest.mark.parametrize(
    ("secrets", "webhook_id", "body"),
    [
        ([new_secret()], "evt_01", b""),
        ([new_secret()], "evt_01", b"\xff"),
        ([new_secret()], "evt.01", BODY),
        ([new_secret()], "", BODY),
        ([new_secret()], "evt\r\nx: y", BODY),
        ([], "evt_01", BODY),
        (["whsec_" + base64.b64encode(bytes(23)).decode()], "evt_01", BODY),
        (["whsec_" + base64.b64encode(bytes(65)).decode()], "evt_01", BODY),
    ],
    ids=["no body", "not UTF-8", "dot", "no id", "line break", "no secret", "short key", "long key"],
)
def test_what_a_receiver_could_not_verify_is_never_signed(secrets, webhook_id, body):
    """Several verifiers crash on such values instead of refusing them."""
    with pytest.raises(SigningError):
        sign(secrets, webhook_id, now(), body)


def test_an_unreadable_secret_is_not_quoted_in_the_error():
    """Error messages are logged, so they must not contain the secret."""
    with pytest.raises(SigningError) as refused:
        sign(["whsec_c2VjcmV0!"], "evt_01", now(), BODY)

    assert "c2VjcmV0" not in repr(refused.value)
    assert refused.value.__suppress_context__


def test_a_new_secret_is_32_random_bytes():
    """Two generated secrets always differ."""
    first, second = new_secret(), new_secret()

    assert first != second
    assert len(base64.b64decode(first.removeprefix("whsec_"), validate=True)) == 32
