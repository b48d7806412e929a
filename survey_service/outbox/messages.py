"""The rows of the outbox: enqueued, found, superseded and settled. `publish` decides what is enqueued for whom."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import BindParameter, ColumnElement, Select, Update, and_, bindparam, func, literal_column, or_, select, update
from sqlmodel import Session, col

from survey_service.outbox import events
from survey_service.outbox.debounce import SendWindow
from survey_service.outbox.events import Receiver
from survey_service.store.bulk import dialect_of, is_one_of, listed, to_list
from survey_service.store.faults import FAULT, wait_after
from survey_service.store.session import Prepared, inserted, save
from survey_service.store.tables.columns import new_id
from survey_service.store.tables.core import Belief, Contact
from survey_service.store.tables.metadata import metadata
from survey_service.store.tables.webhooks import Delivery, DeliveryAttempt, Endpoint

if TYPE_CHECKING:
    from question_bank.compile import CompiledBank
    from survey_service.belief.belief import PreviousBelief


PRIORITIES = INTERACTIVE, BULK = ("interactive", "bulk")
"""The priorities. Messages about the whole base (bulk) never delay those about an act of a respondent (interactive)."""

NO_IDENTITY = "no_identity"
"""The problem of a message to a CRM about a contact that has none of the ids by which the CRM finds contacts: it waits for one."""
IDENTITY_WAIT = timedelta(days=1)
"""How often such a message is looked at where nothing has said that the contact got an id."""

DELIVERY, ENDPOINT = metadata.tables["delivery"], metadata.tables["endpoint"]
_ENQUEUE = inserted(DELIVERY, ("id", "body", "lease_until", "last_error", "settled_at"))
_SUPERSEDE = Prepared(
    update(DELIVERY)
    .where(DELIVERY.c.id == bindparam("superseded"))
    .values(state="superseded", settled_at=bindparam("at"), lease_until=None)
)


def message(
    endpoint: Receiver,
    event_type: str,
    facts: Mapping[str, Any],
    moment: SendWindow,
    now: datetime,
    contact: Contact | None = None,
    bank: "CompiledBank | None" = None,
    lane: str = INTERACTIVE,
) -> dict[str, Any]:
    """Return the row of a message that was not sent yet. About a contact it takes its place from the contact's sequence."""
    return {
        "endpoint_id": endpoint.id,
        "contact_id": contact.id if contact else None,
        "event_id": new_id("evt"),
        "event_type": event_type,
        "bank": bank.bank.id if bank else None,
        "sequence": facts.get("sequence"),
        "place": facts.get("sequence", 0),
        "coalescible": event_type == events.UPDATED,
        "facts": dict(facts) if endpoint.include_pii else events.without_pii(facts),
        "state": "pending",
        "due": moment.at,
        "due_at_latest": moment.at_latest,
        "attempt": 0,
        "uncounted": 0,
        "lane": lane,
        "manual": False,
        "created_at": now,
    }


def enqueue(session: Session, messages: Sequence[Mapping[str, Any]], superseded: Sequence["WaitingUpdate"] = ()) -> None:
    """Store messages, and settle the earlier ones that they supersede. The row of a contact that they are about must be locked."""
    _ENQUEUE.run(session, *messages)
    _SUPERSEDE.run(session, *[{"superseded": update.id, "at": messages[0]["created_at"]} for update in superseded])


def settle(session: Session, row: Delivery, state: str, now: datetime) -> None:
    row.state, row.settled_at, row.lease_until = state, now, None
    session.add(row)


def record_fault(session: Session, row: Delivery, now: datetime) -> None:
    """Record that the present attempt of a message has failed by a fault of ours: it is tried again, and set aside after a few faults.

    Such an attempt does not count in the schedule of the receiver, who is not to blame. The row must be locked.
    """
    begun = select(DeliveryAttempt).where(col(DeliveryAttempt.delivery_id) == row.id, col(DeliveryAttempt.number) == row.attempt)
    attempt = session.scalars(begun).first() or DeliveryAttempt(delivery_id=row.id or 0, number=row.attempt, started_at=now)
    attempt.finished_at, attempt.outcome, attempt.error = now, FAULT, FAULT
    session.add(attempt)
    session.flush()
    faults = select(func.count()).where(col(DeliveryAttempt.delivery_id) == row.id, col(DeliveryAttempt.outcome) == FAULT)
    wait = wait_after(session.scalar(faults) or 0)
    row.last_error, row.uncounted = FAULT, row.uncounted + 1
    if wait is None:
        settle(session, row, "dead", now)
    else:
        row.due, row.lease_until = now + wait, None
        session.add(row)


