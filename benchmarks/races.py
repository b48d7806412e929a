"""Every pair of writers on the same contacts, as tests/survey_service/contacts/test_races.py, paused before all statements and at random.

PYTHONPATH=. .venv/bin/python -P benchmarks/races.py [--natural 1000] [--only sqlite|postgresql] [--jobs 2]
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from itertools import combinations_with_replacement, count
from multiprocessing import get_context
from pathlib import Path

from survey_service.store.migrate import migrate
from survey_service.store.session import open_engine
from tests.survey_service.contacts.people import SIGNALS
from tests.survey_service.databases import clone, postgres
from tests.survey_service.service import BANK, a_service
from tests.world.races import ACTS, PAIRS_WITH_AN_ENDING, Races

PAIRS = list(combinations_with_replacement(ACTS, 2))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--natural", type=int, default=1000, help="races of each pair that run at once")
    parser.add_argument("--only", choices=["sqlite", "postgresql"])
    parser.add_argument("--jobs", type=int, default=2, help="processes, each with a database of its own")
    given = parser.parse_args()
    wrong = []
    if given.only != "postgresql":
        with tempfile.TemporaryDirectory() as folder:
            wrong += race_all("SQLite", [f"sqlite:///{Path(folder) / f'races-{job}.db'}" for job in range(given.jobs)], given.natural)
    if given.only != "sqlite":
        with postgres() as server, ExitStack() as stack:
            wrong += race_all("PostgreSQL", [stack.enter_context(clone(server)) for _ in range(given.jobs)], given.natural)
    for line in wrong:
        print(line)
    if wrong:
        raise SystemExit(1)


def race_all(kind: str, urls: Sequence[str], natural: int) -> list[str]:
    """Run the races, a share of the pairs on each database. Return what is wrong."""
    began = time.monotonic()
    with ProcessPoolExecutor(len(urls), get_context("spawn")) as processes:
        futures = [processes.submit(race, url, natural, number, len(urls)) for number, url in enumerate(urls)]
        results = [future.result() for future in futures]
    paused, at_once = (sum(result[part] for result in results) for part in (0, 1))
    wrong = [line for result in results for line in result[2]]
    took = time.monotonic() - began
    print(f"{kind}: {paused} races with a pause and {at_once} at once, {len(wrong)} violations, in {took:.0f} s", flush=True)
    return wrong


def race(url: str, natural: int, share: int, shares: int) -> tuple[int, int, list[str]]:
    """Run a share of the races. Return how many had a pause, how many ran at once, and what is wrong."""
    engine = open_engine(url)
    migrate(engine)
    engine.dispose()
    races = Races(a_service(url, BANK.replace("surveys:", SIGNALS.lstrip() + "surveys:")))
    paused, wrong = race_paused(races, PAIRS_WITH_AN_ENDING[share::shares])
    for first, second in PAIRS[share::shares]:
        for _ in range(natural):
            wrong += [f"{first} beside {second}: {problem}" for problem in races.natural(first, second)]
        races.service.clock.forward(minutes=natural / 100)  # the limit of a survey, 1,000 requests a second, is not what is tried here
        print(f"  {first} beside {second}: {natural} races at once, {len(wrong)} violations so far", flush=True)
    races.close()
    races.service.parts.store.close()
    return paused, natural * len(PAIRS[share::shares]), wrong


def race_paused(races: Races, pairs: Sequence[tuple[str, str]]) -> tuple[int, list[str]]:
    """Pause the first writer of each pair before each of its statements. Return how many races there were, and what is wrong."""
    done, wrong = 0, []
    for first, second in pairs:
        for step in count(1):
            found = races.paused(first, second, step)
            if found is None:
                break
            done += 1
            wrong += [f"{first}, paused before statement {step} for {second}: {problem}" for problem in found]
    return done, wrong


if __name__ == "__main__":
    main()
