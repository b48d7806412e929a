"""After a deadlock PostgreSQL rolls one of the transactions back, and it runs again."""

from threading import Barrier, Thread

from sqlalchemy.exc import OperationalError
from sqlmodel import select

from survey_service.store import migrate as migration
from survey_service.store.session import open_engine
from survey_service.store.tables.core import Contact
from tests.survey_service.databases import clone
from tests.survey_service.service import a_service

LONGEST = 30


def test_two_transactions_that_wait_for_each_other_both_end(postgres_server):
    with clone(postgres_server) as url:
        service = a_service(url)
        ids = [service.call("PUT", f"/api/v1/contacts/{name}").json["id"] for name in ("a", "b")]
        both_hold_one, attempts = Barrier(2), []

        def lock_both(order):
            def act(session):
                attempts.append(order)
                held = session.exec(select(Contact).where(Contact.id == order[0]).with_for_update()).one()
                if attempts.count(order) == 1:
                    both_hold_one.wait(LONGEST)
                session.exec(select(Contact).where(Contact.id == order[1]).with_for_update()).one()
                held.attributes = {**held.attributes, "done": True}
                session.add(held)

            service.parts.transact(act)

        threads = [Thread(target=lock_both, args=(order,)) for order in (tuple(ids), tuple(reversed(ids)))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LONGEST)

        assert len(attempts) == 3
        assert all(service.call("GET", f"/api/v1/contacts/{name}").json["attributes"] == {"done": True} for name in ("a", "b"))
        service.parts.store.close()


def test_a_migration_runs_again_after_a_deadlock(postgres_server, monkeypatch):
    class Deadlock(Exception):
        sqlstate = "40P01"

    upgrade, outcomes = migration._upgrade, [OperationalError("ALTER TABLE", None, Deadlock())]

    def fails_once(engine, revision):
        if outcomes:
            raise outcomes.pop()
        upgrade(engine, revision)

    monkeypatch.setattr(migration, "_upgrade", fails_once)
    monkeypatch.setattr(migration, "PAUSE_SECONDS", 0)
    with clone(postgres_server) as url:
        engine = open_engine(url)
        assert migration.migrate(engine)
        engine.dispose()
    assert outcomes == []
