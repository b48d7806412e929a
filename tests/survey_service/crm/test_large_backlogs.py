"""Large backlogs: answers are sent before bulk messages, and claiming a batch never reads the whole backlog once per message.

This holds before PostgreSQL has statistics on the table. The tests count blocks, not seconds.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import event, insert, text, update

from survey_service.crm import batches
from survey_service.outbox import events
from survey_service.store.tables.columns import new_id
from survey_service.store.tables.core import Contact
from survey_service.store.tables.webhooks import Delivery
from tests.survey_service.crm.connected import Connected
from tests.survey_service.crm.fake_crm import crm, hubspot
from tests.survey_service.databases import clone
from tests.survey_service.webhooks.world import BANK, a_world

BACKLOG = 5000
MOST_BLOCKS = 2000
"""Maximum of blocks for a statement that claims a hundred messages; a plan that rereads the backlog for each one takes twice as many."""
FEW_BLOCKS = 100


@pytest.fixture
def unanalysed(postgres_server) -> Iterator[Connected]:
    with clone(postgres_server) as url, a_world(url) as world, crm(hubspot) as made:
        world.publish()
        yield Connected(world, made)


def test_claiming_for_a_crm_does_not_reread_its_backlog(unanalysed):
    unanalysed.connect()
    enqueue_backlog(unanalysed.world, unanalysed.connection.endpoint_id)
    world = unanalysed.world

    with blocks_read(world.store) as blocks, world.store.reading() as session:
        connection_id = batches.next_due(session, world.now, world.now)
        batch = batches.claim(session, world.keys, connection_id, world.now, world.now)

    assert len(batch.rows) == 100
    assert max(blocks.values()) < MOST_BLOCKS, blocks


def test_a_crm_does_not_read_the_backlog_of_a_webhook(unanalysed):
    unanalysed.connect()
    endpoint, _ = unanalysed.world.endpoint()
    enqueue_backlog(unanalysed.world, endpoint)
    world = unanalysed.world

    with blocks_read(world.store) as blocks, world.store.reading() as session:
        assert batches.next_due(session, world.now, world.now) is None

    assert max(blocks.values()) < FEW_BLOCKS, blocks


def test_claiming_for_a_webhook_does_not_reread_its_backlog(unanalysed):
    endpoint, _ = unanalysed.world.endpoint()
    enqueue_backlog(unanalysed.world, endpoint)

    with blocks_read(unanalysed.world.store) as blocks:
        batch = unanalysed.world.claim(most=100)

    assert len(batch.messages) == 100
    assert max(blocks.values()) < MOST_BLOCKS, blocks


def test_an_answer_is_sent_to_a_crm_before_bulk_messages(there):
    """A fifth of a full batch is bulk, however many contacts have just answered."""
    there.connect()
    everybody = there.people(130)
    with there.world.store.writing() as session:
        session.execute(update(Delivery).values(lane="bulk"))
    there.world.forward(seconds=1)
    answered = [there.world.contact(f"now-{number}") for number in range(90)]
    for contact in answered:
        there.world.store_belief(contact, 0.6)

    there.deliver_due()

    batches_of = [[input_["id"] for input_ in asked.body["inputs"]] for asked in there.crm.asked]
    interactive = [sum(name.startswith("now-") for name in batch) for batch in batches_of]
    assert [len(batch) for batch in batches_of] == [100, 100, 20]
    assert interactive == [80, 10, 0]
    assert len(everybody) + len(answered) == len({name for batch in batches_of for name in batch})


def enqueue_backlog(world, endpoint):
    """Create one due message about each of many contacts, in tables without statistics."""
    people = [new_id("ct") for _ in range(BACKLOG)]
    about = {"sequence": 1, "attributes": {}, "consent": {}, "created_at": world.now, "updated_at": world.now}
    columns = {"event_type": events.UPDATED, "bank": BANK.bank.id, "sequence": 1, "place": 1, "due": world.now, "created_at": world.now}
    facts = {"occurred_at": "2026-01-05T10:00:00.123456Z", "contact": {"external_ids": [], "email": "zoe@example.com"}}
    with world.store.writing() as session:
        for table in ("delivery", "contact"):
            session.execute(text(f"ALTER TABLE {table} SET (autovacuum_enabled = off)"))
        session.execute(insert(Contact), [{"id": person, **about} for person in people])
        rows = [{"endpoint_id": endpoint, "contact_id": person, "event_id": new_id("evt"), "facts": facts, **columns} for person in people]
        session.execute(insert(Delivery), rows)
    world.forward(seconds=1)


@contextmanager
def blocks_read(store) -> Iterator[dict[str, int]]:
    """Collect the blocks that each SELECT reads within the `with` block."""
    blocks: dict[str, int] = {}

    def explain(_connection, cursor, statement, parameters, _context, _many):
        if statement.startswith("SELECT"):
            cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", parameters)
            ((plan,),) = cursor.fetchone()
            blocks[statement] = plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"]

    event.listen(store.engine, "before_cursor_execute", explain)
    try:
        yield blocks
    finally:
        event.remove(store.engine, "before_cursor_execute", explain)
