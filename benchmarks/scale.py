"""Capacity for a number of contacts: the disk space of a contact, and a simulated campaign peak on a number of cores.

PYTHONPATH=. .venv/bin/python -P benchmarks/scale.py [--web-us 2800] [--database-us 1200] [--skip-disk]

The costs of an answer are those that `benchmarks/http.py` prints on your machine: processor microseconds of the web server and of
PostgreSQL. The simulation is a queue with as many servers as cores: respondents arrive as people open an email, answer, think, answer
again; each answer takes its turn on a core of the web servers and then on one of the database.
"""

import argparse
import heapq
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from sqlalchemy import text

from benchmarks.http_growth import ANSWERS_EACH, fill
from benchmarks.load import a_bank, prepare
from survey_service.store.session import Store
from tests.survey_service.databases import postgres

WEIGHED = 20_000
OPENED_WITHIN_HOURS = 2.0
"""Half of those who answer an email do so within about two hours; log-normal, with an assumed shape that can be set."""

SPREAD = 1.0
ANSWERS, THINKING = 5, 6.0
"""Questions of a survey, and seconds between two answers."""

TAKES_PART = 0.1


@dataclass(frozen=True)
class Cost:
    """Processor seconds of one answer."""

    web: float
    database: float


def weigh(url: str, size: str) -> float:
    """Return the bytes on disk of a contact with a session, a belief and three answers, indexes included."""
    prepare(url, a_bank())
    store = Store(url)

    def measured() -> int:
        with store.engine.connect() as connection:
            return int(connection.execute(text(size)).scalar_one())

    before = measured()
    fill(store, WEIGHED)
    after = measured()
    store.close()
    return (after - before) / WEIGHED


def arrivals(mailed: int, hours: float, seed: int = 1) -> np.ndarray:
    """Return the seconds after the sending at which participants give their first answer, sorted."""
    draw = np.random.default_rng(seed)
    return np.sort(draw.lognormal(np.log(hours * 3600), SPREAD, draw.binomial(mailed, TAKES_PART)))


def busiest(times: np.ndarray, seconds: float = 600) -> tuple[float, float]:
    """Return the start of the busiest ten minutes, and the arrivals per second in them."""
    counts = np.searchsorted(times, times + seconds) - np.arange(len(times))
    first = int(counts.argmax())
    return float(times[first]), float(counts[first] / seconds)


def play(rate: float, cost: Cost, web_cores: int, database_cores: int, seconds: float = 300.0, seed: int = 2) -> np.ndarray:
    """Return the seconds of waiting and service of each answer, for `rate` respondents a second; service times are exponential."""
    draw = np.random.default_rng(seed)
    starts = np.cumsum(draw.exponential(1 / rate, int(rate * seconds)))
    events = [(start, person, 0) for person, start in enumerate(starts)]
    heapq.heapify(events)
    web, database = [0.0] * web_cores, [0.0] * database_cores
    took = []
    while events:
        now, person, number = heapq.heappop(events)
        passed = _served(web, now, draw.exponential(cost.web))
        done = _served(database, passed, draw.exponential(cost.database))
        took.append(done - now)
        if number + 1 < ANSWERS:
            heapq.heappush(events, (done + draw.exponential(THINKING), person, number + 1))
    return np.array(took)


def _served(cores: list[float], now: float, work: float) -> float:
    """Return when a job ends that runs on the core that is free first."""
    done = max(heapq.heappop(cores), now) + work
    heapq.heappush(cores, done)
    return done


def sizes(cost: Cost, heavy: float) -> Iterator[str]:
    """Print a line for each number of contacts: one campaign is sent to a tenth of them."""
    for contacts in (10**5, 10**6, 10**7, 10**8, 10**9):
        sample = min(contacts // 10, 10**6)
        _, rate = busiest(arrivals(sample, OPENED_WITHIN_HOURS))
        answers = rate * (contacts / 10 / sample) * ANSWERS
        web, database = (answers * seconds / 0.5 for seconds in (cost.web, cost.database))
        yield f"{contacts:>13,}  {heavy * contacts / 1e9:>9,.1f} GB  {answers:>9,.1f}/s  {web:>8,.1f}  {database:>8,.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--web-us", type=float, default=2800)
    parser.add_argument("--database-us", type=float, default=1200)
    parser.add_argument("--skip-disk", action="store_true")
    wanted = parser.parse_args()
    cost = Cost(wanted.web_us / 1e6, wanted.database_us / 1e6)
    heavy = 3000.0
    if not wanted.skip_disk:
        with tempfile.TemporaryDirectory() as folder, postgres() as server:
            page = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
            light = weigh(f"sqlite:///{folder}/scale.db", page)
            heavy = weigh(server.url("postgres"), "SELECT pg_database_size(current_database())")
        print(f"a contact with a session, a belief and {ANSWERS_EACH} answers: {light:,.0f} bytes on SQLite, {heavy:,.0f} on PostgreSQL")
    print(f"\n{'contacts':>13}  {'disk':>12}  {'peak answers':>11}  {'web cores':>8}  {'database':>8}   (half busy)")
    for line in sizes(cost, heavy):
        print(line)
    print("\nthe busiest minutes played through: respondents a second, cores, share busy, p50, p99 of an answer")
    for rate in (10, 40, 80, 120, 150):
        for web, database in ((2, 1), (4, 2)):
            busy = rate * ANSWERS * cost.web / web
            if busy < 1:
                p50, p99 = np.quantile(play(rate, cost, web, database), [0.5, 0.99]) * 1e3
                print(f"  {rate:>4}/s  {web} + {database}  {busy:>4.0%}  {p50:6.1f} ms  {p99:7.1f} ms", flush=True)


if __name__ == "__main__":
    main()
