"""What every source speaks: a raw request in, events out; and later what becomes of each of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlmodel import Session

from survey_service.crypto import Keyring
from survey_service.errors import Unauthorised
from survey_service.store.banks import Banks

TOLERANCE = timedelta(minutes=5)
LONGEST_STAMP = 15
"""Digits. Python refuses to read a number of thousands of them, in its own way."""


class InvalidSignature(Unauthorised):
    """The signature of this message is missing, too old, or not made with the secret of this source; nothing was kept."""

    code = "not_genuine"


@dataclass(frozen=True)
class SignedRequest:
    """A request as it came. `uri` is the address that the source was given, whatever a proxy has made of it."""

    uri: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes


@dataclass(frozen=True)
class VerifiedEvent:
    """One event, and as much of it as will be needed. `wait` is how long it rests before it is acted upon."""

    event_id: str
    kind: str
    occurred_at: datetime
    facts: Mapping[str, Any]
    wait: timedelta = timedelta(0)


@dataclass(frozen=True)
class HandlerContext:
    """What it takes to act upon an event, in one transaction."""

    session: Session
    keys: Keyring
    banks: Banks
    base_url: str
    wishes: Mapping[str, Any]
    now: datetime


@dataclass(frozen=True)
class Handled:
    """Nothing is left to do; `problem` says why nothing was done."""

    problem: str | None = None


@dataclass(frozen=True)
class Reschedule:
    """The rest is for later, with these facts alone."""

    kind: str
    facts: Mapping[str, Any]
    wait: timedelta


class Receiver(Protocol):
    """One kind of source. A module with these names is one."""

    def verify(self, secret: str, post: SignedRequest, now: datetime) -> list[VerifiedEvent]:
        """The events of a genuine request. Raises NotGenuine, MalformedBody."""

    def handle(self, work: HandlerContext, kind: str, facts: Mapping[str, Any]) -> Handled | Reschedule:
        """Act upon one event. The same event twice changes nothing more."""


def within_tolerance(moment: datetime, now: datetime) -> bool:
    """Neither old nor of the future: what is dated ahead could be kept and sent again for as long."""
    return abs(now - moment) <= TOLERANCE


def parse_timestamp(stamp: str) -> int:
    """The number that a header says. Raises NotGenuine for anything else."""
    if not stamp.isascii() or not stamp.isdigit() or len(stamp) > LONGEST_STAMP:
        raise InvalidSignature
    return int(stamp)
