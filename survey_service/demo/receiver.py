"""A small CRM for the demo: takes webhooks, checks their signatures, and shows what it got.

It is what somebody who reads the Standard Webhooks specification (1.0.0) would write, and shares no code with the sender.
"""

import base64
import hashlib
import hmac
import json
import sys
import time
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

KEPT = 200
LARGEST = 64 * 1024
TOLERANCE = 5 * 60


class InvalidSignature(Exception):
    """The signature, the timestamp or the body is not what the specification asks for."""


def verify(secret: str, headers: Mapping[str, str], body: bytes, now: float) -> dict[str, Any]:
    """The message, if it was signed with `secret` within five minutes of `now`. Raises NotGenuine."""
    message_id, timestamp, signatures = (headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
    try:
        age = abs(now - int(timestamp))
        key = base64.b64decode(secret.removeprefix("whsec_"))
        message = json.loads(body)
    except (ValueError, RecursionError):
        raise InvalidSignature from None
    expected = hmac.digest(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256)
    given = [entry.removeprefix("v1,") for entry in signatures.split(" ") if entry.startswith("v1,")]
    fits = any(hmac.compare_digest(base64.b64encode(expected), entry.encode("utf-8", "replace")) for entry in given)
    if not fits or age > TOLERANCE or not isinstance(message, dict):
        raise InvalidSignature
    return message


class Crm(ThreadingHTTPServer):
    """What was received, newest last."""

    daemon_threads = True

    def __init__(self, port: int, secret: str) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.secret = secret
        self.events: deque[dict[str, Any]] = deque(maxlen=KEPT)


class Handler(BaseHTTPRequestHandler):
    """POST /hook, GET /received?contact=."""

    server: Crm
    protocol_version = "HTTP/1.1"
    timeout = 10

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > LARGEST:
            self.close_connection = True
            return self._answer(413, {"error": "too large"})
        body = self.rfile.read(int(length))
        if self.path != "/hook":
            return self._answer(404, {"error": "nothing here"})
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            message = verify(self.server.secret, headers, body, time.time())
        except InvalidSignature:
            self._keep({"type": "?", "verified": False})
            return self._answer(400, {"error": "not genuine"})
        data = message.get("data")
        data = data if isinstance(data, dict) else {}
        contact = data.get("contact")
        self._keep(
            {
                "type": message.get("type"),
                "verified": True,
                "sequence": data.get("sequence"),
                "contact": contact.get("id") if isinstance(contact, dict) else None,
                "body": message,
            }
        )
        return self._answer(200, {"ok": True})

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        if address.path != "/received":
            return self._answer(404, {"error": "nothing here"})
        wanted = parse_qs(address.query).get("contact", [""])[0]
        events = [event for event in list(self.server.events) if not wanted or event.get("contact") == wanted]
        return self._answer(200, {"events": events})

    def log_message(self, *_: Any) -> None:
        """Nothing: the demo's terminal is for people."""

    def _keep(self, event: dict[str, Any]) -> None:
        # A repetition has the same webhook-id: a CRM that counted it twice would be wrong.
        event |= {"id": self.headers.get("webhook-id"), "at": datetime.now(UTC).isoformat()}
        if not (
            event["verified"] and any(this_event["verified"] and this_event["id"] == event["id"] for this_event in list(self.server.events))
        ):
            self.server.events.append(event)

    def _answer(self, status: int, body: Mapping[str, Any]) -> None:
        text = json.dumps(body, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(text)


def main(port: str, secret_file: str) -> None:
    """Serve until the process is ended. The secret comes in a file: arguments can be read by everybody on the machine."""
    with Crm(int(port), Path(secret_file).read_text(encoding="ascii").strip()) as crm:
        crm.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
