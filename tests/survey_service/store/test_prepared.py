"""A prepared statement goes to the driver directly, and differs from one that SQLAlchemy executes in nothing but its cost."""

from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import bindparam, event, select, text
from sqlalchemy.exc import IntegrityError, OperationalError

from survey_service.store.session import Prepared, Store, inserted
from survey_service.store.tables.core import Contact
from survey_service.store.tables.metadata import metadata
from tests.survey_service.databases import clone

CONTACT = metadata.tables["contact"]
NOW = datetime(2026, 1, 5, 10, 0, 0, 120, tzinfo=UTC)
NEW = inserted(CONTACT)
FIND = Prepared(select(CONTACT).where(CONTACT.c.id == bindparam("contact")))


@pytest.fixture
def store(database_url):
    opened = Store(database_url)
    yield opened
    opened.close()


def a_row(contact_id="ct_1", **more):
    times = {"created_at": NOW, "updated_at": NOW.astimezone(timezone(timedelta(hours=9))), "erased_at": None}
    named = {"email": "a@example.com", "email_sha256": None, "merged_into": None, "merged_from": ["ct_0"]}
    said = {"attributes": {"é": [1, None, 2.5]}, "consent": {"profiling": True}, "labels": {}, "priors": {}}
    return {"id": contact_id, "sequence": 2**40, **named, **said, **times, **more}


def test_values_are_those_that_sqlalchemy_writes_and_reads(store):
    """Times of any zone, JSON, large integers and nulls."""
    with store.writing() as session:
        NEW.run(session, a_row("ct_1"))
        session.connection().execute(CONTACT.insert(), a_row("ct_2"))
        mine, theirs = [FIND.rows(session, {"contact": name})[0] for name in ("ct_1", "ct_2")]
        read = session.connection().execute(select(CONTACT).order_by(CONTACT.c.id)).all()

    assert mine[1:] == theirs[1:]
    assert [tuple(row) for row in read] == [mine, theirs]
    assert mine == tuple(a_row()[column.name] for column in CONTACT.c)


def test_it_runs_in_the_transaction_of_the_session_and_sees_what_the_unit_of_work_changed(store):
    """A row that was only added is written first, and everything is rolled back together."""
    with pytest.raises(ZeroDivisionError), store.writing() as session:
        session.add(Contact(**a_row("ct_1")))
        assert len(FIND.rows(session, {"contact": "ct_1"})) == 1
        NEW.run(session, a_row("ct_2"), a_row("ct_3"))
        raise ZeroDivisionError

    with store.reading() as session:
        assert session.execute(text("SELECT count(*) FROM contact")).scalar() == 0


def test_errors_are_those_of_sqlalchemy(store):
    """A second row with one key is an IntegrityError, and quotes no value."""
    with pytest.raises(IntegrityError) as error, store.writing() as session:
        NEW.run(session, a_row(), a_row())

    assert error.value.orig is not None
    assert "a@example.com" not in str(error.value)


@pytest.mark.postgresql
def test_lost_connections_are_replaced(postgres_server):
    """A transaction fails with an OperationalError, and the next one works, although all connections of the pool were lost."""
    with clone(postgres_server) as url, closing(Store(url)) as store:
        with store.engine.connect() as one, store.engine.connect() as two:
            lost = [each.exec_driver_sql("SELECT pg_backend_pid()").scalar() for each in (one, two)]
        for process in lost:
            postgres_server.execute(f"SELECT pg_terminate_backend({process})")

        with pytest.raises(OperationalError) as error, store.writing() as session:
            FIND.rows(session, {"contact": "ct_1"})

        assert error.value.connection_invalidated
        with store.writing() as session:
            assert FIND.rows(session, {"contact": "ct_1"}) == []


def test_a_value_that_is_missing_is_an_error(store):
    """It is not taken as null."""
    with store.reading() as session, pytest.raises(KeyError, match="contact"):
        FIND.rows(session, {})


def test_listeners_see_the_statement(store):
    """What counts or explains statements by ``before_cursor_execute`` misses none."""
    seen = []
    event.listen(store.engine, "before_cursor_execute", lambda *call: seen.append(call[2]))

    with store.writing() as session:
        FIND.rows(session, {"contact": "ct_1"})

    assert [statement.split()[0] for statement in seen][-1] == "SELECT"


def test_a_list_of_values_is_refused(store):
    """SQLAlchemy would write such a statement anew for each length of the list."""
    listed = Prepared(select(CONTACT.c.id).where(CONTACT.c.id.in_(["ct_1", "ct_2"])))

    with store.reading() as session, pytest.raises(TypeError, match=r"bulk\.listed"):
        listed.rows(session, {})
