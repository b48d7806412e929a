"""The API does what its document says, and nothing that follows or breaks the document makes it fail."""

import re
import subprocess
import sys

import pytest

from tests.processes import ROOT

FUZZ = [sys.executable, "-P", "benchmarks/fuzz_http.py", "--cases", "1", "--examples", "2"]


@pytest.mark.parametrize("seed", ["3"])
def test_schemathesis_finds_nothing(database_url, seed):
    """All checks, all phases, over the whole document, against the real server; `make fuzz` runs ten thousand cases and more."""
    done = subprocess.run(
        [*FUZZ, "--seed", seed, "--database", database_url], cwd=ROOT, env={"PYTHONPATH": "."}, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    cases, failures = re.search(r"([\d,]+) cases, (\d+) failures", done.stdout).groups()
    assert int(cases.replace(",", "")) > 2000
    assert failures == "0"
    assert ", 0 5xx" in done.stdout
