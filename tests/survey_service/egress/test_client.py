"""One attempt against misbehaving receivers: the client always returns an outcome, in time and with bounded memory."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from survey_service.egress.client import LONGEST_EXCERPT, Delivered, Rejected, Retry, deliver
from survey_service.webhooks.retry import next_attempt
from tests.survey_service.egress.hostile_receiver import (
    BODY,
    LOOPBACK,
    MEGABYTE,
    Receiver,
    answers,
    floods,
    head,
    outcome_of,
    post,
    resets_after,
    says,
    says_and_waits,
    summary,
)

NOW = datetime(2026, 1, 5, 10, tzinfo=UTC)


def test_the_request_on_the_wire_is_exactly_this():
    """The body is sent byte for byte, Host has the name, nothing is compressed and no connection is kept alive."""
    with Receiver(answers()) as receiver:
        outcome = post(receiver.url(path="/hook?a=b"))

    assert isinstance(outcome, Delivered)
    assert receiver.requests == [
        b"POST /hook?a=b HTTP/1.1\r\n"
        b"content-type: application/json\r\n"
        b"webhook-id: evt_01\r\n"
        b"host: 127.0.0.1:%d\r\n"
        b"user-agent: Discern-Webhooks/1\r\n"
        b"content-length: %d\r\n"
        b"accept-encoding: identity\r\n"
        b"connection: close\r\n\r\n%s" % (receiver.port, len(BODY), BODY)
    ]


def test_custom_headers_are_sent_but_do_not_replace_ours():
    """A custom header never replaces one of ours, whatever its capitals."""
    with Receiver(answers()) as receiver:
        deliver(receiver.url(), {"Authorization": "Bearer x", "Host": "other.example", "User-Agent": "other"}, BODY, LOOPBACK)

    [request] = receiver.requests
    assert b"authorization: Bearer x\r\n" in request
    assert b"other" not in request


@pytest.mark.parametrize("value", ["a\r\nx: y", "a\nx: y", "a\0b\r\n", "🦊"])
def test_a_header_that_cannot_be_sent_is_the_callers_mistake(value):
    """The receiver is not blamed for it, and nothing is sent."""
    with Receiver(answers()) as receiver, pytest.raises(ValueError):  # noqa: PT011
        deliver(receiver.url(), {"x-custom": value}, BODY, LOOPBACK)

    assert receiver.connections == 0


CASES = {
    "200": (answers(), (Delivered, 200, None)),
    "200 with HTML": (answers(body=b"<!doctype html><p>Thanks", Content_Type="text/html"), (Delivered, 200, None)),
    "201": (answers("201 Created"), (Delivered, 201, None)),
    "204": (says_and_waits(head("204 No Content")), (Delivered, 204, None)),
    "100, then 200": (says(head("100 Continue"), head(Content_Length="0")), (Delivered, 200, None)),
    "103, 103, then 200": (says(head("103 Early Hints", Link="</a>"), head("103 Early Hints"), head("200 OK")), (Delivered, 200, None)),
    "HTTP/1.0": (says(b"HTTP/1.0 200 OK\r\n\r\nfine"), (Delivered, 200, None)),
    "chunked": (
        says_and_waits(head(Transfer_Encoding="chunked"), b"2\r\nok\r\n", b"0\r\n\r\n"),
        (Delivered, 200, None),
    ),
    "101": (answers("101 Switching Protocols"), (Retry, 101, "status")),
    "304": (answers("304 Not Modified"), (Retry, 304, "redirect")),
    "400": (answers("400 Bad Request"), (Retry, 400, "status")),
    "401": (answers("401 Unauthorized"), (Retry, 401, "status")),
    "404": (answers("404 Not Found"), (Retry, 404, "status")),
    "410": (answers("410 Gone"), (Rejected, 410, "gone")),
    "410, then reset": (resets_after(head("410 Gone", Content_Length="9")), (Rejected, 410, "gone")),
    "500": (answers("500 Internal Server Error"), (Retry, 500, "status")),
    "999": (answers("999 What"), (Retry, 999, "status")),
    "Content-Length too short": (says(head(Content_Length="1"), b"much more"), (Delivered, 200, None)),
    "Content-Length too long": (says(head(Content_Length="99"), b"less"), (Retry, 200, "broken_off")),
    "Content-Length is no number": (says(head(Content_Length="many"), b"x"), (Delivered, 200, None)),
    "Content-Length below zero": (says(head(Content_Length="-1"), b"x"), (Delivered, 200, None)),
    "hangs up at once": (says(), (Retry, None, "broken_off")),
    "hangs up in the status line": (says(b"HTTP/1.1 200 OK"), (Retry, None, "broken_off")),
    "hangs up in the headers": (says(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"), (Retry, None, "broken_off")),
    "hangs up in a chunk": (says(head(Transfer_Encoding="chunked"), b"9\r\nx"), (Retry, 200, "broken_off")),
    "reset before an answer": (resets_after(), (Retry, None, "broken_off")),
    "reset in the headers": (resets_after(b"HTTP/1.1 200 OK\r\nx: y"), (Retry, None, "broken_off")),
    "reset in the body": (resets_after(head(Content_Length="9"), b"x"), (Retry, 200, "broken_off")),
    "no HTTP": (says(b"SSH-2.0-OpenSSH_9.2\r\n"), (Retry, None, "malformed")),
    "status is no number": (says(b"HTTP/1.1 abc OK\r\n\r\n"), (Retry, None, "malformed")),
    "chunk size is no number": (says(head(Transfer_Encoding="chunked"), b"zz\r\nx"), (Retry, 200, "broken_off")),
    "chunk size below zero": (floods(head(Transfer_Encoding="chunked") + b"-1\r\n", bytes(MEGABYTE), 131), (Delivered, 200, None)),
    "character set that raises": (
        says(head(Content_Type="multipart/x; boundary*=undefined''x"), b""),
        (Retry, None, "malformed"),
    ),
    "5000 headers": (says(head(**{f"x_{n}": "y" for n in range(5000)})), (Retry, None, "malformed")),
    "header of 1 MB": (says(head(x="y" * MEGABYTE)), (Retry, None, "too_long")),
    "90 headers of 1 KB": (says(head(**{f"x_{n}": "y" * 1024 for n in range(90)})), (Retry, None, "too_long")),
    "endless 100s": (floods(b"", head("100 Continue"), 100_000), (Retry, None, "too_long")),
}


@pytest.mark.parametrize(("behaviour", "expected"), CASES.values(), ids=CASES)
def test_every_answer_has_an_outcome(behaviour, expected):
    """A complete 2xx is delivered, 410 is final, everything else is retried; no response raises an exception."""
    assert summary(outcome_of(behaviour)) == expected


def test_the_excerpt_is_the_beginning_of_the_body_as_it_came():
    """The excerpt has the first 4 KiB, undecoded, because the receiver chooses the bytes."""
    body = bytes(range(256)) * 20

    assert outcome_of(answers(body=body)).excerpt == body[:LONGEST_EXCERPT]
    assert outcome_of(answers("404 Not Found", body=b"no")).excerpt == b"no"


@pytest.mark.parametrize(
    ("status", "header", "asked"),
    [
        ("429 Too Many Requests", "120", timedelta(seconds=120)),
        ("503 Service Unavailable", "Mon, 05 Jan 2026 10:02:00 GMT", timedelta(seconds=120)),
        ("503 Service Unavailable", "Sun, 04 Jan 2026 10:00:00 GMT", timedelta(0)),
        ("429 Too Many Requests", "119.2", timedelta(seconds=120)),
        ("429 Too Many Requests", "-5", timedelta(0)),
        ("503 Service Unavailable", "abc", None),
        ("500 Internal Server Error", "120", None),
        ("301 Moved Permanently", "120", None),
    ],
)
def test_a_receiver_may_ask_for_a_pause_with_429_and_503(status, header, asked):
    """Retry-After in seconds or as a date, by our clock, is passed on to the schedule."""
    outcome = outcome_of(answers(status, Retry_After=header), clock=lambda: NOW)

    assert outcome.retry_after == asked
    assert next_attempt(1, outcome) == max(timedelta(seconds=5), asked or timedelta(0))


def test_retry_after_is_obeyed_when_the_body_breaks_off():
    """The status is known before the body breaks off, so its Retry-After counts."""
    outcome = outcome_of(resets_after(head("503 Service Unavailable", Retry_After="120", Content_Length="9")))

    assert (summary(outcome), outcome.retry_after) == ((Retry, 503, "status"), timedelta(seconds=120))


def test_gone_ends_the_schedule():
    """A receiver that answers 410 gets no further request."""
    assert next_attempt(1, outcome_of(answers("410 Gone"))) is None


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    start=some.sampled_from([b"", b"HTTP/1.1 ", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"]),
    rest=some.binary(max_size=300) | some.text(alphabet="\r\n:;= 0129aCc-/*'\"", max_size=300).map(str.encode),
)
def test_no_response_bytes_raise_an_exception(start, rest):
    """Parsing raises for no bytes, because a stranger chooses them."""
    assert isinstance(outcome_of(says(start + rest)), Delivered | Retry | Rejected)
