"""Pages are tested on SQLite: what they store is tested on both databases with the calls of the API, and with `one_service`."""

from pathlib import Path

import pytest

from tests.survey_service.databases import sqlite_copy


@pytest.fixture
def database_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A database for each test, with all tables and no rows."""
    return sqlite_copy(sqlite_template, tmp_path)
