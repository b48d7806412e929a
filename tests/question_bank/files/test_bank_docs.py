"""The bank file as docs/bank.md explains it."""

import re
from pathlib import Path

import pytest

from question_bank.files.load import check_bank

PAGE = Path(__file__).parents[3] / "docs" / "bank.md"
SNIPPETS = re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def test_the_page_has_its_snippets():
    """Every fence is closed, so that the next test is not empty."""
    assert len(SNIPPETS) == PAGE.read_text("utf-8").count("```yaml") > 10


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_every_bank_on_the_page_can_be_published(snippet):
    """Each snippet is a whole bank without errors and without warnings."""
    report = check_bank(snippet, "docs/bank.md")

    assert [str(problem) for problem in (*report.errors, *report.warnings)] == []
