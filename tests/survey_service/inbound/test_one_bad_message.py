"""A message that cannot be stored is left out of its batch, and the others count."""

import gzip
import json
import zlib
from base64 import b64encode

import pytest
from prometheus_client.parser import text_string_to_metric_families

GOOD = '{"type": "track", "userId": "zoe", "event": "Brochure Downloaded", "messageId": "%s"}'


def post(shop, body: bytes, encoding: str = ""):
    headers = {"Authorization": "Basic " + b64encode(f"{shop.write_key}:".encode()).decode()}
    return shop.client.post("/v1/batch", data=body, headers=headers | ({"Content-Encoding": encoding} if encoding else {}))


def events(shop) -> int:
    return sum(item["events"] for item in shop.call("GET", "/api/v1/events").json["items"])


def left_out(shop) -> dict[str, float]:
    families = text_string_to_metric_families(shop.client.get("/metrics").text)
    return {
        sample.labels["reason"]: sample.value
        for family in families
        if family.name == "discern_intake_left_out"
        for sample in family.samples
        if sample.name.endswith("_total")
    }


BAD = {
    "half an emoji": (rb'{"type": "track", "userId": "zoe", "event": "a\ud83d"}', "not_storable"),
    "half an emoji in bytes": (b'{"type": "track", "userId": "zoe", "event": "a\xed\xa0\xbd"}', "not_storable"),
    "no UTF-8": (b'{"type": "track", "userId": "zoe", "event": "caf\xe9"}', "not_storable"),
    "NUL": (rb'{"type": "track", "userId": "zoe", "event": "a\u0000"}', "not_storable"),
    "NUL in a name": (rb'{"type": "track", "userId": "zoe", "event": "a", "properties": {"a\u0000": 1}}', "not_storable"),
    "NaN": (b'{"type": "track", "userId": "zoe", "event": "a", "properties": {"revenue": NaN}}', "not_storable"),
    "beyond every float": (b'{"type": "track", "userId": "zoe", "event": "a", "properties": {"revenue": 1e999}}', "not_storable"),
    "a doubled key": (b'{"type": "track", "userId": "zoe", "userId": "ben", "event": "a"}', "not_storable"),
    "nested too deeply": (
        b'{"type": "track", "userId": "zoe", "event": "a", "properties": ' + b"[" * 70 + b"]" * 70 + b"}",
        "not_storable",
    ),
    "nested more deeply than can be read": (
        b'{"type": "track", "userId": "zoe", "event": "a", "properties": {"\\"]}": ' + b'{"a": [' * 5000 + b"]}" * 5000 + b"}}",
        "not_storable",
    ),
    "33 kB": (json.dumps({"type": "track", "userId": "zoe", "event": "a", "x": "é" * 17_000}).encode(), "not_storable"),
    "an id of 65 bits": (b'{"type": "track", "userId": 36893488147419103232, "anonymousId": "b", "event": "a"}', "unusable"),
    "an id that is a list": (b'{"type": "track", "userId": ["zoe"], "anonymousId": "b", "event": "a"}', "unusable"),
    "no object": (b'"hello"', "unusable"),
}


@pytest.mark.parametrize("kind", BAD)
def test_one_bad_message_does_not_take_the_others(shop, kind):
    bad, reason = BAD[kind]
    good = [(GOOD % number).encode() for number in range(3)]

    done = post(shop, b'{"batch": [' + b", ".join([good[0], bad, *good[1:]]) + b"]}")

    assert (done.status_code, done.json) == (200, {"success": True})
    assert events(shop) == 3
    assert left_out(shop) == {reason: 1}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_message_alone_is_refused_with_its_reason(shop, kind):
    done = post(shop, b'{"batch": [' + BAD[kind][0] + b"]}")

    assert done.status_code == 400
    assert done.json["message"].startswith("This message cannot be used: ")
    assert events(shop) == 0


def test_a_fault_around_the_messages_refuses_the_batch(shop):
    """Nobody can say which of two lists was meant."""
    for body in (b'{"batch": [%s], "batch": []}', b'{"batch": [%s], "context": {"a": NaN}}', b'{"batch": [%s]'):
        assert post(shop, body % (GOOD % 1).encode()).status_code == 400
    assert events(shop) == 0


def test_the_limit_of_a_message_counts_bytes_and_not_escapes(shop):
    """16,000 letters of two bytes are 32 kB as UTF-8 and 96 kB as escapes."""
    message = {**json.loads(GOOD % 1), "x": "é" * 15_900}

    assert post(shop, json.dumps({"batch": [message]}).encode()).status_code == 200
    assert events(shop) == 1


@pytest.mark.parametrize("number", [9007199254740993, 7133701809754865664, 2**63 - 1, 2**64 - 1, -(2**63)])
def test_integers_of_64_bits_are_ids(shop, number):
    assert shop.track(userId=number).status_code == 200
    assert shop.call("GET", f"/api/v1/contacts/{number}").json["external_ids"] == [{"system": "crm", "type": "id", "id": str(number)}]


def test_compressed_bodies_are_read_as_clients_write_them(shop):
    def body(number):
        return f'{{"batch": [{GOOD % number}]}}'.encode()

    half = len(body(1)) // 2
    raw = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    sent = [
        (gzip.compress(body(1)), "gzip"),
        (gzip.compress(body(2)[:half]) + gzip.compress(body(2)[half:]), "GZIP"),
        (gzip.compress(body(3)), "x-gzip"),
        (zlib.compress(body(4)), "deflate"),
        (raw.compress(body(5)) + raw.flush(), "deflate"),
        (body(6), "identity"),
    ]

    assert [post(shop, *item).status_code for item in sent] == [200] * 6
    assert events(shop) == 6


@pytest.mark.parametrize(
    ("body", "encoding", "words"),
    [
        (b"x", "br", "The Content-Encoding 'br' is not read here: send gzip, deflate, or no encoding."),
        (b"x", "gzip, gzip", "is not read here"),
        (b"x", "gzip", "The body says that it is gzip, and is not."),
        (gzip.compress(b"{}", mtime=0)[:-9], "gzip", "The gzip body broke off."),
        (b"\xff" * 9, "deflate", "The body says that it is deflate, and is not."),
        (zlib.compress(b"{}" * 99)[:-5], "deflate", "The deflate body broke off."),
    ],
)
def test_other_encodings_are_refused_in_words(shop, body, encoding, words):
    done = post(shop, body, encoding)

    assert done.status_code == 400
    assert words in done.json["message"]


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
def test_a_bomb_is_refused_before_it_is_unpacked(shop, pack):
    done = post(shop, pack(b" " * 50_000_000), "gzip" if pack is gzip.compress else "deflate")

    assert (done.status_code, done.json["message"]) == (413, "At most 4 MB are unpacked.")


@pytest.mark.parametrize("nested", [b"[" * 120_000 + b"]" * 120_000, b"[" * 5000 + b"]" * 4999, b"[" * 5000 + b"}" * 5000, b'["' * 5000])
def test_nesting_that_is_no_json_or_too_much_to_scan_refuses_the_batch(shop, nested):
    """What is a message and what is not cannot be told any more."""
    body = b'{"batch": [' + (GOOD % 1).encode() + b', {"type": "page", "userId": "zoe", "properties": ' + nested + b"}]}"

    assert post(shop, body).status_code == 400
    assert events(shop) == 0
