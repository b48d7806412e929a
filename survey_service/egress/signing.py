"""Signatures of Standard Webhooks 1.0.0: HMAC-SHA256 over ``id.timestamp.body``, written as ``v1,<base64>``."""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from secrets import token_bytes
from typing import Any

PREFIX = "whsec_"
KEY_BYTES = range(24, 65)
_ID = re.compile(r"[A-Za-z0-9_-]+")


class SigningError(ValueError):
    """A webhook needs an id without dots, a body that is UTF-8 and not empty, and a secret of 24 to 64 bytes."""

    def __init__(self) -> None:
        super().__init__(type(self).__doc__)


def new_secret() -> str:
    """Return 32 random bytes in the spelling that every Standard Webhooks library reads."""
    return PREFIX + base64.b64encode(token_bytes(32)).decode("ascii")


def sign(secrets: Sequence[str], webhook_id: str, timestamp: int, body: bytes) -> Mapping[str, str]:
    """Return the three headers of one attempt.

    Parameters
    ----------
    secrets : sequence of str
        Every secret in force, newest first: two while one replaces the other, and the receiver may hold either.
    webhook_id : str
        The same for all attempts, so that the receiver recognises a repetition.
    timestamp : int
        Unix seconds of this attempt, not of the event: receivers refuse what is older than five minutes.
    body : bytes
        Exactly the bytes that are sent.
    """
    # Public verifiers decode the body before they compare, and crash or read nothing in the cases refused here.
    if not _ID.fullmatch(webhook_id) or not body or not _is_utf8(body) or not secrets:
        raise SigningError
    content = b"%s.%d.%s" % (webhook_id.encode("ascii"), timestamp, body)
    signatures = [base64.b64encode(hmac.digest(_key(secret), content, hashlib.sha256)).decode("ascii") for secret in secrets]
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp),
        # Exactly one space: python standardwebhooks splits at it and fails on an empty entry.
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }


def is_in_force(entry: Mapping[str, Any], now: datetime) -> bool:
    """Whether a stored secret still signs."""
    until = entry.get("expires_at")
    return until is None or datetime.fromisoformat(until) > now


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except ValueError:
        raise SigningError from None  # the cause would quote the secret
    if len(key) not in KEY_BYTES:
        raise SigningError
    return key


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
