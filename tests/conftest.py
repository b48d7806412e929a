"""Fixtures and markers of all tests: a database on each of the two supported systems."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.survey_service.databases import Postgres

LONG = (
    *("test_chaos.py", "test_schemathesis.py", "test_kill.py", "test_command.py", "test_backup.py", "test_refit.py", "test_fleet.py"),
    *("test_retention.py", "test_rolling.py", "test_robots.py", "test_many_updates.py", "test_recomputed_base.py", "test_fuzz.py"),
    *("test_segment_libraries.py", "test_calibration_benchmark.py", "test_docs.py", "test_restarts.py", "test_failing_crms.py"),
    *("test_races.py", "test_fit_styles.py", "test_random_sessions.py", "test_many_ids.py", "test_migrations.py"),
    *("test_memory.py", "test_disasters.py"),
)
"""Slow files, the slowest first: started last, each would keep one processor busy while the others idle."""


STARTERS = {"discern", "start", "process", "web_server", "oracle"}
"""The names in tests/processes.py that start programs."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Add to each test the markers of what it needs, before `-m` selects by them."""
    items.sort(key=lambda item: LONG.index(item.path.name) if item.path.name in LONG else len(LONG))
    for item in items:
        for marker in _markers_of(item):
            item.add_marker(marker)


def _markers_of(item: pytest.Item) -> Iterator[str]:
    fixtures = set(getattr(item, "fixturenames", ()))
    parameters = item.callspec.params.values() if hasattr(item, "callspec") else ()
    if fixtures & {"postgres_server", "private_postgres"} or "postgresql" in [value for value in parameters if isinstance(value, str)]:
        yield "postgresql"
    if fixtures & {"browser", "engine"}:
        yield "browser"
    if _starts_programs(item):
        yield "processes"
    if item.path.name in LONG:
        yield "slow"


def _starts_programs(item: pytest.Item) -> bool:
    """Return whether the test's file imports something that starts programs."""
    known = vars(item.module).values() if isinstance(item, pytest.Function) else ()
    return any(
        value is subprocess
        or (getattr(value, "__module__", None) == "tests.processes" and getattr(value, "__name__", None) in STARTERS)
        or getattr(value, "__module__", None) in ("tests.chaos", "tests.fleet")
        for value in known
    )


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Without this line the plugin of Hypothesis imports Hypothesis for its summary, which takes a second, even if no test used it."""
    if "hypothesis" not in sys.modules:
        session.config.pluginmanager.unregister(name="hypothesispytest")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """One server for all tests."""
    with _a_server() as server:
        yield server


@pytest.fixture
def private_postgres() -> Iterator[Postgres]:
    """A server for one test, which may kill it."""
    with _a_server() as server:
        yield server


@contextmanager
def _a_server() -> Iterator[Postgres]:
    """Without PostgreSQL tests are skipped on a developer's machine and fail in CI."""
    from tests.survey_service.databases import PostgresMissing, postgres

    with ExitStack() as stack:
        try:
            server = stack.enter_context(postgres())
        except PostgresMissing as missing:
            (pytest.fail if os.environ.get("CI") else pytest.skip)(str(missing))
        yield server


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file with all tables and no rows, to be copied. A test that wrote to the file itself is an error at the end of the run."""
    from tests.survey_service.databases import create_tables

    file = tmp_path_factory.mktemp("sqlite") / "template.db"
    create_tables(f"sqlite:///{file}")
    before = file.read_bytes()
    yield file
    assert file.read_bytes() == before, "a test wrote to the template; it should write to a copy (sqlite_copy)"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database for each test, with all tables and no rows."""
    from tests.survey_service.databases import clone, sqlite_copy

    if request.param == "sqlite":
        yield sqlite_copy(request.getfixturevalue("sqlite_template"), tmp_path)
    else:
        with clone(request.getfixturevalue("postgres_server")) as url:
            yield url
