"""One message of every event type, created by the service itself."""

from datetime import timedelta

from survey_service.contacts.erasure import erase
from survey_service.contacts.merging import merge
from survey_service.outbox import endpoint_events, publish
from survey_service.outbox.crossings import publish_completed, publish_crossing
from survey_service.outbox.events import DEGRADED, DISABLED, RECOVERED, Crossing, EndpointEvent, completed_facts, stamp
from survey_service.store.tables.core import Answer, Contact, SurveySession
from survey_service.store.tables.webhooks import Endpoint
from survey_service.webhooks import endpoints
from tests.survey_service.webhooks.world import BANK, Sent, World


def every_event(world: World, form: str) -> list[Sent]:
    """Return the messages that an endpoint with all events gets in this form when each event happens once."""
    listening, _ = world.endpoint(events=(), format=form, include_pii=True)
    other, _ = world.endpoint(events=("endpoint.ping",))
    world.publish()
    kept, gone = world.contact("kept"), world.contact("gone")
    world.store_belief(kept, 0.4)
    world.store_belief(gone, 0.95)
    responses(world, kept)
    world.deliver_due()
    with world.store.writing() as session:
        endpoints.ping(session, listening, world.now)
        merge(session, world.banks, gone, kept, world.now)
        link = {name: name for name in ("survey", "question", "language", "expires_at", "url", "leave", "html", "text")}
        contact = session.get_one(Contact, kept, with_for_update=True)
        publish.publish_link(session, contact, {**link, "options": {"yes": "url"}, "because": {"source": "shopify"}}, world.now)
        crossing = Crossing("cars", 1, "atr_1", "driver", None, {"driver": 0.9, "family": 0.1})
        publish_crossing(session, contact, crossing, world.now)
        play = dict.fromkeys(("persona", "channel", "content", "agent", "bot"))
        others = {"journey": "purchase", "stage": "purchase/quote", "reached_at": stamp(world.now), "confidence": None, "others": [play]}
        publish.publish_play(session, contact, {"id": "cars", "version": 1, "personas": ["driver"]}, {**play, **others}, world.now)
        figures = dict.fromkeys(("probability", "value", "priority"), 0.5)
        ends = {f"{name}_{end}": 0.5 for name in ("probability", "priority") for end in ("low", "high")}
        ready = {"journey": "purchase", "stage": "purchase/quote", "next_stage": "purchase/order", "currency": None, **figures, **ends}
        publish.publish_ready(session, contact, {"id": "cars", "version": 1, "personas": ["driver"]}, ready, world.now)
        failing = session.get_one(Endpoint, other)
        failing.failing_since = world.now
        endpoint_events.publish_endpoint_event(
            session,
            failing,
            [EndpointEvent(DEGRADED, "failing", 50), EndpointEvent(DISABLED, "gone"), EndpointEvent(RECOVERED, "ping")],
            world.now,
        )
    world.deliver_due()
    with world.store.writing() as session:
        contact = session.get_one(Contact, kept, with_for_update=True)
        publish_crossing(session, contact, Crossing("cars", 1, "atr_1", None, "driver", {}, "consent"), world.now)
        run = {"id": "atr_1", "contacts": 2, "scored": 2, "assigned": 1, "beliefs": "/api/v1/attribution/cars/runs/atr_1/beliefs"}
        publish_completed(session, completed_facts(run, "cars", 1, ["driver", "family"], world.now), world.now)
    world.deliver_due()
    with world.store.writing() as session:
        erase(session, world.keys, session.get_one(Contact, kept, with_for_update=True), world.now)
    world.deliver_due()
    return list(world.sent)


def responses(world: World, contact_id: str) -> None:
    """Create a finished and an abandoned response."""
    with world.store.writing() as session:
        contact = session.get_one(Contact, contact_id, with_for_update=True)
        for number, (what, status) in enumerate({"completed": "complete", "abandoned": "open"}.items()):
            ended = world.now if status == "complete" else None
            row = SurveySession(
                id=f"ses_{number}",
                token_digest=str(number),
                survey=BANK.bank.surveys[0].id,
                bank=BANK.bank.id,
                bank_version=1,
                contact_id=contact_id,
                language="en",
                channel="web",
                hidden={"order": "1001"},
                status=status,
                stopped_because="gain" if ended else None,
                limit=6,
                started_at=world.now,
                last_at=world.now,
                expires_at=world.now + timedelta(days=1),
                ended_at=ended,
            )
            given = {"session_id": row.id, "contact_id": contact_id, "bank": BANK.bank.id, "bank_version": 1, "given_at": world.now}
            own = [
                Answer(question="owns", kind="answer", value="yes", answer_id="a", **given),
                Answer(question="reasons", kind="answer", value=["safety", "power"], answer_id="b", **given),
                Answer(question="happy", kind="skip", answer_id="c", **given),
            ]
            publish.publish_response(session, row, contact, BANK, own, what, world.now)
