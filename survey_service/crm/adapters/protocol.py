"""The interface of an adapter: records in, requests out; a response in, a verdict for each record out. No network, database or clock."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from survey_service.egress.retry_after import retry_after_of

RATE_LIMITED, UNAUTHORISED, NOT_FOUND = "rate_limited", "unauthorised", "not_found"
AUTHORISATION_WAIT = timedelta(hours=1)
"""How long a CRM that refuses the credentials, or that has other fields than the mapping, is not asked again, unless the connection is
changed."""
RATE_LIMIT_WAIT = timedelta(seconds=10)
REFUSALS = (400, 404, 409, 410, 422)
"""The statuses that say that a record will never be taken."""
LONGEST_WAIT = timedelta(days=1)
"""The longest pause that a CRM may ask for: its daily limit is over then."""


@dataclass(frozen=True)
class Identity:
    """How the CRM identifies a contact: by its own `record_id`, an `external_id` in the field named `field`, or the `email`."""

    by: str
    value: str
    field: str = ""


@dataclass(frozen=True)
class Record:
    """The fields of one contact. `trace` is the id of the message; None empties a field.

    `when_created` are further fields, which only a record that is created gets: constants and attributes of the contact never overwrite
    what the CRM has. `of_mapping` names the fields that hold the persona and not the person: a CRM that refuses one of them has other
    fields than the mapping says, and no contact is to blame.
    """

    trace: str
    identity: Identity
    values: Mapping[str, Any]
    ours: Mapping[str, Any] = field(default_factory=dict, repr=False)  # the same values under our names
    may_create: bool = False
    when_created: Mapping[str, Any] = field(default_factory=dict, repr=False)
    of_mapping: Collection[str] = ()


@dataclass(frozen=True)
class ConnectionConfig:
    """A connection as its adapter needs it. `mapping` has the names of our values and, as objects, what new records get."""

    url: str
    mapping: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    external_id: Mapping[str, str] = field(default_factory=dict)
    identity: Sequence[str] = ()
    personas: Sequence[str] = ()
    create_contacts: bool = False
    template: Mapping[str, Any] | None = None
    credentials: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def ours(self) -> dict[str, str]:
        """The names of our values, by field."""
        return {theirs: ours for theirs, ours in self.mapping.items() if isinstance(ours, str)}

    @property
    def when_created(self) -> dict[str, Mapping[str, Any]]:
        """What new records get, by field: a constant, or an attribute of the contact, or both, where the constant stands in for it."""
        return {theirs: source for theirs, source in self.mapping.items() if not isinstance(source, str)}


@dataclass(frozen=True)
class Request:
    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: Any = None  # sent as JSON, or as form fields where the content type says so
    records: tuple[Record, ...] = ()


@dataclass(frozen=True)
class Response:
    """An answer as it came. `answers` reads its body."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)  # names in lower case
    body: bytes = b""


@dataclass(frozen=True)
class Accepted:
    """The CRM has the record."""


@dataclass(frozen=True)
class Later:
    """The CRM does not have the record; a later attempt may succeed. `answer` is what it said about this record, as bytes."""

    problem: str
    answer: bytes = field(default=b"", repr=False, compare=False)


@dataclass(frozen=True)
class Refused:
    """The CRM will never take this record as it is."""

    problem: str
    answer: bytes = field(default=b"", repr=False, compare=False)


@dataclass(frozen=True)
class Held:
    """The record waits, which uses up no attempt: for something that others have to do. Other records go on."""

    problem: str
    wait: timedelta = AUTHORISATION_WAIT
    answer: bytes = field(default=b"", repr=False, compare=False)


@dataclass(frozen=True)
class Faulty:
    """A fault of ours: the record could not be made into a request, or its answer could not be judged."""


@dataclass(frozen=True)
class Pause:
    """The connection waits; no record is at fault."""

    problem: str
    wait: timedelta = AUTHORISATION_WAIT


@dataclass(frozen=True)
class Renew:
    """The access token is not valid any more."""


@dataclass(frozen=True)
class Split:
    """The request is to be sent again in two halves. `alone` is the verdict of a record that is refused on its own."""

    alone: "Refused | Held | Later"


Verdict = Accepted | Later | Refused | Held | Faulty
Judgement = Mapping[str, Verdict | Pause] | Pause | Renew | Split
"""Verdicts by trace. A record without a verdict is sent again; a pause in the place of a verdict holds the connection from now on."""

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
        """Return what happened to the records of a request. Raises UnexpectedAnswer."""

    def missing(self, config: ConnectionConfig, token: str | None, ask: Ask) -> list[str]:
        """Return what prevents the first delivery, one line each, found without changing anything. Raises UnexpectedAnswer."""


def no_token_request(_config: ConnectionConfig) -> None:
    """Return no request: the credentials are sent as they are."""


def judge_by_status(request: Request, response: Response, now: datetime) -> Judgement:
    """Return the verdict that the status alone allows, the same for all records."""
    status, wait = response.status, retry_after_of(response.headers.get("retry-after"), now)
    if status == 429 or (status == 503 and wait):
        return Pause(RATE_LIMITED if status == 429 else "unavailable", min(wait or RATE_LIMIT_WAIT, LONGEST_WAIT))
    if status == 401:
        return Renew()
    if status == 403:
        return Pause(f"{UNAUTHORISED}: the CRM answers 403, a permission is missing")
    if status in (413,) and request.records:
        return Split(Refused("too_large"))
    answer = response.body if len(request.records) == 1 else b""  # a batch's answer may be about other contacts
    return dict.fromkeys([record.trace for record in request.records], _verdict(status, answer))


def mapped_fields(records: Iterable[Record], named: Iterable[str]) -> list[str]:
    """Return those of the named fields that hold the persona in one of the records, or by which the CRM finds it."""
    of_mapping = {name for record in records for name in (*record.of_mapping, record.identity.field)}
    return sorted((of_mapping & set(named)) - {""})


def option_not_allowed(named: Sequence[str]) -> str:
    """Return the problem of a record whose persona is no option of these fields."""
    return f"option_not_allowed: {', '.join(named)}"


def _verdict(status: int, answer: bytes) -> Verdict:
    if 200 <= status < 300:
        return Accepted()
    if status in REFUSALS:
        return Refused(NOT_FOUND if status == 404 else f"refused_{status}", answer)
    return Later(f"status_{status}", answer)


def bearer(token: str | None) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}
