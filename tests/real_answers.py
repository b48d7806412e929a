"""Where the real answers lie that are not part of the project."""

import os
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"


def shared_data() -> Path:
    """The folder of real questionnaires beside the checkout; its tests are skipped elsewhere, but never in CI."""
    folder = Path(os.environ.get("DISCERN_SHARED_DATA", SHARED / "data"))
    if not folder.is_dir():
        if os.environ.get("CI"):
            pytest.fail(f"the real answers are missing: no folder {folder}")
        pytest.skip(f"needs the real answers, which are not part of the project: no folder {folder}")
    return folder
