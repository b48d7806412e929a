"""Recording results, merging and erasing take their locks in one order, so PostgreSQL makes one wait and never reports a deadlock."""

from threading import Thread

import pytest
from sqlalchemy import text
from sqlmodel import col, select

from survey_service.contacts.erasure import erase
from survey_service.contacts.merging import merge
from survey_service.store.tables.core import Contact
from survey_service.store.tables.webhooks import Acknowledged, Delivery
from survey_service.webhooks import results
from tests.processes import until
from tests.survey_service.webhooks.world import OK

WAITS = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")


class Transaction(Thread):
    """A second transaction in a thread; its exception is raised in the test."""

    def __init__(self, act):
        super().__init__(daemon=True)
        self.act, self.problem = act, None

    def run(self):
        try:
            self.act()
        except Exception as wrong:  # noqa: BLE001  # raised again in the test
            self.problem = wrong

    def finished(self):
        self.join(30)
        assert not self.is_alive()
        if self.problem:
            raise self.problem


def erase_contact(world):
    with world.store.writing() as session:
        erase(session, world.keys, session.exec(select(Contact).where(Contact.id == "ct_0").with_for_update()).one(), world.now)


def merge_contacts(world):
    with world.store.writing() as session:
        merge(session, world.banks, "ct_0", "ct_1", world.now)


def is_waiting(world):
    with world.store.reading() as session:
        return world.settings.database_url.startswith("sqlite") or session.execute(WAITS).scalar_one() > 0


@pytest.fixture
def two(world):
    world.publish()
    for _ in range(2):
        world.endpoint()
    for number in range(2):
        world.store_belief(world.contact(str(number)), 0.5)
    return world


@pytest.mark.parametrize("act", [erase_contact, merge_contacts])
def test_a_writer_waits_while_a_batch_is_recorded(two, act):
    """The endpoint has not acknowledged the contact of the message yet, so recording inserts a row that refers to the contact."""
    batch = two.claim(most=2)
    sent = [results.Sent(message, OK, two.now, two.now) for message in batch.messages]
    other = Transaction(lambda: act(two))
    with two.store.writing() as session:
        results.lock_contacts(session, [message.delivery_id for message in batch.messages])
        session.execute(select(Delivery.id).where(col(Delivery.id).in_([1, 3])).order_by(Delivery.id).with_for_update())
        other.start()
        until(lambda: is_waiting(two), "the other one waits")
        assert results.record(session, batch, sent, two.now) == {message.delivery_id for message in batch.messages}
    other.finished()

    assert "ct_0" not in {acknowledged.contact_id for acknowledged in two.all(Acknowledged)}
    assert [row.state for row in two.deliveries if row.id in (1, 3)] == ["delivered"] * 2


@pytest.mark.parametrize("act", [erase_contact, merge_contacts])
def test_recording_a_batch_waits_for_a_merge_or_an_erasure(two, act):
    """The message of an erased contact stays dropped; two merged contacts are acknowledged once."""
    batch = two.claim(most=2)
    sent = [results.Sent(message, OK, two.now, two.now) for message in batch.messages]
    found = []

    def settles():
        with two.store.writing() as session:
            found.append(results.record(session, batch, sent, two.now))

    other = Transaction(settles)
    with two.store.writing() as session:
        session.exec(select(Contact).order_by(Contact.id).with_for_update()).all()  # the statement that a respondent's answer runs
        other.start()
        until(lambda: is_waiting(two), "the other one waits")
        if act is erase_contact:
            erase(session, two.keys, session.get_one(Contact, "ct_0"), two.now)
        else:
            merge(session, two.banks, "ct_0", "ct_1", two.now)
    other.finished()

    [ours] = found
    assert len(ours) == (1 if act is erase_contact else 2)
    assert [acknowledged.contact_id for acknowledged in two.all(Acknowledged)] == ["ct_1"]
