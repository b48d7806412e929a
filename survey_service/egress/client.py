"""One attempt to deliver. Whatever the receiver does, the outcome is a value; nothing is tried twice here."""

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPException, HTTPResponse, IncompleteRead
from pathlib import Path
from time import monotonic
from typing import ClassVar, Literal

from survey_service.egress.addresses import AddressRefused, Forbidden, NotAnAddress, Policy, Target, Unreachable, vet_url
from survey_service.egress.connection import AnswerTooLong, Deadline, GuardedConnection, Resolve, Unresolved, system_resolver
from survey_service.egress.retry_after import moment_of, retry_after_of

USER_AGENT = "Discern-Webhooks/1"
TOTAL_SECONDS = 15.0
LONGEST_EXCERPT = 4 * 1024
SUCCESS, REDIRECT = range(200, 300), range(300, 400)
GONE, ASK_LATER = 410, (429, 503)

Problem = Literal[
    "ssrf_blocked",
    "dns",
    "connect",
    "certificate",
    "tls",
    "deadline",
    "broken_off",
    "too_long",
    "malformed",
    "redirect",
    "status",
    "gone",
    "unsigned",  # set by the worker: none of the service's keys decrypts the endpoint's secret, so nothing was sent
    "fault",  # set by the worker: a fault of this service, whose log has the traceback
]

# The first match names the problem: IncompleteRead is an HTTPException, and every network error an OSError.
_NAMES: tuple[tuple[type[Exception], Problem], ...] = (
    (Forbidden, "ssrf_blocked"),
    (NotAnAddress, "ssrf_blocked"),
    (Unresolved, "dns"),
    (Unreachable, "connect"),
    (ssl.SSLCertVerificationError, "certificate"),
    (ssl.SSLError, "tls"),
    (TimeoutError, "deadline"),
    (OSError, "broken_off"),
    (IncompleteRead, "broken_off"),
    (AnswerTooLong, "too_long"),
    (HTTPException, "malformed"),
    (ValueError, "malformed"),
)


@dataclass(frozen=True)
class Delivered:
    """The receiver answered 2xx, to the end."""

    status: int
    excerpt: bytes  # of the body, for the operator's eyes only
    duration: timedelta
    clock_off: timedelta | None = None  # how far our clock is ahead of the receiver's, by its Date; None where it has none


@dataclass(frozen=True)
class Retry:
    """The receiver does not have the message, or may not have it. A later attempt may succeed."""

    permanent: ClassVar[bool] = False

    problem: Problem
    status: int | None  # None: no response, or none that can be read
    excerpt: bytes
    duration: timedelta
    retry_after: timedelta | None = None
    clock_off: timedelta | None = None

    @property
    def public_problem(self) -> str:
        """The problem in words for the owner of the endpoint. A forbidden address reads like one that does not exist."""
        return "unreachable" if self.problem in {"ssrf_blocked", "dns", "connect"} else self.problem


@dataclass(frozen=True)
class Rejected:
    """The receiver wants nothing more: it answered 410."""

    permanent: ClassVar[bool] = True
    retry_after: ClassVar[None] = None

    status: int
    excerpt: bytes
    duration: timedelta
    problem: Problem = "gone"
    clock_off: timedelta | None = None


Outcome = Delivered | Retry | Rejected


def utc_now() -> datetime:
    return datetime.now(UTC)


def deliver(
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    policy: Policy,
    resolve: Resolve = system_resolver,
    clock: Callable[[], datetime] = utc_now,
    total: float = TOTAL_SECONDS,
    ca_file: Path | None = None,
) -> Outcome:
    """Post `body` once and return the outcome.

    Parameters
    ----------
    headers : mapping
        The signature and the endpoint's custom headers. A value that no HTTP header can hold is the caller's mistake: ValueError.
    resolve : callable
        From a host and seconds to its addresses; called once an attempt, and only for a name.
    total : float
        Seconds for everything: name, connection, handshake, request, headers and body.
    ca_file : path, optional
        The authorities to trust instead of the system's.
    """
    started = monotonic()
    response, excerpt = None, b""

    def lasted() -> timedelta:
        return timedelta(seconds=monotonic() - started)

    try:
        target = vet_url(url, policy)
    except AddressRefused as problem:
        return Retry(error_name(problem), None, b"", lasted())
    connection = GuardedConnection(target, policy, resolve, Deadline(total), ca_file)
    write_head(connection, "POST", target, headers, len(body))
    try:
        with connection:
            connection.endheaders(body)
            response = connection.answer()
            excerpt = read(response)[:LONGEST_EXCERPT]
    # ValueError: a header of the receiver can make http.client raise one, by naming an impossible character set.
    except (AddressRefused, OSError, HTTPException, ValueError) as problem:
        if response is None or response.status in SUCCESS:
            return Retry(error_name(problem), response.status if response else None, b"", lasted())
    return _judge(response, excerpt, lasted(), clock)


def write_head(connection: GuardedConnection, method: str, target: Target, headers: Mapping[str, str], length: int) -> None:
    fixed = {
        "host": target.authority,
        "user-agent": USER_AGENT,
        "content-length": str(length),
        "accept-encoding": "identity",  # a compressed response could be any size
        "connection": "close",
    }
    connection.putrequest(method, target.path, skip_host=True, skip_accept_encoding=True)
    for name, value in ({"content-type": "application/json"} | {name.lower(): headers[name] for name in headers} | fixed).items():
        connection.putheader(name, value)


def read(response: HTTPResponse) -> bytes:
    """Return the body as far as it is read. When that is not to its end, the status has already decided the outcome."""
    body = bytearray()
    try:
        # In small pieces: http.client allocates what Content-Length promises before it has come.
        while piece := response.read1(LONGEST_EXCERPT):
            body += piece
    except AnswerTooLong:
        return bytes(body)
    if response.length:  # what Content-Length promised and the receiver did not send
        raise IncompleteRead(bytes(body), response.length)
    return bytes(body)


def _judge(response: HTTPResponse, excerpt: bytes, duration: timedelta, clock: Callable[[], datetime]) -> Outcome:
    status = response.status
    now = clock()
    theirs = moment_of(response.getheader("date"))
    clock_off = None if theirs is None else now - theirs
    if status in SUCCESS:
        return Delivered(status, excerpt, duration, clock_off)
    if status == GONE:
        return Rejected(status, excerpt, duration, clock_off=clock_off)
    retry_after = retry_after_of(response.getheader("retry-after"), now) if status in ASK_LATER else None
    return Retry("redirect" if status in REDIRECT else "status", status, excerpt, duration, retry_after, clock_off)


def error_name(problem: Exception) -> Problem:
    return next(name for kind, name in _NAMES if isinstance(problem, kind))
