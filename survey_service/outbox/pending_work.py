"""Statements that find work for the maintenance process, without a lock and without the libraries that the work itself needs."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlmodel import Session, col

from survey_service.egress.signing import is_in_force
from survey_service.outbox.debounce import IDLE
from survey_service.store.contact_locks import is_present
from survey_service.store.session import Store
from survey_service.store.tables.attribution import AttributionModelRow, AttributionRun
from survey_service.store.tables.core import Belief, Contact, SurveyRow, SurveySession
from survey_service.store.tables.figures import FigureSnapshot, RecurringWork, StageCheck
from survey_service.store.tables.inbound import InboundEvent, IntakeBatch, PlannedQuestion
from survey_service.store.tables.webhooks import Connection, Delivery, Endpoint, MissedContact

ENOUGH_WAITING = 200
"""Pending bulk messages of one endpoint from which no more are made before these are sent."""

SURVEY_DAYS = "survey days"
"""The recurring work that counts the sessions of each survey and day."""
BELIEFS_OF_STAGES = "beliefs of stages"
"""The recurring work that looks for changed beliefs of contacts on a journey."""
COUNTED_EVERY = timedelta(minutes=5)


def is_any(store: Store, now: datetime) -> bool:
    """Whether there is an idle session, an event of a source or of the intake, a contact to resync, to score or to look at, a question to
    ask, a day to count, or an expired secret.
    """
    with store.reading() as session:
        inbound = next_inbound_event(now).with_only_columns(col(InboundEvent.id))
        some = (idle_sessions(now), due_batches(now), due_questions(now), due_checks(now), changed_on_a_journey(session, now))
        looks: list[Any] = [inbound, next_resync(), changed_contacts(now), *(look.limit(1) for look in some)]
        if any(session.execute(look).first() is not None for look in looks) or is_count_due(session, now):
            return True
        secrets = session.scalars(select(col(Endpoint.secrets)).where(col(Endpoint.state) != "removed"))
        return any(not is_in_force(item, now) for several in secrets for item in several)


def is_any_connection(store: Store) -> bool:
    """Whether messages go to a CRM."""
    with store.reading() as session:
        active = select(col(Connection.endpoint_id)).join(Endpoint).where(col(Endpoint.state) == "active")
        return session.execute(active.limit(1)).first() is not None


SETTLED_AFTER = timedelta(seconds=5)
"""A change of a contact is looked at after so long: by then the transactions of that moment are committed."""


def changed_contacts(now: datetime) -> Select[Any]:
    """Select the banks of which some contact has changed since attribution has scored it."""
    done = select(col(AttributionModelRow.bank), func.max(col(AttributionModelRow.rescored_until)).label("until"))
    of_runs = done.join(AttributionRun).where(col(AttributionRun.state) == "done").group_by(col(AttributionModelRow.bank)).subquery()
    changed = select(col(Contact.id)).where(
        col(Contact.updated_at) > of_runs.c.until,
        col(Contact.updated_at) <= now - SETTLED_AFTER,
        is_present(),
    )
    return select(of_runs.c.bank).where(changed.exists()).limit(1)


def is_count_due(session: Session, now: datetime) -> bool:
    """Whether somebody has started or answered a survey since its days were counted, some minutes ago at least."""
    done = session.get(RecurringWork, SURVEY_DAYS)
    if done is None:
        return session.execute(select(col(SurveySession.id)).limit(1)).first() is not None
    since = done.done_at - COUNTED_EVERY  # once more after the last answer: the messages about it arrive later
    looks = (
        select(col(Belief.contact_id)).where(col(Belief.updated_at) > since),
        select(col(SurveySession.id)).where(col(SurveySession.started_at) > since),
    )
    return now - done.done_at >= COUNTED_EVERY and any(session.execute(look.limit(1)).first() is not None for look in looks)


def is_any_run(store: Store, now: datetime) -> bool:
    """Whether a run of attribution waits for a process."""
    with store.reading() as session:
        return session.execute(next_run(now)).first() is not None


def next_run(by: datetime) -> Select[str]:
    """Select the next run of attribution that no process works on."""
    waits = or_(col(AttributionRun.state) == "queued", (col(AttributionRun.state) == "running") & (col(AttributionRun.lease_until) <= by))
    return select(col(AttributionRun.id)).where(waits).order_by(col(AttributionRun.created_at), col(AttributionRun.id)).limit(1)


def is_any_snapshot(store: Store, now: datetime) -> bool:
    """Whether the figures of some bank are not of today, and nobody computes them."""
    with store.reading() as session:
        return session.execute(banks_without_snapshot(now).limit(1)).first() is not None


def banks_without_snapshot(now: datetime) -> Select[Any]:
    """Select the banks with answers whose figures are not of today (UTC), and are not being computed."""
    done = or_(col(FigureSnapshot.day) >= now.astimezone(UTC).date().isoformat(), col(FigureSnapshot.lease_until) > now)
    of_bank = select(col(FigureSnapshot.bank)).where(col(FigureSnapshot.bank) == col(SurveyRow.bank), done)
    answered = select(col(SurveySession.id)).where(col(SurveySession.survey) == col(SurveyRow.id))
    return select(col(SurveyRow.bank)).where(~of_bank.exists(), answered.exists()).distinct().order_by(col(SurveyRow.bank))


def idle_sessions(now: datetime) -> Select[str]:
    """Select the sessions that were left in the middle, and those that have expired."""
    left = col(SurveySession.abandoned_at).is_(None) & (col(SurveySession.last_at) <= now - IDLE)
    over = col(SurveySession.expires_at) <= now
    return select(col(SurveySession.id)).where(col(SurveySession.status) == "open", left | over).order_by(col(SurveySession.last_at))


def next_inbound_event(by: datetime) -> Select[InboundEvent]:
    """Select the next inbound event to handle. Events of one moment come in the order in which they happened."""
    rows = select(InboundEvent).where(col(InboundEvent.done_at).is_(None), col(InboundEvent.due) <= by)
    return rows.order_by(col(InboundEvent.occurred_at), col(InboundEvent.id)).limit(1)


def due_questions(by: datetime) -> Any:
    """Select the keys of the questions of barometers that are due, in their order."""
    keys = select(col(PlannedQuestion.contact_id), col(PlannedQuestion.bank), col(PlannedQuestion.barometer))
    return keys.where(col(PlannedQuestion.done_at).is_(None), col(PlannedQuestion.due) <= by).order_by(col(PlannedQuestion.due))


def due_checks(by: datetime) -> Any:
    """Select the contacts whose stages are to be looked at, those first that have waited longest."""
    return select(col(StageCheck.contact_id)).where(col(StageCheck.due) <= by).order_by(col(StageCheck.due), col(StageCheck.contact_id))


def changed_on_a_journey(session: Session, now: datetime) -> Any:
    """Select the contacts on a journey whose belief has changed since changes were last looked at."""
    done = session.get(RecurringWork, BELIEFS_OF_STAGES)
    changed = select(col(Belief.contact_id)).join(StageCheck, col(StageCheck.contact_id) == col(Belief.contact_id))
    return changed.where(col(Belief.updated_at) <= now - SETTLED_AFTER, *([col(Belief.updated_at) > done.done_at] if done else []))


def due_batches(by: datetime) -> Any:
    """Select id and size of the batches of the intake that are to be evaluated, in the order in which they came."""
    due = select(col(IntakeBatch.id), col(IntakeBatch.number)).where(col(IntakeBatch.due) <= by)
    return due.order_by(col(IntakeBatch.due), col(IntakeBatch.id))


def next_resync() -> Select[Any]:
    """Select the next endpoint that can receive again and has contacts to resync."""
    waiting = select(func.count()).where(
        col(Delivery.endpoint_id) == col(Endpoint.id), col(Delivery.state) == "pending", col(Delivery.lane) == "bulk"
    )
    return (
        select(col(Endpoint.id))
        .where(col(Endpoint.state) == "active", ~col(Endpoint.awaits_ping), waiting.correlate(Endpoint).scalar_subquery() < ENOUGH_WAITING)
        .where(select(col(MissedContact.contact_id)).where(col(MissedContact.endpoint_id) == col(Endpoint.id)).correlate(Endpoint).exists())
        .order_by(col(Endpoint.id))
        .limit(1)
    )
