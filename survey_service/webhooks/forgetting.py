"""What messages have said about answers that are deleted goes too: from the outbox, and from what is kept of those that went out."""

from datetime import datetime

from sqlmodel import Session, col, select

from survey_service.store.records import Contact
from survey_service.store.webhook_records import Delivery, DeliveryAttempt
from survey_service.webhooks import queue

UNSENT = ("pending", "dead")


def forget_answers(session: Session, contact: Contact, bank: str, now: datetime) -> None:
    """Let go of what has not been delivered about a contact under one bank, and of every answer in the rest. The contact must be locked.

    What is told next stands for all of it; the probabilities stay, since the next message says what they were.
    """
    mine = select(Delivery).where(Delivery.contact_id == contact.id, Delivery.bank == bank)
    for row in session.exec(mine.order_by(col(Delivery.id)).with_for_update()).all():
        row.facts = {name: [] if name in ("explanation", "questions") else told for name, told in row.facts.items()}
        row.body = None
        if row.state in UNSENT:
            queue.put_away(session, row, "dropped", now)
        session.add(row)
        for attempt in session.exec(select(DeliveryAttempt).where(col(DeliveryAttempt.delivery_id) == row.id)):
            attempt.excerpt = None
            session.add(attempt)
    session.flush()
