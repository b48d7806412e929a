"""Contacts whom the CRM cannot find yet wait quietly: they are not dead, use up no attempt, and are sent as soon as they have a name."""

from sqlmodel import select

from survey_service.contacts import directory, merging
from survey_service.contacts.erasure import erase
from survey_service.crm import connections, sync
from survey_service.ops import metrics
from survey_service.ops.heartbeat import oldest_due
from survey_service.outbox import messages
from survey_service.store.tables.core import Contact, ExternalId
from survey_service.store.tables.webhooks import DeliveryAttempt
from tests.survey_service.crm.fake_crm import Answer

RESPONDENTS = 90


def anonymous(there, name="someone"):
    """Create a contact who has answered and has neither an id nor an address. Return its id."""
    with there.world.store.writing() as session:
        contact = Contact(id=f"ct_{name}", created_at=there.world.now, updated_at=there.world.now)
        session.add(contact)
        session.flush()
        session.add(ExternalId(system="anonymous", value=name, contact_id=contact.id))
    there.world.store_belief(f"ct_{name}", 0.7)
    return f"ct_{name}"


def waiting(there):
    """Return what the list of connections says."""
    with there.world.store.reading() as session:
        (view,) = connections.views(session, connections.page(session, None, 10))
    return view["waiting"]


def test_anonymous_respondents_are_not_dead(there):
    """90 of 90 wait, none has used up an attempt, nothing was asked, nothing is late, and the connection counts them."""
    there.connect()
    for number in range(RESPONDENTS):
        anonymous(there, str(number))
    there.deliver_due()

    assert set(there.world.states) == {"pending"}
    assert {row.attempt for row in there.world.deliveries} == {0}
    assert there.world.all(DeliveryAttempt) == []
    assert there.crm.asked == []
    assert waiting(there) == {"no_identity": RESPONDENTS}
    with there.world.store.reading() as session:
        assert oldest_due(session, there.world.now).total_seconds() == 0
    there.world.forward(hours=20)
    assert not there.step()


def test_they_are_sent_as_soon_as_they_have_an_address(there):
    """The address that the contact has now is used, not that of the stored message; the first attempt is counted as the first."""
    there.connect()
    contact = anonymous(there)
    there.deliver_due()
    with there.world.store.writing() as session:
        directory.find_or_create(session, there.world.keys, "crm-7", there.world.now)
    with there.world.store.writing() as session:
        merging.merge(session, there.world.banks, contact, directory.find(session, "crm-7").id, there.world.now)
    there.deliver_due()
    assert there.inputs == []
    with there.world.store.writing() as session:
        directory.upsert(session, there.world.keys, "crm-7", {"email": "Zoe@example.com"}, there.world.now)
    there.deliver_due()

    (input_,) = there.inputs
    assert input_["id"] == "zoe@example.com"
    assert there.world.states[-1] == "delivered"
    assert there.world.deliveries[-1].attempt == 1
    assert waiting(there) == {}


def test_they_are_sent_as_soon_as_they_have_an_id(there):
    there.connect(identity=["record_id"])
    there.people(1)
    there.deliver_due()
    assert waiting(there) == {"no_identity": 1}
    with there.world.store.writing() as session:
        given = {"external_ids": [{"system": "hubspot", "type": "vid", "id": "51"}]}
        directory.upsert(session, there.world.keys, "crm-0", given, there.world.now)
    there.deliver_due()
    assert [input_["id"] for input_ in there.inputs] == ["51"]


def test_they_are_sent_when_they_are_merged_with_somebody_known(there):
    there.connect()
    there.people(1)
    there.deliver_due()
    contact = anonymous(there)
    there.deliver_due()
    with there.world.store.writing() as session:
        merging.merge(session, there.world.banks, contact, "ct_crm-0", there.world.now)
    there.deliver_due()
    assert waiting(there) == {}
    assert "dead" not in there.world.states


