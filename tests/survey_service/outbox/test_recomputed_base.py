"""Recomputing all beliefs with a new model does not delay the message of an answer."""

from datetime import timedelta

from sqlmodel import insert

from survey_service.store.tables.columns import new_id
from survey_service.store.tables.core import Contact
from survey_service.store.tables.webhooks import Delivery
from survey_service.worker.process import Worker
from tests.processes import until
from tests.survey_service.egress.hostile_receiver import Receiver, head

BASE = 1500
FACTS = {"schema": "contact.persona.updated/1", "sequence": 1, "occurred_at": "2026-01-05T10:00:00.000000Z"}


def enqueue_bulk(world, endpoint):
    """Create a bulk message about every contact, as `discern recompute` does."""
    ids = [f"ct_{number:05}" for number in range(BASE)]
    blank = {"sequence": 1, "attributes": {}, "consent": {}, "created_at": world.now, "updated_at": world.now}
    columns = {"endpoint_id": endpoint, "event_type": "contact.persona.updated", "facts": FACTS, "lane": "bulk", "sequence": 1, "place": 1}
    with world.store.writing() as session:
        session.execute(insert(Contact), [{"id": id_, **blank} for id_ in ids])
        due = {"due": world.now, "created_at": world.now, "coalescible": True}
        session.execute(insert(Delivery), [{**columns, **due, "contact_id": id_, "event_id": new_id("evt")} for id_ in ids])


def test_an_answer_is_sent_while_the_base_is_recomputed(world):
    """With one worker, one endpoint and a slow receiver the answer is in the first half, and all other messages arrive."""
    world.now -= timedelta(minutes=1)

    def slow(wire, closing):
        closing.wait(0.005)
        wire.sendall(head(Content_Length="0"))

    with Receiver(slow) as receiver:
        made, _ = world.endpoint(url=receiver.url())
        enqueue_bulk(world, made)
        contact = world.contact("who-answers")
        worker = Worker(world.settings, world.store)
        worker.start()
        try:
            until(lambda: len(receiver.requests) > 50, "the first messages arrive")
            world.store_belief(contact, 0.5)
            until(lambda: world.states.count("delivered") == BASE + 1, "all messages arrive")
        finally:
            worker.stop()
            worker.join()

    order = [contact.encode() in request for request in receiver.requests]
    assert order.count(True) == 1
    assert order.index(True) < BASE / 2
    assert len(receiver.requests) == len(world.attempts) == BASE + 1