def drop(session: Session, row: Delivery, now: datetime) -> None:
    """Settle a message as dropped. An attempt under way ends, but its result changes nothing.

    `due` is then the time at which that attempt is over at the latest, for `wait_for_dropped`. The row must be locked.
    """
    row.due = min(row.due, now) if row.lease_until is None else row.lease_until
    settle(session, row, "dropped", now)


def wait_for_dropped(session: Session, contact: Contact, now: datetime) -> None:
    """Let the pending messages about a contact wait for attempts under way whose messages were dropped at `now`.

    Two requests at once could overtake each other: what was dropped would arrive last. The contact must be locked.
    """
    session.flush()
    mine = col(Delivery.contact_id) == contact.id
    under_way = select(col(Delivery.endpoint_id), func.max(col(Delivery.due))).where(
        mine, col(Delivery.state) == "dropped", col(Delivery.settled_at) == now, col(Delivery.due) > now
    )
    for endpoint_id, over in session.execute(under_way.group_by(col(Delivery.endpoint_id))).all():
        waiting = and_(mine, col(Delivery.endpoint_id) == endpoint_id, col(Delivery.state) == "pending", col(Delivery.due) < over)
        session.execute(update(Delivery).where(waiting).values(due=over))


def end_wait(session: Session, attempts: Mapping[int, int], now: datetime) -> None:
    """Make the messages due that wait for these attempts (by delivery), which are over and whose messages were dropped meanwhile."""
    dropped = select(Delivery).where(col(Delivery.id).in_(attempts), col(Delivery.state) == "dropped", col(Delivery.due) > now)
    for row in session.scalars(dropped).all():
        if row.attempt == attempts[row.id or 0]:
            same = and_(col(Delivery.endpoint_id) == row.endpoint_id, col(Delivery.contact_id) == row.contact_id)
            waiting = and_(same, col(Delivery.state) == "pending", col(Delivery.due) == row.due)
            session.execute(update(Delivery).where(waiting).values(due=now))


def drop_pending(session: Session, endpoint: Endpoint, now: datetime, unless: Callable[[Delivery], bool] = lambda _: False) -> None:
    """Drop the pending messages of an endpoint, whose row must be locked."""
    pending = select(Delivery).where(col(Delivery.endpoint_id) == endpoint.id, col(Delivery.state) == "pending")
    for row in session.scalars(pending.order_by(col(Delivery.id)).with_for_update()):
        if not unless(row):
            drop(session, row, now)


class WaitingUpdate(NamedTuple):
    """An update that was not sent yet, as far as the next one depends on it."""

    id: int
    endpoint_id: str
    facts: Mapping[str, Any]
    due: datetime
    due_at_latest: datetime | None
    attempt: int
    uncounted: int
    lane: str
    last_error: str | None


def replaceable(session: Session, contact: Contact, bank: str, now: datetime) -> dict[str, list[WaitingUpdate]]:
    """Return the updates that were not sent yet by endpoint, oldest first, locked, without those that a person asked to send again.

    An update that a worker is sending is left alone, so that the respondent never waits for the CRM.
    """
    found: dict[str, list[WaitingUpdate]] = defaultdict(list)
    for row in _REPLACEABLE.rows(session, {"contact": contact.id, "bank": bank, "now": now}):
        update = WaitingUpdate(*row)
        found[update.endpoint_id].append(update)
    return found


def flush(session: Session, endpoints: Sequence[Receiver], contact: Contact, now: datetime) -> None:
    """Make waiting updates due now, so that they do not delay a message that cannot wait."""
    if not endpoints:
        return
    dialect = dialect_of(session)
    values = {"endpoints": to_list(dialect, [endpoint.id for endpoint in endpoints]), "contact": contact.id, "now": now}
    _FLUSH.run(session, values)


def _replaceable() -> Select[*tuple[Any, ...]]:
    # With every endpoint named, the index of what is pending for one endpoint and contact serves; that of a contact has all its history.
    unsent = _pending(select(ENDPOINT.c.id).where(ENDPOINT.c.state != "removed"))
    unsent = unsent.where(DELIVERY.c.bank == bindparam("bank"), DELIVERY.c.coalescible, ~DELIVERY.c.manual)
    unsent = unsent.where(is_unclaimed(DELIVERY.c, bindparam("now")))
    return unsent.with_only_columns(*[DELIVERY.c[name] for name in WaitingUpdate._fields]).with_for_update(skip_locked=True)


