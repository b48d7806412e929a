"""What every adapter speaks: records in, requests out; a response in, a verdict for each record out. No network, no database, no clock."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from survey_service.egress.retry_after import retry_after_of

RATE_LIMITED, UNAUTHORISED = "rate_limited", "unauthorised"
AUTHORISATION_WAIT = timedelta(hours=1)
"""How long a CRM that does not let us in is left alone, unless somebody changes the connection before."""
RATE_LIMIT_WAIT = timedelta(seconds=10)


@dataclass(frozen=True)
class Identity:
    """By what the CRM knows a contact: its own `record_id`, an `external_id` in the field named `field`, or the `email`."""

    by: str
    value: str
    field: str = ""


@dataclass(frozen=True)
class Record:
    """What one contact's fields are to be. `trace` is the id of the message; None empties a field."""

    trace: str
    identity: Identity
    values: Mapping[str, Any]
    ours: Mapping[str, Any] = field(default_factory=dict, repr=False)  # the same facts under our names
    may_create: bool = False


@dataclass(frozen=True)
class Wiring:
    """A connection as its adapter needs it."""

    url: str
    mapping: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    external_id: Mapping[str, str] = field(default_factory=dict)
    identity: Sequence[str] = ()
    personas: Sequence[str] = ()
    create_contacts: bool = False
    template: Mapping[str, Any] | None = None
    credentials: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Request:
    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: Any = None  # what becomes JSON; form fields where the content type says so
    records: tuple[Record, ...] = ()


@dataclass(frozen=True)
class Response:
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)  # names in lower case
    body: bytes = b""

    @property
    def json(self) -> Any:
        """The body read as JSON; {} where it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return {}


@dataclass(frozen=True)
class Accepted:
    """The CRM has it."""


@dataclass(frozen=True)
class Later:
    """The CRM does not have it; it may take it tomorrow."""

    problem: str


@dataclass(frozen=True)
class Refused:
    """The CRM will never take this record as it is."""

    problem: str


@dataclass(frozen=True)
class Pause:
    """The CRM wants to be left alone; no record is to blame."""

    problem: str
    wait: timedelta


@dataclass(frozen=True)
class Renew:
    """The access token is not good any more."""


@dataclass(frozen=True)
class Split:
    """The request is to be made again in two halves."""

    problem: str


Verdict = Accepted | Later | Refused
Judgement = Mapping[str, Verdict] | Pause | Renew | Split
"""By trace; records that are not named have not been judged, and are sent again."""

Ask = Callable[[Request], Response]


class Adapter(Protocol):
    """One CRM. A module with these names is one."""

    MOST: int  # records of one batch
    URL: str
    CREDENTIALS: Sequence[frozenset[str]]  # the sets of credentials that it takes
    IDENTITIES: Sequence[str]

    def default_mapping(self, personas: Sequence[str]) -> dict[str, str]:
        """By the name of their field the name of our value."""

    def token_request(self, wiring: Wiring) -> Request | None:
        """How to get an access token, None where the credentials are sent as they are."""

    def requests(self, wiring: Wiring, token: str | None, records: Sequence[Record]) -> list[Request]:
        """What to send. No two records are of one contact."""

    def judge(self, request: Request, response: Response, now: datetime) -> Judgement:
        """What became of the records of a request."""

    def missing(self, wiring: Wiring, token: str | None, ask: Ask) -> list[str]:
        """What stands in the way of the first delivery, one line each, found without changing anything."""


def judge_by_status(request: Request, response: Response, now: datetime) -> Judgement:
    """The verdict that the status alone allows, the same for all records."""
    status, wait = response.status, retry_after_of(response.headers.get("retry-after"), now)
    if status == 429 or (status == 503 and wait):
        return Pause(RATE_LIMITED if status == 429 else "unavailable", wait or RATE_LIMIT_WAIT)
    if status == 401:
        return Renew()
    if status == 403:
        return Pause(f"{UNAUTHORISED}: the CRM answers 403, a permission is missing", AUTHORISATION_WAIT)
    if status in (413,) and request.records:
        return Split("too_large")
    return dict.fromkeys([record.trace for record in request.records], _verdict(status))


def _verdict(status: int) -> Verdict:
    if 200 <= status < 300:
        return Accepted()
    if status in (400, 404, 409, 410, 422):
        return Refused("not_found" if status == 404 else f"refused_{status}")
    return Later(f"status_{status}")


def bearer(token: str | None) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}
