"""A play is announced when a contact comes to its stage as somebody of its persona: once, in the transaction that finds it."""

from datetime import timedelta

import pytest
from sqlmodel import select

from survey_service.contacts.retention import prune
from survey_service.figures.journeys import visits_of
from survey_service.figures.people import happened_to
from survey_service.stages.checks import held_persona
from survey_service.store.tables.core import Contact
from survey_service.store.tables.figures import AnnouncedPlay, AttributeOutcome, HeldPersona, StageCheck
from survey_service.store.tables.webhooks import Delivery
from tests.survey_service.attribution.base import Base
from tests.survey_service.figures.shop import Shop, bank_with_journeys
from tests.survey_service.service import a_service

BASKET = """
      - {id: basket, match: {event: Product Added}, unless: {event: Order Completed}, after_hours: 2}
  - id: deal
    order: any
    stages: [{id: guide, match: {page: "/guide/*"}}, {id: won, attribute: {deal: won}}]
plays:
  - {stage: deal/won, agent: {en: Thank you, fr: Merci}}
  - {persona: driver, stage: purchase/basket, content: {en: Come back, fr: Revenez}}"""

ON_ONE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""Where storage is as in the tests beside it, one database is enough."""


@pytest.fixture
def shop(database_url):
    """A shop with four known contacts whose CRM wants plays, and no respondents."""
    base = Base(a_service(database_url, bank_with_journeys().replace("\nplays:", BASKET)))
    base.add(4, consent={})
    made = Shop(base)
    endpoint = {"url": "https://hooks.example.com/x", "events": ["contact.play.due"]}
    assert base.service.call("POST", "/api/v1/endpoints", endpoint).status_code == 201
    yield made
    base.service.parts.store.close()


def label(shop, name, persona, reliability=0.9):
    body = {"bank": "cars", "persona": persona, "reliability": reliability}
    assert shop.base.service.call("PUT", f"/api/v1/contacts/{name}/label", body).status_code == 200


def rows(shop, table):
    with shop.base.service.parts.store.reading() as session:
        return list(session.exec(select(table)))


def announced(shop):
    messages = [row for row in rows(shop, Delivery) if row.event_type == "contact.play.due"]
    return [
        (row.contact_id[-1], row.facts["play"]["stage"], row.facts["play"]["persona"]) for row in sorted(messages, key=lambda row: row.id)
    ]


def test_a_play_is_announced_once_when_its_stage_is_reached(shop):
    """The message has what to say; the same stage again, or a second event, says nothing more."""
    service = shop.base.service
    label(shop, "c0", "driver")
    shop.send(shop.page(0, service.clock()), shop.page(1, service.clock()))
    shop.send(shop.track(0, service.clock(), "Quote Requested"), shop.track(1, service.clock(), "Quote Requested"))
    shop.send(shop.track(0, service.clock(), "Quote Requested"))

    assert sorted(announced(shop)) == [("0", "purchase/guide", None), ("0", "purchase/quote", "driver"), ("1", "purchase/guide", None)]
    play = next(row.facts["play"] for row in rows(shop, Delivery) if row.facts["play"]["persona"] == "driver")
    assert (play["agent"], play["content"], play["others"]) == ("Offer a test drive", None, [])
    assert play["confidence"] == pytest.approx(0.9, abs=0.06)


@ON_ONE
def test_a_belief_that_becomes_certain_announces_too(shop):
    """The persona may be known after the stage: the play follows then, and not again where the belief moves on."""
    service = shop.base.service
    shop.send(shop.page(1, service.clock()))
    shop.send(shop.track(1, service.clock(), "Quote Requested"))
    before = announced(shop)
    for persona in ("family", "driver", "family"):
        label(shop, "c1", persona)
        service.clock.forward(minutes=1)
        shop.maintain()

    assert before == [("1", "purchase/guide", None)]
    assert announced(shop)[1:] == [("1", "purchase/quote", "family")]


@ON_ONE
def test_a_stage_that_time_reaches_is_announced_by_itself(shop):
    """A basket that is left for two hours is a stage; one that was ordered is none."""
    service = shop.base.service
    for number in (0, 2):
        label(shop, f"c{number}", "driver")
        at = service.clock()
        passed = [shop.page(number, at), shop.track(number, at, "Quote Requested"), shop.track(number, at, "Order Completed")]
        shop.send(*passed, shop.track(number, at + timedelta(seconds=10), "Product Added"))
    shop.send(shop.track(2, service.clock(), "Order Completed"))
    early = [item for item in announced(shop) if "basket" in item[1]]
    service.clock.forward(hours=3)
    shop.maintain()

    assert early == []
    assert [item for item in announced(shop) if "basket" in item[1]] == [("0", "purchase/basket", "driver")]
    service.clock.forward(days=31)
    shop.maintain()
    assert rows(shop, StageCheck) == []


def test_an_outcome_of_the_crm_is_a_stage(shop):
    """It counts when the value comes, once however often it is sent again, and again after another value; it is no visit."""
    service = shop.base.service
    shop.send(shop.page(1, service.clock()))
    for deal in ("open", "Won", "won", None, "won"):
        service.clock.forward(hours=1)
        assert service.call("PUT", "/api/v1/contacts/c1", {"attributes": {"deal": deal}}).status_code == 200
        shop.maintain()
    with service.parts.store.reading() as session:
        bank, _ = service.parts.banks.latest(session, "cars")
        [contact] = session.exec(select(Contact).where(Contact.id == "ct_000001"))
        did = happened_to(session, bank, contact.id)

    assert [(row.value, row.at.hour) for row in rows(shop, AttributeOutcome)] == [("won", 12), ("won", 15)]
    assert announced(shop) == [("1", "purchase/guide", None), ("1", "deal/won", None)]
    assert len(visits_of(did)) == 1
    service.call("PUT", "/api/v1/contacts/c1", {"consent": {"profiling": False}})
    service.call("PUT", "/api/v1/contacts/c1", {"attributes": {"deal": "open"}})
    service.call("PUT", "/api/v1/contacts/c1", {"attributes": {"deal": "won"}})
    assert len(rows(shop, AttributeOutcome)) == 2
    assert len(service.call("GET", "/api/v1/contacts/c1/export").json["outcomes"]) == 2
    service.call("DELETE", "/api/v1/contacts/c1")
    assert rows(shop, AttributeOutcome) == []


def test_merging_keeps_and_erasure_forgets_what_was_announced(shop):
    """The merged contact is not announced again where either was. The export shows what was; erasure and retention delete it."""
    service = shop.base.service
    label(shop, "c0", "driver")
    shop.send(shop.page(0, service.clock()), shop.track(0, service.clock(), "Quote Requested"))
    before = len(announced(shop))
    assert before == 1
    body = {"from": {"external_id": "c0"}, "into": {"external_id": "c2"}}
    assert service.call("POST", "/api/v1/contacts/merge", body).status_code == 200
    service.clock.forward(minutes=1)
    shop.send(shop.track(2, service.clock(), "Quote Requested"))

    assert len(announced(shop)) == before
    export = service.call("GET", "/api/v1/contacts/c2/export").json
    assert [row["stage"] for row in export["announced_plays"]] == ["purchase/quote"]
    assert [row["persona"] for row in export["held_personas"]] == ["driver"]
    service.call("DELETE", "/api/v1/contacts/c2")
    assert rows(shop, AnnouncedPlay) == rows(shop, HeldPersona) == rows(shop, StageCheck) == []

    shop.send(shop.page(1, service.clock()))
    assert len(rows(shop, AnnouncedPlay)) == 1
    service.clock.forward(days=40)
    prune(service.parts.store, service.parts.banks, 30, service.clock)
    assert rows(shop, AnnouncedPlay) == []


@ON_ONE
def test_who_objects_to_a_profile_is_not_announced(shop):
    """An objection before the look is respected."""
    service = shop.base.service
    label(shop, "c3", "driver")
    service.call("PUT", "/api/v1/contacts/c3", {"consent": {"profiling": False}})
    shop.send(shop.page(3, service.clock()))

    assert announced(shop) == []


def test_a_persona_is_held_until_it_is_clearly_lost():
    """It takes the threshold to become it and a twentieth less to lose it."""
    held, found = None, []
    for p in (0.84, 0.85, 0.82, 0.79, 0.84):
        held = held_persona({"driver": p, "family": 1 - p}, 0.85, held)
        found.append(held)
    assert found == [None, "driver", "driver", None, None]