def _flush(dialect: str) -> Update:
    waits = or_(DELIVERY.c.due > bindparam("now"), DELIVERY.c.lane == BULK)
    patient = _pending(listed(dialect, "endpoints")).where(DELIVERY.c.attempt == 0, waits).with_for_update(skip_locked=True)
    return update(DELIVERY).where(DELIVERY.c.id.in_(patient)).values(due=bindparam("now"), lane=INTERACTIVE)


def _pending(endpoints: Any) -> Select[int]:
    """Select the messages to these endpoints about the `contact` that were not sent yet, in their order.

    The state is part of the statement, because a parameter would not match the partial index.
    """
    mine = DELIVERY.c.endpoint_id.in_(endpoints), DELIVERY.c.contact_id == bindparam("contact")
    return select(DELIVERY.c.id).where(*mine, DELIVERY.c.state == literal_column("'pending'")).order_by(DELIVERY.c.place)


_REPLACEABLE, _FLUSH = Prepared(lambda _: _replaceable()), Prepared(_flush)


def is_another_pending(session: Session, endpoint_id: str, delivery_id: int) -> bool:
    """Whether the endpoint has another pending message."""
    others = select(col(Delivery.id)).where(col(Delivery.endpoint_id) == endpoint_id, col(Delivery.state) == "pending")
    return session.scalars(others.where(col(Delivery.id) != delivery_id).limit(1)).first() is not None


def wake(session: Session, contact: Contact, now: datetime) -> None:
    """Make the messages due that wait until a contact has an id or an address: it has one now. The contact must be locked."""
    session.flush()
    pending = select(col(Delivery.id)).where(col(Delivery.contact_id) == contact.id, col(Delivery.state) == "pending")
    # Locked first: a worker that has just found that the contact has no id is waited for, and its message seen.
    ids = list(session.scalars(pending.order_by(col(Delivery.id)).with_for_update()))
    waiting = and_(is_one_of(session, Delivery.id, ids), col(Delivery.last_error) == NO_IDENTITY)
    session.execute(update(Delivery).where(waiting).values(due=now))


def retry_now(session: Session, endpoint: Endpoint, now: datetime) -> None:
    """Make all messages due that wait because of a problem: it may be solved. The endpoint's row must be locked."""
    waiting = and_(col(Delivery.endpoint_id) == endpoint.id, col(Delivery.state) == "pending", col(Delivery.last_error).is_not(None))
    session.execute(update(Delivery).where(waiting, col(Delivery.due) > now).values(due=now))


def count_waiting(session: Session, endpoint_ids: Sequence[str]) -> dict[str, dict[str, int]]:
    """Return how many messages of each endpoint wait because of a problem, by problem."""
    mine = (col(Delivery.endpoint_id).in_(endpoint_ids), col(Delivery.state) == "pending", col(Delivery.last_error).is_not(None))
    keys = col(Delivery.endpoint_id), col(Delivery.last_error)
    counts: dict[str, dict[str, int]] = {}
    for endpoint_id, problem, count in session.execute(select(*keys, func.count()).where(*mine).group_by(*keys).order_by(*keys)):
        counts.setdefault(endpoint_id, {})[problem] = count
    return counts


def make_due(session: Session, endpoint: Endpoint, now: datetime) -> None:
    """Make the retries of an endpoint due now, because it can receive again. Its row must be locked."""
    waiting = and_(col(Delivery.endpoint_id) == endpoint.id, col(Delivery.state) == "pending", col(Delivery.attempt) > 0)
    session.execute(update(Delivery).where(waiting, col(Delivery.due) > now).values(due=now))


def move_to(session: Session, gone: Contact, kept: Contact, now: datetime) -> None:
    """Move the messages about `gone` to `kept`. Pending updates about `gone` are not sent any more."""
    _lock_all(session, gone)
    waiting = select(Delivery).where(col(Delivery.contact_id) == gone.id, col(Delivery.state) == "pending", col(Delivery.coalescible))
    for row in session.scalars(waiting.where(is_unclaimed(Delivery, now))):
        settle(session, row, "superseded", now)
    session.flush()
    session.execute(update(Delivery).where(col(Delivery.contact_id) == gone.id).values(contact_id=kept.id))


