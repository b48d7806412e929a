"""Migrated tables equal the tables of the models, on both databases, and downgrades work."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.exc import IntegrityError

from survey_service.store.migrate import downgrade, migrate
from survey_service.store.session import Store, open_engine
from survey_service.store.tables.metadata import metadata
from survey_service.store.versions import is_usable, scripts

CONTACT = """
INSERT INTO contact (id, sequence, attributes, consent, created_at, updated_at)
VALUES ('c', {sequence}, '{{}}', '{{}}', '2026-01-01', '2026-01-01')
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request, tmp_path):
    """A database without any table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/folder/that/is/made/x.db"
        return
    server = request.getfixturevalue("postgres_server")
    server.execute("CREATE DATABASE empty")
    yield server.url("empty")
    server.execute("DROP DATABASE empty WITH (FORCE)")


def test_migrating_an_empty_database_makes_the_tables_of_the_models(empty_url):
    """Alembic finds nothing to add or remove, and no different type."""
    engine = open_engine(empty_url)

    migrate(engine)

    assert is_usable(engine)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata) == []
    engine.dispose()


def test_migrated_constraints_equal_those_of_the_models(empty_url, tmp_path):
    """Alembic does not compare CHECK constraints, so they are counted here, table by table."""
    engine = open_engine(empty_url)
    migrate(engine)
    inspector = inspect(engine)
    for table in metadata.tables.values():
        declared = {str(constraint.name) for constraint in table.constraints if constraint.name and str(constraint.name).startswith("ck_")}
        found = {constraint["name"] for constraint in inspector.get_check_constraints(table.name)}
        assert found >= declared, table.name
        assert {index.name for index in table.indexes} <= {index["name"] for index in inspector.get_indexes(table.name)}
    engine.dispose()


def test_upgrade_downgrade_and_upgrade_work(empty_url):
    """A downgrade leaves nothing that blocks the next upgrade; a second upgrade changes nothing."""
    engine = open_engine(empty_url)
    migrate(engine)
    migrate(engine)
    downgrade(engine, "base")
    assert set(inspect(engine).get_table_names()) <= {"alembic_version"}
    migrate(engine)
    assert is_usable(engine)
    engine.dispose()


LOG = [
    "INSERT INTO bank_version (bank, version, fingerprint, source, published_at) VALUES ('b', 1, 'f', '{}', '2026-01-01')",
    CONTACT.format(sequence=0),
    """INSERT INTO survey_session (id, token_digest, survey, bank, bank_version, contact_id, language, channel, hidden, status,
       stopped_because, "limit", started_at, last_at, expires_at, ended_at)
       VALUES ('s', 'd', 's', 'b', 1, 'c', 'en', 'web', '{}', 'complete', 'gain', 6,
       '2026-01-01', '2026-01-01', '2026-01-02', '2026-01-01')""",
    """INSERT INTO answer (id, session_id, contact_id, bank, bank_version, question, kind, value, answer_id, state, given_at)
       VALUES (1, 's', 'c', 'b', 1, 'q', 'answer', '"yes"', 'a', 'current', '2026-01-01')""",
]


def test_stored_rows_survive_every_upgrade_and_downgrade(empty_url):
    """A log written under the first tables is complete, with its references, under each later version."""
    engine = open_engine(empty_url)
    revisions = [script.revision for script in ScriptDirectory(str(scripts())).walk_revisions()][::-1]
    migrate(engine, revisions[0])
    with engine.connect().execution_options(discern_writes=True) as connection:
        for statement in LOG:
            connection.exec_driver_sql(statement)
        connection.commit()

    def log():
        with engine.connect() as connection:
            joined = "SELECT s.id, s.stopped_because, a.question FROM answer a JOIN survey_session s ON s.id = a.session_id"
            return connection.execute(text(joined)).all()

    for revision in revisions[1:]:
        migrate(engine, revision)
        assert log() == [("s", "gain", "q")]
        with pytest.raises(IntegrityError), engine.begin() as connection:
            connection.execute(text("DELETE FROM survey_session"))
    downgrade(engine, revisions[0])
    assert log() == [("s", "gain", "q")]
    engine.dispose()


ENDPOINT = """
INSERT INTO endpoint (id, url, events, "when", secrets, secret_prefix, description, include_pii, state, format, headers, bulk, awaits_ping,
                      failures, probes, given_up, warned, created_at, updated_at)
VALUES (:id, '', '[]', 'material', '[]', '', '', false, 'active', 'full', '{}', true, false, 0, 0, 0, 0, '2026-01-01', '2026-01-01')
"""
CONNECTION = """
INSERT INTO connection (endpoint_id, kind, bank, identity, external_id, mapping, options)
VALUES ('cn_1', 'hubspot', 'b', '[]', '{}', '{}', '{}')
"""
DEAD = """
INSERT INTO delivery (id, endpoint_id, contact_id, event_id, event_type, place, coalescible, facts, state, due, attempt, uncounted, lane,
                      manual, last_error, created_at, settled_at)
