"""A message of the Segment spec as this service understands it: who, what, when. Pure; nothing here knows HTTP or the database.

https://segment.com/docs/connections/spec: every client library sends these shapes, RudderStack's too.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

KINDS = ("identify", "track", "page", "screen", "group", "alias")
LONGEST = 255
LONGEST_PATH = 1000
MOST_ATTRIBUTES = 50


class UnusableMessage(Exception):
    """One message of a batch cannot be used; the others can."""


@dataclass(frozen=True)
class SegmentMessage:
    """One message. `at` is by our clock; `message_id` is the client's, constant over its retries."""

    kind: str
    message_id: str
    at: datetime
    user: str | None = None
    anonymous: str | None = None
    former: str | None = None  # of alias: whom `user` was called before
    name: str | None = None
    path: str | None = None
    channel: str | None = None
    topic: str | None = None
    email: str | None = None
    traits: Mapping[str, Any] = field(default_factory=dict)


def parse_message(raw: Any, kind: str | None, sent_at: datetime | None, received_at: datetime) -> SegmentMessage:
    """What one JSON value says; `kind` is what its address says. Raises NotUnderstood."""
    if not isinstance(raw, dict):
        raise UnusableMessage("a message must be a JSON object")
    kind = kind or raw.get("type")
    if kind not in KINDS:
        raise UnusableMessage(f"type must be one of {', '.join(KINDS)}")
    user, anonymous, former = (_text(raw, name) for name in ("userId", "anonymousId", "previousId"))
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
        at=_moment(raw, sent_at or parse_time(raw.get("sentAt")), received_at),
        user=user,
        anonymous=anonymous,
        former=former,
        name=name,
        path=_path(properties, _mapping(context, "page")) if kind in ("page", "screen") else None,
        channel=_text(properties, "channel"),
        topic=_text(properties, "topic"),
        email=_text(traits, "email"),
        traits=_plain(traits),
    )


def parse_time(value: object) -> datetime | None:
    """An ISO 8601 moment, None for anything else; without a zone it is UTC.

    >>> moment("2026-01-05T10:00:00.000Z").isoformat()
    '2026-01-05T10:00:00+00:00'
    """
    if not isinstance(value, str):
        return None
    try:
        read = datetime.fromisoformat(value)
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _moment(raw: Mapping[str, Any], sent_at: datetime | None, received_at: datetime) -> datetime:
    """When it happened by our clock: the client's own clock is wrong by as much as its `sentAt` is. Never in the future."""
    happened = parse_time(raw.get("timestamp")) or parse_time(raw.get("originalTimestamp"))
    if happened is None:
        return received_at
    wrong = timedelta(0) if sent_at is None else sent_at - received_at
    try:
        return min(happened - wrong, received_at)
    except OverflowError:
        return received_at


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


def _path(properties: Mapping[str, Any], page: Mapping[str, Any]) -> str | None:
    """The path of the page in lower case, without host and query: those may say who somebody is."""
    for values in (properties, page):
        for name in ("path", "url"):
            value = values.get(name)
            if isinstance(value, str) and value:
                try:
                    return urlsplit(value).path[:LONGEST_PATH].lower() or "/"
                except ValueError:
                    continue
    return None


def _plain(traits: Mapping[str, Any]) -> dict[str, Any]:
    """What can be an attribute of a contact: short names with plain values."""
    usable = {
        name: value
        for name, value in traits.items()
        if name != "email" and 0 < len(name) <= 100 and isinstance(value, str | int | float | bool) and len(str(value)) <= 2000
    }
    return dict(list(usable.items())[:MOST_ATTRIBUTES])
