"""Real processes for tests: the web server, the worker, and a receiver that verifies signatures with the public library."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

ROOT = Path(__file__).resolve().parent.parent
SECRET = "a key for tests that is long enough"
PATIENCE = 30.0
NODE_MISSING = "Node and its packages are missing: ./requirements/test-machine.sh installs them"


def until(condition: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
    """Return the value of `condition` as soon as it is true. Fail with `what` after `patience` seconds."""
    deadline = time.monotonic() + patience
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited {patience:.0f} s in vain: {what}"
        time.sleep(0.02)
    return found


def free_port() -> int:
    with socket.socket() as plug:
        plug.bind(("127.0.0.1", 0))
        return int(plug.getsockname()[1])


def environment(database_url: str) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("DISCERN_")}
    settings = {"DATABASE_URL": database_url, "SECRET_KEYS": SECRET, "ALLOW_PRIVATE_TARGETS": "127.0.0.0/8", "LOG_LEVEL": "WARNING"}
    return {**own, "PYTHONPATH": str(ROOT), **{f"DISCERN_{name}": value for name, value in settings.items()}}


def oracle(script: str, *arguments: str, given: str = "") -> str:
    """Return the output of a script of tests/node. Without Node the test is skipped on a developer's machine and fails in CI."""
    folder = ROOT / "tests" / "node"
    if shutil.which("node") is None or not (folder / "node_modules").is_dir():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(NODE_MISSING)
    command = ["node", str(folder / script), *arguments]
    done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def discern(*arguments: str, database_url: str) -> subprocess.CompletedProcess[str]:
    """Run a `discern` command to its end."""
    command = [sys.executable, "-m", "survey_service.cli.main", *arguments]
    return subprocess.run(command, env=environment(database_url), capture_output=True, text=True, timeout=60, check=False)


def start(*arguments: str, database_url: str) -> "subprocess.Popen[bytes]":
    """Start a `discern` command in its own process group."""
    command = [sys.executable, "-m", "survey_service.cli.main", *arguments]
    return subprocess.Popen(command, env=environment(database_url), start_new_session=True)


@contextmanager
def process(*arguments: str, database_url: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a `discern` command in its own process group; end it and its children with the block."""
    running = start(*arguments, database_url=database_url)
    try:
        yield running
    finally:
        end(running, signal.SIGTERM)


def end(running: "subprocess.Popen[bytes]", how: signal.Signals) -> None:
    """End a process and its children; SIGKILL ends them at once."""
    if running.poll() is None:
        os.killpg(running.pid, how)
    try:
        running.wait(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
        raise


@dataclass
class Web:
    """A running web server that is called over HTTP."""

    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def call(self, method: str, path: str, body: Any = None, token: str | None = None) -> tuple[int, Any]:
        """Return status and JSON. Raises OSError if the server does not answer."""
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, method=method, headers={"Content-Type": "application/json"})
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, json.load(refused)

    def is_ready(self) -> bool:
        try:
            return self.call("GET", "/readyz")[0] == 200
        except (OSError, ValueError):
            return False


@contextmanager
def web_server(database_url: str, port: int | None = None) -> Iterator[tuple[Web, "subprocess.Popen[bytes]"]]:
    """Run gunicorn as `discern serve` starts it. Yield when it is ready."""
    web = Web(port or free_port())
    with process("serve", "--bind", f"127.0.0.1:{web.port}", database_url=database_url) as running:
        until(lambda: web.is_ready() or running.poll() is not None, "the web server answers")
        assert running.poll() is None, "the web server ended"
        yield web, running


@dataclass
class Inbox:
    """The messages that a CRM received, if the public library verified their signature."""

    secret: str = ""
    accepted: list[dict[str, Any]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    url: str = ""

    def take(self, headers: dict[str, str], body: bytes) -> int:
        try:
            self.accepted.append(Webhook(self.secret).verify(body, headers))
        except (WebhookVerificationError, ValueError) as wrong:
            self.refused.append(str(wrong))
            return 400
        self.ids.append(headers["webhook-id"])
        return 204

    def of_type(self, event_type: str) -> list[dict[str, Any]]:
        return [message for message in self.accepted if message["type"] == event_type]


@contextmanager
def receiver() -> Iterator[Inbox]:
    """Run a CRM on its own port."""
    inbox = Inbox()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(inbox.take({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    inbox.url = f"http://127.0.0.1:{server.server_port}/hook"
    try:
        yield inbox
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
