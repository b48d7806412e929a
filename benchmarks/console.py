"""Time the pages of the console on a database with many sessions: the server's share, without the network and the browser.

    PYTHONPATH=. .venv/bin/python -P benchmarks/console.py --sessions 100000

Real questionnaires are answered over the API, and their rows are copied until there are as many sessions. The first request of each page is
left out: it compiles the bank and simulates it once a process.
"""

import argparse
import re
import tempfile
import time
from pathlib import Path

from flask.testing import FlaskClient
from sqlalchemy import text

from benchmarks.screenshots import pages_of
from survey_service.figures.snapshot import compute
from survey_service.figures.survey_days import count_days
from survey_service.web.context import Parts, utc_now
from tests.browser.console_world import ConsoleWorld, a_console

PEOPLE, REPEATS = 500, 20
GRID = "/console/b/car-buyers/draft/q/reasons_value"
COPIES = {
    "contact": ("id", ("id",)),
    "survey_session": ("id", ("id", "contact_id")),
    "answer": ("id", ("session_id", "contact_id")),
    "belief": ("contact_id", ("contact_id",)),
}
"""Tables whose rows are copied, and their columns that get another value in every copy."""


def multiply(parts: Parts, times: int) -> None:
    """Copy every contact with its sessions, answers and beliefs so many times, each copy a day earlier, up to ninety days."""
    with parts.store.engine.connect().execution_options(discern_writes=True) as connection:
        for table, (key, changed) in COPIES.items():
            columns = [row[1] for row in connection.exec_driver_sql(f"PRAGMA table_info({table})") if (table, row[1]) != ("answer", "id")]
            last = connection.exec_driver_sql(f"SELECT max({key}) FROM {table}").scalar()
            for copy in range(1, times):
                earlier = f"-{copy % 90} days"
                values = {name: f'"{name}"' for name in columns}
                values |= {name: f"{name} || '_{copy}'" for name in changed}
                moments = [name for name in columns if name.endswith("_at")]
                values |= {name: f"strftime('%Y-%m-%d %H:%M:%f000', \"{name}\", '{earlier}')" for name in moments}
                names = ", ".join(f'"{name}"' for name in columns)
                original = f"{key} <= :last" if isinstance(last, int) else f"length({key}) = length(:last)"  # copies have longer ids
                statement = f"INSERT INTO {table} ({names}) SELECT {', '.join(values.values())} FROM {table} WHERE {original}"
                connection.execute(text(statement.replace(":%f000", "\\:%f000").replace(":%M", "\\:%M")), {"last": last})
        connection.commit()


def signed_in(world: ConsoleWorld) -> FlaskClient:
    client = world.app.test_client()
    client.post(world.link().removeprefix(world.url))
    return client


def timed(act: object) -> float:
    start = time.perf_counter()
    act()  # type: ignore[operator]
    return 1000 * (time.perf_counter() - start)


def percentiles(act: object) -> str:
    act()  # type: ignore[operator]
    times = sorted(timed(act) for _ in range(REPEATS))
    return f"{times[len(times) // 2]:>8.0f}{times[int(0.95 * len(times))]:>8.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=100_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        app, key, contact = a_console(Path(folder), PEOPLE)
        world = ConsoleWorld("http://127.0.0.1:8000", app, key, contact)
        multiply(world.parts, given.sessions // PEOPLE)
        seconds = timed(lambda: count_days(world.parts.store, world.parts.banks, utc_now())) / 1000
        figures = timed(lambda: compute(world.parts.store, world.parts.banks, "car-buyers", utc_now)) / 1000
        print(f"{given.sessions:,} sessions, counted in {seconds:.0f} s, figures per persona in {figures:.0f} s", flush=True)
        print(f"{'ms':<24}{'median':>8}{'p95':>8}", flush=True)
        client = signed_in(world)
        for name, address in pages_of(world).items():
            print(f"{name:<24}{percentiles(lambda address=address: client.get(address))}", flush=True)
        page = client.get(GRID).text
        form = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', page))
        changes = iter(range(1, 10_000))
        print(f"{'a cell to its figures':<24}", end="")
        print(percentiles(lambda: client.post(f"{GRID}/try", data={**form, "c.driver.fuel": str(10 + next(changes) % 80)})))
        world.parts.store.close()


if __name__ == "__main__":
    main()
