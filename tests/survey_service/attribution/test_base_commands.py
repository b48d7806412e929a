"""`discern attribute` on the contacts of the service itself: forecast, fit, apply, probe, sql."""

import csv
import json
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner
from sqlmodel import select

from survey_service.cli.main import main
from survey_service.store.tables.attribution import Probe
from survey_service.store.tables.links import Link
from tests.survey_service.attribution.conftest import ANSWERED, CONTACTS
from tests.survey_service.service import SECRET

pytestmark = pytest.mark.slow


@pytest.fixture
def command(base, database_url, monkeypatch, tmp_path):
    """Return a function that runs a command on the base."""
    monkeypatch.setenv("DISCERN_DATABASE_URL", database_url)
    monkeypatch.setenv("DISCERN_SECRET_KEYS", SECRET)
    monkeypatch.chdir(tmp_path)

    def run(*words: str, code: int = 0):
        done = CliRunner().invoke(main, ["attribute", *words])
        assert done.exit_code == code, done.output
        return done

    return run


def test_forecast_and_fit_work_on_the_contacts_of_the_service(command):
    """Without a file the labels are the beliefs from the answers."""
    forecast = json.loads(command("forecast", "cars", "--json").stdout)
    fitted = json.loads(command("fit", "cars", "--out", "model.json", "--json").stdout)

    assert forecast["labels"] == fitted["labels"] == ANSWERED
    assert fitted["contacts"] == CONTACTS
    assert {attribute["name"] for attribute in fitted["attributes"]} == {"city", "children", "since", "job"}


def test_apply_runs_and_writes_a_file(base, command):
    """The run is the same as one that a worker does."""
    done = json.loads(command("apply", "cars", "--out", "out.csv", "--json").stdout)
    with Path("out.csv").open(encoding="utf-8") as file:
        lines = list(csv.DictReader(file))

    assert (done["state"], done["scored"], len(lines)) == ("done", CONTACTS, CONTACTS)
    assert base.attribution("c300")["run"] == done["id"]
    assert command("apply", "cars").exit_code == 0


def test_the_statement_of_a_bank_gives_the_same_probabilities(base, command):
    """DuckDB scores the contacts as the service does."""
    command("apply", "cars")
    statement = command("sql", "cars").stdout
    contacts = [{"external_id": f"c{number}", **base.contact(f"c{number}")["attributes"]} for number in range(300, 310)]
    with duckdb.connect() as database:
        database.execute("CREATE TABLE contacts (external_id TEXT, city TEXT, children DOUBLE, since TEXT, job TEXT)")
        rows = [tuple(contact[name] for name in ("external_id", "city", "children", "since", "job")) for contact in contacts]
        database.executemany("INSERT INTO contacts VALUES (?, ?, ?, ?, ?)", rows)
        found = database.execute(statement).fetchdf().set_index("external_id")

    for contact in contacts:
        name = contact["external_id"]
        assert found.loc[name, "p_driver"] == pytest.approx(base.attribution(name)["vector"]["driver"], abs=1e-12)


def test_probes_are_drawn_among_the_silent_with_a_known_chance(base, command):
    """Each gets a link whose sessions have a channel of their own; nobody is drawn twice."""
    base.service.call("PUT", "/api/v1/contacts/c399", {"consent": {"profiling": True, "asking": False}})
    done = command("probe", "cars", "--survey", "all", "--count", "60", "--seed", "1", "--out", "probes.csv")
    with Path("probes.csv").open(encoding="utf-8") as file:
        lines = list(csv.DictReader(file))

    silent = CONTACTS - ANSWERED - 1
    assert f"60 of {silent} silent contacts drawn; 1 more cannot be asked" in done.stderr
    assert len({line["external_id"] for line in lines}) == 60
    with base.service.parts.store.reading() as session:
        probes = session.exec(select(Probe)).all()
        assert {probe.chance for probe in probes} == {60 / silent}
        assert set(session.exec(select(Link.channel))) == {"probe"}

    base.service.client.post(lines[0]["url"].removeprefix("http://127.0.0.1:8000"), data={})
    page = base.service.client.get(lines[0]["url"].removeprefix("http://127.0.0.1:8000"))
    assert page.status_code == 200
    command("probe", "cars", "--survey", "all", "--count", "300", "--out", "more.csv")
    with base.service.parts.store.reading() as session:
        assert len(session.exec(select(Probe)).all()) == silent


def test_the_answers_of_probes_correct_the_next_run(base, command):
    """They teach no table; they move the shares where the silent differ enough."""
    command("probe", "cars", "--survey", "all", "--count", "120", "--seed", "1", "--out", "probes.csv")
    with base.service.parts.store.reading() as session:
        drawn = sorted(probe.contact_id for probe in session.exec(select(Probe)))
    for contact_id in drawn:
        base.answer_as(int(contact_id[3:]), driver=True)  # the silent are all drivers, whatever their attributes say
    run = base.run()

    assert run["model"]["labels"] == ANSWERED
    assert run["model"]["probes"]["answered"] == 120
    assert run["model"]["probes"]["is_applied"]
    assert sum(item["vector"]["driver"] for item in base.beliefs(run["id"])) / CONTACTS > 0.8


def test_mistakes_say_what_to_do(command):
    """An unknown bank, a missing argument, a survey of another bank."""
    assert "no bank" in command("apply", "none", code=1).output
    assert "give --contacts FILE, or the id of a published bank" in command("forecast", code=2).output
    assert "neither a file nor a bank with a finished run" in command("sql", "none", code=1).output
    assert "There is no survey" in command("probe", "cars", "--survey", "none", code=1).output


def test_the_report_says_how_the_silent_differ(base, command):
    """Probes that answered teach nothing, and stand beside the respondents with their interval."""
    command("probe", "cars", "--survey", "short", "--count", "40", "--seed", "3", "--out", "links.csv")
    with Path("links.csv").open(encoding="utf-8") as file:
        drawn = [int(line["external_id"].removeprefix("c")) for line in csv.DictReader(file)]
    for number in drawn:
        base.answer_as(number, driver=True)

    fitted = json.loads(command("fit", "cars", "--out", "model.json", "--json", "--report", "report.html").stdout)
    page = Path("report.html").read_text(encoding="utf-8")

    assert fitted["labels"] == ANSWERED
    assert "40 contacts answered because they were drawn at random" in page
    assert '<th scope="col">probes</th>' in page
