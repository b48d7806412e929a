"""A service with something to see in its console: real answers, people who left, a receiver that is gone, a draft, two accounts."""

import csv
import logging
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

from flask import Flask
from sqlmodel import insert, select, update
from werkzeug.serving import make_server

from question_bank.files.load import read_bank
from survey_service.app import create_app
from survey_service.attribution.runs import RunWork, start_run
from survey_service.banks.drafts import save_draft
from survey_service.banks.publishing import publish
from survey_service.belief.outcomes import request_checks
from survey_service.figures.snapshot import compute
from survey_service.figures.survey_days import count_days
from survey_service.respondent.expiry import expire_sessions
from survey_service.settings import Settings
from survey_service.stages.checks import check_some
from survey_service.stages.readiness import fit as fit_readiness
from survey_service.store.migrate import migrate
from survey_service.store.tables.columns import new_id
from survey_service.store.tables.core import ApiKey, Belief, Contact
from survey_service.store.tables.inbound import ContactEvent
from survey_service.store.tables.reviews import QuoteApproval, Review
from survey_service.store.tables.webhooks import Delivery, DeliveryAttempt, Endpoint
from survey_service.web.accounts import invite, make_link
from survey_service.web.api_keys import create_key
from survey_service.web.context import Parts, utc_now
from survey_service.webhooks import endpoints
from tests.real_answers import CAR_BUYERS, ROOT

BANK = (
    (ROOT / "question_bank" / "examples" / "car-buyers.yaml").read_text()
    + """
attribution: {attributes: {region: category, fleet: category, children: number}, target: 0.6, consent: objection}
"""
)
COMPLAINTS = {
    "driver": ("Waiting for a slot costs me half a day", "The waiting room again, half a day lost"),
    "keeper": ("The invoice was higher than the estimate", "An invoice without a surprise would be new"),
    "explorer": ("Fuel consumption is far from the brochure", "The real consumption was never explained"),
    "devotee": ("Invite me to more events", "More events for fans, please"),
}
QUOTES, ORDERS = (
    {"driver": 0.7, "keeper": 0.5, "explorer": 0.35, "devotee": 0.8},
    {"driver": 0.5, "keeper": 0.7, "explorer": 0.4, "devotee": 0.9},
)
"""Of each persona, how many readers of the guide ask for a quote, and how many of these order."""
SURVEY, LEAVE = "post-purchase", 0.06
FASTEST_PATH = "/api/v1/surveys/post-purchase/sessions"


@dataclass
class ConsoleWorld:
    """The service at `url`, its parts, a known contact, and an API key."""

    url: str
    app: Flask
    key: str
    contact: str

    @property
    def parts(self) -> Parts:
        found: Parts = self.app.extensions["discern"]
        return found

    def link(self, email: str = "claire@example.com", scope: str = "admin", *, contacts: bool = True) -> str:
        """Return a link that signs somebody in."""
        p = self.parts
        with p.store.writing() as session:
            account = invite(session, email, email.partition("@")[0].title(), scope, p.now(), sees_contacts=contacts)
            return f"{self.url}/console/sign-in/{make_link(session, p.keys, account, p.now())}"


@dataclass
class Earlier:
    """A clock of an hour ago while people answer, so that those who stop have left by now."""

    by: timedelta = timedelta(hours=1)

    def __call__(self) -> datetime:
        return utc_now() - self.by


def a_console(folder: Path, people: int, seed: int = 1) -> tuple[Flask, str, str]:
    """Return the application, an API key and our id of a contact, on a database that is filled with so many people."""
    clock = Earlier()
    app = create_app(Settings(f"sqlite:///{folder}/console.db", ("a key of the console's tests, long",)), clock)
    p: Parts = app.extensions["discern"]
    migrate(p.store.engine)
    with p.store.writing() as session:
        publish(session, read_bank(BANK), p.now(), author="Claire", text=BANK)
        key = create_key(session, p.keys, "admin", "shop", p.now())
        endpoint, _ = endpoints.add(session, p.settings, url="https://crm.example.com/hook", when="final", now=p.now(), events=[])
        endpoint.description = "CRM"
    headers = {"Authorization": f"Bearer {key}"}
    client, rng = app.test_client(), random.Random(seed)
    client.put("/api/v1/contacts/crm-10412", json={"email": "zoe@example.com", "attributes": {"city": "Lyon"}}, headers=headers)
    identity = client.post("/api/v1/contacts/crm-10412/identity", headers=headers).json["identity"]
    with CAR_BUYERS.open(encoding="utf-8") as rows:
        answers = list(csv.DictReader(rows))[:people]
    for number, row in enumerate(answers):
        start = {"identity": identity} if number == 0 else {"language": rng.choice(["en", "en", "fr"])}
        _answer(client, row, rng, start, may_leave=number > 0)
    with p.store.writing() as session:
        _gone(session, endpoint.id)
        changed = BANK.replace("reliability: 0.274", "reliability: 0.45")
        save_draft(session, "car-buyers", changed, "Claire", p.now(), expected=None)
    clock.by = timedelta(0)
    while expire_sessions(p.store, p.banks, p.now()):
        pass
    with p.store.writing() as session:
        _live(session, rng, p.now())
    with p.store.writing() as session:
        start_run(session, p.banks, "car-buyers", (), p.now())
    while RunWork(p.store, p.banks, p.now).step_run():
        pass
    fit_readiness(p.store, p.banks, "car-buyers", p.now())
    while check_some(p.store, p.banks, p.now()):
        pass
    count_days(p.store, p.banks, p.now())
    compute(p.store, p.banks, "car-buyers", p.now)
    contact = client.get("/api/v1/contacts/crm-10412", headers=headers).json["id"]
    return app, key, contact


