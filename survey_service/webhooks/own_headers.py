"""Headers that an endpoint's owner wants on every message, mostly a token: kept encrypted like a secret and never shown again."""

import re
from collections.abc import Mapping

from survey_service.crypto import Keyring

MOST_HEADERS = 20
LONGEST_VALUE = 4096
REFUSED = {"host", "connection", "transfer-encoding", "te", "trailer", "upgrade", "keep-alive", "accept-encoding", "user-agent", "expect"}
REFUSED_BEGINNINGS = ("content-", "proxy-", "webhook-")

NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}"
VALUE = r"[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?"


def problems_of(headers: Mapping[str, str]) -> list[dict[str, str]]:
    """Why some of them cannot be sent: all reasons, by field. A value is never quoted."""
    found = [{"path": f"headers.{name[:100]}", "message": why} for name, value in headers.items() if (why := _problem(name, value))]
    if len({name.lower() for name in headers}) < len(headers):
        found.append({"path": "headers", "message": "two names differ only in upper and lower case: give one"})
    return found


def encrypted(headers: Mapping[str, str], keys: Keyring) -> dict[str, str]:
    """As they are stored."""
    return {name: keys.encrypt(value) for name, value in headers.items()}


def _problem(name: str, value: str) -> str | None:
    if not re.fullmatch(NAME, name):
        return "this is no header name: letters, digits and hyphens"
    if name.lower() in REFUSED or name.lower().startswith(REFUSED_BEGINNINGS):
        return "this header belongs to the message itself: choose another name"
    if len(value) > LONGEST_VALUE or not re.fullmatch(VALUE, value):
        return f"a value is one line of 1 to {LONGEST_VALUE} plain ASCII characters, without spaces at its ends"
    return None
