"""The API behaves as its OpenAPI document says, and no request makes it fail, valid or not."""

import re
import subprocess
import sys

import pytest

from tests.processes import ROOT

FUZZ = [sys.executable, "-P", "benchmarks/fuzz_http.py", "--cases", "1", "--examples", "2"]


@pytest.mark.parametrize("seed", ["3"])
def test_schemathesis_finds_no_failure(database_url, seed):
    """All checks and phases run over the whole document against a real server; `make fuzz` runs more than ten thousand cases."""
    done = subprocess.run(
        [*FUZZ, "--seed", seed, "--database", database_url], cwd=ROOT, env={"PYTHONPATH": "."}, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    cases, failures = re.search(r"([\d,]+) cases, (\d+) failures", done.stdout).groups()
    assert int(cases.replace(",", "")) > 2000
    assert failures == "0"
    assert ", 0 5xx" in done.stdout