def test_an_id_that_comes_while_the_message_is_claimed_is_not_missed(there, monkeypatch):
    """The worker has found no id, the contact gets one, and then the worker records that it has none."""
    there.connect()
    contact = anonymous(there)
    settle = sync._settle

    def name_first(*given):
        with there.world.store.writing() as session:
            row = session.exec(select(Contact).where(Contact.id == contact).with_for_update()).one()
            row.email = "zoe@example.com"
            session.add(row)
            messages.wake(session, row, there.world.now)
        settle(*given)

    monkeypatch.setattr(sync, "_settle", name_first)
    there.step()
    monkeypatch.undo()
    there.deliver_due()
    assert there.world.states == ["delivered"]


def test_a_message_that_waits_makes_way_for_a_newer_one(there, monkeypatch):
    """The respondent answers on while the message is claimed: the older one does not hold the newer one up."""
    there.connect()
    contact = anonymous(there)
    settle = sync._settle

    def answer_first(*given):
        there.world.store_belief(contact, 0.4)
        settle(*given)

    monkeypatch.setattr(sync, "_settle", answer_first)
    there.step()
    monkeypatch.undo()
    assert there.world.states == ["superseded", "pending"]
    there.deliver_due()
    assert waiting(there) == {"no_identity": 1}


def test_frequent_answers_leave_one_message_that_waits(there):
    there.connect()
    contact = anonymous(there)
    for driver in (0.6, 0.5, 0.4):
        there.deliver_due()
        there.world.store_belief(contact, driver)
    there.deliver_due()
    assert sorted(there.world.states) == ["pending"] + ["superseded"] * 3


def test_a_new_answer_does_not_inherit_the_wait(there):
    """The message had failed before the contact lost its address: the next one is looked at when it is due."""
    there.connect()
    contact = there.people(1)[0]
    there.crm.answers.append(Answer(502))
    there.deliver_due()
    with there.world.store.writing() as session:
        session.get_one(Contact, contact).email = None
    there.world.forward(seconds=5)
    there.deliver_due()
    assert waiting(there) == {"no_identity": 1}
    with there.world.store.writing() as session:
        session.get_one(Contact, contact).email = "zoe@example.com"
    there.world.store_belief(contact, 0.3)
    there.deliver_due()
    assert sorted(there.world.states) == ["delivered", "superseded"]


def test_an_erased_contact_whom_the_crm_never_knew_is_no_dead_message(there):
    there.connect()
    contact = anonymous(there)
    there.deliver_due()
    with there.world.store.writing() as session:
        erase(session, there.world.keys, session.get_one(Contact, contact, with_for_update=True), there.world.now)
    there.deliver_due()
    assert set(there.world.states) == {"dropped"}
    assert there.crm.asked == []


def test_a_connection_that_finds_contacts_otherwise_now_tries_again(there):
    connection = there.connect(identity=["record_id"])
    there.people(2)
    there.deliver_due()
    with there.world.store.writing() as session:
        connections.change(session, there.world.settings, there.world.banks, connection, {"identity": ["email"]}, there.world.now)
    there.deliver_due()
    assert set(there.world.states) == {"delivered"}


def test_they_are_looked_at_once_a_day(there):
    """Where nothing has said that the contact got an id, as after an import by SQL."""
    there.connect()
    contact = anonymous(there)
    there.deliver_due()
    with there.world.store.writing() as session:
        session.get_one(Contact, contact).email = "zoe@example.com"
    there.deliver_due()
    assert there.world.states == ["pending"]
    there.world.forward(days=1)
    there.deliver_due()
    assert there.world.states == ["delivered"]


def test_the_alert_about_dead_messages_does_not_ring_for_them(there):
    """The metric counts them apart from the dead, and from messages that wait to be sent."""
    there.connect()
    for number in range(3):
        anonymous(there, str(number))
    there.deliver_due()
    with there.world.store.reading() as session:
        messages_by_state, late = metrics._messages(session, there.world.now)
    assert {sample.labels["state"]: sample.value for sample in messages_by_state.samples} == {
        **{"waiting": 0, "in_flight": 0, "dead": 0},
        "no_identity": 3,
    }
    assert [sample.value for sample in late.samples] == [0]
