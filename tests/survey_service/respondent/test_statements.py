"""What an answer asks of the database: few statements, and none that reads what belongs to others."""

from datetime import timedelta

import pytest
from sqlalchemy import event, text

from question_bank.files.load import read_bank
from survey_service.banks.publishing import publish
from survey_service.belief.evidence import signal_events
from survey_service.store.tables.core import ApiKey, Contact
from survey_service.store.tables.inbound import ContactEvent
from survey_service.webhooks import endpoints
from tests.survey_service.service import BANK

MOST_STATEMENTS = 12
"""Beside the rate limit: session, log, events, answer, session, sequence, belief, what is pending, messages and what they supersede."""
WITH_SIGNAL = BANK.replace(
    "surveys:", "signals:\n  - {id: browsed, match: {event: Browsed}, likelihood: {driver: 0.1, family: 0.4}, at_most: 2}\nsurveys:"
)


@pytest.fixture
def statements(service):
    """The statements that the service has run since the last ``clear``."""
    seen = []
    event.listen(service.parts.store.engine, "before_cursor_execute", lambda *call: seen.append(call[2]))
    return seen


@pytest.fixture
def busy(service):
    """A service whose bank has a signal, with two endpoints that want every change."""
    now = service.clock()
    with service.parts.store.writing() as session:
        publish(session, read_bank(WITH_SIGNAL), now)
        for name in ("a", "b"):
            endpoints.add(session, service.parts.settings, url=f"https://{name}.example/hook", events=[], when="every_answer", now=now)
    return service


def test_an_answer_takes_few_statements_however_many_endpoints_want_it(busy, statements):
    """The second answer replaces the messages of the first for both endpoints."""
    someone = busy.start()
    someone.answer("owns", "yes")
    statements.clear()

    someone.answer("happy", 4)

    counted = [statement for statement in statements if not statement.startswith("BEGIN")]
    assert len(counted) <= MOST_STATEMENTS, counted
    with busy.parts.store.reading() as session:
        states = session.execute(text("SELECT endpoint_id, state, count(*) FROM delivery GROUP BY 1, 2 ORDER BY 1, 2")).all()
    assert [(state, count) for _, state, count in states] == [("pending", 1), ("superseded", 1)] * 2


def test_events_are_found_by_their_contact(busy):
    """The index of kinds and names leads to the events of all contacts, and SQLite would take it for several contacts."""
    now, bank = busy.clock(), read_bank(WITH_SIGNAL)
    names, plans = [f"ct_{n}" for n in range(3)], []
    with busy.parts.store.writing() as session:
        session.add(ApiKey(id="key", name="k", prefix="p", digest="d", scope="intake", created_at=now))
        session.add_all([Contact(id=name, created_at=now, updated_at=now) for name in names])
        session.flush()
        for number, name in enumerate(names * 3):
            at = now - timedelta(days=number)
            session.add(
                ContactEvent(contact_id=name, source="key", message_id=f"m{number}", kind="track", name="Browsed", at=at, received_at=at)
            )
        compiled, _ = busy.parts.banks.latest(session, bank.id)

        found = signal_events(session, names, compiled, now)
        if busy.parts.store.engine.dialect.name == "sqlite":
            driver = session.connection().connection.driver_connection
            driver.set_trace_callback(plans.append)
            signal_events(session, names, compiled, now)
            driver.set_trace_callback(None)
            plans = [row[3] for row in driver.execute(f"EXPLAIN QUERY PLAN {plans[0]}") if "contact_event" in row[3]]

    assert {name: [event.event_id for event in events] for name, events in found.items()} == {
        "ct_0": [4, 1],
        "ct_1": [5, 2],
        "ct_2": [6, 3],
    }
    assert all("ix_contact_event_line (contact_id=?)" in plan for plan in plans), plans
