"""Runs: a request to fit and score, and the work on it in steps that another process can go on with.

A step is one transaction with its progress. The process that works on a run holds a lease; when a process is killed, another one goes on
where the last step ended.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from importlib.util import find_spec
from threading import Event, Thread
from typing import Any

from sqlalchemy import func, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from question_bank.compile import CompiledBank
from survey_service.attribution import results
from survey_service.attribution.models import model_of, newest_models, store_model
from survey_service.attribution.respondents import FittedRespondents, findings_of, fit_respondents, read_respondents
from survey_service.attribution.results import Counts, Scorer
from survey_service.belief.priors import may_be_profiled
from survey_service.clock import Clock
from survey_service.errors import Conflict, DiscernError, Invalid, NotFound
from survey_service.outbox.crossings import has_subscribers, publish_completed
from survey_service.outbox.events import completed_facts
from survey_service.outbox.pending_work import SETTLED_AFTER, next_run
from survey_service.store.banks import Banks, transact
from survey_service.store.bulk import is_one_of
from survey_service.store.contact_locks import is_present
from survey_service.store.faults import FAULT, contained
from survey_service.store.session import DATABASE_AWAY, Store
from survey_service.store.tables.attribution import AttributionModelRow, AttributionRun
from survey_service.store.tables.columns import new_id
from survey_service.store.tables.core import Contact

log = logging.getLogger("discern.attribution")

LEASE, RENEWED_EVERY = timedelta(seconds=30), 10.0
"""How long a run waits after its process was killed, and how often (in seconds) a living one renews its lease."""
BATCH = {"sqlite": 100, "postgresql": 5000}
PUBLISHING_BATCH = 200
"""Contacts in a step when their crossings are published: then their rows are locked meanwhile."""
STORED_AT_ONCE = 2000
"""Respondents whose results are stored with one statement."""
PAUSE = {"sqlite": 2.0, "postgresql": 0.0}
"""How long nothing is written after a step, in durations of the step: SQLite has one writer, and respondents come first."""
EXTRA = "sklearn"


class RunUnfinished(Conflict):
    """A run of this bank is not finished yet: wait for it, or cancel it."""

    code = "run_unfinished"


class NoAttribution(Conflict):
    """The bank has no "attribution": name the attributes that may be used, as docs/attribution.md shows, and publish it."""

    code = "no_attribution"


class NotInstalled(DiscernError):
    """Fitting needs scikit-learn, which is not installed here: pip install 'discern-survey[analysis]', then start the service again."""

    status, code = 501, "not_installed"


def start_run(session: Session, banks: Banks, bank: str, allow: Sequence[str], now: datetime) -> AttributionRun:
    """Request a run. Raises NotFound, NoAttribution, Invalid, RunUnfinished, NotInstalled."""
    compiled, _ = banks.latest(session, bank)
    rules = compiled.bank.attribution
    if rules is None:
        raise NoAttribution
    unknown = [name for name in allow if name not in rules.attributes]
    if unknown:
        known = ", ".join(rules.attributes)
        raise Invalid(
            errors=[{"path": "allow", "message": f'"{name}" is not an attribute of the bank: it has {known}'} for name in unknown]
        )
    if find_spec(EXTRA) is None:
        raise NotInstalled
    run = AttributionRun(id=new_id("atr"), bank=bank, allow=list(allow), created_at=now)
    try:
        with session.begin_nested():
            session.add(run)
    except IntegrityError:
        raise RunUnfinished from None
    return run


def find_run(session: Session, bank: str, run_id: str) -> AttributionRun:
    """Return a run. Raises NotFound."""
    run = session.get(AttributionRun, run_id)
    if run is None or run.bank != bank:
        raise NotFound(f'There is no run "{run_id}" of "{bank}".')
    return run


def runs_page(session: Session, banks: Banks, bank: str, before: str | None, limit: int) -> list[AttributionRun]:
    """Return up to `limit` runs of a bank that are older than the run `before`, the newest first. Raises NotFound."""
    banks.latest(session, bank)
    rows = select(AttributionRun).where(AttributionRun.bank == bank).order_by(col(AttributionRun.id).desc())
    if before is not None:
        rows = rows.where(AttributionRun.id < before)
    return list(session.exec(rows.limit(limit)))


def cancel_run(session: Session, bank: str, run_id: str, now: datetime) -> AttributionRun:
    """Ask a run to end. What it has stored stays. A run that is finished is left as it is. Raises NotFound."""
    find_run(session, bank, run_id)
    run = session.exec(select(AttributionRun).where(AttributionRun.id == run_id).with_for_update()).one()
    if run.state == "queued":
        run.state, run.cancelled_at, run.ended_at = "cancelled", now, now
    elif run.state == "running" and run.cancelled_at is None:
        run.cancelled_at = now
    session.add(run)
    return run


@dataclass
class RunWork:
    """What the work on a run needs. `enough` says whether the process has to end; the run then waits for the next one."""

    store: Store
    banks: Banks
    clock: Clock
    enough: Callable[[], bool] = lambda: False

    def step_run(self) -> bool:
        """Work on the next run until it is finished, and return whether there was one. Raises OperationalError."""
        run = self._claim(next_run(self.clock()))
        if run is None:
            return False
        self._finish_or_fail(run)
        return True

    def work_on(self, run_id: str) -> None:
        """Work on this run until it is finished, unless another process does already. Raises OperationalError."""
        run = self._claim(next_run(self.clock()).where(col(AttributionRun.id) == run_id))
        if run is not None:
            self._finish_or_fail(run)

    def _finish_or_fail(self, run: AttributionRun) -> None:
        with contained(f"attribution run={run.id} bank={run.bank}") as attempt, self._renewed(run.id):
            try:
                self._work_on(run)
            except DiscernError as error:
                self._end(run.id, "failed", error.detail)
        if attempt.failed:
            self._end(run.id, "failed", FAULT)

    def _claim(self, wanted: Any) -> AttributionRun | None:
        now = self.clock()
        with self.store.reading() as session:
            if session.execute(wanted).first() is None:
                return None
        with self.store.writing() as session:
            run_id = session.scalars(wanted.with_for_update(skip_locked=True)).first()
            if run_id is None:
                return None
            run = session.get_one(AttributionRun, run_id)
            run.state, run.started_at, run.lease_until = "running", run.started_at or now, now + LEASE
            session.add(run)
            return run

    def _work_on(self, run: AttributionRun) -> None:
        with self.store.reading() as session:
            compiled, version = self.banks.latest(session, run.bank)
        if compiled.bank.attribution is None:
            raise NoAttribution
        if run.model_id is None:
            self._fit(run, compiled, version)
        while not self.enough():
            began = time.perf_counter()
            if transact(self.store, self.banks, lambda session: self._score_some(session, run.id)):
                return
            time.sleep((time.perf_counter() - began) * PAUSE[self.store.engine.dialect.name])
        self._set_lease(run.id, self.clock())  # another process goes on at once

    def _fit(self, run: AttributionRun, bank: CompiledBank, version: int) -> None:
        now = self.clock()
        with self.store.reading() as session:
            people = read_respondents(session, bank, now)
        fitted = fit_respondents(bank, people, run.allow)
        if fitted.fit.leaks:
            shares = {left.name: left.figure for left in fitted.fit.left_out}
            raise Invalid(
                " ".join(
                    f'Attribute "{name}" explains {shares[name]:.0%} of the personas: does it come from the questionnaire? '
                    f'Remove it from the bank, or accept it with {{"allow": ["{name}"]}}.'
                    for name in fitted.fit.leaks
                )
            )
        transact(self.store, self.banks, lambda session: self._store_fit(session, run.id, bank, version, fitted, now))

    def _store_fit(self, session: Session, run_id: str, bank: CompiledBank, version: int, fitted: FittedRespondents, now: datetime) -> None:
        """Store the model, and the vectors of those who taught it, which come from tables that they did not teach."""
        run = session.exec(select(AttributionRun).where(AttributionRun.id == run_id).with_for_update()).one()
        if run.model_id is not None or run.state != "running":
            return  # this process was paused for longer than its lease, and another one has fitted meanwhile
        if run.cancelled_at is not None:
            return  # the next step ends the run, and nothing is stored that was not asked for any more
        run.contacts = session.scalar(_count_contacts()) or 0
        row = store_model(session, bank.bank.id, version, fitted.fit, findings_of(fitted, run.contacts), now)
        run.model_id = row.id
        session.add(run)
        session.flush()
        scorer = self._scorer(session, run, row)
        taught = [] if fitted.fit.is_prior_only else fitted.taught.ids
        for start in range(0, len(taught), STORED_AT_ONCE):
            ids = list(taught[start : start + STORED_AT_ONCE])
            present = results.read_contacts(session, [is_one_of(session, Contact.id, ids)], [col(Contact.id)], len(ids))
            seen = [contact for contact in present if may_be_profiled(scorer.rules, contact.consent)]  # some may have objected meanwhile
            place = {key: start + number for number, key in enumerate(ids)}
            vectors = fitted.fit.out_of_fold[[place[contact.id] for contact in seen]]
            former = results.former_of(session, scorer.bank, ids)
            found = results.results_of(scorer.model, [(contact.id, contact.updated_at) for contact in seen], vectors, former, in_fit=True)
            results.store_results(session, scorer, found, former, self.clock())

    def _score_some(self, session: Session, run_id: str) -> bool:
        """Score the next contacts, and return whether the run is finished."""
        now = self.clock()
        run = session.exec(select(AttributionRun).where(AttributionRun.id == run_id).with_for_update()).one()
        if run.state != "running":
            return True
        if run.cancelled_at is not None:
            run.state, run.ended_at, run.lease_until = "cancelled", now, None
            session.add(run)
            return True
        row = session.get_one(AttributionModelRow, run.model_id)
        scorer = self._scorer(session, run, row)
        size = PUBLISHING_BATCH if scorer.publishes else BATCH[session.get_bind().dialect.name]
        contacts = results.read_contacts(session, [col(Contact.id) > run.cursor], [col(Contact.id)], size)
        counts = results.score_contacts(session, scorer, contacts, now) if contacts else Counts()
        run.cursor = contacts[-1].id if contacts else run.cursor
        run.scored, run.assigned = run.scored + counts.scored, run.assigned + counts.assigned
        if len(contacts) < size:
            self._finish(session, run, row, now)
        session.add(run)
        return run.state != "running"

    def _finish(self, session: Session, run: AttributionRun, row: AttributionModelRow, now: datetime) -> None:
        run.state, run.ended_at, run.lease_until = "done", now, None
        path = f"/api/v1/attribution/{run.bank}/runs/{run.id}/beliefs"
        summary = {"id": run.id, "contacts": run.contacts, "scored": run.scored, "assigned": run.assigned, "beliefs": path}
        publish_completed(session, completed_facts(summary, run.bank, row.bank_version, row.personas, now), now)
        log.info("run %s of %s: %d contacts scored, %d assigned", run.id, run.bank, run.scored, run.assigned)

    def _scorer(self, session: Session, run: AttributionRun, row: AttributionModelRow) -> Scorer:
        compiled, _ = self.banks.latest(session, run.bank)
        rules = compiled.bank.attribution
        if rules is None:
            raise NoAttribution
        publishes = has_subscribers(session)
        return Scorer(run.bank, row.bank_version, rules, row.id, model_of(session, row.id), run.id, publishes)

    @contextmanager
    def _renewed(self, run_id: str) -> Iterator[None]:
        """Renew the lease of a run while the block works on it."""
        ended = Event()

        def renew() -> None:
            while not ended.wait(RENEWED_EVERY):
                with suppress(*DATABASE_AWAY):
                    self._set_lease(run_id, self.clock() + LEASE)

        thread = Thread(target=renew, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _set_lease(self, run_id: str, until: datetime) -> None:
        mine = col(AttributionRun.id) == run_id, col(AttributionRun.state) == "running"
        with self.store.writing() as session:
            session.execute(update(AttributionRun).where(*mine).values(lease_until=until))

    def _end(self, run_id: str, state: str, problem: str) -> None:
        with self.store.writing() as session:
            run = session.exec(select(AttributionRun).where(AttributionRun.id == run_id).with_for_update()).one()
            if run.state != "running":
                return  # another process has ended it, because this one was paused for longer than its lease
            run.state, run.problem, run.ended_at, run.lease_until = state, problem, self.clock(), None
            session.add(run)
        log.warning("run %s of %s: %s: %s", run_id, run.bank, state, problem)


def _count_contacts() -> Any:
    return select(func.count()).select_from(Contact).where(is_present())


def rescore_changed(store: Store, banks: Banks, now: datetime) -> bool:
    """Score contacts that have changed since they were scored, with the model of the last run. Return whether there were any."""
    with store.reading() as session:
        waiting = [model_id for model_id in newest_models(session).values() if session.execute(_changed(session, model_id, now, 1)).first()]
    scored = [transact(store, banks, partial(_rescore, banks, model_id, now)) for model_id in waiting]
    return any(scored)


def _rescore(banks: Banks, model_id: str, now: datetime, session: Session) -> bool:
    """Score contacts that have changed, unless the newest version of the bank has no attribution. Return whether any have changed."""
    row = session.exec(select(AttributionModelRow).where(AttributionModelRow.id == model_id).with_for_update()).one()
    run = session.exec(select(AttributionRun).where(AttributionRun.model_id == model_id, AttributionRun.state == "done")).one()
    compiled, _ = banks.latest(session, row.bank)
    changed = session.execute(_changed(session, model_id, now, RESCORED_AT_ONCE)).all()
    if not changed:
        return False
    last = changed[-1].updated_at
    if compiled.bank.attribution is None:  # it was taken out of the bank
        row.rescored_until = last
        session.add(row)
        return True
    publishes = has_subscribers(session)
    scorer = Scorer(row.bank, row.bank_version, compiled.bank.attribution, row.id, model_of(session, row.id), run.id, publishes)
    after = ""
    while True:  # contacts that changed at one moment are not separated
        between = col(Contact.updated_at) > row.rescored_until, col(Contact.updated_at) <= last, col(Contact.id) > after
        contacts = results.read_contacts(session, between, [col(Contact.id)], RESCORED_AT_ONCE)
        if not contacts:
            break
        results.score_contacts(session, scorer, contacts, now)
        after = contacts[-1].id
    row.rescored_until = last
    session.add(row)
    return True


def _changed(session: Session, model_id: str, now: datetime, limit: int) -> Any:
    """Select the contacts that have changed since they were scored, the oldest change first."""
    until = session.scalars(select(col(AttributionModelRow.rescored_until)).where(col(AttributionModelRow.id) == model_id)).one()
    between = col(Contact.updated_at) > until, col(Contact.updated_at) <= now - SETTLED_AFTER
    rows = select(col(Contact.updated_at)).where(*between, is_present()).order_by(col(Contact.updated_at), col(Contact.id))
    return rows.limit(limit)


RESCORED_AT_ONCE = 200
