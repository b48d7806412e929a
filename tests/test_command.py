"""The `discern` command, as a person or a script uses it."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from survey_service.cli.main import main
from tests.processes import ROOT, discern, environment
from tests.real_answers import CAR_BUYERS
from tests.survey_service.databases import sqlite_copy

EXAMPLE = ROOT / "question_bank" / "examples" / "car-buyers.yaml"
TEN_MISTAKES = ROOT / "tests" / "question_bank" / "ten-mistakes.yaml"


def test_check_prints_ten_located_problems_for_ten_mistakes_and_exits_1():
    """Each problem has its file, line, path and remedy."""
    done = discern("check", str(TEN_MISTAKES), database_url="sqlite://")

    assert done.returncode == 1
    located = [line for line in done.stdout.splitlines() if line.startswith("ten-mistakes.yaml:")]
    assert len(located) == 10
    assert done.stdout.count("→") == 10
    assert "10 problems" in done.stderr


def test_check_as_json_is_one_object_on_stdout():
    """The JSON form is for programs."""
    done = discern("check", str(TEN_MISTAKES), "--json", database_url="sqlite://")

    report = json.loads(done.stdout)
    assert len(report["errors"]) == 10
    assert {"file", "line", "where", "wrong", "todo", "path"} == set(report["errors"][0])


def test_check_goes_on_while_a_file_is_written(tmp_path):
    """Each saving is checked, also where the editor replaces the file; after Ctrl-C the last check decides about the exit code."""
    bank = tmp_path / "cars.yaml"
    bank.write_text("bank: cars")
    command = [sys.executable, "-m", "survey_service.cli.main", "check", str(bank), "--watch"]
    running = subprocess.Popen(command, env=environment("sqlite://"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert running.stderr is not None
    assert re.fullmatch(r"[1-9]\d* problems?, 0 warnings", running.stderr.readline().strip())

    (tmp_path / "new.yaml").write_bytes(EXAMPLE.read_bytes())
    bank.unlink()
    (tmp_path / "new.yaml").rename(bank)
    lines = [running.stderr.readline().strip() for _ in range(3)]
    running.send_signal(signal.SIGINT)

    assert lines[1].endswith("cars.yaml")
    assert lines[2] == "0 problems, 0 warnings"
    assert running.wait(timeout=30) == 0
    running.stderr.close()


def test_the_example_bank_has_no_problem_and_no_warning():
    """The shipped example passes its own checks."""
    done = discern("check", str(EXAMPLE), database_url="sqlite://")
    assert (done.returncode, done.stdout) == (0, "")


def test_replay_of_real_answers_prints_its_table():
    """With 793 car buyers the belief after more questions agrees more with the belief after all of them."""
    done = discern("replay", str(EXAMPLE), "--answers", str(CAR_BUYERS), "--survey", "website", "--json", database_url="sqlite://")

    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["respondents"] == 793
    assert set(result["orders"]) == {"adaptive", "fixed", "random"}
    adaptive = {row["questions"]: row for row in result["orders"]["adaptive"]}
    random = {row["questions"]: row for row in result["orders"]["random"]}
    assert set(adaptive[5]) >= {"questions", "agreement", "confidence", "calibration_error", "log_score"}
    assert adaptive[5]["agreement"] > adaptive[2]["agreement"] > 0.6
    assert adaptive[5]["agreement"] > random[5]["agreement"] + 0.1
    assert all(row["calibration_error"] < 0.06 for row in adaptive.values())

    table = discern("replay", str(EXAMPLE), "--answers", str(CAR_BUYERS), "--steps", "3", database_url="sqlite://").stdout
    assert table.startswith("793 respondents\n")
    assert len(table.splitlines()) == 8


def test_replay_also_stops_as_the_survey_does():
    """The survey `website` asks at most five questions until .85; with a stop at .8, stated and soft agreement differ by less than .03."""

    def at_stop(*options):
        done = discern(
            "replay", str(EXAMPLE), "--answers", str(CAR_BUYERS), *options, "--orders", "adaptive", "--json", database_url="sqlite://"
        )
        return json.loads(done.stdout)["at_stop"]["adaptive"]

    own = at_stop("--survey", "website")
    assert own["questions"] < 5
    assert set(own["stopped_because"]) == {"confidence", "at_most"}
    assert own["agreement"] > 0.75
    stopped_earlier = at_stop("--stop", "0.8")
    assert set(stopped_earlier["stopped_because"]) <= {"confidence", "exhausted"}
    assert abs(stopped_earlier["confidence"] - stopped_earlier["soft_agreement"]) < 0.03
    assert stopped_earlier["questions"] > own["questions"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("colour\nred\n", 'answers.csv:1: column "colour": no question has this id'),
        ("satisfaction\nvery\n11\n", 'answers.csv:2: column "satisfaction": "very" is not a number'),
        ("satisfaction\nvery\n11\n", 'answers.csv:3: column "satisfaction": 11 is not on the scale'),
        ("usage\nmoon\n", 'answers.csv:2: column "usage": "moon" is not an option'),
        ("information\nyes\n", 'answers.csv:1: column "information": a multiple question has one column an option'),
        ("information.advertising\nmaybe\n", '"maybe" is neither 1 nor 0'),
        ("usage,usage\nboth,both\n", 'column "usage" stands there twice'),
        ("usage\nboth,both\n", "answers.csv:2: has 2 cells where the first line names 1 columns"),
        ("usage\n", "has no answers"),
        ("", "has no answers"),
        (b"usage\n\xff\n", 'column "usage": "ÿ" is not an option'),
    ],
)
def test_invalid_answers_are_located_and_explained(tmp_path, content, words):
    """Where nothing of a file can be used, every problem is printed without a traceback, and the exit code is 1."""
    answers = tmp_path / "answers.csv"
    answers.write_bytes(content if isinstance(content, bytes) else content.encode())
    bank = tmp_path / "bank.yaml"
    bank.write_text(EXAMPLE.read_text())

    done = CliRunner().invoke(main, ["replay", str(bank), "--answers", str(answers)])

    assert done.exit_code == 1
    assert isinstance(done.exception, SystemExit)
    assert words in done.stderr
    assert done.stdout == ""


def test_all_wrong_options_are_named(tmp_path):
    """Covers orders, steps and surveys that do not exist."""
    answers = tmp_path / "answers.csv"
    answers.write_text("usage\nboth\n")
    options = ("--orders", "adaptive,sideways", "--steps", "1,-2", "--survey", "none")
    done = CliRunner().invoke(main, ["replay", str(EXAMPLE), "--answers", str(answers), *options])

    assert done.exit_code == 1
    assert done.stderr.count("\n") == 3


def test_wrong_settings_are_reported_before_anything_starts():
    """All wrong settings are named, and the exit code is 1."""
    wrong = {**environment("mysql://x"), "DISCERN_SECRET_KEYS": ""}
    done = subprocess.run(
        [sys.executable, "-m", "survey_service.cli.main", "migrate"], env=wrong, capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert "DISCERN_DATABASE_URL" in done.stderr
    assert "DISCERN_SECRET_KEYS" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_without_tables_is_a_hint_and_not_a_crash(tmp_path):
    """Forgetting to migrate is the most common mistake."""
    url = f"sqlite:///{tmp_path}/new.db"
    for command in (
        ("serve", "--bind", "127.0.0.1:0"),
        ("worker", "--once"),
        ("publish", str(EXAMPLE)),
        ("key", "create", "--scope", "read"),
    ):
        done = discern(*command, database_url=url)
        assert done.returncode == 1, command
        assert f"there is no file {tmp_path}/new.db: run discern migrate" in done.stderr
        assert "Traceback" not in done.stderr
        assert not list(tmp_path.iterdir()), "a command in the wrong folder creates nothing"
    (tmp_path / "new.db").touch()
    done = discern("publish", str(EXAMPLE), database_url=url)
    assert f"the database sqlite:///{tmp_path}/new.db does not have the tables of this version: run discern migrate" in done.stderr
    assert discern("migrate", database_url=url).stderr == f"the database {url} is at the tables of this version\n"
    done = discern("publish", str(EXAMPLE), database_url=url)
    assert (done.stdout, done.stderr) == ("car-buyers version 1\n", f"in the database {url}\n")
    assert discern("publish", str(EXAMPLE), database_url=url).stdout == "car-buyers version 1 (unchanged)\n"


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (("key", "create", "--scope", "read"), 0),
        (("key", "list"), 0),
        (("key", "revoke", "key_x"), 1),
        (("endpoint", "add", "https://crm.example.com/hook"), 0),
        (("endpoint", "add", "http://10.0.0.1/hook"), 1),
        (("sources", "list"), 0),
        (("prune", "--days", "30"), 0),
        (("recompute", "nothing"), 1),
        (("export", "--contact", "nobody"), 1),
        (("restored",), 0),
        (("doctor",), 1),
    ],
)
def test_every_command_names_the_database(sqlite_template, tmp_path, command, status):
    """Another folder may have another database: what was done or refused is said with where."""
    url = sqlite_copy(sqlite_template, tmp_path)

    done = discern(*command, database_url=url)

    assert done.returncode == status, done.stderr
    assert f"{url} answers" in done.stdout if command == ("doctor",) else f"in the database {url}" in done.stderr.splitlines()


def test_check_warns_of_a_survey_id_that_another_bank_in_the_database_has(tmp_path):
    """`publish` would refuse it. A bank that is published already does not stand in its own way, and nothing is created by checking."""
    url = f"sqlite:///{tmp_path}/shop.db"
    assert discern("check", str(EXAMPLE), database_url=url).returncode == 0
    assert not list(tmp_path.iterdir())
    discern("migrate", database_url=url)
    discern("publish", str(EXAMPLE), database_url=url)
    other = tmp_path / "other.yaml"
    other.write_text(EXAMPLE.read_text().replace("bank: car-buyers", "bank: other"))

    assert discern("check", str(EXAMPLE), database_url=url).stdout == ""
    found = discern("check", str(other), database_url=url)

    assert found.returncode == 0
    line = next(number for number, text in enumerate(other.read_text().splitlines(), 1) if "id: website" in text)
    assert f'other.yaml:{line}: survey "website" > id: "website" is also a survey of the bank "car-buyers" in the database' in found.stdout


def test_an_endpoint_is_added_with_a_secret_that_is_shown_once(tmp_path):
    """A private address is refused unless the operator allows it."""
    url = f"sqlite:///{tmp_path}/new.db"
    discern("migrate", database_url=url)

    made = json.loads(discern("endpoint", "add", "http://127.0.0.1:9/hook", "--json", database_url=url).stdout)
    assert made["secret"].startswith("whsec_")
    refused = discern("endpoint", "add", "http://10.0.0.1/hook", database_url=url)
    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr
    assert made["secret"].encode() not in Path(f"{tmp_path}/new.db").read_bytes()


def test_usage_errors_exit_2():
    """This holds for every command."""
    assert CliRunner().invoke(main, ["key", "create", "--scope", "king"]).exit_code == 2
    assert CliRunner().invoke(main, ["frobnicate"]).exit_code == 2
