"""Shared by the benchmarks of the service: a bank of any size, simulated respondents, and processor time of process trees."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

from sqlmodel import Session

from question_bank.files.load import read_bank
from survey_service.banks.publishing import publish
from survey_service.respondent.state import digest
from survey_service.store.migrate import migrate
from survey_service.store.session import Store
from survey_service.store.tables.columns import new_id
from survey_service.store.tables.core import Contact, SurveySession

SURVEY = "bench"
KEY = "k" * 32
OPTIONS = 5
ROOT = Path(__file__).resolve().parent.parent
TICK = os.sysconf("SC_CLK_TCK")
NO_LIMIT = "10000/s 100000"
FIRST: Mapping[str, Any] = {"id": "q0", "type": "single", "options": [{"id": f"o{a}"} for a in range(OPTIONS)]}
"""The question with which the sessions of `a_bank` begin, as clients get it."""


def a_bank(questions: int = 60, personas: int = 8, at_most: int = 30) -> str:
    """Return a bank as YAML: single choices of five options, drawn with a fixed seed; its survey asks exactly `at_most` of them."""
    draw = random.Random(7)
    names = [f"p{k}" for k in range(personas)]

    def shares() -> list[float]:
        weights = [draw.random() ** 2 + 0.05 for _ in range(OPTIONS)]
        rounded = [round(weight / sum(weights), 4) for weight in weights]
        return [round(rounded[0] + 1 - sum(rounded), 4), *rounded[1:]]

    asked = [
        {
            "id": f"q{q}",
            "type": "single",
            "text": f"This is question number {q}: which of these fits best?",
            "options": [{"id": f"o{a}", "text": f"Option {a}"} for a in range(OPTIONS)],
            "likelihood": {name: shares() for name in names},
        }
        for q in range(questions)
    ]
    people = [{"id": name, "name": name, "prior": 1 / personas} for name in names]
    surveys = [{"id": SURVEY, "title": "Bench", "stop": {"at_most": at_most}}]
    return json.dumps({"bank": "bench", "languages": ["en"], "personas": people, "questions": asked, "surveys": surveys})


def prepare(url: str, bank: str) -> None:
    """Create all tables and publish the bank."""
    store = Store(url)
    migrate(store.engine)
    with store.writing() as session:
        publish(session, read_bank(bank), datetime.now(UTC))
    store.close()


def environment(url: str) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("DISCERN_")}
    limits = {f"DISCERN_LIMIT_PER_{what}": NO_LIMIT for what in ("TOKEN", "ADDRESS", "SURVEY")}
    settings = {"DISCERN_DATABASE_URL": url, "DISCERN_SECRET_KEYS": KEY, "DISCERN_LOG_LEVEL": "WARNING"}
    return {**own, **settings, **limits, "OPENBLAS_NUM_THREADS": "1"}


@contextmanager
def server(url: str, *command: str) -> Iterator[tuple[int, int]]:
    """Run a server. Yield port and process id when it answers; `command` has PORT in place of its port."""
    with socket.socket() as plug:
        plug.bind(("127.0.0.1", 0))
        port = plug.getsockname()[1]
    argv = [sys.executable, *(word.replace("PORT", str(port)) for word in command)]
    running = subprocess.Popen(argv, env=environment(url), cwd=ROOT, start_new_session=True)
    try:
        while not _answers(port):
            if running.poll() is not None:
                raise SystemExit(f"{' '.join(command)} ended with {running.returncode}")
            time.sleep(0.05)
        yield port, running.pid
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait()


def _answers(port: int) -> bool:
    with socket.socket() as plug:
        return plug.connect_ex(("127.0.0.1", port)) == 0


def cpu_of(*roots: int) -> float:
    """Return the processor seconds of these processes and of their children, running or waited for."""
    parents, used = {}, {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:  # it has ended in the meantime
                continue
            parents[int(folder.name)] = int(fields[1])
            used[int(folder.name)] = sum(map(int, fields[11:15])) / TICK
    return sum(seconds for process, seconds in used.items() if any(root in _line(process, parents) for root in roots))


def _line(process: int, parents: dict[int, int]) -> Sequence[int]:
    line = [process]
    while (up := parents.get(line[-1], 0)) > 0:
        line.append(up)
    return line


@dataclass
class Caller:
    """One kept-alive connection with minimal overhead."""

    port: int
    plug: socket.socket = field(init=False)

    def __post_init__(self) -> None:
        self.plug = socket.create_connection(("127.0.0.1", self.port))
        self.plug.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def post(self, path: str, body: Any, token: str = "") -> Any:
        raw = json.dumps(body).encode()
        fields = f"Host: x\r\nContent-Type: application/json\r\nAuthorization: Bearer {token}\r\nContent-Length: {len(raw)}"
        self.plug.sendall(f"POST {path} HTTP/1.1\r\n{fields}\r\n\r\n".encode() + raw)
        status, answer = self._answer()
        if status >= 300:
            raise SystemExit(f"{path}: {status} {answer[:300]!r}")
        return json.loads(answer)

    def _answer(self) -> tuple[int, bytes]:
        got = b""
        while b"\r\n\r\n" not in got:
            got += self._more()
        head, _, body = got.partition(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        length = next(int(line[15:]) for line in lines if line.startswith(b"content-length:"))
        while len(body) < length:
            body += self._more()
        return int(head[9:12]), body

    def _more(self) -> bytes:
        more = self.plug.recv(65536)
        if not more:
            raise SystemExit("the server closed the connection")
        return more


def sessions(url: str, many: int, question: str = "q0", survey: str = SURVEY, bank: str = "bench", limit: int = 60) -> list[str]:
    """Create sessions at their first question, each with a contact of its own; every token is "t"."""
    now, found = datetime.now(UTC), []
    asked = {"token_digest": digest("t"), "question": question, "survey": survey, "bank": bank, "limit": limit}
    store = Store(url)
    with store.writing() as session:
        for _ in range(many):
            found.append(_a_session(session, asked, now))
    store.close()
    return found


def _a_session(session: Session, asked: Mapping[str, Any], now: datetime) -> str:
    contact = Contact(id=new_id("ct"), created_at=now, updated_at=now)
    session.add(contact)
    session.flush()
    fixed = {"bank_version": 1, "language": "en", "started_at": now, "last_at": now, "expires_at": now.replace(year=now.year + 1)}
    row = SurveySession(id=new_id("ses"), contact_id=contact.id, **asked, **fixed)
    session.add(row)
    return row.id


def random_value(question: Mapping[str, Any], draw: random.Random) -> Any:
    """Return a random answer to a question as clients get it."""
    if question["type"] == "scale":
        return draw.randint(int(question["min"]), int(question["max"]))
    options = [option["id"] for option in question["options"]]
    return draw.choice(options) if question["type"] == "single" else [option for option in options if draw.random() < 0.4]


def respond(port: int, names: Sequence[str], answers: int, clients: int, ready: Connection, first: Mapping[str, Any] = FIRST) -> None:
    """Answer up to `answers` questions of every session with `clients` concurrent respondents, beginning with `first`; send the seconds
    of each call and the total.
    """
    took: list[float] = []
    barrier = Barrier(clients + 1)

    def answer_all(mine: Sequence[str], draw: random.Random) -> None:
        caller = Caller(port)
        barrier.wait()
        for session_id in mine:
            question: Mapping[str, Any] | None = first
            for number in range(answers):
                if question is None:
                    break
                value = random_value(question, draw)
                body = {"answer_id": f"a{number}", "question": question["id"], "kind": "answer", "value": value, "seconds": 3}
                begun = time.perf_counter()
                view = caller.post(f"/api/v1/sessions/{session_id}/answers", body, "t")
                took.append(time.perf_counter() - begun)
                question = view["question"]
        caller.plug.close()

    threads = [Thread(target=answer_all, args=(names[n::clients], random.Random(n))) for n in range(clients)]
    for thread in threads:
        thread.start()
    ready.send("ready")
    ready.recv()
    begun = time.perf_counter()
    barrier.wait()
    for thread in threads:
        thread.join()
    ready.send((time.perf_counter() - begun, took))
