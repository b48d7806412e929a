"""The commands and examples in the documents work."""

import doctest
import importlib
import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.processes import ROOT, free_port

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "question_bank" / "examples" / "README.md"])


def blocks(document: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", document.read_text(), re.M | re.S)


def test_the_walk_in_the_readme_works_as_it_is_written(tmp_path):
    """Every command runs in its order, on a machine without any set-up."""
    script = "set -euo pipefail\n" + "\n".join(blocks(ROOT / "README.md", "bash"))
    script = script.replace(". .venv/bin/activate", "").replace("question_bank/", f"{ROOT}/question_bank/")
    script = script.replace("127.0.0.1:8100", f"127.0.0.1:{free_port()}")
    assert script.count("discern serve") == script.count("discern worker") == 1
    own = {name: value for name, value in os.environ.items() if not name.startswith("DISCERN_")}
    place = {**own, "PATH": f"{Path(sys.executable).parent}:{own['PATH']}", "PYTHONPATH": str(ROOT)}

    with (tmp_path / "errors").open("w+") as errors:
        walk = subprocess.Popen(
            ["bash", "-c", script], cwd=tmp_path, env=place, stdout=subprocess.PIPE, stderr=errors, start_new_session=True
        )
        assert walk.stdout
        try:
            printed = read_until_belief(walk.stdout)
        finally:
            os.killpg(walk.pid, signal.SIGTERM)
            walk.wait(timeout=30)
            walk.stdout.close()

    belief = json.loads(printed)["belief"]
    assert belief["bank"] == "car-buyers"
    assert sum(belief["probabilities"].values()) == pytest.approx(1)


def test_the_guide_to_a_first_bank_works_as_it_is_written(tmp_path):
    """The commands of the guide run in their order, and a clone has a published bank of its own after five."""
    script = "set -euo pipefail\n" + "\n".join(blocks(ROOT / "docs" / "first-bank.md", "bash"))
    own = {name: value for name, value in os.environ.items() if not name.startswith("DISCERN_")}
    place = {**own, "PATH": f"{Path(sys.executable).parent}:{own['PATH']}", "PYTHONPATH": str(ROOT)}

    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, env=place, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "right persona" in done.stdout
    commands = next(block for block in blocks(ROOT / "README.md", "") if "discern new" in block).splitlines()
    assert len(["git clone", *commands]) <= 5
    port = free_port()
    with in_folder(tmp_path, place, *commands[-1].split(), "--port", str(port)) as demo:
        line = next(line for line in demo if "my-shop" in line)
        with urllib.request.urlopen(line.split()[-1], timeout=30) as page:
            assert "How likely are you to recommend us?" in page.read().decode()


@contextmanager
def in_folder(folder, environment, *command):
    """Run a command and give the lines that it prints, until the block ends."""
    running = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert running.stdout
    try:
        yield running.stdout
    finally:
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=60)


def read_until_belief(stream) -> str:
    """Return the last line that the walk prints, JSON with the belief. The service that it started keeps running, so the stream does not
    end.
    """
    for line in stream:
        if b'"explanation"' in line:
            return line.decode()
    raise AssertionError("the walk ended without showing the belief")


def test_the_replay_in_the_readme_prints_the_table_below_it():
    """Uses the answers that ship with the project."""
    command, table = re.search(r"^```\n(discern replay .*?)\n```\n\n```\n(.*?)```", (ROOT / "README.md").read_text(), re.M | re.S).groups()
    own = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}

    done = subprocess.run(command.split(), cwd=ROOT, env=own, capture_output=True, text=True, check=True)

    assert done.stdout == table


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_relative_link_has_a_target(document):
    """Checks every relative link of every document."""
    for target in re.findall(r"\]\(([^)#\s]+)\)", document.read_text()):
        if not re.match(r"[a-z]+:", target):
            assert (document.parent / target).exists(), f"{document.name} points to {target}"


def test_every_setting_in_the_readme_is_read_and_the_other_way_round():
    """Every documented setting exists, and every setting for users is documented."""
    from survey_service.settings import _READERS

    documented = set(re.findall(r"`DISCERN_([A-Z_]+)`", (ROOT / "README.md").read_text()))
    read = {name.upper() for name in _READERS}
    assert documented <= read
    assert read - documented == {"DEMO_RECEIVER"}


def test_the_examples_in_docstrings_run():
    """A reader tries the examples first."""
    tried = 0
    for package in ("adaptive", "question_bank", "survey_service"):
        for path in sorted((ROOT / package).rglob("*.py")):
            if ">>>" in path.read_text():
                name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
                failed, count = doctest.testmod(importlib.import_module(name))
                assert failed == 0, name
                tried += count
    assert tried >= 10
