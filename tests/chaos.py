"""Respondents answer while web servers, workers and PostgreSQL are killed at random; afterwards the invariants are checked."""

import os
import random
import signal
import subprocess
import time
from collections import Counter, defaultdict
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sqlmodel import Session, col, func, select

from adaptive import believe
from survey_service.belief.evidence import evidence_about
from survey_service.settings import Settings
from survey_service.store.banks import Banks
from survey_service.store.session import Store
from survey_service.store.tables.core import Answer, Belief, Contact, SurveySession
from survey_service.store.tables.webhooks import DeliveryAttempt
from survey_service.web.context import utc_now
from survey_service.webhooks import endpoints
from tests.fleet import UPDATED, Ledger, end_waits, keeping
from tests.processes import Web, discern, end, environment, free_port, start, until
from tests.respondents import Respondent, all_acknowledged, answering
from tests.survey_service.databases import Postgres
from tests.test_one_answer_to_webhook import BANK

SAME = 1e-9


@dataclass(frozen=True)
class Findings:
    """The violations found after the run; every list is empty if there are none."""

    answers: int
    contacts: int
    requests: int
    logged: int
    refused: list[Any]
    lost: list[tuple[str, str]]
    doubled: list[tuple[str, str]]
    untrue: list[str]
    behind: list[str]
    disordered: list[str]
    stuck: list[str]


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


@dataclass
class Chaos:
    """One run. `server` is the PostgreSQL that is killed too, or None for SQLite."""

    database_url: str
    respondents: int
    seconds: float
    kill_every: float = 3.0
    server: Postgres | None = None
    dice: random.Random = field(default_factory=lambda: random.Random(11))
    kills: Counter[str] = field(default_factory=Counter)

    def run(self) -> Findings:
        assert discern("publish", str(BANK), database_url=self.database_url).returncode == 0
        store, ledger = Store(self.database_url), Ledger(errors=0.05)
        settings = Settings.from_env({name: value for name, value in environment(self.database_url).items() if name.startswith("DISCERN_")})
        webs = [Web(free_port()) for _ in range(2)]
        serving = [("serve", "--bind", f"127.0.0.1:{web.port}") for web in webs]
        with keeping(ledger) as url, ExitStack() as stack:
            with store.writing() as session:
                fields = {"url": url, "events": [UPDATED], "when": "every_answer", "now": utc_now()}
                _, ledger.secret = endpoints.add(session, settings, **fields)
            crew = stack.enter_context(Crew(self.database_url, [*serving, ("worker",), ("worker",)]))
            until(lambda: all(web.is_ready() for web in webs), "the web servers answer")
            people = [Respondent(webs, seed) for seed in range(self.respondents)]
            self._disturb(crew, people)
            store.engine.dispose()  # the pooled connections ended with the killed server
            stuck = _finish_all(store, people)
            until(lambda: (crew.mend(), end_waits(store) == 0)[1], "everything has been delivered", patience=180)
            findings = _found(store, ledger, people, stuck)
        store.close()
        return findings

    def _disturb(self, crew: Crew, people: list[Respondent]) -> None:
        began = time.monotonic()
        with answering(people):
            while time.monotonic() - began < self.seconds:
                time.sleep(self.kill_every)
                place = self.dice.randrange(len(crew.commands) + (2 if self.server else 0))
                if place < len(crew.commands):
                    self.kills[crew.kill(place)] += 1
                elif self.server is not None:
                    self.server.kill()
                    self.server.start()
                    self.kills["postgresql"] += 1
                crew.mend()


def _finish_all(store: Store, people: list[Respondent]) -> list[str]:
    """Resume every open session and answer it to its end. Return the sessions that do not end."""
    with store.reading() as session:
        left = set(session.exec(select(SurveySession.id).where(SurveySession.status == "open")))
    stuck = []
    for someone in people:
        someone.stop.clear()
        for row in sorted(left & someone.tokens.keys()):
            status, view = someone.look(row)
            last = someone.continue_survey(view) if status == 200 else None
            if last is None or last["status"] == "open":
                stuck.append(row)
    return stuck


def _found(store: Store, ledger: Ledger, people: list[Respondent], stuck: list[str]) -> Findings:
    accepted = ledger.accepted()
    wanted = [(key, answer["answer_id"]) for key, answers in all_acknowledged(people).items() for answer in answers]
    with store.reading() as session:
        stored = Counter(session.exec(select(Answer.session_id, Answer.answer_id)).all())
        beliefs = list(session.exec(select(Belief, Contact).join(Contact).order_by(col(Belief.contact_id))).all())
        banks = Banks()
        untrue = [belief.contact_id for belief, contact in beliefs if not _is_true(session, banks, belief, contact)]
        logged = session.exec(select(func.count()).select_from(DeliveryAttempt)).one()
    return Findings(
        answers=len(wanted),
        contacts=len(beliefs),
        requests=len(ledger.requests),
        logged=logged,
        refused=[broken for someone in people for broken in someone.broken],
        lost=[answer for answer in wanted if answer not in stored],
        doubled=[key for key, times in stored.items() if times > 1],
        untrue=untrue,
        behind=[belief.contact_id for belief, _ in beliefs if accepted.get(belief.contact_id, [0])[-1] != belief.sequence],
        disordered=[contact for contact, sequences in _by_first_arrival(ledger).items() if sequences != sorted(sequences)],
        stuck=stuck,
    )


def _by_first_arrival(ledger: Ledger) -> dict[str, list[int]]:
    """Return the sequences of each contact, each message at its first arrival: a killed database forgets results that it had not written
    to the disk, and those messages are sent again with the same id.
    """
    known: set[str] = set()
    arrived: dict[str, list[int]] = defaultdict(list)
    for webhook_id, contact, sequence, was_taken in ledger.requests:
        if was_taken and webhook_id not in known:
            known.add(webhook_id)
            arrived[contact].append(sequence)
    return arrived


def _is_true(session: Session, banks: Banks, belief: Belief, contact: Contact) -> bool:
    """Return whether the stored belief equals the one recomputed from the log of answers."""
    bank = banks.version(session, belief.bank, belief.bank_version)
    probabilities = believe(bank.tables, evidence_about(session, contact, bank, utc_now()).evidence)[0]
    return bool(np.allclose([belief.probabilities[persona] for persona in bank.personas], probabilities, rtol=0, atol=SAME))
