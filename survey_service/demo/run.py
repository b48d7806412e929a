"""Run the demo on this machine: the service, a worker, a small CRM, and a shop page that embeds a survey."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from http.client import HTTPConnection, HTTPException
from itertools import islice
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from types import FrameType
from typing import BinaryIO

from sqlmodel import Session, select

from question_bank.definitions import Bank
from question_bank.files.load import read_bank
from survey_service.banks.publishing import latest_version, publish
from survey_service.crypto import Keyring
from survey_service.settings import Settings
from survey_service.store.migrate import migrate
from survey_service.store.session import Store
from survey_service.store.tables.webhooks import Endpoint
from survey_service.web.accounts import INVITATION_LIFETIME, invite, make_link
from survey_service.web.context import utc_now
from survey_service.webhooks import endpoints

VAR = Path("var")
KEY_FILE = VAR / "demo-secret-key"
EXAMPLE = "car-buyers.yaml"
ENDPOINT_DESCRIPTION = AUTHOR = "demo"
OWNER = "demo@localhost"
PORTS_TRIED = 50
START_TIMEOUT = 60.0
STOP_TIMEOUT = 25.0
DISCERN = (sys.executable, "-c", "from survey_service.cli.main import main; main()")


@dataclass
class Program:
    """A process of the demo: its command, and the socket that it inherits."""

    command: Sequence[str]
    listener: socket.socket | None = None

    def start(self, environment: Mapping[str, str], log: BinaryIO) -> "subprocess.Popen[bytes]":
        """Start the process and close its socket here, so that nothing listens on the port after the process has ended."""
        inherited = () if self.listener is None else (self.listener.fileno(),)
        # A process group of its own: otherwise Ctrl-C would reach all processes at once, and not in order.
        child = subprocess.Popen(self.command, env=environment, stdout=log, stderr=log, start_new_session=True, pass_fds=inherited)  # noqa: S603
        if self.listener is not None:
            self.listener.close()
        return child


def run(port: int, banks: Sequence[tuple[Bank, str]] = ()) -> None:
    """Start all processes, print their addresses, and stop all on Ctrl-C, SIGTERM, or when one of them ends.

    `banks` are published beside the example, each with its text. Raises Conflict for a survey id of another bank.
    """
    VAR.mkdir(exist_ok=True)
    web_socket, hook_socket = listen_from(port, 2)
    web, hook = (listener.getsockname()[1] for listener in (web_socket, hook_socket))
    if web != port:
        _say(f"Port {port} is taken: using {web}.")
    secret_file = VAR / "demo-webhook-secret"
    if not KEY_FILE.exists():
        # The endpoint's secret was encrypted with the lost key, so `_connect` has to add a new endpoint.
        secret_file.unlink(missing_ok=True)
    environment = _environment(web, hook)
    link = _prepare(Settings.from_env(environment), f"http://127.0.0.1:{hook}/hook", secret_file, web, banks)
    programs = {
        "receiver": Program(
            [sys.executable, "-m", "survey_service.demo.receiver", str(hook_socket.fileno()), str(secret_file)], hook_socket
        ),
        "worker": Program([*DISCERN, "worker"]),
        "web": Program([*DISCERN, "serve", "--bind", f"fd://{web_socket.fileno()}"], web_socket),
    }
    ended: SimpleQueue[str] = SimpleQueue()
    with _signals_to(ended), _children(programs, environment, ended):
        if (stopped := _wait_until_ready(web, hook, ended)) is None:
            for own, _ in banks:
                _say("".join(f"\n  {own.id}: http://127.0.0.1:{web}/s/{survey.id}" for survey in own.surveys))
            _say(f"\n  The demo:         http://127.0.0.1:{web}/demo\n  The hosted page:  http://127.0.0.1:{web}/s/website")
            _say(f"  The console:      {link}\n                    (once; discern login makes another)\n")
            _say(f"Database and logs are in {VAR.resolve()}. Stop with Ctrl-C.")
            stopped = ended.get()
        _say("Stopping." if not stopped else f"The {stopped} has ended; stopping the rest. See {VAR / f'demo-{stopped}.log'}.")
    if stopped:
        sys.exit(1)


def _environment(web: int, hook: int) -> dict[str, str]:
    """Return the environment of the demo's processes, without the settings of another installation."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("DISCERN_")}
    return {
        **others,
        "DISCERN_DATABASE_URL": f"sqlite:///{VAR}/demo.db",
        "DISCERN_SECRET_KEYS": _read_or_create_key(KEY_FILE),
        "DISCERN_BASE_URL": f"http://127.0.0.1:{web}",
        "DISCERN_ALLOW_PRIVATE_TARGETS": "127.0.0.0/8",
        "DISCERN_DEMO_RECEIVER": f"http://127.0.0.1:{hook}",
        "DISCERN_LOG_LEVEL": "INFO",
    }


