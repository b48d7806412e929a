"""A run of attribution over a whole base in the service: seconds, memory, and how long an answer takes meanwhile.

PYTHONPATH=. .venv/bin/python -P benchmarks/attribution_service.py [--contacts 1000000] [--only sqlite|postgresql]

The base has 20 attributes a contact; 2,000 contacts have answered the shipped bank. The worker is the real one, and is killed (-9) once
when half of the contacts are scored: the next one goes on. Respondents answer beside it without a pause.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import quantiles
from typing import Any

from sqlmodel import Session, insert, select

from benchmarks.http_rounds import PRODUCT
from benchmarks.intake import CLIENTS, SHIPPED, answer_beside, database
from benchmarks.load import a_bank, environment, prepare, server
from question_bank.files.load import read_bank
from survey_service.attribution.runs import start_run
from survey_service.banks.publishing import publish
from survey_service.store.banks import Banks
from survey_service.store.session import Store
from survey_service.store.tables.attribution import AttributionRun
from survey_service.store.tables.columns import new_id
from survey_service.store.tables.core import Answer, Contact, SurveySession

BANK, PERSONAS, BATCH, ANSWERED = "car-buyers", 4, 5000, 2000
KINDS = ("category", "number", "category", "number", "date")
ATTRIBUTES = {f"a{number}": KINDS[number % len(KINDS)] for number in range(20)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contacts", type=int, default=1_000_000)
    parser.add_argument("--only", choices=["sqlite", "postgresql"])
    given = parser.parse_args()
    for kind in ("sqlite", "postgresql"):
        if given.only in (None, kind):
            with database(kind) as url:
                _measure(kind, url, given.contacts)


def _measure(kind: str, url: str, contacts: int) -> None:
    prepare(url, a_bank())
    store, now = Store(url), datetime.now(UTC)
    rules = "attribution:\n  attributes: {" + ", ".join(f"{name}: {each}" for name, each in ATTRIBUTES.items()) + "}\n"
    with store.writing() as session:
        publish(session, read_bank(SHIPPED.read_bytes() + b"\n" + rules.encode()), now)
    _fill(store, contacts, now)
    with server(url, *PRODUCT) as (port, _):
        answer_beside(url, port, 2)
        alone = answer_beside(url, port, 20)
        with store.writing() as session:
            run = start_run(session, Banks(), BANK, (), now).id
        began, peak, beside, is_killed = time.perf_counter(), 0.0, list[float](), False
        worker = _worker(url)
        while (state := _state(store, run))[0] not in ("done", "failed"):
            beside += answer_beside(url, port, 2)
            peak = max(peak, _peak(worker.pid))
            if not is_killed and state[1] > contacts / 2:
                is_killed = True
                os.killpg(worker.pid, signal.SIGKILL)
                worker.wait()
                worker = _worker(url)
        seconds = time.perf_counter() - began
        worker.terminate()
        worker.wait()
    p95 = [quantiles(took, n=20)[18] for took in (alone, beside)]
    size = f"{contacts} contacts x {len(ATTRIBUTES)} attributes"
    print(f"{kind}: {size}: {state[0]}, {state[1]} scored in {seconds:.0f} s, killed once: {is_killed}")
    print(f"{kind}: {contacts / seconds:.0f} contacts a second beside {CLIENTS} respondents; at most {peak:.0f} MB in one process")
    print(f"{kind}: an answer's p95 is {p95[1] / p95[0]:.2f} times that without a run", flush=True)
    store.close()


def _fill(store: Store, contacts: int, now: datetime) -> None:
    draw = random.Random(11)
    questions = read_bank(SHIPPED.read_bytes()).questions
    singles = [question for question in questions if question.type == "single" and not question.parent and not question.ask_if][:3]
    for start in range(0, contacts, BATCH):
        with store.writing() as session:
            rows = [_contact(number, draw, now) for number in range(start, min(start + BATCH, contacts))]
            session.execute(insert(Contact), rows)
            if start < ANSWERED:
                _answer(session, [row["id"] for row in rows[: ANSWERED - start]], singles, now)


def _contact(number: int, draw: random.Random, now: datetime) -> dict[str, Any]:
    persona = number % PERSONAS
    values: dict[str, Any] = {}
    for place, (name, kind) in enumerate(ATTRIBUTES.items()):
        tells = persona if draw.random() < 0.3 else draw.randrange(PERSONAS)
        if draw.random() < 0.05:
            continue
        date = f"20{10 + 2 * tells + draw.randrange(2)}-0{1 + draw.randrange(9)}-01"
        values[name] = {"category": f"level-{(tells + place) % 7}", "number": 10 * tells + draw.randrange(20), "date": date}[kind]
    contact = {"id": f"ct_{number:010}", "sequence": 0, "attributes": values, "consent": {"profiling": True}}
    return {**contact, "created_at": now, "updated_at": now}


def _answer(session: Session, ids: list[str], singles: list[Any], now: datetime) -> None:
    sessions, answers = [], []
    for number, contact_id in enumerate(ids):
        row = {"id": new_id("ses"), "contact_id": contact_id, "bank": BANK, "bank_version": 1}
        rest = {"token_digest": "x", "survey": "website", "language": "en", "channel": "web", "hidden": {}, "limit": 5}
        when = {"started_at": now, "last_at": now, "expires_at": now + timedelta(days=1), "ended_at": now}
        sessions.append({**row, **rest, **when, "status": "complete", "stopped_because": "gain"})
        for question in singles:
            value = question.outcomes[number % PERSONAS % len(question.outcomes)]
            given = {"session_id": row["id"], "contact_id": contact_id, "bank": BANK, "bank_version": 1, "given_at": now}
            answers.append(
                {**given, "question": question.id, "kind": "answer", "value": value, "answer_id": question.id, "state": "current"}
            )
    session.execute(insert(SurveySession), sessions)
    session.execute(insert(Answer), answers)


def _worker(url: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-m", "survey_service.cli.main", "worker"], env=environment(url), start_new_session=True)


def _state(store: Store, run: str) -> tuple[str, int]:
    with store.reading() as session:
        return session.exec(select(AttributionRun.state, AttributionRun.scored).where(AttributionRun.id == run)).one()


def _peak(worker: int) -> float:
    """Return the greatest peak of memory of a worker's processes, in MB."""
    most = 0.0
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and os.getpgid(int(folder.name)) == worker:
                peaks = [line for line in (folder / "status").read_text().splitlines() if line.startswith("VmHWM")]
                most = max([most, *(int(line.split()[1]) / 1024 for line in peaks)])
        except OSError:  # it has ended in the meantime
            continue
    return most


if __name__ == "__main__":
    main()
