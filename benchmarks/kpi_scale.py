"""Figures per persona of a large base: seconds and memory of a day's snapshot, and milliseconds of a report, which reads sums only.

PYTHONPATH=. .venv/bin/python -P benchmarks/kpi_scale.py [--contacts 100000] [--only sqlite|postgresql]

Every contact has ten events in one of 52 weeks and three channels, a twentieth has answered the shipped bank, and everybody has a persona
by attributes. DuckDB computes the sums of the last stage of the purchase journey again from the same rows.
"""

import argparse
import random
import resource
import time
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from sqlmodel import Session, insert, select

from benchmarks.intake import SHIPPED, database
from benchmarks.load import a_bank, prepare
from question_bank.files.load import read_bank
from survey_service.banks.publishing import publish
from survey_service.belief.priors import pack
from survey_service.crypto import Keyring
from survey_service.figures.kpi import kpi_report
from survey_service.figures.people import EVERYTHING, read_members
from survey_service.figures.snapshot import compute
from survey_service.figures.sums import KpiQuery, read_snapshot
from survey_service.store.banks import Banks
from survey_service.store.session import Store
from survey_service.store.tables.attribution import Attribution, AttributionModelRow, AttributionRun
from survey_service.store.tables.columns import new_id
from survey_service.store.tables.core import Answer, Contact, SurveySession
from survey_service.store.tables.inbound import ContactEvent
from survey_service.web.api_keys import create_key

BANK, BATCH, EVENTS, EACH_ANSWERED = "car-buyers", 5000, 10, 20
CHANNELS = (None, "email", "agent")
SECRET = "a secret of the benchmark, long enough"
ROUNDS = 9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contacts", type=int, default=100_000)
    parser.add_argument("--only", choices=["sqlite", "postgresql"])
    given = parser.parse_args()
    for kind in ("sqlite", "postgresql"):
        if given.only in (None, kind):
            with database(kind) as url:
                _measure(kind, url, given.contacts)


def _measure(kind: str, url: str, contacts: int) -> None:
    prepare(url, a_bank())
    store, banks, now = Store(url), Banks(), datetime.now(UTC)
    with store.writing() as session:
        publish(session, read_bank(SHIPPED.read_bytes()), now)
    fill(store, contacts, now)
    size = f"{contacts:,} contacts, {contacts * EVENTS:,} events"
    began, cpu = time.perf_counter(), time.process_time()
    compute(store, banks, BANK, lambda: now)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{kind}: {size}: a snapshot takes {time.perf_counter() - began:.0f} s, {time.process_time() - cpu:.0f} s of processor time")
    print(f"{kind}: at most {peak:.0f} MB, the making of the base included")
    for words, query in (("all", KpiQuery()), ("one journey", KpiQuery("purchase"))):
        took = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            with store.reading() as session:
                kpi_report(read_snapshot(session, banks, BANK, query.journey), query)
            took.append(time.perf_counter() - began)
        print(f"{kind}: a report of {words} takes {1000 * median(took):.0f} ms (bound 300)", flush=True)
    print(f"{kind}: sums differ from those of DuckDB by at most {_difference(store, banks):.1e} of their size (bound 1e-9)", flush=True)
    store.close()


def fill(store: Store, contacts: int, now: datetime) -> None:
    draw = random.Random(5)
    questions = read_bank(SHIPPED.read_bytes()).questions
    singles = [question for question in questions if question.type == "single" and not question.parent and not question.ask_if][:4]
    with store.writing() as session:
        key = create_key(session, Keyring([SECRET]), "intake", "shop", now)
        source = _source_of(session, key)
        model = AttributionModelRow(
            id="atm_1", bank=BANK, bank_version=1, personas=["driver", "keeper", "explorer", "devotee"], fingerprint="f"
        )
        model.created_at = model.rescored_until = now
        session.add(model)
        session.add(AttributionRun(id="atr_1", bank=BANK, state="done", model_id=None, created_at=now))
    for start in range(0, contacts, BATCH):
        numbers = range(start, min(start + BATCH, contacts))
        with store.writing() as session:
            session.execute(insert(Contact), [_contact(number, now) for number in numbers])
            session.execute(insert(ContactEvent), [row for number in numbers for row in _events(number, source, draw, now)])
            session.execute(insert(Attribution), _attributed(numbers, draw, now))
            _answer(session, [number for number in numbers if number % EACH_ANSWERED == 0], singles, draw, now)


def _source_of(session: Session, key: str) -> str:
    from survey_service.store.tables.core import ApiKey

    return session.exec(select(ApiKey.id).where(ApiKey.prefix == key[:8])).first() or session.exec(select(ApiKey.id)).first() or ""


def _contact(number: int, now: datetime) -> dict[str, Any]:
    contact = {"id": f"ct_{number:010}", "sequence": 0, "attributes": {}, "consent": {}, "email": f"{number}@example.com"}
    return {**contact, "created_at": now, "updated_at": now}


