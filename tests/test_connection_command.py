"""`discern connection` adds a connection from a file, tests it, shows its requests without sending them, and removes it."""

import json

import pytest
from click.testing import CliRunner

from question_bank.files.load import read_bank
from survey_service.banks.publishing import publish
from survey_service.cli.main import main
from survey_service.store.session import Store
from survey_service.web.context import utc_now
from tests.survey_service.crm.fake_crm import Answer, crm
from tests.survey_service.service import BANK, SECRET


@pytest.fixture
def run(database_url):
    store = Store(database_url)
    with store.writing() as session:
        publish(session, read_bank(BANK), utc_now())
    store.close()
    place = {"DISCERN_DATABASE_URL": database_url, "DISCERN_SECRET_KEYS": SECRET, "DISCERN_ALLOW_PRIVATE_TARGETS": "127.0.0.0/8"}
    return lambda *arguments: CliRunner().invoke(main, ["connection", *map(str, arguments)], env=place)


def test_a_connection_from_the_command_line(run, tmp_path):
    """Problems of the file are named; missing fields in the CRM exit with 1."""
    file = tmp_path / "hubspot.json"
    file.write_text(json.dumps({"kind": "hubspot", "bank": "cars", "identity": [], "credential": {}}))
    refused = run("add", file)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "credential" in refused.stderr
    file.write_text("{")
    assert "is not readable JSON" in run("add", file).stderr
    with crm(lambda asked: Answer(401)) as hubspot:
        file.write_text(json.dumps({"kind": "hubspot", "bank": "cars", "url": hubspot.url, "credentials": {"token": "pat"}}))
        made = run("add", file)
        assert made.exit_code == 0, made.stderr
        connection = made.stdout.strip()
        tested = run("test", connection, "--json")
        assert tested.exit_code == 1
        assert json.loads(tested.stdout) == {"ok": False, "problems": ["credentials: HubSpot does not take the token"]}
        enabled = run("enable", connection)
        assert (enabled.exit_code, "credentials: HubSpot does not take the token" in enabled.stderr) == (1, True)
    assert run("list").stdout.startswith(f"{connection} hubspot cars disabled")
    assert json.loads(run("dry-run", connection).stdout) == {"requests": [], "skipped": []}
    assert run("remove", connection).exit_code == 0
    assert run("remove", connection).exit_code == 1


def test_a_connection_is_enabled_when_nothing_is_missing(run, tmp_path):
    """It says so, and enabling it again changes nothing."""
    file = tmp_path / "http.json"
    file.write_text(json.dumps({"kind": "http", "bank": "cars", "url": "http://127.0.0.1:9/x", "template": {"body": {}}}))
    connection = run("add", file).stdout.strip()
    for _ in range(2):
        enabled = run("enable", connection)
        assert (enabled.exit_code, enabled.stderr.splitlines()[-1]) == (0, f"{connection} is active")
    assert run("list").stdout.strip() == f"{connection} http cars active"
    assert run("enable", "cn_none").exit_code == 1
