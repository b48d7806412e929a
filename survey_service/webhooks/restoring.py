"""After a restore from a backup: CRMs know more than the database does, and must be told that what comes now is newer."""

from datetime import datetime

from sqlmodel import Session, col, select, update

from survey_service.store.records import Belief, Contact
from survey_service.store.webhook_records import Delivery, Endpoint
from survey_service.webhooks import untold

JUMP = 1_000_000
"""More messages than any contact gets between a backup and its restore."""


def go_on_from_backup(session: Session, now: datetime) -> int:
    """Raise the sequence of every contact beyond what any receiver has seen, and note that each endpoint is to be told the present.

    What was in a worker's hands when the backup was made is in nobody's now: it is sent again under its id, and nothing waits for it.

    Gives how many endpoints there are. Doing it twice does no harm.
    """
    session.exec(update(Contact).values(sequence=col(Contact.sequence) + JUMP))
    session.exec(update(Belief).values(sequence=col(Belief.sequence) + JUMP))
    session.exec(update(Delivery).where(col(Delivery.lease_until) > now).values(lease_until=now))
    endpoints = session.exec(select(Endpoint).where(Endpoint.state != "removed").with_for_update()).all()
    for endpoint in endpoints:
        untold.note_all(session, endpoint, None)
    return len(endpoints)
