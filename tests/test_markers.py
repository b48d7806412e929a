"""`make unit` leaves out tests that need other programs, by the markers of tests/conftest.py."""

import re
import subprocess
import sys

import pytest

from tests.conftest import LONG
from tests.processes import ROOT

EXPRESSION = re.search(r"^unit:.*?-m \"(.+?)\"", (ROOT / "Makefile").read_text(), re.M | re.S).group(1)


def selected(*files):
    command = [sys.executable, "-m", "pytest", "--collect-only", "--quiet", "-m", EXPRESSION, *(str(file) for file in files)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 5), done.stdout  # 5: no test was selected
    return {line for line in done.stdout.splitlines() if "::" in line}


def test_every_file_listed_as_slow_exists():
    """A renamed file must be renamed in the list too."""
    assert set(LONG) <= {path.name for path in (ROOT / "tests").rglob("test_*.py")}


@pytest.mark.parametrize("word", ["web_server(", "oracle(", 'which("tsc")', "subprocess.run("])
def test_make_unit_leaves_out_what_starts_a_program(word):
    """No test of a file that uses our command, Node or a compiler is selected."""
    files = [path for path in (ROOT / "tests").rglob("test_*.py") if word in path.read_text()]
    assert files

    assert not selected(*files)


def test_make_unit_runs_on_sqlite_only():
    """A test for both databases is selected once."""
    (file,) = (ROOT / "tests").rglob("test_answering.py")

    chosen = selected(file)

    assert chosen
    assert all("[sqlite" in test for test in chosen)