def _answer(client: Any, row: Mapping[str, str], rng: random.Random, start: Mapping[str, Any], *, may_leave: bool) -> None:
    view = client.post(FASTEST_PATH, json=start).json
    for number in range(12):
        if view["question"] is None or (may_leave and rng.random() < LEAVE):
            return
        value = _value(view["question"], row)
        body = {"token": view["token"], "answer_id": f"a{number}", "question": view["question"]["id"]}
        body |= {"kind": "skip"} if value is None else {"kind": "answer", "value": value}
        answered = client.post(f"/api/v1/sessions/{view['session']}/answers", json={**body, "seconds": round(rng.uniform(3, 9), 1)})
        assert answered.status_code == 200, answered.text
        view = {**answered.json, "token": body["token"]}


def _value(question: Mapping[str, Any], row: Mapping[str, str]) -> Any:
    if question["type"] == "multiple":
        ticked = [option["id"] for option in question["options"] if row.get(f"{question['id']}.{option['id']}") == "1"]
        return ticked if f"{question['id']}.{question['options'][0]['id']}" in row else None
    given = row.get(question["id"])
    if not given:
        return None
    return int(float(given)) if question["type"] == "scale" else given


def _gone(session: Any, endpoint_id: str) -> None:
    """Let the receiver have answered 410 to the newest of its messages."""
    now = utc_now()
    rows = session.exec(select(Delivery).where(Delivery.endpoint_id == endpoint_id).order_by(Delivery.id)).all()
    session.execute(update(Delivery).where(Delivery.endpoint_id == endpoint_id).values(state="delivered", settled_at=now))
    last = rows[-1]
    session.execute(update(Delivery).where(Delivery.id == last.id).values(state="dead", last_error="gone", attempt=1))
    session.add(DeliveryAttempt(delivery_id=last.id, number=1, started_at=now, finished_at=now, outcome="gone", status=410))
    session.execute(update(Endpoint).where(Endpoint.id == endpoint_id).values(state="disabled", disabled_because="gone"))


def _live(session: Any, rng: random.Random, now: datetime) -> None:
    """Let contacts have attributes, read the guide and order, and complain, each like its likeliest persona; as many more never answer."""
    source = session.exec(select(ApiKey.id)).first()
    beliefs = list(session.exec(select(Belief.contact_id, Belief.top).where(Belief.bank == "car-buyers").order_by(Belief.contact_id)))
    silent = [(new_id("ct"), rng.choice([top for _, top in beliefs])) for _ in beliefs]
    stamp = {"sequence": 0, "created_at": now, "updated_at": now, "consent": {}}
    session.execute(insert(Contact), [{"id": name, "attributes": {}, **stamp} for name, _ in silent])
    events, reviews, approvals = [], [], []
    for number, (contact, top) in enumerate([*beliefs, *silent]):
        attributes = {
            "region": rng.choice({"driver": "AAAB", "keeper": "BBBC", "explorer": "CCCB", "devotee": "DDDA"}[top]),
            "fleet": "yes" if rng.random() < (0.95 if top == "driver" else 0.05) else "no",
            "children": rng.choice([0, 1, 2, 2] if top == "keeper" else [0, 0, 1]),
        }
        known = session.get(Contact, contact)
        known.attributes, known.consent = {**known.attributes, **attributes}, {**known.consent, "quoting": number % 9 == 0}
        at = now - timedelta(days=100 - number % 30 if number % 4 else 13)
        steps = [("page", None, "/guide/buying", 0)]
        if rng.random() < QUOTES[top]:
            steps.append(("track", "Quote Requested", None, 5))
            steps += [("track", "Order Completed", None, 12)] if rng.random() < ORDERS[top] else []
        for kind, name, path, days in steps:
            happened = {"kind": kind, "name": name, "path": path, "at": at + timedelta(days=days), "received_at": now}
            worth = {"value": 900.0, "currency": "EUR"} if name == "Order Completed" else {"value": None, "currency": None}
            events.append({"contact_id": contact, "source": source, "message_id": f"{contact}-{days}", **happened, **worth})
        if number < len(beliefs) and number % 3 == 0:
            reviews.append({"bank": "car-buyers", "digest": contact, "contact_id": contact, "day": "2026-03-01", "imported_at": now})
            reviews[-1] |= {"id": len(reviews), "text": COMPLAINTS[top][number % 2]}
            if number % 9 == 0:
                approvals.append({"kind": "review", "source_id": len(reviews), "contact_id": contact, "approved_at": now})
    request_checks(session, dict.fromkeys((contact for contact, _ in beliefs), now - timedelta(minutes=5)))
    for table, rows in ((ContactEvent, events), (Review, reviews), (QuoteApproval, approvals)):
        session.execute(insert(table), rows)


@contextmanager
def serve_console(folder: Path, people: int) -> Iterator[ConsoleWorld]:
    """Fill a database and serve its console."""
    app, key, contact = a_console(folder, people)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield ConsoleWorld(f"http://127.0.0.1:{server.server_port}", app, key, contact)
    finally:
        server.shutdown()
        server.server_close()
        app.extensions["discern"].store.close()
