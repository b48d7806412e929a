"""Every pair of writers on the same contacts, as tests/survey_service/contacts/test_races.py, paused before all statements and at random.

PYTHONPATH=. .venv/bin/python -P benchmarks/races.py [--natural 1000] [--only sqlite|postgresql]
"""

import argparse
import tempfile
import time
from itertools import combinations_with_replacement, count
from pathlib import Path

from survey_service.store.migrate import migrate
from survey_service.store.session import open_engine
from tests.survey_service.contacts.people import SIGNALS
from tests.survey_service.databases import postgres
from tests.survey_service.service import BANK, a_service
from tests.world.races import ACTS, ENDINGS, Races


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--natural", type=int, default=1000, help="races of each pair that run at once")
    parser.add_argument("--only", choices=["sqlite", "postgresql"])
    given = parser.parse_args()
    if given.only != "postgresql":
        with tempfile.TemporaryDirectory() as folder:
            race("SQLite", f"sqlite:///{Path(folder) / 'races.db'}", given.natural)
    if given.only != "sqlite":
        with postgres() as server:
            race("PostgreSQL", server.url("postgres"), given.natural)


def race(kind: str, url: str, natural: int) -> None:
    migrate(open_engine(url))
    races, wrong, began, done = Races(a_service(url, BANK.replace("surveys:", SIGNALS.lstrip() + "surveys:"))), [], time.monotonic(), 0
    for first in ACTS:
        for second in (name for name in ACTS if first in ENDINGS or name in ENDINGS):
            for step in count(1):
                found = races.paused(first, second, step)
                if found is None:
                    break
                done += 1
                wrong += [f"{first}, paused before statement {step} for {second}: {problem}" for problem in found]
    print(f"{kind}: {done} races with a pause, {len(wrong)} violations, in {time.monotonic() - began:.0f} s", flush=True)
    pairs = list(combinations_with_replacement(ACTS, 2))
    for first, second in pairs:
        for _ in range(natural):
            wrong += [f"{first} beside {second}: {problem}" for problem in races.natural(first, second)]
    print(f"{kind}: {natural * len(pairs)} races at once, {len(wrong)} violations in all, in {time.monotonic() - began:.0f} s", flush=True)
    races.close()
    for line in wrong:
        print(line)
    if wrong:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
