"""`discern doctor` names each problem and its remedy."""

from datetime import timedelta

import pytest
from sqlmodel import select, update

from survey_service.app import create_app
from survey_service.clock import utc_now
from survey_service.ops.doctor import diagnose
from survey_service.ops.heartbeat import Heartbeat
from survey_service.settings import Settings
from survey_service.store.tables.core import ApiKey
from survey_service.store.tables.webhooks import Delivery, Endpoint
from survey_service.web.api_keys import create_key
from tests.processes import discern
from tests.survey_service.databases import read_only
from tests.survey_service.service import SECRET

GOOD = {"DISCERN_SECRET_KEYS": SECRET, "DISCERN_RETENTION_DAYS": "365"}


def findings(service, database_url, **more):
    Heartbeat(service.parts.store, service.clock).beat()
    environment = {**GOOD, "DISCERN_DATABASE_URL": database_url, **{f"DISCERN_{name}": value for name, value in more.items()}}
    clock = service.clock if "sqlite" in database_url else service.parts.now
    return {finding.what: finding for finding in diagnose(environment, clock)}


def unwell(service, database_url, **more):
    return {name: finding for name, finding in findings(service, database_url, **more).items() if not finding.is_well and name != "clock"}


def test_a_healthy_installation_is_healthy(service, database_url):
    service.call("POST", "/api/v1/endpoints", {"url": "https://crm.example.com/hook"})

    assert unwell(service, database_url) == {}


@pytest.mark.parametrize(
    ("setting", "value", "says"),
    [
        ("BASE_URL", "http://surveys.example.com", "https://"),
        ("BASE_URL", "https://surveys.example.com", "proxies"),
        ("RETENTION_DAYS", "", "nothing is ever deleted"),
        ("SECRET_KEYS", "short", "openssl"),
    ],
)
def test_wrong_settings_are_named_with_what_to_do(service, database_url, setting, value, says):
    """One problem is reported, and it names the setting or what depends on it."""
    service.call("POST", "/api/v1/endpoints", {"url": "https://crm.example.com/hook"})

    [only] = unwell(service, database_url, **{setting: value}).values()

    assert says in only.todo


def test_what_a_replaced_secret_made_is_found(service, database_url):
    """After the secret alone was replaced every call gets 401 and nothing is signed; with both secrets all is well, and stays so."""
    service.call("POST", "/api/v1/endpoints", {"url": "https://crm.example.com/hook", "headers": {"X-Token": "t"}})
    service.call("POST", "/api/v1/sources", {"kind": "signed"})
    new = "a newer key for tests that is long enough"

    found = findings(service, database_url, SECRET_KEYS=new)
    assert status(database_url, service.key, new) == 401
    assert found["API keys"].found == "0 valid"
    assert "discern key create" in found["API keys"].todo
    named = {finding.what.rpartition(" ")[0] for finding in found.values() if "DISCERN_SECRET_KEYS" in finding.todo}
    assert named == {"API key", "endpoint", "source"}

    assert "API keys" not in unwell(service, database_url, SECRET_KEYS=f"{new},{SECRET}")
    assert status(database_url, service.key, new, SECRET) == 200  # the key moves to the new secret
    assert findings(service, database_url, SECRET_KEYS=new)["API keys"].found == "1 valid"
    assert status(database_url, service.key, new) == 200


def status(database_url, key, *secrets):
    app = create_app(Settings(database_url, secrets))
    response = app.test_client().get("/api/v1/banks", headers={"Authorization": f"Bearer {key}"})
    app.extensions["discern"].store.close()
    return response.status_code


def test_a_key_of_an_older_version_counts_until_its_use_says_more(service, database_url):
    """Versions before this one did not store which secret made a key. The next use of it does."""
    with service.parts.store.writing() as session:
        session.exec(update(ApiKey).values(secret_fingerprint=None, last_used_at=service.clock()))

    assert findings(service, database_url)["API keys"].found == "1 valid, 1 of them not used since an older version"
    assert service.call("GET", "/api/v1/banks").status_code == 200
    assert findings(service, database_url)["API keys"].found == "1 valid"


