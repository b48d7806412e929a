"""Respondents answer, customers are tracked, merged and erased, receivers and a CRM are written to, while web servers, workers and
PostgreSQL are killed at random; afterwards the invariants are checked against what the service acknowledged and what arrived.
"""

import os
import random
import re
import signal
import subprocess
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any
from urllib.request import urlopen

import numpy as np
from sqlalchemy import text, update
from sqlmodel import Session, col, func, select

from adaptive import believe
from survey_service.belief.evidence import evidence_about
from survey_service.crm import connections
from survey_service.crypto import Keyring
from survey_service.settings import Settings
from survey_service.store.banks import Banks
from survey_service.store.session import Store
from survey_service.store.tables.core import Answer, Belief, Contact, ExternalId, SurveySession
from survey_service.store.tables.inbound import ContactEvent
from survey_service.store.tables.webhooks import Delivery, DeliveryAttempt
from survey_service.web.api_keys import create_key
from survey_service.web.context import utc_now
from survey_service.webhooks import endpoints
from tests.fleet import UPDATED, end_waits
from tests.processes import Web, discern, end, environment, free_port, start, until
from tests.respondents import Respondent, all_acknowledged, answering, count
from tests.survey_service.databases import Postgres
from tests.test_one_answer_to_webhook import BANK
from tests.world.customers import BROCHURE, Customer, Replies
from tests.world.races import left_on
from tests.world.witness import ERASED, MERGED, RECEIVERS, Witness, connections_to, witnessing

SAME = 1e-9
ENOUGH_KILLS, ENOUGH_ANSWERS, ENOUGH_CONTACTS, ENOUGH_EVENTS = 4, 20, 5, 5
PATIENCE = 180.0
BANK_ID = "car-buyers"
PENDING = re.compile(r'^(?:discern_intake_waiting|\w+\{.*state="(?:waiting|in_flight)".*\}) ([\d.e+]+)$', re.MULTILINE)
"""The figures of `/metrics` that are 0 when the service has nothing left to do."""


@dataclass(frozen=True)
class Findings:
    """What was acknowledged, and the violations found after the run; every list is empty if there are none."""

    answers: int
    contacts: int
    events: int
    merged: int
    erased: int
    requests: int
    logged: int
    refused: list[Any]
    lost: list[Any]
    doubled: list[Any]
    untrue: list[str]
    behind: list[str]
    disordered: list[str]
    stuck: list[str]
    after_the_end: list[str]
    left_on_gone: list[str]


