"""Two versions share one database: the next version migrates it while people answer, and servers are replaced in turn."""

import os
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from threading import Event, Thread
from types import SimpleNamespace

import pytest
from sqlalchemy import inspect, text

from survey_service.store import migrate as migrations
from survey_service.store.migrate import migrate
from survey_service.store.session import open_engine
from survey_service.store.versions import head, revision_of
from tests.processes import ROOT, Web, discern, end, environment, free_port, receiver, until, web_server
from tests.respondents import Respondent, all_acknowledged, answering, count
from tests.survey_service.databases import clone
from tests.test_one_answer_to_webhook import BANK

TABLES = "contact", "survey_session", "answer", "belief", "endpoint", "delivery", "delivery_attempt", "acknowledged"
NEXT = """
import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = "{head}"


def upgrade() -> None:
    for table in {tables}:
        with op.batch_alter_table(table) as one:
            one.add_column(sa.Column("remark", sa.Text(), nullable=True))
            one.add_column(sa.Column("grade", sa.Integer(), nullable=False, server_default="1"))
    op.create_table("novelty", sa.Column("id", sa.Integer(), primary_key=True))
"""


class NextVersion:
    """The same code in another folder with one more migration, which changes every table that an answer writes."""

    def __init__(self, folder, database_url):
        self.folder = folder
        for package in ("adaptive", "question_bank", "survey_service", "migrations"):
            shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "migrations" / "versions" / "9999_next.py").write_text(NEXT.format(head=head(), tables=TABLES))
        self.environment = {**environment(database_url), "PYTHONPATH": str(folder)}

    def start(self, *arguments):
        command = [sys.executable, "-m", "survey_service.cli.main", *arguments]
        return subprocess.Popen(command, env=self.environment, cwd=self.folder, start_new_session=True)

    @contextmanager
    def serving(self):
        web = Web(free_port())
        running = self.start("serve", "--bind", f"127.0.0.1:{web.port}")
        try:
            until(lambda: web.is_ready() or running.poll() is not None, "the next version answers")
            yield web
        finally:
            end(running, signal.SIGTERM)


def test_servers_are_exchanged_while_people_answer(database_url, tmp_path):
    """Before, during and after the upgrade no request is refused, no answer is lost, and both versions send messages."""
    later = NextVersion(tmp_path / "next", database_url)
    assert discern("publish", str(BANK), database_url=database_url).returncode == 0
    key = discern("key", "create", "--scope", "admin", database_url=database_url).stdout.split()[-1]
    with receiver() as inbox, web_server(database_url) as (old, running):
        inbox.secret = old.call("POST", "/api/v1/endpoints", {"url": inbox.url, "when": "every_answer"}, key)[1]["secret"]
        people = [Respondent([old], seed) for seed in range(3)]

        def wait_for_answers(what):
            wanted = count(people) + 10
            until(lambda: count(people) >= wanted, f"people answer {what}")

        with answering(people):
            wait_for_answers("before the migration")
            assert later.start("migrate").wait(60) == 0
            wait_for_answers("on the old version with the next one's tables")
            assert old.is_ready()
            with later.serving() as new:
                for someone in people[1:]:
                    someone.webs.insert(0, new)
                wait_for_answers("on both versions")
                people[0].webs.insert(0, new)
                wait_for_answers("on the new version")
                os.killpg(running.pid, signal.SIGTERM)
                running.wait(30)
                wait_for_answers("without the old one")
                for someone in people:
                    someone.stop.set()
                    someone.join()
                assert discern("worker", "--once", database_url=database_url).returncode == 0

    assert [broken for someone in people for broken in someone.broken] == []
    assert [failure for someone in people for failure in someone.failures] == []
    wanted = {(session, answer["answer_id"]) for session, answers in all_acknowledged(people).items() for answer in answers}
    engine = open_engine(database_url)
    with engine.connect() as connection:
        stored = {tuple(row) for row in connection.execute(text("SELECT session_id, answer_id FROM answer"))}
    assert revision_of(engine) == "9999"
    engine.dispose()
    assert wanted <= stored
    assert inbox.accepted
    assert not inbox.refused


def test_the_old_version_does_not_change_a_later_database(database_url, tmp_path):
    """The old version has nothing to migrate, its commands work, and doctor reports the newer tables."""
    later = NextVersion(tmp_path / "next", database_url)
    assert later.start("migrate").wait(60) == 0

    done = discern("migrate", database_url=database_url)

    assert (done.returncode, done.stderr.count("\n")) == (0, 1)
    assert done.stderr.endswith(" is at the tables of a later version\n")
    assert discern("publish", str(BANK), database_url=database_url).returncode == 0
    assert "tables: are those of a later version, with which this one works" in discern("doctor", database_url=database_url).stdout
    engine = open_engine(database_url)
    assert inspect(engine).has_table("novelty")
    engine.dispose()


@pytest.fixture
def busy(postgres_server):
    """Hold a lock on a table by a long read. Yield the URL, an engine, and the reading connection."""
    with clone(postgres_server) as url:
        engine = open_engine(url)
        reader = engine.connect()
        reader.execute(text("SELECT 1 FROM answer"))
        yield url, engine, reader
        reader.close()
        engine.dispose()


def test_a_migration_that_waits_for_a_table_gives_way(busy, tmp_path, monkeypatch):
    """A migration that waits for a lock on PostgreSQL blocks all later queries, so it gives up and retries until it gets the lock."""
    url, engine, reader = busy
    script = NextVersion(tmp_path / "next", url).folder / "migrations"
    monkeypatch.setattr(migrations, "scripts", lambda: script)
    monkeypatch.setattr(migrations, "LOCK_MS", 100)
    waits, released = [], Event()
    monkeypatch.setattr(migrations, "time", SimpleNamespace(sleep=lambda seconds: (waits.append(seconds), released.wait(30))))

    migration = Thread(target=migrate, args=[engine])
    migration.start()
    until(lambda: waits, "the migration gives way")
    with engine.begin() as other:
        other.execute(text("SELECT 1 FROM answer"))
        other.execute(text("DELETE FROM answer"))
    reader.rollback()
    released.set()
    migration.join(30)

    assert revision_of(engine) == "9999"
