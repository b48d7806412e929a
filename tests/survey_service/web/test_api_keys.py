"""API keys: their last use, expiry, rotation and revocation, and what the database stores of them."""

import json
import logging
from datetime import timedelta
from hashlib import sha256

import pytest
from click.testing import CliRunner
from sqlalchemy import event
from sqlmodel import select

from survey_service.app import create_app
from survey_service.cli.main import main
from survey_service.settings import Settings
from survey_service.store.tables.core import ApiKey
from survey_service.web.api_keys import create_key, rotate_key
from tests.processes import environment
from tests.survey_service.service import SECRET


def the_key(service, name="tests"):
    with service.parts.store.reading() as session:
        return session.exec(select(ApiKey).where(ApiKey.name == name).order_by(ApiKey.id)).first()


def statements_of(service, what):
    """Return the statements that `what` sends, on both engines."""
    seen, store = [], service.parts.store

    def note(_connection, _cursor, statement, *_more):
        seen.append(statement)

    for engine in (store.engine, store._fast):
        event.listen(engine, "before_cursor_execute", note)
    what()
    for engine in (store.engine, store._fast):
        event.remove(engine, "before_cursor_execute", note)
    return seen


def test_the_use_of_a_key_is_written_once_an_hour(service):
    """The last use is stored to the hour, so that most calls cost no write."""
    first = service.clock()

    def call():
        assert service.call("GET", "/api/v1/banks").status_code == 200

    def writes():
        return sum("UPDATE api_key" in statement for statement in statements_of(service, call))

    assert the_key(service).last_used_at is None
    assert writes() == 1
    service.clock.forward(minutes=59)
    assert writes() == 0
    assert the_key(service).last_used_at == first
    service.clock.forward(minutes=1)
    assert writes() == 1
    assert the_key(service).last_used_at == service.clock()


def test_respondents_need_no_key(service):
    """The calls of a respondent neither read nor write API keys."""

    def answering():
        someone = service.start()
        someone.answer("owns", "yes")
        someone.back()
        someone.post("finish", {})

    assert not [statement for statement in statements_of(service, answering) if "api_key" in statement]


def test_a_refused_key_is_not_in_use(service):
    """A key with too small a scope or past its expiry is not recorded as used."""
    with service.parts.store.writing() as session:
        small = create_key(session, service.parts.keys, "read", "small", service.clock())
        old = create_key(session, service.parts.keys, "read", "old", service.clock(), timedelta(days=1))
    service.clock.forward(days=1)
    assert service.call("POST", "/api/v1/contacts/merge", {}, key=small).status_code == 403
    assert service.call("GET", "/api/v1/banks", key=old).status_code == 401
    assert (the_key(service, "small").last_used_at, the_key(service, "old").last_used_at) == (None, None)


def test_keys_are_accepted_while_the_database_is_read_only(service, caplog):
    """A use that cannot be stored is logged."""
    store = service.parts.store
    only_reads = "PRAGMA query_only=ON" if store.engine.dialect.name == "sqlite" else "SET default_transaction_read_only = on"
    store._fast.dispose()
    event.listen(store._fast, "connect", lambda connection, _record: connection.cursor().execute(only_reads))

    with caplog.at_level(logging.WARNING):
        assert service.call("GET", "/api/v1/banks").status_code == 200

    assert "the use of a key could not be noted" in caplog.text
    assert the_key(service).last_used_at is None


def test_a_used_key_stays_valid_after_its_secret_is_rotated(service):
    """Both service secrets are configured for a while, then only the new one: a key used meanwhile stays valid, an unused one does not."""
    url, new = service.parts.settings.database_url, "a newer key for tests that is long enough"
    with service.parts.store.writing() as session:
        idle = create_key(session, service.parts.keys, "admin", "idle", service.clock())

    def status(key, *secrets):
        app = create_app(Settings(url, secrets), service.clock)
        answer = app.test_client().get("/api/v1/banks", headers={"Authorization": f"Bearer {key}"})
        app.extensions["discern"].store.close()
        return answer.status_code

    assert status(service.key, new, SECRET) == 200
    assert (status(service.key, new), status(idle, new)) == (200, 401)


def test_rotation_replaces_a_key_after_an_overlap(service):
    """The new key has the same scope, name and lifetime; both are valid until the overlap ends."""
    p, clock = service.parts, service.clock
    with p.store.writing() as session:
        before = create_key(session, p.keys, "read", "crm", clock(), timedelta(days=90))
    clock.forward(days=80)
    with p.store.writing() as session:
        after = rotate_key(session, p.keys, the_key(service, "crm").id, clock(), timedelta(hours=24), None)

    def status():
        return [service.call("GET", "/api/v1/banks", key=api_key).status_code for api_key in (before, after)]

    assert status() == [200, 200]
    clock.forward(hours=24)
    assert status() == [401, 200]
    with p.store.reading() as session:
        old, new = session.exec(select(ApiKey).where(ApiKey.name == "crm").order_by(ApiKey.created_at)).all()
    assert (new.scope, new.expires_at - new.created_at) == ("read", timedelta(days=90))
    with p.store.writing() as session:
        assert rotate_key(session, p.keys, old.id, clock(), timedelta(0), None) is None


def test_a_copy_of_the_database_holds_no_usable_key(service):
    """The stored digest depends on the service's secret: it is not a key, and without the secret no key can be found for it."""
    row = the_key(service)

    assert service.key not in repr(row.model_dump())
    assert row.digest != sha256(service.key.encode()).hexdigest()
    for guess in (row.digest, row.prefix, f"dk_{row.digest}"):
        assert service.call("GET", "/api/v1/banks", key=guess).status_code == 401


@pytest.fixture
def command(service, monkeypatch):
    for name, value in environment(service.parts.settings.database_url).items():
        if name.startswith("DISCERN_"):
            monkeypatch.setenv(name, value)

    def run(*arguments):
        return CliRunner().invoke(main, ["key", *arguments])

    return run


def test_the_command_makes_lists_rotates_and_revokes(service, command):
    """The command shows everything about a key except the key."""
    made = json.loads(command("create", "--scope", "read", "--name", "crm", "--days", "30", "--json").stdout)["key"]
    assert service.call("GET", "/api/v1/banks", key=made).status_code == 200
    crm = the_key(service, "crm")

    listed = json.loads(command("list", "--json").stdout)["keys"]
    crm_key = next(item for item in listed if item["name"] == "crm")
    assert (crm_key["scope"], crm_key["state"], crm_key["last_used_at"]) == ("read", "active", service.clock().isoformat())
    line = next(line for line in command("list").stdout.splitlines() if line.startswith(crm.id))
    assert f"{crm.prefix}... read active until {crm.expires_at:%Y-%m-%d}, last used {service.clock():%Y-%m-%dT%H:%M} crm" in line
    assert "for ever, never used" in command("list").stdout
    assert made not in command("list").stdout

    next_one = command("rotate", crm.id, "--overlap-hours", "0").stdout.strip()
    assert command("rotate", crm.id).exit_code == 1
    assert command("revoke", crm.id).exit_code == 0
    states = {key["id"]: key["state"] for key in json.loads(command("list", "--json").stdout)["keys"]}
    assert states[crm.id] == "revoked"
    assert next_one.startswith("dk_")
    assert command("revoke", "key_none").exit_code == 1
    assert command("create", "--scope", "read", "--days", "0").exit_code == 2
