"""Paths of the real answers: the files that ship with the project, and those that do not."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CAR_BUYERS = ROOT / "question_bank" / "examples" / "car-buyers.answers.csv"
SHARED = ROOT.parent / "shared" / "data"


def shared_file(name: str) -> Path:
    """Return a file of real questionnaires beside the checkout. Without it the test is skipped, in CI it fails."""
    file = Path(os.environ.get("DISCERN_SHARED_DATA", SHARED)) / name
    if not file.is_file():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"needs real answers that are not part of the project: {file}")
    return file
