"""What publishing reads before it writes: the endpoints that may want messages, and the ids of a contact in other systems."""

from typing import Any, NamedTuple

from sqlalchemy import Select, bindparam, select
from sqlmodel import Session

from survey_service.outbox.events import ExternalName
from survey_service.store.session import Prepared
from survey_service.store.tables.core import Contact
from survey_service.store.tables.metadata import metadata

ENDPOINT, EXTERNAL_ID = metadata.tables["endpoint"], metadata.tables["external_id"]


class Subscriber(NamedTuple):
    """An endpoint that was not removed, without its URL and secrets. No `events` means all."""

    id: str
    events: list[str]
    when: str
    include_pii: bool
    bulk: bool
    state: str
    awaits_ping: bool


def all_endpoints(session: Session) -> list[Subscriber]:
    """Return every endpoint that was not removed."""
    return [Subscriber(*row) for row in _ENDPOINTS.rows(session, {})]


def external_names(session: Session, contact: Contact) -> list[ExternalName]:
    """Return the ids of the contact in other systems, by system."""
    return [ExternalName(*row) for row in _NAMES.rows(session, {"contact": contact.id})]


def endpoints() -> Select[*tuple[Any, ...]]:
    """Select the columns of `Subscriber`."""
    return select(*[ENDPOINT.c[name] for name in Subscriber._fields]).where(ENDPOINT.c.state != "removed").order_by(ENDPOINT.c.id)


def names() -> Select[*tuple[Any, ...]]:
    """Select the columns of `ExternalName` of the `contact`."""
    mine = select(*[EXTERNAL_ID.c[name] for name in ExternalName._fields]).where(EXTERNAL_ID.c.contact_id == bindparam("contact"))
    return mine.order_by(EXTERNAL_ID.c.system, EXTERNAL_ID.c.value)


_ENDPOINTS, _NAMES = Prepared(endpoints()), Prepared(names())
