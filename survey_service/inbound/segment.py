"""Parse messages of the Segment spec into who, what and when. These functions are pure: they use neither HTTP nor the database.

https://segment.com/docs/connections/spec: its client libraries send these messages, and so do RudderStack's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlsplit

KINDS = ("identify", "track", "page", "screen", "group", "alias")
LONGEST = 255
LONGEST_PATH = 1000
MOST_ATTRIBUTES = 50
VALUES = ("value", "total", "revenue")
SUBJECTS = ("order_id", "quote_id", "checkout_id", "cart_id")
LONGEST_NUMBER = 40
LARGEST_VALUE = 1e12


class UnusableMessage(Exception):
    """A message of a batch that cannot be used. The others can. The text is logged, so it quotes nothing of the message."""

    code = "unusable"


class Unstorable(UnusableMessage):
    """A message that has what cannot be stored, or is too large."""

    code = "not_storable"


class Identity(NamedTuple):
    """Whom a message is about: a known user, a browser, or both, and in an alias message the former id of the user."""

    user: str | None
    anonymous: str | None
    former: str | None

    @property
    def others(self) -> tuple[str, ...]:
        """The ids that belong to the user as well."""
        return tuple(name for name in (self.anonymous, self.former) if self.user is not None and name not in (None, self.user))


@dataclass(frozen=True)
class SegmentMessage:
    """A message. `at` is corrected to our clock; `message_id` is the client's, and the same in its retries."""

    kind: str
    message_id: str
    at: datetime
    user: str | None = None
    anonymous: str | None = None
    former: str | None = None  # the former id of `user`, in an alias message
    name: str | None = None
    path: str | None = None
    channel: str | None = None
    topic: str | None = None
    value: float | None = None  # what the event was worth, in `currency`
    currency: str | None = None
    subject: str | None = None  # the orders, quotes, checkouts and carts that it is about, a line each: "order:77"
    terms: str | None = None  # what was searched for
    email: str | None = None
    traits: Mapping[str, Any] = field(default_factory=dict)

    @property
    def identity(self) -> Identity:
        return Identity(self.user, self.anonymous, self.former)


def parse_message(raw: Any, kind: str | None, sent_at: datetime | None, received_at: datetime) -> SegmentMessage:
    """Return the message in a JSON value. `kind` is given where the address says it. Raises UnusableMessage."""
    if not isinstance(raw, dict):
        raise UnusableMessage("a message must be a JSON object")
    kind = kind or raw.get("type")
    if kind not in KINDS:
        raise UnusableMessage(f"type must be one of {', '.join(KINDS)}")
    user, anonymous, former = (_id(raw, name) for name in ("userId", "anonymousId", "previousId"))
    if not (user or anonymous):
        raise UnusableMessage("a message needs a userId or an anonymousId")
    if kind == "alias" and not (former and user):
        raise UnusableMessage("an alias needs a previousId and a userId")
    properties, context = _mapping(raw, "properties"), _mapping(raw, "context")
    traits = _mapping(raw, "traits") or _mapping(context, "traits")
    name = _text(raw, "event") if kind == "track" else _text(raw, "name")
    if kind == "track" and not name:
        raise UnusableMessage("a track message needs an event")
    return SegmentMessage(
        kind=kind,
        message_id=_text(raw, "messageId") or "",
        at=_occurred_at(raw, sent_at or parse_time(raw.get("sentAt")), received_at),
        user=user,
        anonymous=anonymous,
        former=former,
        name=name,
        path=_path(properties, _mapping(context, "page")) if kind in ("page", "screen") else None,
        channel=_text(properties, "channel"),
        topic=_text(properties, "topic"),
        value=_value(properties),
        currency=_currency(properties),
        subject="\n".join(f"{name.removesuffix('_id')}:{found}" for name in SUBJECTS if (found := _text(properties, name))) or None,
        terms=_terms(properties),
        email=_text(traits, "email"),
        traits=_plain_traits(traits),
    )


def parse_time(value: object) -> datetime | None:
    """Return an ISO 8601 time in UTC, None for anything else. A time without a zone is UTC.

    >>> parse_time("2026-01-05T10:00:00.000Z").isoformat()
    '2026-01-05T10:00:00+00:00'
    """
    if not isinstance(value, str):
        return None
    try:
        parsed = datetime.fromisoformat(value)
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _occurred_at(raw: Mapping[str, Any], sent_at: datetime | None, received_at: datetime) -> datetime:
    """Return when the event occurred by our clock, at the latest `received_at`. The error of the client's clock is that of its `sentAt`."""
    timestamp = parse_time(raw.get("timestamp")) or parse_time(raw.get("originalTimestamp"))
    if timestamp is None:
        return received_at
    clock_error = timedelta(0) if sent_at is None else sent_at - received_at
    try:
        return min(timestamp - clock_error, received_at)
    except OverflowError:
        return received_at


def _id(values: Mapping[str, Any], name: str) -> str | None:
    """Return an id as text. Raises UnusableMessage for what is no id: without it the event would become somebody else's."""
    value = values.get(name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, str | int)):
        raise UnusableMessage(f"{name} must be text, or an integer of 64 bits")
    return _text(values, name)


def _text(values: Mapping[str, Any], name: str) -> str | None:
    value = values.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        return None
    if len(str(value)) > LONGEST:
        raise UnusableMessage(f"{name} is longer than {LONGEST} characters")
    return str(value)


def _mapping(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    inner = values.get(name)
    return inner if isinstance(inner, dict) else {}


def _value(properties: Mapping[str, Any]) -> float | None:
    """Return what an event was worth. Shops write it as a number or as text, under any of three names of Segment's spec."""
    for name in VALUES:
        given = properties.get(name)
        if isinstance(given, bool) or not isinstance(given, int | float | str) or len(str(given)) > LONGEST_NUMBER:
            continue
        try:
            number = float(given)
        except ValueError:
            continue
        if abs(number) <= LARGEST_VALUE:  # false for NaN
            return number
    return None


def _terms(properties: Mapping[str, Any]) -> str | None:
    """Return what was searched for ("Products Searched" of Segment's spec has it as `query`), shortened where it is long."""
    given = properties.get("query")
    return given.strip()[:LONGEST] or None if isinstance(given, str) else None


def _currency(properties: Mapping[str, Any]) -> str | None:
    """Return the currency as its three letters (ISO 4217), None for anything else."""
    given = properties.get("currency")
    return given.upper() if isinstance(given, str) and len(given) == 3 and given.isascii() and given.isalpha() else None


def _path(properties: Mapping[str, Any], page: Mapping[str, Any]) -> str | None:
    """Return the path of the page in lower case, without host and query, which may contain personal data."""
    for values in (properties, page):
        for name in ("path", "url"):
            value = values.get(name)
            if isinstance(value, str) and value:
                try:
                    return urlsplit(value).path[:LONGEST_PATH].lower() or "/"
                except ValueError:
                    continue
    return None


def _plain_traits(traits: Mapping[str, Any]) -> dict[str, Any]:
    """Return the traits that can be attributes of a contact: short names with plain values."""
    usable = {
        name: value
        for name, value in traits.items()
        if name != "email" and 0 < len(name) <= 100 and isinstance(value, str | int | float | bool) and len(str(value)) <= 2000
    }
    return dict(list(usable.items())[:MOST_ATTRIBUTES])
