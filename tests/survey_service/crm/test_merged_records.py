"""Records that the CRM has merged, or finds under another address: what was delivered counts as delivered, and by the id that stays."""

import pytest

from survey_service.inbound import hubspot as inbound
from survey_service.inbound.receiver import HandlerContext
from tests.survey_service.crm.fake_crm import MOMENTS, Answer, hubspot_result
from tests.survey_service.crm.kinds import answer_with, connect

FIRST, SECOND = "0035g00000ABCDEAA1", "0035g00000ABCDFAA2"


def answers(there, change):
    """Let HubSpot answer without trace ids, with its results changed."""

    def behave(asked):
        results = [hubspot_result(input_) for input_ in asked.body["inputs"]]
        for result in results:
            del result["objectWriteTraceId"]
        return Answer(200, {"status": "COMPLETE", "results": change(results), **MOMENTS})

    there.crm.behaviour = behave


def with_record_ids(there, count):
    there.connect(identity=["record_id"])
    people = there.people(count)
    for number, contact in enumerate(people):
        there.named(contact, "hubspot", str(50 + number))
        there.world.store_belief(contact, 0.8)
    return people


def sent_states(there):
    return {row.contact_id: row.state for row in there.world.deliveries if row.attempt}


def test_a_merged_record_answers_under_another_id(there):
    """The two others are recognised by their ids, so the third result is the third record."""
    people = with_record_ids(there, 3)
    answers(there, lambda results: [results[0], {**results[1], "id": "9999"}, results[2]])
    there.deliver_due()
    assert sent_states(there) == dict.fromkeys(people, "delivered")


def test_two_merged_records_are_told_by_their_number(there):
    people = with_record_ids(there, 3)
    answers(there, lambda results: [{**result, "id": f"99{number}"} for number, result in enumerate(results)])
    there.deliver_due()
    assert sent_states(there) == dict.fromkeys(people, "delivered")


def test_a_second_address_is_found_under_the_first_one(there):
    there.connect(identity=["email"])
    people = there.people(2)
    answers(there, lambda results: [results[0], {**results[1], "properties": {"email": "first@example.com"}}])
    there.deliver_due()
    assert sent_states(there) == dict.fromkeys(people, "delivered")


def test_the_trace_id_comes_before_everything_else(there):
    """A result with the trace id of one record and the id of another is about the first."""
    people = with_record_ids(there, 2)

    def behave(asked):
        one, _ = asked.body["inputs"]
        return Answer(200, {"results": [{**hubspot_result(one), "id": "51"}]})

    there.crm.behaviour = behave
    there.step()
    assert sent_states(there) == {people[0]: "delivered", people[1]: "pending"}


def test_when_results_are_missing_nobody_is_guessed(there):
    """Two records without a result of their own, and one result of nobody: both are sent again, each on its own in the end."""
    people = with_record_ids(there, 3)
    answers(there, lambda results: [results[0], {**results[1], "id": "9999"}][: len(results)])
    there.step()
    assert sent_states(there) == {people[0]: "delivered", people[1]: "pending", people[2]: "pending"}


def test_a_merge_event_moves_the_connection_to_the_new_record(there):
    """HubSpot makes a new record of the two: it is written to from now on, by `newObjectId`, though the old ids come first in order."""
    (contact,) = with_record_ids(there, 1)
    there.deliver_due()
    event = {"subscriptionType": "contact.merge", "occurredAt": 1_700_000_000_000, "primaryObjectId": 50, "mergedObjectIds": [7]}
    (parsed,) = [inbound._parse_event({**event, "newObjectId": 990001})]
    world = there.world
    with world.store.writing() as session:
        inbound.handle(HandlerContext(session, world.keys, world.banks, "", {}, world.now), parsed.kind, parsed.facts)
    world.store_belief(contact, 0.3)
    there.deliver_due()
    assert [input_["id"] for input_ in there.inputs] == ["50", "990001"]
    assert world.states[-1] == "delivered"


@pytest.mark.parametrize("wrong", [{"mergedObjectIds": "123"}, {"mergedObjectIds": [None]}, {"primaryObjectId": {}}, {"occurredAt": "x"}])
def test_a_merge_event_of_another_shape_merges_nobody(wrong):
    """A word in the place of a list of ids is not read letter by letter."""
    event = {"subscriptionType": "contact.merge", "occurredAt": 1_700_000_000_000, "primaryObjectId": 1, "mergedObjectIds": [2]}
    with pytest.raises(inbound.MalformedBody):
        inbound._parse_event({**event, **wrong})


def test_salesforce_names_both_records_that_have_one_external_id(there):
    """300 in a part of a batch lists their addresses."""
    connect(there, "salesforce")
    there.people(1)
    paths = [f"/services/data/v59.0/sobjects/Contact/{record}" for record in (FIRST, SECOND)]
    answer_with(there.crm, Answer(200, {"hasErrors": True, "results": [{"statusCode": 300, "result": paths}]}))
    there.deliver_due()
    assert [(row.state, row.last_error) for row in there.world.deliveries] == [("dead", f"external_id_not_unique: {FIRST}, {SECOND}")]


def test_a_salesforce_collection_names_them_in_its_message(there):
    connect(there, "salesforce upsert")
    there.people(1)
    message = f"Crm_Id__c: more than one record found for external id field: [{FIRST}, {SECOND}]"
    error = {"statusCode": "DUPLICATE_EXTERNAL_ID", "message": message, "fields": []}
    answer_with(there.crm, Answer(200, [{"success": False, "errors": [error]}]))
    there.deliver_due()
    assert [row.last_error for row in there.world.deliveries] == [f"external_id_not_unique: {FIRST}, {SECOND}"]


def test_a_field_that_is_gone_makes_no_contact_dead_in_a_collection(there):
    """Every contact of the batch waits with the connection; those that were taken in the same answer are not sent again."""
    connect(there, "salesforce upsert")
    people = there.people(3)
    gone = {"statusCode": "INVALID_FIELD", "message": "No such column 'Persona_Top__c' on sobject of type Contact", "fields": []}
    answer_with(there.crm, Answer(200, [{"success": True, "errors": []}, *[{"success": False, "errors": [gone]}] * 2]))
    there.deliver_due()
    assert sorted(there.world.states) == ["delivered", "pending", "pending"]
    assert len(people) == 3
    assert there.connection.paused_because.startswith("field Persona_Top__c: is gone")