def test_a_read_only_database_is_found(service, database_url, tmp_path):
    """Reading works, so that nothing else would show it."""
    with read_only(database_url, tmp_path) as url:
        found = [str(finding) for finding in diagnose({**GOOD, "DISCERN_DATABASE_URL": url}, service.clock)]

    assert len([line for line in found if line.startswith("LOOK database: ") and " is read-only: " in line]) == 1


def test_late_and_dead_messages_and_disabled_endpoints_are_found(service, database_url):
    service.call("POST", "/api/v1/endpoints", {"url": "https://crm.example.com/hook", "when": "every_answer"})
    service.start().answer("owns", "yes")
    with service.parts.store.writing() as session:
        first, *_ = session.exec(select(Delivery)).all()
        first.due = service.clock() - timedelta(days=400)
        endpoint = session.exec(select(Endpoint)).one()
        session.add_all([first])
        dead = Delivery(endpoint_id=endpoint.id, event_id="evt_x", event_type="endpoint.ping", state="dead")
        dead.due = dead.created_at = dead.settled_at = service.clock()
        session.add(dead)

    found = unwell(service, database_url)

    assert "pending" in found["outbox"].todo
    assert found["dead messages"].found == "1"


def test_a_service_without_a_worker_is_found(service, database_url):
    """The problem is reported half a minute after the last heartbeat, and if there never was one."""
    findings(service, database_url)
    service.clock.forward(minutes=3)
    clock = {**GOOD, "DISCERN_DATABASE_URL": database_url}

    workers = next(finding for finding in diagnose(clock, service.clock) if finding.what == "workers")

    assert workers.found == "the last was seen 3 min ago"
    assert "discern worker" in workers.todo


def test_a_key_that_is_about_to_end_is_found(service, database_url):
    """The warning appears two weeks before the key expires."""
    now = service.clock() if "sqlite" in database_url else service.parts.now()
    with service.parts.store.writing() as session:
        create_key(session, service.parts.keys, "read", "crm", now, timedelta(days=13))
        create_key(session, service.parts.keys, "read", "later", now, timedelta(days=30))
    service.call("POST", "/api/v1/endpoints", {"url": "https://crm.example.com/hook"})

    [only] = unwell(service, database_url).values()

    assert only.what.startswith("API key key_")
    assert "discern key rotate key_" in only.todo


def test_the_command_shows_everything_and_fails_where_something_is_wrong(service, database_url):
    """Lines with a problem begin with `LOOK`, so that people and grep find them."""
    Heartbeat(service.parts.store, utc_now).beat()
    done = discern("doctor", database_url=database_url)

    assert done.returncode == 1
    assert [line.split(":")[0] for line in done.stdout.splitlines() if line.startswith("LOOK")] == ["LOOK DISCERN_RETENTION_DAYS"]


def test_tables_of_another_version_are_found(service, tmp_path):
    (tmp_path / "empty.db").touch()
    found = {
        finding.what: finding for finding in diagnose({**GOOD, "DISCERN_DATABASE_URL": f"sqlite:///{tmp_path}/empty.db"}, service.clock)
    }

    assert found["tables"].todo == "run discern migrate"


def test_a_missing_file_is_found_and_not_created(service, tmp_path):
    file = tmp_path / "missing.db"
    found = {item.what: item for item in diagnose({**GOOD, "DISCERN_DATABASE_URL": f"sqlite:///{file}"}, service.clock)}

    assert f"there is no file {file}: run discern migrate" in str(found["database"])
    assert not file.exists()


def test_a_database_that_is_not_there_is_found(service):
    found = {
        finding.what: finding
        for finding in diagnose({**GOOD, "DISCERN_DATABASE_URL": "postgresql+psycopg://x@/x?host=/nowhere"}, service.clock)
    }

    assert "DISCERN_DATABASE_URL" in found["database"].todo
