"""A small CRM for the demo: it receives webhooks, verifies their signatures, and lists what it received.

It is written from the Standard Webhooks specification (1.0.0) and shares no code with the sender.
"""

import base64
import hashlib
import hmac
import json
import socket
import sys
import time
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

MAX_EVENTS = 200
MAX_BODY = 64 * 1024
TOLERANCE = 5 * 60


class InvalidSignature(Exception):
    """The signature, the timestamp or the body is not as the specification requires."""


def verify(secret: str, headers: Mapping[str, str], body: bytes, now: float) -> dict[str, Any]:
    """Return the message if it was signed with `secret` within five minutes of `now`. Raises InvalidSignature."""
    message_id, timestamp, signatures = (headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
    try:
        age = abs(now - int(timestamp))
        key = base64.b64decode(secret.removeprefix("whsec_"))
        message = json.loads(body)
    except (ValueError, RecursionError):
        raise InvalidSignature from None
    expected = hmac.digest(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256)
    received = [entry.removeprefix("v1,") for entry in signatures.split(" ") if entry.startswith("v1,")]
    matches = any(hmac.compare_digest(base64.b64encode(expected), entry.encode("utf-8", "replace")) for entry in received)
    if not matches or age > TOLERANCE or not isinstance(message, dict):
        raise InvalidSignature
    return message


class Crm(ThreadingHTTPServer):
    """The server, on a socket that listens. `events` are the received messages, the newest last."""

    daemon_threads = True

    def __init__(self, listener: socket.socket, secret: str) -> None:
        super().__init__(listener.getsockname(), Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.secret = secret
        self.events: deque[dict[str, Any]] = deque(maxlen=MAX_EVENTS)


class Handler(BaseHTTPRequestHandler):
    """Handles POST /hook and GET /received?contact=."""

    server: Crm
    protocol_version = "HTTP/1.1"
    timeout = 10

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > MAX_BODY:
            self.close_connection = True
            return self._respond(413, {"error": "too large"})
        body = self.rfile.read(int(length))
        if self.path != "/hook":
            return self._respond(404, {"error": "nothing here"})
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            message = verify(self.server.secret, headers, body, time.time())
        except InvalidSignature:
            self._store({"type": "?", "verified": False})
            return self._respond(400, {"error": "not genuine"})
        data = message.get("data")
        data = data if isinstance(data, dict) else {}
        contact = data.get("contact")
        self._store(
            {
                "type": message.get("type"),
                "verified": True,
                "sequence": data.get("sequence"),
                "contact": contact.get("id") if isinstance(contact, dict) else None,
                "body": message,
            }
        )
        return self._respond(200, {"ok": True})

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        if address.path != "/received":
            return self._respond(404, {"error": "nothing here"})
        contact = parse_qs(address.query).get("contact", [""])[0]
        events = [event for event in list(self.server.events) if not contact or event.get("contact") == contact]
        return self._respond(200, {"events": events})

    def log_message(self, *_: Any) -> None:
        """Log nothing, to keep the demo's terminal readable."""

    def _store(self, event: dict[str, Any]) -> None:
        # A retry has the same webhook-id and must not be counted twice.
        event |= {"id": self.headers.get("webhook-id"), "at": datetime.now(UTC).isoformat()}
        stored_ids = [stored["id"] for stored in list(self.server.events) if stored["verified"]]
        if not event["verified"] or event["id"] not in stored_ids:
            self.server.events.append(event)

    def _respond(self, status: int, body: Mapping[str, Any]) -> None:
        text = json.dumps(body, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(text)


def main(descriptor: str, secret_file: str) -> None:
    """Serve on an inherited socket until the process ends. The secret is in a file, since every user of the machine can read arguments."""
    with Crm(socket.socket(fileno=int(descriptor)), Path(secret_file).read_text(encoding="ascii").strip()) as crm:
        crm.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
