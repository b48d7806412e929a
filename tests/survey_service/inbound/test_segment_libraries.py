"""The client libraries of Segment and RudderStack deliver each event once to a real server, even if it restarts."""

import signal
import threading
from collections import Counter

import pytest
from sqlmodel import select

from question_bank.files.load import read_bank
from survey_service.banks.publishing import publish
from survey_service.crypto import Keyring
from survey_service.store.session import Store
from survey_service.store.tables.core import Contact, ExternalId
from survey_service.store.tables.inbound import ContactEvent
from survey_service.web.api_keys import create_key
from survey_service.web.context import utc_now
from tests.processes import SECRET, end, free_port, oracle, until, web_server
from tests.survey_service.inbound.conftest import WITH_SIGNALS

EVENTS = 6


@pytest.fixture
def line(database_url):
    """A database with a bank with signals, a write key, and a free port for the server."""
    store = Store(database_url)
    with store.writing() as session:
        publish(session, read_bank(WITH_SIGNALS), utc_now())
        key = create_key(session, Keyring([SECRET]), "intake", "shop", utc_now())
    yield store, key, free_port(), database_url
    store.close()


def events(store):
    with store.reading() as session:
        named = select(ExternalId.value, ContactEvent.message_id).join(ContactEvent, ContactEvent.contact_id == ExternalId.contact_id)
        return Counter(session.exec(named).all())


def python_libraries(host, key):
    import rudderstack.analytics as rudder
    import segment.analytics as segment

    failures = []
    for name, library in (("segment", segment), ("rudder", rudder)):
        client = library.Client(key, host=host, on_error=lambda error, _: failures.append(error), max_retries=20)
        client.identify(user_id=name, traits={"email": f"{name}@example.com"})
        for number in range(EVENTS):
            client.track(user_id=name, event="Brochure Downloaded", message_id=f"{name}-{number}")
        client.shutdown()
    assert not failures


def test_each_library_delivers_each_event_once_through_a_restart(line):
    """The server is down when the libraries start, comes up, is killed, and comes up again."""
    store, key, port, url = line
    host = f"http://127.0.0.1:{port}"
    wanted = {(name, f"{name}-{n}"): 1 for name in ("segment", "rudder", "node-1", "ruddernode-1") for n in range(EVENTS)}
    senders = [
        threading.Thread(target=python_libraries, args=(host, key)),
        threading.Thread(target=oracle, args=("segment.mjs", host, key, "1", str(EVENTS))),
        threading.Thread(target=oracle, args=("rudder.mjs", host, key, "1", str(EVENTS))),
    ]
    with web_server(url, port) as (_, running):
        for sender in senders:
            sender.start()
        until(lambda: events(store), "the first event arrives")
        end(running, signal.SIGKILL)
    with web_server(url, port):
        for sender in senders:
            sender.join(timeout=90)
        assert events(store) == wanted
    with store.reading() as session:
        emails = {contact.email for contact in session.exec(select(Contact))}
    assert emails >= {"segment@example.com", "rudder@example.com", "node-1@example.com", "ruddernode-1@example.com"}
