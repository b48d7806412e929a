"""No receiver holds an attempt beyond its deadline, nor fills its memory.

Elapsed time is not measured: each receiver would keep the connection open for ever, so an attempt that returns was ended.
"""

import socket
import tracemalloc
from contextlib import ExitStack
from threading import Event

import pytest

from survey_service.egress.client import LONGEST_EXCERPT, Delivered, Retry, deliver
from tests.survey_service.egress.hostile_receiver import (
    DRIP_SECONDS,
    LOOPBACK,
    MEGABYTE,
    Receiver,
    a_gzip_bomb,
    drips,
    floods,
    head,
    never_answers,
    never_reads,
    outcome_of,
    post,
    says,
    says_and_waits,
    summary,
)

SHORT = 0.3  # seconds, many times the pause between two bytes

HOLDS_THE_LINE = {
    "never answers": (never_answers, None),
    "drips the status line": (drips(b"HTTP/1.1 200 "), None),
    "drips a header": (drips(b"HTTP/1.1 200 OK\r\nx: "), None),
    "drips headers": (drips(b"HTTP/1.1 200 OK\r\n", b"x: y\r\n"), None),
    "drips 100s": (drips(b"", head("100 Continue")), None),
    "drips the body": (drips(head(Content_Length="1000000")), 200),
    "drips a body without length": (drips(head()), 200),
    "drips chunks": (drips(head(Transfer_Encoding="chunked"), b"1\r\nx\r\n"), 200),
    "drips a chunk size": (drips(head(Transfer_Encoding="chunked"), b"0"), 200),
    "drips trailers": (drips(head(Transfer_Encoding="chunked") + b"0\r\n", b"x: y\r\n"), 200),
    "stops in the headers": (says_and_waits(b"HTTP/1.1 200 OK\r\nx"), None),
    "stops in the body": (says_and_waits(head(Content_Length="2"), b"x"), 200),
    "never hangs up": (says_and_waits(head(), b"all there is"), 200),
}


@pytest.mark.parametrize(("behaviour", "status"), HOLDS_THE_LINE.values(), ids=HOLDS_THE_LINE)
def test_one_deadline_ends_every_slow_response(behaviour, status):
    """The deadline holds however often a byte arrives, in headers and body."""
    assert summary(outcome_of(behaviour, total=SHORT)) == (Retry, status, "deadline")


def test_a_receiver_that_does_not_read_is_cut_off():
    """The request is larger than the socket buffers, so sending blocks."""
    with Receiver(never_reads, reads=False) as receiver:
        outcome = deliver(receiver.url(), {}, bytes(64 * MEGABYTE), LOOPBACK, total=SHORT)

    assert summary(outcome) == (Retry, None, "deadline")


def test_a_receiver_that_reads_slowly_is_cut_off():
    """Every small read frees a little buffer, so no single wait is long."""
    sips: list[int] = []

    def sip(wire: socket.socket, closing: Event) -> None:
        while piece := wire.recv(MEGABYTE):
            sips.append(len(piece))
            closing.wait(DRIP_SECONDS)

    body = bytes(64 * MEGABYTE)
    with Receiver(sip, reads=False) as receiver:
        outcome = deliver(receiver.url(), {}, body, LOOPBACK, total=SHORT)

    assert summary(outcome) == (Retry, None, "deadline")
    assert sum(sips) < len(body)


def test_a_receiver_whose_queue_is_full_is_cut_off():
    """The system silently drops connections that do not fit into the queue."""
    with ExitStack() as held:
        listener = held.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            waiting = held.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        outcome = post(f"http://127.0.0.1:{listener.getsockname()[1]}/", total=SHORT)

    assert summary(outcome) == (Retry, None, "deadline")


BULK = {
    "131 MB": floods(head(Content_Length=str(131 * MEGABYTE)), bytes(MEGABYTE), 131),
    "131 MB without length": floods(head(), bytes(MEGABYTE), 131),
    "a promise of a petabyte": floods(head(Content_Length=str(10**15)), bytes(MEGABYTE), 2),
    "131 MB in one chunk": floods(head(Transfer_Encoding="chunked") + b"8300000\r\n", bytes(MEGABYTE), 131),
    "chunks without end": floods(head(Transfer_Encoding="chunked"), b"1\r\nx\r\n" * 10_000, 100),
}


@pytest.mark.parametrize("behaviour", BULK.values(), ids=BULK)
def test_an_endless_response_is_not_read(behaviour):
    """The client reads 64 KiB after the status and closes the connection, so the receiver cannot send the rest."""
    with Receiver(behaviour) as receiver:
        tracemalloc.start()
        try:
            outcome = deliver(receiver.url(), {}, b"{}", LOOPBACK)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert summary(outcome) == (Delivered, 200, None)
    assert len(outcome.excerpt) == LONGEST_EXCERPT
    assert peak < 3 * MEGABYTE  # of which the receiver, in this same process, holds one copy


def test_a_gzip_bomb_is_not_inflated():
    """The excerpt is the beginning of the compressed bytes."""
    bomb = a_gzip_bomb()

    outcome = outcome_of(says(head(Content_Encoding="gzip", Content_Length=str(len(bomb))), bomb))

    assert summary(outcome) == (Delivered, 200, None)
    assert outcome.excerpt == bomb[:LONGEST_EXCERPT]
