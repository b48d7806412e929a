"""Every cell of the table in docs/crm_answers.md: what the CRM answers, and what happens to the contact and to the connection."""

from datetime import timedelta

import pytest

from tests.processes import ROOT
from tests.survey_service.crm.documented_answers import ABSENT, AGAIN, CELLS, CRMS, DELIVERED, HELD, SET_ASIDE, SITUATIONS, WAITS, table
from tests.survey_service.crm.fake_crm import Answer, hubspot
from tests.survey_service.crm.kinds import answer_with, connect

pytestmark = pytest.mark.slow

PLAIN = [(situation, crm) for situation in SITUATIONS for crm in CRMS if CELLS[situation][crm].done != ABSENT]
ID = "003000000000001AAA"


def test_the_table_is_complete():
    assert list(CELLS) == list(SITUATIONS)
    assert all(list(row) == list(CRMS) for row in CELLS.values())


def test_the_page_shows_this_table():
    """A cell is changed here and there."""
    assert table() in (ROOT / "docs" / "crm_answers.md").read_text()


@pytest.mark.parametrize(("situation", "crm"), PLAIN, ids=[f"{crm}-{situation}" for situation, crm in PLAIN])
def test_a_cell(there, situation, crm):
    cell = CELLS[situation][crm]
    connect(there, crm.lower(), **cell.connection)
    contact = there.world.contact("crm-0")
    there.named(contact, crm.lower(), ID)
    there.world.store_belief(contact, 0.6)
    seen = answer_with(there.crm, cell.answer)
    there.deliver_due()

    (row,) = there.world.deliveries
    waits = there.connection.paused_because
    assert len(seen.asked) == 1
    assert row.attempt == {DELIVERED: 1, WAITS: 0, HELD: 0, AGAIN: 1, SET_ASIDE: 1}[cell.done]
    assert row.state == {DELIVERED: "delivered", SET_ASIDE: "dead"}.get(cell.done, "pending")
    assert (waits is not None) == (cell.done == WAITS)
    assert cell.problem in ((waits if cell.done == WAITS else row.last_error) or "")
    assert bool(cell.problem) == (cell.done != DELIVERED)
    if cell.done == WAITS:
        assert there.world.the_endpoint().paused_until > there.world.now


@pytest.mark.parametrize("done", [WAITS, HELD, AGAIN])
def test_what_waits_goes_on_when_the_crm_is_put_right(there, done):
    """Nothing is lost, and no attempt of the schedule is used up by waiting."""
    situation = {WAITS: "field gone", HELD: "option not allowed", AGAIN: "record locked"}[done]
    connect(there, "salesforce")
    there.people(1)
    answer_with(there.crm, CELLS[situation]["Salesforce"].answer)
    there.deliver_due()
    answer_with(there.crm, CELLS["blacklisted"]["Salesforce"].answer)
    there.world.forward(hours=1)
    there.deliver_due()
    assert there.world.states == ["delivered"]
    assert there.connection.paused_because is None


@pytest.mark.parametrize("code", ["ENTITY_IS_LOCKED", "INSUFFICIENT_ACCESS_OR_READONLY"])
def test_a_contact_that_may_not_be_written_now_holds_up_no_other(there, code):
    """It is in an approval process, or not shared with our user: it waits, and the connection goes on."""
    connect(there, "salesforce upsert")
    there.people(2)
    refused = {"success": False, "errors": [{"statusCode": code, "message": "", "fields": []}]}
    answer_with(there.crm, Answer(200, [refused, {"success": True, "errors": []}]))
    there.deliver_due()
    assert sorted((row.state, row.attempt) for row in there.world.deliveries) == [("delivered", 1), ("pending", 0)]
    assert there.connection.paused_because is None


def test_a_pause_is_no_longer_than_a_day(there):
    """A CRM that asks for a pause of years is asked again tomorrow."""
    connect(there, "klaviyo")
    there.people(1)
    answer_with(there.crm, Answer(429, {}, {"Retry-After": "999999999"}))
    there.deliver_due()
    assert there.world.the_endpoint().paused_until == there.world.now + timedelta(days=1)


def test_hubspot_finds_the_contact_whose_persona_is_no_option(there):
    """HubSpot refuses the whole batch for it: only this contact waits, the others are delivered."""
    there.connect(mapping={"persona_top": "persona_top"})
    there.people(7)
    there.world.store_belief(there.world.contact("other"), 0.2)

    def portal(asked):
        inputs = asked.body["inputs"]
        wrong = any(input_["properties"]["persona_top"] == "family" for input_ in inputs)
        return CELLS["option not allowed"]["HubSpot"].answer if wrong else hubspot(asked)

    there.crm.behaviour = portal
    there.deliver_due()
    states = {row.contact_id: (row.state, row.last_error) for row in there.world.deliveries}
    assert states.pop("ct_other") == ("pending", "option_not_allowed: persona_top")
    assert set(states.values()) == {("delivered", None)}
