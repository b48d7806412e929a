"""Telling an endpoint of whom it has not heard: some contacts at a time, each as it is at that moment."""

from datetime import datetime

from sqlalchemy import delete, select
from sqlmodel import Session, col

from survey_service.store.banks import Banks
from survey_service.store.records import Contact
from survey_service.store.session import Store
from survey_service.store.webhook_records import Endpoint, Untold
from survey_service.webhooks import telling, waiting

AT_ONCE = 50


def tell_some(store: Store, banks: Banks, now: datetime) -> bool:
    """Put messages about some of them in: "did I find work?"."""
    with store.reading() as session:
        endpoint_id = session.scalar(waiting.untold())
        if endpoint_id is None:
            return False
        mine = select(col(Untold.contact_id)).where(col(Untold.endpoint_id) == endpoint_id).order_by(col(Untold.contact_id))
        ids = list(session.scalars(mine.limit(AT_ONCE)))
    with store.writing() as session:
        _tell(session, banks, endpoint_id, ids, now)
    return True


def _tell(session: Session, banks: Banks, endpoint_id: str, ids: list[str], now: datetime) -> None:
    locked = select(Contact).where(col(Contact.id).in_(ids)).order_by(col(Contact.id)).with_for_update()
    contacts = session.scalars(locked).all()
    endpoint = session.get_one(Endpoint, endpoint_id)
    for contact in contacts if endpoint.state == "active" and not endpoint.awaits_ping else ():
        it = delete(Untold).where(col(Untold.endpoint_id) == endpoint_id, col(Untold.contact_id) == contact.id)
        if session.scalar(it.returning(col(Untold.contact_id))):  # nobody else did it while we waited for the contact
            telling.tell_the_present(session, endpoint, contact, banks, now)
