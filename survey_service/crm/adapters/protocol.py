"""The interface of an adapter: records in, requests out; a response in, a verdict for each record out. No network, database or clock."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from survey_service.egress.retry_after import retry_after_of

RATE_LIMITED, UNAUTHORISED = "rate_limited", "unauthorised"
AUTHORISATION_WAIT = timedelta(hours=1)
"""How long a CRM that refuses the credentials is not asked again, unless the connection is changed."""
RATE_LIMIT_WAIT = timedelta(seconds=10)


@dataclass(frozen=True)
class Identity:
    """How the CRM identifies a contact: by its own `record_id`, an `external_id` in the field named `field`, or the `email`."""

    by: str
    value: str
    field: str = ""


@dataclass(frozen=True)
class Record:
    """The fields of one contact. `trace` is the id of the message; None empties a field."""

    trace: str
    identity: Identity
    values: Mapping[str, Any]
    ours: Mapping[str, Any] = field(default_factory=dict, repr=False)  # the same values under our names
    may_create: bool = False


@dataclass(frozen=True)
class ConnectionConfig:
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
    body: Any = None  # sent as JSON, or as form fields where the content type says so
    records: tuple[Record, ...] = ()


@dataclass(frozen=True)
class Response:
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)  # names in lower case
    body: bytes = b""

    @property
    def json(self) -> Any:
        """Return the body read as JSON, {} where it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return {}


@dataclass(frozen=True)
class Accepted:
    """The CRM has the record."""


@dataclass(frozen=True)
class Later:
    """The CRM does not have the record; a later attempt may succeed."""

    problem: str


@dataclass(frozen=True)
class Refused:
    """The CRM will never take this record as it is."""

    problem: str


@dataclass(frozen=True)
class Pause:
    """The CRM asks for a pause; no record is at fault."""

    problem: str
    wait: timedelta


@dataclass(frozen=True)
class Renew:
    """The access token is not valid any more."""


@dataclass(frozen=True)
class Split:
    """The request is to be sent again in two halves."""

    problem: str


Verdict = Accepted | Later | Refused
Judgement = Mapping[str, Verdict] | Pause | Renew | Split
"""Verdicts by trace. A record without a verdict is sent again."""

Ask = Callable[[Request], Response]


class Adapter(Protocol):
    """One CRM. A module with these names is an adapter."""

    MOST: int  # records in one batch
    URL: str
    CREDENTIALS: Sequence[frozenset[str]]  # the sets of credentials that it takes
    IDENTITIES: Sequence[str]

    def default_mapping(self, personas: Sequence[str]) -> dict[str, str]:
        """Return the names of our values by the names of their fields."""

    def token_request(self, config: ConnectionConfig) -> Request | None:
        """Return the request for an access token, None where the credentials are sent as they are."""

    def requests(self, config: ConnectionConfig, token: str | None, records: Sequence[Record]) -> list[Request]:
        """Return the requests. No two records are of one contact."""

    def judge(self, request: Request, response: Response, now: datetime) -> Judgement:
        """Return what happened to the records of a request."""

    def missing(self, config: ConnectionConfig, token: str | None, ask: Ask) -> list[str]:
        """Return what prevents the first delivery, one line each, found without changing anything."""


def no_token_request(_config: ConnectionConfig) -> None:
    """Return no request: the credentials are sent as they are."""


def judge_by_status(request: Request, response: Response, now: datetime) -> Judgement:
    """Return the verdict that the status alone allows, the same for all records."""
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
