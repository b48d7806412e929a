"""Everything at once on this machine, for a first look: service, worker, a small CRM, and a shop page that embeds a survey."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from types import FrameType

from sqlmodel import Session, select

from question_bank.definitions import Bank
from question_bank.files.load import read_bank
from survey_service.banks.publishing import publish
from survey_service.settings import Settings
from survey_service.store.migrate import migrate
from survey_service.store.session import Store
from survey_service.store.tables.webhooks import Endpoint
from survey_service.web.context import utc_now
from survey_service.webhooks import endpoints

VAR = Path("var")
KEY_FILE = VAR / "demo-secret-key"
EXAMPLE = "car-buyers.yaml"
OURS = "demo"
PORTS_TRIED = 50
READY_WITHIN = 60.0
STOP_WITHIN = 25.0
DISCERN = (sys.executable, "-c", "from survey_service.cli.main import main; main()")


def run(port: int) -> None:
    """Start everything, say where it is, and stop everything on Ctrl-C, SIGTERM, or when a part ends on its own."""
    VAR.mkdir(exist_ok=True)
    web, hook = _free_ports(port, 2)
    if web != port:
        _say(f"Port {port} is taken: using {web}.")
    secret_file = VAR / "demo-webhook-secret"
    if not KEY_FILE.exists():
        secret_file.unlink(missing_ok=True)  # what an earlier key encrypted, nobody can read: the endpoint is made anew
    environment = _environment(web, hook)
    _prepare(Settings.from_env(environment), f"http://127.0.0.1:{hook}/hook", secret_file, web)
    commands: Mapping[str, Sequence[str]] = {
        "receiver": (sys.executable, "-m", "survey_service.demo.receiver", str(hook), str(secret_file)),
        "worker": (*DISCERN, "worker"),
        "web": (*DISCERN, "serve", "--bind", f"127.0.0.1:{web}"),
    }
    ended: SimpleQueue[str] = SimpleQueue()
    with _signals_to(ended), _children(commands, environment, ended):
        if (gone := _wait_until_ready(web, hook, ended)) is None:
            _say(f"\n  The demo:         http://127.0.0.1:{web}/demo\n  The hosted page:  http://127.0.0.1:{web}/s/website\n")
            _say(f"Database and logs are in {VAR.resolve()}. Stop with Ctrl-C.")
            gone = ended.get()
        _say("Stopping." if not gone else f"The {gone} has ended; stopping the rest. See {VAR / f'demo-{gone}.log'}.")
    if gone:
        sys.exit(1)


def _environment(web: int, hook: int) -> dict[str, str]:
    """The settings of every process of the demo; those of another installation do not reach it."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("DISCERN_")}
    return {
        **others,
        "DISCERN_DATABASE_URL": f"sqlite:///{VAR}/demo.db",
        "DISCERN_SECRET_KEYS": _once(KEY_FILE),
        "DISCERN_BASE_URL": f"http://127.0.0.1:{web}",
        "DISCERN_ALLOW_PRIVATE_TARGETS": "127.0.0.0/8",
        "DISCERN_DEMO_RECEIVER": f"http://127.0.0.1:{hook}",
        "DISCERN_LOG_LEVEL": "INFO",
    }


def _prepare(settings: Settings, hook_url: str, secret_file: Path, port: int) -> None:
    """Tables, the example bank, and the CRM's endpoint: made the first time, found the next."""
    with closing(Store(settings.database_url)) as store:
        migrate(store.engine)
        with store.writing() as session:
            publish(session, _example(port), utc_now())
            _connect(session, settings, hook_url, secret_file)


def _example(port: int) -> Bank:
    """The shipped bank, which may also be embedded on this machine's other name."""
    file = Path(__file__).resolve().parent.parent / "question_bank" / "examples" / EXAMPLE
    bank = read_bank(file.read_text(encoding="utf-8"), EXAMPLE)
    here = (f"http://127.0.0.1:{port}", f"http://localhost:{port}")
    return replace(bank, surveys=tuple(replace(survey, origins=(*survey.origins, *here)) for survey in bank.surveys))


def _connect(session: Session, settings: Settings, url: str, secret_file: Path) -> None:
    ours = session.exec(select(Endpoint).where(Endpoint.description == OURS, Endpoint.state == "active")).first()
    if ours is not None and secret_file.exists():
        endpoints.change(session, settings, ours.id, {"url": url}, utc_now())
        return
    if ours is not None:
        endpoints.remove(session, ours.id, utc_now())
    _, secret = endpoints.add(session, settings, url=url, events=[], when="every_answer", now=utc_now(), description=OURS)
    _write_private(secret_file, secret)


def _once(file: Path) -> str:
    """A random key: made the first time, read the next."""
    if not file.exists():
        _write_private(file, secrets.token_hex(32))
    return file.read_text(encoding="ascii").strip()


def _write_private(file: Path, text: str) -> None:
    file.unlink(missing_ok=True)
    file.touch(0o600, exist_ok=False)
    file.write_text(text, encoding="ascii")


def _free_ports(first: int, wanted: int) -> list[int]:
    """The first `wanted` ports from `first` on which nobody listens."""
    found = [port for port in range(first, min(first + PORTS_TRIED, 65536)) if _is_free(port)][:wanted]
    if len(found) < wanted:
        raise SystemExit(f"No free port between {first} and {first + PORTS_TRIED}: choose another with discern demo --port.")
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as plug:
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            plug.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@contextmanager
def _signals_to(ended: "SimpleQueue[str]") -> Iterator[None]:
    """While this lasts, Ctrl-C and SIGTERM put "" into the queue: the person has ended it."""

    def note(_number: int, _frame: FrameType | None) -> None:
        ended.put("")

    before = {item: signal.signal(item, note) for item in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for key, handler in before.items():
            signal.signal(key, handler)


@contextmanager
def _children(commands: Mapping[str, Sequence[str]], environment: Mapping[str, str], ended: "SimpleQueue[str]") -> Iterator[None]:
    """The processes of the demo. Each that ends puts its name into the queue; leaving ends them all, the last started first."""
    running: list[subprocess.Popen[bytes]] = []
    try:
        for name, command in commands.items():
            with (VAR / f"demo-{name}.log").open("wb") as log:
                # A session of its own: Ctrl-C in the terminal reaches only us, and we end the others in order.
                child = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)  # noqa: S603
            running.append(child)
            Thread(target=_report, args=(child, name, ended), daemon=True).start()
        yield
    finally:
        for child in reversed(running):
            _end(child)


def _report(child: "subprocess.Popen[bytes]", name: str, ended: "SimpleQueue[str]") -> None:
    child.wait()
    ended.put(name)


def _end(child: "subprocess.Popen[bytes]") -> None:
    with suppress(ProcessLookupError):
        child.terminate()
    try:
        child.wait(STOP_WITHIN)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _wait_until_ready(web: int, hook: int, ended: "SimpleQueue[str]") -> str | None:
    """None once everything answers; before that the name of what has ended, "" where a person ended it."""
    until = time.monotonic() + READY_WITHIN
    while not (_answers(web, "/readyz") and _answers(hook, "/received")):
        if not ended.empty():
            return ended.get()
        if time.monotonic() > until:
            return "web"
        time.sleep(0.05)
    return None


def _answers(port: int, path: str) -> bool:
    with closing(HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        try:
            connection.request("GET", path)
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False


def _say(text: str) -> None:
    print(text, flush=True)
