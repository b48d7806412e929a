"""The interface of a source: verify a request and return its events, and later handle each event."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlmodel import Session

from survey_service.crypto import Keyring
from survey_service.email_links.announce import LinkWriter
from survey_service.errors import Unauthorised
from survey_service.store.banks import Banks

TOLERANCE = timedelta(minutes=5)
MAX_TIMESTAMP_DIGITS = 15
"""`int` raises a ValueError for a text of thousands of digits."""


class InvalidSignature(Unauthorised):
    """The signature of this message is missing, too old, or not made with the secret of this source; nothing was stored."""

    code = "not_genuine"


@dataclass(frozen=True)
class SignedRequest:
    """A request as received. `uri` is the public address of the source; a proxy may have changed that of the request."""

    uri: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes


@dataclass(frozen=True)
class VerifiedEvent:
    """A verified event. `facts` is the part of it that its handler needs, and `wait` the delay before it is handled."""

    event_id: str
    kind: str
    occurred_at: datetime
    facts: Mapping[str, Any]
    wait: timedelta = timedelta(0)


@dataclass(frozen=True)
class HandlerContext:
    """What a handler needs to handle an event, in one transaction. `options` are those of the source."""

    session: Session
    keys: Keyring
    banks: Banks
    base_url: str
    options: Mapping[str, Any]
    now: datetime

    @property
    def writer(self) -> LinkWriter:
        """What it takes to send a link in this transaction."""
        return LinkWriter(self.session, self.keys, self.banks, self.base_url, self.now)


@dataclass(frozen=True)
class Handled:
    """The event is handled. `problem` says why it had no effect, if so."""

    problem: str | None = None


@dataclass(frozen=True)
class Reschedule:
    """The rest of the event is to be handled after `wait`, as an event of `kind` with these facts."""

    kind: str
    facts: Mapping[str, Any]
    wait: timedelta


class Receiver(Protocol):
    """A kind of source. A module with these two functions is a receiver."""

    def verify(self, secret: str, request: SignedRequest, now: datetime) -> list[VerifiedEvent]:
        """Check the signature of a request and return its events. Raises InvalidSignature, MalformedBody."""

    def handle(self, context: HandlerContext, kind: str, facts: Mapping[str, Any]) -> Handled | Reschedule:
        """Handle an event. Handling it twice has the same effect as once."""


def within_tolerance(sent_at: datetime, now: datetime) -> bool:
    """Return whether a request is recent. One dated in the future is refused too, since it could be replayed until then."""
    return abs(now - sent_at) <= TOLERANCE


def parse_timestamp(text: str) -> int:
    """Return the number in a timestamp header. Raises InvalidSignature for anything else."""
    if not text.isascii() or not text.isdigit() or len(text) > MAX_TIMESTAMP_DIGITS:
        raise InvalidSignature
    return int(text)
