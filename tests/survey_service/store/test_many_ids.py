"""Statements about more rows than a statement may have parameters: 32,766 on SQLite, 65,535 on PostgreSQL."""

from types import SimpleNamespace

import pytest
from sqlalchemy import func, text
from sqlmodel import select

from survey_service.belief.belief import previous_beliefs
from survey_service.belief.evidence import evidence_about_all
from survey_service.contacts import directory, views
from survey_service.contacts.erasure import erase
from survey_service.outbox import messages
from survey_service.store.bulk import is_one_of
from survey_service.store.contact_locks import lock_contacts
from survey_service.store.tables.core import Contact
from survey_service.store.tables.links import LinkOpen
from survey_service.store.tables.metadata import metadata
from survey_service.store.tables.webhooks import Delivery
from tests.survey_service.webhooks.world import BANK, World, a_world

MANY = 70_000
IDS = [f"many-{number}" for number in range(MANY)]


@pytest.fixture
def world(database_url):
    with a_world(database_url) as made:
        made.publish()
        yield made


def multiply(world: World, table: str, **keys: str) -> None:
    """Copy the only row of a table until there are `MANY`. `keys` are its columns that differ, as expressions of the number `i`."""
    with world.store.writing() as session:
        connection = session.connection()
        columns = [column.name for column in metadata.tables[table].columns if column.name != "id" or "id" in keys]
        numbers = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {MANY - 1})"
        chosen = ", ".join(keys.get(column, f'"{column}"') for column in columns)
        names = ", ".join(f'"{column}"' for column in columns)
        connection.execute(text(f'INSERT INTO "{table}" ({names}) {numbers} SELECT {chosen} FROM "{table}", n'))


def test_any_number_of_values_is_one_parameter(world):
    """Texts and numbers, none and many."""
    contact = world.contact("zoe")
    world.endpoint()
    world.store_belief(contact, 0.3)
    with world.store.reading() as session:
        for column, many, one in ((Contact.id, [*IDS, 'ct_it\'s "zoe"'], contact), (Delivery.id, range(2, MANY), 1)):
            found = select(column).where(is_one_of(session, column, [*many, one]))
            assert session.exec(found).all() == [one]
            assert session.exec(select(column).where(is_one_of(session, column, many))).all() == []
            assert session.exec(select(column).where(is_one_of(session, column, []))).all() == []


def test_the_ids_of_many_contacts(world):
    """Their owners, their locks, their evidence, and whether they were erased."""
    contact = world.contact("zoe")
    keys = [("crm", name) for name in (*IDS, "max")]
    with world.store.writing() as session:
        directory.record_erased_ids(session, world.keys, keys[-1:], world.now)
    with world.store.writing() as session:
        assert directory.owners_of(session, "crm", [*IDS, "zoe"]) == {"zoe": contact}
        assert directory.find_erased_ids(session, world.keys, keys) == {("crm", "max")}
        directory.delete_erased_ids(session, world.keys, keys)
        assert directory.find_erased_ids(session, world.keys, keys) == set()
        locked = lock_contacts(session, [*IDS, contact])
        assert list(locked) == [contact]
        everybody = [SimpleNamespace(id=name, labels={}, priors={}, consent={}) for name in (*IDS, contact)]
        assert len(evidence_about_all(session, everybody, BANK, world.now)) == MANY + 1
        assert previous_beliefs(session, everybody, BANK) == {}
        assert len(views.external_ids_of(session, everybody)) == MANY + 1


def test_a_contact_with_many_messages_is_found_by_its_crm_and_erased(world):
    """All that wait for an id become due, and the content of all of them is deleted."""
    world.endpoint()
    contact = world.contact("zoe")
    world.store_belief(contact, 0.3)
    with world.store.writing() as session:
        row = session.exec(select(Delivery)).one()
        row.last_error, row.place = messages.NO_IDENTITY, 0
    world.forward(seconds=60)
    multiply(world, "delivery", event_id="'evt_' || i")

    with world.store.writing() as session:
        messages.wake(session, session.get_one(Contact, contact, with_for_update=True), world.now)
        assert session.scalar(select(func.count()).where(Delivery.due == world.now)) == MANY
    with world.store.writing() as session:
        session.connection().execute(text("UPDATE delivery SET state = 'delivered', settled_at = due, body = 'x' WHERE id > 1"))
    with world.store.writing() as session:
        erase(session, world.keys, session.get_one(Contact, contact, with_for_update=True), world.now)
    with world.store.reading() as session:
        left = select(func.count()).where(Delivery.event_type != "contact.erased", Delivery.body.is_not(None))
        assert session.scalar(left) == 0
        assert session.scalar(select(func.count()).where(Delivery.facts == {})) == MANY


def test_a_contact_with_many_links_is_exported(world):
    """The openings of all links are in it."""
    contact = world.contact("zoe")
    with world.store.writing() as session:
        session.connection().execute(
            text(
                "INSERT INTO link (id, contact_id, survey, bank, bank_version, question, language, created_at, expires_at) "
                "SELECT 'lnk_0', :contact, 'all', bank, version, 'owns', 'en', :now, :later FROM bank_version"
            ),
            {"contact": contact, "now": "2026-01-01", "later": "2027-01-01"},
        )
        session.flush()
    multiply(world, "link", id="'lnk_' || i")
    with world.store.writing() as session:
        session.add(LinkOpen(link_id=f"lnk_{MANY - 1}", kind="landing", first_at=world.now, last_at=world.now))

    with world.store.reading() as session:
        export = views.export(session, world.banks, session.get_one(Contact, contact), world.now)

    assert len(export["links"]) == MANY
    assert [opened["link_id"] for opened in export["link_openings"]] == [f"lnk_{MANY - 1}"]