def drop_all(session: Session, contact: Contact, now: datetime) -> None:
    """Drop the pending messages about a contact and delete the content of those that were sent."""
    _lock_all(session, contact)
    mine = col(Delivery.contact_id) == contact.id
    pending = select(Delivery).where(mine, col(Delivery.state) == "pending")
    for row in session.scalars(pending.execution_options(populate_existing=True)).all():
        drop(session, row, now)
    session.flush()
    session.execute(update(Delivery).where(mine).values(facts={}, body=None))
    attempts = col(DeliveryAttempt.delivery_id).in_(select(col(Delivery.id)).where(mine))
    session.execute(update(DeliveryAttempt).where(attempts).values(excerpt=None))


def _lock_all(session: Session, contact: Contact) -> None:
    """Lock every message about a contact, by id as all writers do. The contact is locked before them."""
    session.execute(select(col(Delivery.id)).where(col(Delivery.contact_id) == contact.id).order_by(col(Delivery.id)).with_for_update())


def delete_content(session: Session, rows: Sequence[Delivery]) -> None:
    """Keep the rows of these messages and delete their content, and what receivers answered."""
    for row in rows:
        row.facts, row.body = {}, None
        session.add(row)
    attempts = is_one_of(session, DeliveryAttempt.delivery_id, [row.id for row in rows])
    session.execute(update(DeliveryAttempt).where(attempts).values(excerpt=None))


def has_current_belief(session: Session, endpoint: Receiver, belief: Belief) -> bool:
    """Whether the endpoint has the present belief, or a message with it is pending."""
    query = _about(endpoint, belief.contact_id, belief.bank, events.UPDATED).where(col(Delivery.sequence) >= belief.sequence)
    return session.scalars(query.limit(1)).first() is not None


def last_decision(session: Session, endpoint: Receiver, belief: Belief) -> str | None:
    """Return the persona of the last decision that was sent to the endpoint, None where there was none."""
    query = _about(endpoint, belief.contact_id, belief.bank, events.DECIDED).order_by(col(Delivery.id).desc())
    last = session.scalars(query.limit(1)).first()
    return None if last is None else last.facts["assignment"]["persona"]


def is_unclaimed(row: Any, now: datetime | BindParameter[datetime]) -> ColumnElement[bool]:
    """Return the condition for messages that no worker has claimed."""
    return or_(col(row.lease_until).is_(None), col(row.lease_until) < now)


def is_unclaimed_row(row: Delivery, now: datetime) -> bool:
    """The same as `is_unclaimed`, for a loaded row."""
    return row.lease_until is None or row.lease_until < now


def _about(endpoint: Receiver, contact_id: str, bank: str, event_type: str) -> Select[Delivery]:
    about = and_(col(Delivery.endpoint_id) == endpoint.id, col(Delivery.contact_id) == contact_id)
    return select(Delivery).where(about, col(Delivery.bank) == bank, col(Delivery.event_type) == event_type)


UNSENT = ("pending", "dead")


def drop_answers(session: Session, contact: Contact, bank: str, now: datetime) -> None:
    """Drop the pending messages about a contact under one bank, and delete every answer from the others. The contact must be locked.

    The next message replaces all of them. Probabilities stay, because the next message names the previous ones.
    """
    mine = select(Delivery).where(col(Delivery.contact_id) == contact.id, col(Delivery.bank) == bank)
    for row in session.scalars(mine.order_by(col(Delivery.id)).with_for_update()).all():
        row.facts = {name: [] if name in ("explanation", "questions") else value for name, value in row.facts.items()}
        row.body = None
        if row.state in UNSENT:
            drop(session, row, now)
        session.add(row)
        for attempt in session.scalars(select(DeliveryAttempt).where(col(DeliveryAttempt.delivery_id) == row.id)):
            attempt.excerpt = None
            session.add(attempt)
    session.flush()


def next_sequence(session: Session, contact: Contact, after: "PreviousBelief | Belief | None" = None) -> int:
    """Return the number of the contact's next message, and store it. One guard in the receiver then orders all messages of a contact.

    The number is greater than that of the belief `after`, which is counted alone while there are no subscribers. The contact's row must
    be locked.
    """
    contact.sequence = max(contact.sequence, 0 if after is None else after.sequence) + 1
    save(session, contact)
    return contact.sequence
