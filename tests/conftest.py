"""What every test may ask for: a database, on each of the two systems that we support."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.survey_service.databases import Postgres, PostgresMissing, clone, postgres, sqlite_file


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """One server for all tests. Where it cannot be had, a developer is told so and CI fails."""
    try:
        running = postgres()
        server = running.__enter__()
    except PostgresMissing as missing:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(str(missing))
    yield server
    running.__exit__(None, None, None)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of its own for each test: all tables, no rows."""
    if request.param == "sqlite":
        yield sqlite_file(tmp_path)
    else:
        with clone(request.getfixturevalue("postgres_server")) as url:
            yield url
