"""docs/faults.md names a test for each fault, and each of these tests exists."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROWS = [line for line in (ROOT / "docs" / "faults.md").read_text().splitlines() if re.match(r"\| \d", line)]


def test_every_fault_of_the_list_has_a_row():
    assert [int(row.split("|")[1]) for row in ROWS] == list(range(1, 45))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip())
def test_the_tests_of_a_row_exist(row):
    """Tests are named by file and function."""
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", row)

    assert named
    for file, name in named:
        functions = [node.name for node in ast.walk(ast.parse((ROOT / file).read_text())) if isinstance(node, ast.FunctionDef)]
        assert functions.count(name) == 1, f"{file}::{name}"
