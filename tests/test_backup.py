"""The commands of docs/operations/backup.md work while people answer: no stored answer is lost, and CRMs get the current state."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from survey_service.cli.main import main
from survey_service.store.migrate import migrate
from survey_service.store.session import open_engine
from tests.processes import ROOT, discern, environment, process, receiver, until, web_server
from tests.respondents import Respondent, all_acknowledged, answering, count
from tests.survey_service.databases import binaries
from tests.test_one_answer_to_webhook import BANK

PAGE = (ROOT / "docs" / "operations" / "backup.md").read_text()


def run(name, database_url, backup):
    """Run the block of the page with this name, as written."""
    [script] = re.findall(rf"^```bash {name}\n(.*?)^```", PAGE, re.M | re.S)
    is_file = database_url.startswith("sqlite")
    path = environment(database_url)["PATH"] if is_file else f"{binaries()}:{environment(database_url)['PATH']}"
    known = {**environment(database_url), "PATH": path, "DATABASE": database_url, "BACKUP": str(backup)}
    done = subprocess.run(["bash", "-euc", script], env=known, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def another_url(database_url, tmp_path, request):
    """An empty database beside the first."""
    if database_url.startswith("sqlite"):
        yield f"sqlite:///{tmp_path}/restored.db"
    else:
        server = request.getfixturevalue("postgres_server")
        server.execute("CREATE DATABASE restored")
        yield server.url("restored")
        server.execute("DROP DATABASE restored WITH (FORCE)")


def newest(inbox, since):
    """Return the highest sequence of each contact received since then; messages in flight at the time of the backup come before newer
    ones.
    """
    updates = [message["data"] for message in inbox.accepted[since:] if message["type"] == "contact.persona.updated"]
    return {data["contact"]["id"]: data["sequence"] for data in sorted(updates, key=lambda data: data["sequence"])}


def test_a_backup_made_while_people_answer_is_restored_and_published(database_url, another_url, tmp_path: Path):
    """The copy has every answer acknowledged before the backup, and a receiver that drops old sequences accepts a message about every
    contact.
    """
    kind, backup = database_url.partition("+")[0].partition(":")[0], tmp_path / "backup"
    assert discern("publish", str(BANK), database_url=database_url).returncode == 0
    key = json.loads(discern("key", "create", "--scope", "admin", "--json", database_url=database_url).stdout)["key"]
    with receiver() as inbox:
        with web_server(database_url) as (web, _), process("worker", database_url=database_url):
            endpoint = web.call("POST", "/api/v1/endpoints", {"url": inbox.url, "when": "every_answer"}, key)[1]
            inbox.secret = endpoint["secret"]
            people = [Respondent([web], seed) for seed in range(2)]
            with answering(people):
                until(lambda: count(people) > 10, "people answer")
                before = {session: len(answers) for session, answers in all_acknowledged(people).items()}
                run(f"backup-{kind}", database_url, backup)
                seen = count(people)
                until(lambda: count(people) > seen + 5, "people go on answering")
        highest = newest(inbox, 0)

        run(f"restore-{kind}", another_url, backup)
        assert "told the present state" in discern("restored", database_url=another_url).stdout
        received = len(inbox.accepted)
        with web_server(another_url) as (web, _), process("worker", database_url=another_url):
            for session, answers in before.items():
                status, insight = web.call("GET", f"/api/v1/sessions/{session}", token=key)
                assert (status, len(insight["log"]) >= answers) == (200, True)
            page = web.call("GET", "/api/v1/contacts?limit=200", token=key)[1]
            known = {item["id"] for item in page["items"]}
            until(
                lambda: all(newest(inbox, received).get(contact, 0) > highest.get(contact, 0) for contact in known),
                "a message about every contact arrives",
            )
        assert inbox.refused == []


def test_doctor_says_when_the_keys_are_not_those_of_the_backup(database_url, another_url, tmp_path: Path):
    """The database alone is not enough: doctor reports it before a CRM misses messages."""
    kind, backup = database_url.partition("+")[0].partition(":")[0], tmp_path / "backup"
    key = json.loads(discern("key", "create", "--scope", "admin", "--json", database_url=database_url).stdout)["key"]
    with web_server(database_url) as (web, _):
        assert web.call("POST", "/api/v1/endpoints", {"url": "http://127.0.0.1:9/hook"}, key)[0] == 201
    run(f"backup-{kind}", database_url, backup)
    run(f"restore-{kind}", another_url, backup)
    engine = open_engine(another_url)
    migrate(engine)
    engine.dispose()

    known = {**environment(another_url), "DISCERN_SECRET_KEYS": "another key than that of the backup"}
    done = CliRunner().invoke(main, ["doctor"], env=known)

    assert re.search(r"LOOK endpoint .*none of the keys opens", done.output)
