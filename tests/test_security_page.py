"""docs/security.md names the tests that show the defence against each attack, and each of these tests exists."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROWS = [line for line in (ROOT / "docs" / "security.md").read_text().splitlines() if line.startswith("|")][2:]
ATTACKERS = {
    "A respondent",
    "A robot",
    "Another site",
    "A page that has the widget",
    "A receiver of webhooks",
    "A webhook target inside the network",
    "Whoever pretends to be HubSpot, Shopify or a system of yours",
    "A leaked API key",
    "A leaked copy of the database",
    "A malicious bank, answer file or column map",
    "A reader of logs",
    "A dependency",
}


def test_every_attacker_has_a_row():
    """A row without a name continues the one above."""
    assert {row.split("|")[1].strip() for row in ROWS} - {""} == ATTACKERS


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[2].strip()[:60])
def test_the_tests_of_a_row_exist(row):
    """Tests are named by file and function."""
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", row)

    assert named
    assert len(named) == row.count("`tests/")
    for file, name in named:
        functions = [node.name for node in ast.walk(ast.parse((ROOT / file).read_text())) if isinstance(node, ast.FunctionDef)]
        assert functions.count(name) == 1, f"{file}::{name}"