VALUES (:id, :endpoint, :contact, 'evt', 'contact.persona.updated', 1, true, '{}', 'dead', '2026-01-01', 1, 0, 'bulk', false, :problem,
        '2026-01-01', '2026-01-02')
"""


def test_contacts_whom_a_crm_could_not_find_wait_again(empty_url):
    """They were dead before; the dead of other reasons, of webhooks and of erased contacts stay. An active connection stays active."""
    engine = open_engine(empty_url)
    migrate(engine, "0008")
    dead = [("cn_1", "c", "no_identity"), ("cn_1", "c", "not_found"), ("ep_1", "c", "no_identity"), ("cn_1", "e", "no_identity")]
    with engine.begin() as connection:
        connection.execute(text(CONTACT.format(sequence=0)))
        connection.execute(text(CONTACT.format(sequence=0).replace("'c'", "'e'")))
        connection.execute(text("UPDATE contact SET erased_at = '2026-01-02' WHERE id = 'e'"))
        connection.execute(text(ENDPOINT), [{"id": "cn_1"}, {"id": "ep_1"}])
        connection.execute(text(CONNECTION))
        rows = [{"id": number, "endpoint": it[0], "contact": it[1], "problem": it[2]} for number, it in enumerate(dead)]
        connection.execute(text(DEAD), rows)
    migrate(engine)
    with engine.connect() as connection:
        states = connection.execute(text("SELECT state FROM delivery ORDER BY id")).scalars().all()
        endpoints = connection.execute(text("SELECT state FROM endpoint")).scalars().all()
    engine.dispose()
    assert states == ["pending", "dead", "dead", "dead"]
    assert endpoints == ["active", "active"]


def test_the_previous_version_works_after_each_migration(empty_url):
    """During a rolling upgrade the old code works on the new tables: nothing is removed, and every new column may be omitted."""
    engine = open_engine(empty_url)
    revisions = [script.revision for script in ScriptDirectory(str(scripts())).walk_revisions()][::-1]
    before: dict[str, dict] = {}
    for revision in revisions:
        migrate(engine, revision)
        inspector = inspect(engine)
        tables = {
            table: {get_column["name"]: get_column for get_column in inspector.get_columns(table)} for table in inspector.get_table_names()
        }
        for table, columns in before.items():
            assert columns.keys() <= tables[table].keys(), f"{revision} takes a column of {table} away"
            for name, column in tables[table].items():
                optional = column["nullable"] or column["default"] is not None
                assert optional or (name in columns and not columns[name]["nullable"]), f"{revision}: {table}.{name} must be given"
        before = tables
    engine.dispose()


def test_migrations_have_one_head():
    """With two heads the resulting tables would depend on chance."""
    assert len(ScriptDirectory(str(scripts())).get_heads()) == 1


def test_sqlite_commits_are_durable_and_readers_are_not_blocked(tmp_path):
    """Every connection of the pool uses WAL, synchronous FULL and foreign keys."""
    (tmp_path / "x.db").touch()
    store = Store(f"sqlite:///{tmp_path}/x.db")
    with store.reading() as session:
        pragma = {
            name: session.connection().exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    store.close()
    assert pragma == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_postgresql_commits_are_durable_whatever_the_server_default(postgres_server):
    """A server-wide synchronous_commit = off does not affect acknowledged answers."""
    postgres_server.execute("CREATE DATABASE hasty")
    postgres_server.execute("ALTER DATABASE hasty SET synchronous_commit = off")
    store = Store(postgres_server.url("hasty"))
    with store.reading() as session:
        assert session.connection().exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
    store.close()
    postgres_server.execute("DROP DATABASE hasty")


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO api_key (id, name, prefix, digest, scope, created_at) VALUES ('k', '', '', '', 'king', '2026-01-01')",
        CONTACT.format(sequence=-1),
        "INSERT INTO survey (id, bank, version) VALUES ('s', 'none', 1)",
    ],
)
def test_the_database_refuses_invalid_rows(database_url, statement):
    """Constraints of the tables refuse invalid rows."""
    engine = open_engine(database_url)
    with pytest.raises(IntegrityError), engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


def test_a_failed_transaction_writes_nothing(database_url):
    """A use case that raises writes nothing."""
    store = Store(database_url)
    insert = text(CONTACT.format(sequence=0))
    with pytest.raises(ZeroDivisionError), store.writing() as session:
        session.connection().execute(insert)
        1 / 0  # noqa: B018
    with store.reading() as session:
        assert session.connection().execute(text("SELECT count(*) FROM contact")).scalar() == 0
    store.close()


def test_creating_the_application_opens_no_database(tmp_path):
    """Creating the application touches no file."""
    url = f"sqlite:///{tmp_path}/x.db"
    Store(url).close()
    assert not (tmp_path / "x.db").exists()
    create_engine(url).dispose()