def _prepare(settings: Settings, hook_url: str, secret_file: Path, port: int, banks: Sequence[tuple[Bank, str]]) -> str:
    """Create the tables, the example bank and the CRM's endpoint where they do not exist yet, and publish `banks`.

    Return a link that opens the console.
    """
    with closing(Store(settings.database_url)) as store:
        migrate(store.engine)
        with store.writing() as session:
            _publish_example(session, port)
            for bank, text in banks:
                publish(session, bank, utc_now(), author=AUTHOR, text=text)
            _connect(session, settings, hook_url, secret_file)
            account = invite(session, OWNER, "Demo", "admin", utc_now(), sees_contacts=True)
            token = make_link(session, Keyring(settings.secret_keys), account, utc_now(), INVITATION_LIFETIME)
    return f"{settings.base_url}/console/sign-in/{token}"


def _publish_example(session: Session, port: int) -> None:
    """Publish the example bank, unless somebody has published a version of their own."""
    latest = latest_version(session, "car-buyers")
    if latest is None or latest.author in (None, AUTHOR):
        publish(session, _example(port), utc_now(), author=AUTHOR)


def _example(port: int) -> Bank:
    """Return the example bank, with this machine's addresses among the origins of its surveys."""
    file = Path(__file__).resolve().parents[2] / "question_bank" / "examples" / EXAMPLE
    bank = read_bank(file.read_text(encoding="utf-8"), EXAMPLE)
    here = (f"http://127.0.0.1:{port}", f"http://localhost:{port}")
    return replace(bank, surveys=tuple(replace(survey, origins=(*survey.origins, *here)) for survey in bank.surveys))


def _connect(session: Session, settings: Settings, url: str, secret_file: Path) -> None:
    endpoint = session.exec(select(Endpoint).where(Endpoint.description == ENDPOINT_DESCRIPTION, Endpoint.state == "active")).first()
    if endpoint is not None and secret_file.exists():
        endpoints.change(session, settings, endpoint.id, {"url": url}, utc_now())
        return
    if endpoint is not None:
        endpoints.remove(session, endpoint.id, utc_now())
    _, secret = endpoints.add(session, settings, url=url, events=[], when="every_answer", now=utc_now(), description=ENDPOINT_DESCRIPTION)
    _write_private(secret_file, secret)


def _read_or_create_key(file: Path) -> str:
    """Return the random key in a file, created if there is none."""
    if not file.exists():
        _write_private(file, secrets.token_hex(32))
    return file.read_text(encoding="ascii").strip()


def _write_private(file: Path, text: str) -> None:
    file.unlink(missing_ok=True)
    file.touch(0o600, exist_ok=False)
    file.write_text(text, encoding="ascii")


def listen_from(first: int, count: int) -> list[socket.socket]:
    """Return sockets that listen on the first `count` free ports from `first` on. Raises SystemExit if there are not enough.

    The demo's processes inherit the sockets, so that nothing else takes a port while they start.
    """
    tried = range(first, min(first + PORTS_TRIED, 65536))
    listeners = list(islice((listener for port in tried if (listener := _listen_on(port)) is not None), count))
    if len(listeners) < count:
        for listener in listeners:
            listener.close()
        raise SystemExit(f"No free port between {first} and {first + PORTS_TRIED}: choose another with discern demo --port.")
    return listeners


def _listen_on(port: int) -> socket.socket | None:
    """Return a socket that listens on a port, or None if the port is taken."""
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError:
        return None


@contextmanager
def _signals_to(ended: "SimpleQueue[str]") -> Iterator[None]:
    """Put "" into the queue on Ctrl-C and SIGTERM while the context lasts."""

    def put_empty(_number: int, _frame: FrameType | None) -> None:
        ended.put("")

    previous = {number: signal.signal(number, put_empty) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def _children(programs: Mapping[str, Program], environment: Mapping[str, str], ended: "SimpleQueue[str]") -> Iterator[None]:
    """Run the demo's processes. One that ends puts its name into the queue. On exit all are stopped, the last started first."""
    running: list[subprocess.Popen[bytes]] = []
    try:
        for name, program in programs.items():
            with (VAR / f"demo-{name}.log").open("wb") as log:
                running.append(program.start(environment, log))
            Thread(target=_report, args=(running[-1], name, ended), daemon=True).start()
        yield
    finally:
        for child in reversed(running):
            _stop(child)


def _report(child: "subprocess.Popen[bytes]", name: str, ended: "SimpleQueue[str]") -> None:
    child.wait()
    ended.put(name)


def _stop(child: "subprocess.Popen[bytes]") -> None:
    with suppress(ProcessLookupError):
        child.terminate()
    try:
        child.wait(STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _wait_until_ready(web: int, hook: int, ended: "SimpleQueue[str]") -> str | None:
    """Return None once all processes answer; the name of a process that ended before, or "" after a signal."""
    until = time.monotonic() + START_TIMEOUT
    while ended.empty():
        if _answers(web, "/readyz") and _answers(hook, "/received"):
            return None
        if time.monotonic() > until:
            return "web"
        time.sleep(0.05)
    return ended.get()


def _answers(port: int, path: str) -> bool:
    with closing(HTTPConnection("127.0.0.1", port, timeout=0.5)) as connection:
        try:
            connection.request("GET", path)
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False


def _say(text: str) -> None:
    print(text, flush=True)