def _events(number: int, source: str, draw: random.Random, now: datetime) -> list[dict[str, Any]]:
    at = now - timedelta(days=61 + draw.random() * 360)
    channel = CHANNELS[number % 3]
    steps = [("page", None, "/guide/a")]
    if draw.random() < 0.4:
        steps.append(("track", "Quote Requested", None))
        if draw.random() < 0.5:
            steps.append(("track", "Order Completed", None))
    steps += [("page", None, f"/p/{place}") for place in range(EVENTS - len(steps))]
    return [
        {
            **{"contact_id": f"ct_{number:010}", "source": source, "message_id": f"{number}-{place}", "kind": kind, "name": name},
            **{"path": path, "channel": channel, "at": at + timedelta(hours=6 * place), "received_at": now},
            **({"value": 100.0, "currency": "EUR", "subject": f"order:{number}"} if name == "Order Completed" else {}),
            **({} if name == "Order Completed" else {"value": None, "currency": None, "subject": None}),
        }
        for place, (kind, name, path) in enumerate(steps)
    ]


def _attributed(numbers: range, draw: random.Random, now: datetime) -> list[dict[str, Any]]:
    drawn = np.array([[draw.gammavariate(1, 1) for _ in range(4)] for _ in numbers])
    shares = drawn / drawn.sum(axis=1, keepdims=True)
    common = {"bank": BANK, "model_id": "atm_1", "run_id": "atr_1", "in_fit": False, "updated_at": now}
    return [
        {"contact_id": f"ct_{number:010}", "vector": vector, "top": "driver", "confidence": float(share.max()), **common}
        for number, vector, share in zip(numbers, pack(shares), shares, strict=True)
    ]


def _answer(session: Session, numbers: list[int], singles: list[Any], draw: random.Random, now: datetime) -> None:
    sessions, answers = [], []
    for number in numbers:
        row = {"id": new_id("ses"), "contact_id": f"ct_{number:010}", "bank": BANK, "bank_version": 1}
        rest = {"token_digest": "x", "survey": "website", "language": "en", "channel": "web", "hidden": {}, "limit": 5}
        when = {"started_at": now, "last_at": now, "expires_at": now + timedelta(days=1), "ended_at": now}
        sessions.append({**row, **rest, **when, "status": "complete", "stopped_because": "gain"})
        for question in singles:
            given = {"session_id": row["id"], "contact_id": row["contact_id"], "bank": BANK, "bank_version": 1, "given_at": now}
            said = {"kind": "answer", "value": draw.choice(question.outcomes), "answer_id": question.id, "state": "current"}
            answers.append({**given, **said, "question": question.id})
    session.execute(insert(SurveySession), sessions)
    session.execute(insert(Answer), answers)


def _difference(store: Store, banks: Banks) -> float:
    """Return the largest relative difference of the stored sums of all who reach the order from those that DuckDB adds up."""
    with store.reading() as session:
        snapshot, (compiled, _) = read_snapshot(session, banks, BANK, "purchase"), banks.latest(session, BANK)
        events = session.exec(select(ContactEvent.contact_id, ContactEvent.name, ContactEvent.path, ContactEvent.at)).all()
    total = snapshot.wholes["journey/purchase", "rate/0/2"]
    people = [
        (member.id, member.seen_without(EVERYTHING)) for members in read_members(store, compiled, datetime.now(UTC)) for member in members
    ]
    beliefs: dict[str, Any] = {"contact_id": [key for key, _ in people], "p": [person.attributed.tolist() for _, person in people]}
    beliefs["r"] = [None if person.answered is None else person.answered.tolist() for _, person in people]
    names = ("contact_id", "name", "path", "at")
    database_of_events = pa.table({name: [row[place] for row in events] for place, name in enumerate(names)})
    connection = duckdb.connect()
    connection.register("events", database_of_events)
    connection.register("beliefs", pa.table(beliefs))
    rows = connection.execute(
        """WITH first AS (SELECT contact_id, min("at") AS t FROM events WHERE path LIKE '/guide/%' GROUP BY 1),
        quote AS (SELECT e.contact_id, min(e."at") AS t FROM events e JOIN first f ON f.contact_id = e.contact_id
            WHERE e.name = 'Quote Requested' AND e."at" BETWEEN f.t AND f.t + INTERVAL 60 DAY GROUP BY 1),
        ordered AS (SELECT DISTINCT e.contact_id, 1 AS y FROM events e JOIN quote q ON q.contact_id = e.contact_id
            JOIN first f ON f.contact_id = e.contact_id
            WHERE e.name = 'Order Completed' AND e."at" BETWEEN q.t AND f.t + INTERVAL 60 DAY)
        SELECT k, sum(r[k] * coalesce(y, 0)), sum(r[k]), sum(p[k] * coalesce(y, 0)), sum(p[k])
        FROM first f JOIN beliefs b ON b.contact_id = f.contact_id LEFT JOIN ordered o ON o.contact_id = f.contact_id,
            (SELECT unnest([1, 2, 3, 4]) AS k)
        GROUP BY k ORDER BY k"""
    ).fetchall()
    computed = np.array(rows)[:, 1:]
    answered = total.respondents.total.reshape(4, 4)[:2].T
    attributed = (total.respondents.attributed + total.silent.total + total.unreachable.total).reshape(2, 4).T
    stored = np.concatenate([answered, attributed], axis=1)
    return float(np.abs(stored / computed - 1).max())


if __name__ == "__main__":
    main()