@dataclass
class Crew:
    """Processes of the service, each restarted when it has ended."""

    database_url: str
    commands: list[tuple[str, ...]]
    running: dict[int, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def __enter__(self) -> "Crew":
        self.mend()
        return self

    def __exit__(self, *_: object) -> None:
        for running in self.running.values():
            end(running, signal.SIGTERM)

    def mend(self) -> None:
        for place, command in enumerate(self.commands):
            if place not in self.running or self.running[place].poll() is not None:
                self.running[place] = start(*command, database_url=self.database_url)

    def kill(self, place: int) -> str:
        """Kill a process and its children with SIGKILL. Return its command."""
        if self.running[place].poll() is None:
            os.killpg(self.running[place].pid, signal.SIGKILL)
            self.running[place].wait()
        return self.commands[place][0]

    def stop(self, command: str) -> None:
        """Let the processes of a command finish what they are doing, and end."""
        for place, parts in enumerate(self.commands):
            if parts[0] == command:
                end(self.running[place], signal.SIGTERM)


@dataclass
class Chaos:
    """One run. `server` is the PostgreSQL that is killed too, or None for SQLite. Two `customers` each act about the same people.

    The run lasts `seconds`, and on a busy machine as much longer as it takes until `enough` has been acknowledged.
    """

    database_url: str
    respondents: int
    seconds: float
    customers: int = 4
    kill_every: float = 3.0
    server: Postgres | None = None
    dice: random.Random = field(default_factory=lambda: random.Random(11))
    kills: Counter[str] = field(default_factory=Counter)

    def run(self) -> Findings:
        assert discern("publish", str(BANK), database_url=self.database_url).returncode == 0
        store, witness, replies = Store(self.database_url), Witness(errors=0.05), Replies()
        webs = [Web(free_port()) for _ in range(2)]
        serving = [("serve", "--bind", f"127.0.0.1:{web.port}") for web in webs]
        with witnessing(witness) as url, ExitStack() as stack:
            keys = self._prepare(store, witness, url)
            crew = stack.enter_context(Crew(self.database_url, [*serving, ("worker",), ("worker",)]))
            until(lambda: all(web.is_ready() for web in webs), "the web servers answer")
            people = [Respondent(webs, seed) for seed in range(self.respondents)]
            people += [Customer(webs, 1000 + seed, seed // 2, replies, *keys) for seed in range(self.customers)]
            self._disturb(crew, people, replies)
            store.engine.dispose()  # the pooled connections ended with the killed server
            until(lambda: (crew.mend(), all(web.is_ready() for web in webs))[1], "the web servers answer again")
            stuck = _finish_all(store, people)
            crew.stop("worker")
            _end_leases(store)
            until(lambda: (crew.mend(), end_waits(store), not pending(webs[0]))[2], "everything has been delivered", patience=180)
            findings = _found(store, witness, replies, people, stuck)
        store.close()
        return findings

    def _prepare(self, store: Store, witness: Witness, url: str) -> list[str]:
        """Create an endpoint, a connection to each CRM, and a key for the API and one for the intake, which are returned."""
        settings = Settings.from_env({name: value for name, value in environment(self.database_url).items() if name.startswith("DISCERN_")})
        now = utc_now()
        with store.writing() as session:
            wanted = {"events": [UPDATED, MERGED, ERASED], "when": "every_answer"}
            _, witness.secret = endpoints.add(session, settings, url=url, now=now, **wanted)
            for given in connections_to(witness, BANK_ID):
                to_crm, _ = connections.add(session, settings, Banks(), given, now)
                connections.change(session, settings, Banks(), to_crm.id, {"state": "active"}, now)
            return [create_key(session, Keyring(settings.secret_keys), scope, "chaos", now) for scope in ("write", "intake")]

    def _has_seen_enough(self, people: list[Respondent], replies: Replies) -> bool:
        """Return whether so much has been acknowledged, and so many processes killed, that the findings mean something."""
        anonymous = [someone for someone in people if not isinstance(someone, Customer)]
        has_killed = self.kills.total() >= ENOUGH_KILLS and (self.server is None or self.kills["postgresql"] > 0)
        has_answers = count(anonymous) > ENOUGH_ANSWERS and len(all_acknowledged(anonymous)) > ENOUGH_CONTACTS
        return has_killed and has_answers and len(replies.events) > ENOUGH_EVENTS

    def _disturb(self, crew: Crew, people: list[Respondent], replies: Replies) -> None:
        began = time.monotonic()
        with answering(people):
            while (lasted := time.monotonic() - began) < self.seconds or not self._has_seen_enough(people, replies):
                assert lasted < self.seconds + PATIENCE, f"only {count(people)} answers and {len(replies.events)} events were acknowledged"
                time.sleep(self.kill_every)
                place = self.dice.randrange(len(crew.commands) + (2 if self.server else 0))
                if place < len(crew.commands):
                    self.kills[crew.kill(place)] += 1
                elif self.server is not None:
                    self.server.kill()
                    self.server.start()
                    self.kills["postgresql"] += 1
                crew.mend()


def pending(web: Web) -> float:
    """Return how much the service says it has left to do: messages to be sent, and whatever else it reports as pending."""
    try:
        with urlopen(f"{web.url}/metrics", timeout=10) as answer:
            return sum(float(number) for number in PENDING.findall(answer.read().decode()))
    except OSError:
        return 1.0


def _end_leases(store: Store) -> None:
    """Make due what killed workers had claimed. No worker may be running."""
    with store.writing() as session:
        left = (col(Delivery.state) == "pending", col(Delivery.lease_until).is_not(None))
        session.execute(update(Delivery).where(*left).values(lease_until=utc_now()))


def _finish_all(store: Store, people: list[Respondent]) -> list[str]:
    """Resume every open session and answer it to its end. Return the sessions that do not end."""
    with store.reading() as session:
        left = set(session.exec(select(SurveySession.id).where(SurveySession.status == "open")))
    stuck = []
    for someone in people:
        someone.stop.clear()
        someone.expected = ()
        for row in sorted(left & someone.tokens.keys()):
            status, view = someone.look(row)
            last = someone.continue_survey(view) if status == 200 else None
            if last is None or last["status"] == "open":
                stuck.append(row)
    return stuck


def _found(store: Store, witness: Witness, replies: Replies, people: list[Respondent], stuck: list[str]) -> Findings:
    erased = witness.names_erased()
    given = all_acknowledged(people)
    wanted = [
        (key, answer["answer_id"]) for key, answers in given.items() if replies.name_of_session.get(key) not in erased for answer in answers
    ]
    with store.reading() as session:
        stored = Counter(session.exec(select(Answer.session_id, Answer.answer_id)).all())
        beliefs = list(session.exec(select(Belief, Contact).join(Contact).order_by(col(Belief.contact_id))).all())
        named = set(session.exec(select(ExternalId.contact_id).where(ExternalId.system == "crm")))
        banks = Banks()
        untrue = [belief.contact_id for belief, contact in beliefs if not _is_true(session, banks, belief, contact)]
        events = Counter(session.exec(select(ContactEvent.message_id)).all())
        logged = session.exec(select(func.count()).select_from(DeliveryAttempt)).one()
        astray = [*_without_belief(session), *_of_others(session, replies)]
        left = list(_left_on_gone(session))
    behind = [
        f"{receiver}: {belief.contact_id}"
        for receiver in RECEIVERS
        for belief, _ in beliefs
        if (receiver == "webhooks" or belief.contact_id in named) and witness.behind(receiver, belief.contact_id, belief.sequence)
    ]
    return Findings(
        answers=len(wanted),
        contacts=len(beliefs),
        events=len(replies.events),
        merged=replies.merged,
        erased=len(replies.erased),
        requests=len(witness.arrivals),
        logged=logged,
        refused=[str(broken) for someone in people for broken in someone.broken],
        lost=[answer for answer in wanted if answer not in stored]
        + [event for event, name in replies.events.items() if name not in erased and event not in events]
        + [f"the erasure of {name}" for name in replies.erased if name not in erased],
        doubled=[key for counted in (stored, events) for key, times in counted.items() if times > 1],
        untrue=untrue + astray,
        behind=behind,
        disordered=[contact for contact, sequences in _by_first_arrival(witness).items() if sequences != sorted(sequences)],
        stuck=stuck,
        after_the_end=witness.after_the_end(replies.erased),
        left_on_gone=left,
    )


def _by_first_arrival(witness: Witness) -> dict[str, list[int]]:
    """Return the sequences of each contact, each message at its first arrival: a killed database forgets results that it had not written
    to the disk, and those messages are sent again with the same id.
    """
    known: set[str] = set()
    arrived: dict[str, list[int]] = defaultdict(list)
    for webhook_id, contact, sequence, was_taken in witness.requests:
        if was_taken and webhook_id not in known:
            known.add(webhook_id)
            arrived[contact].append(sequence)
    return arrived


def _is_true(session: Session, banks: Banks, belief: Belief, contact: Contact) -> bool:
    """Return whether the stored belief equals the one replayed from the log of answers and events, at the time of the belief."""
    bank = banks.version(session, belief.bank, belief.bank_version)
    probabilities = believe(bank.tables, evidence_about(session, contact, bank, belief.updated_at).evidence)[0]
    return bool(np.allclose([belief.probabilities[persona] for persona in bank.personas], probabilities, rtol=0, atol=SAME))


def _without_belief(session: Session) -> Iterator[str]:
    """Yield the contacts who sent a signal and have no belief."""
    believed = select(Belief.contact_id)
    sent = select(ContactEvent.contact_id).where(ContactEvent.name == BROCHURE, col(ContactEvent.contact_id).not_in(believed)).distinct()
    yield from (f"{contact} has a signal and no belief" for contact in session.exec(sent))


def _of_others(session: Session, replies: Replies) -> Iterator[str]:
    """Yield the events that belong to somebody else than the contact who has their name now."""
    owners = {row.value: row.contact_id for row in session.exec(select(ExternalId))}
    for event in session.exec(select(ContactEvent)):
        name = replies.events.get(event.message_id)
        if name in owners and owners[name] != event.contact_id:
            yield f"{event.message_id} about {name} belongs to {event.contact_id}"


def _left_on_gone(session: Session) -> Iterator[str]:
    """Yield what is left on contacts that were erased or merged."""
    found = session.connection()
    gone = text("SELECT * FROM contact WHERE erased_at IS NOT NULL OR merged_into IS NOT NULL")
    for row in found.execute(gone).mappings().all():
        yield from (f"{row['id']}: {wrong}" for wrong in left_on(found, row))
