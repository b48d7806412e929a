"""Alternating rounds of floor and product: see `benchmarks/http.py`."""

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from statistics import median, quantiles

from benchmarks import http_growth, http_profile, http_statements
from benchmarks.http_case import CASES, Case
from benchmarks.load import cpu_of, respond, server
from tests.survey_service.databases import postgres

WORKERS, THREADS, CLIENTS = "2", "4", 32
PRODUCT = ("-m", "survey_service.cli.main", "serve", "--bind", "127.0.0.1:PORT", "--workers", WORKERS, "--threads", THREADS)


@dataclass
class Side:
    """Floor or product: its server, and the results of its rounds."""

    name: str
    url: str
    port: int
    processes: tuple[int, ...]
    rates: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    took: list[float] = field(default_factory=list)

    def round(self, case: Case, each: int, clients: int) -> None:
        """Measure all answers of `each` sessions per client."""
        names = case.sessions(self.url, each * clients)
        here, there = get_context("spawn").Pipe()
        load = get_context("spawn").Process(target=respond, args=(self.port, names, case.answers, clients, there, case.first))
        load.start()
        here.recv()
        before = cpu_of(*self.processes)
        here.send("go")
        seconds, took = here.recv()
        load.join()
        self.rates.append(len(took) / seconds)
        self.cpu.append((cpu_of(*self.processes) - before) / len(took))
        self.took += took

    def summary(self) -> str:
        cuts = quantiles(self.took, n=100)
        return (
            f"{median(self.rates):6.0f} answers/s, p50 {cuts[49] * 1e3:5.1f} ms, p99 {cuts[98] * 1e3:6.1f} ms, "
            f"processor {median(self.cpu) * 1e6:5.0f} us an answer"
        )


@contextmanager
def both(case: str, urls: tuple[str, str], also: tuple[int, ...]) -> Iterator[tuple[Side, Side]]:
    """Run the floor on the first database and the product on the second; `also` are the processes of the databases."""
    bare = ("-m", "benchmarks.http_floor", urls[0], "PORT", WORKERS, THREADS, case)
    with server(urls[0], *bare) as floor, server(urls[1], *PRODUCT) as product:
        yield (
            Side("floor", urls[0], floor[0], (floor[1], *also[:1])),
            Side("product", urls[1], product[0], (product[1], *also[1:])),
        )


def compare(kind: str, named: str, urls: tuple[str, str], also: tuple[int, ...], rounds: int) -> None:
    case = CASES[named]
    for url in urls:
        case.prepare(url)
    print(f"\n{kind}, {case.name}")
    http_statements.show(case, urls)
    http_profile.show(case, urls[1])
    for clients, each in ((CLIENTS, 4), (1, 20)):
        with both(named, urls, also) as sides:
            for side in sides:
                side.round(case, 2, clients)  # warm-up, not counted
                side.rates, side.cpu, side.took = [], [], []
            for _ in range(rounds):
                for side in sides:
                    side.round(case, each, clients)
        floor, product = sides
        print(f"  {clients} respondents at once, {rounds} rounds of {len(product.took) // rounds} answers")
        for side in sides:
            print(f"    {side.name:8} {side.summary()}")
        rate, cpu = median(product.rates) / median(floor.rates), median(floor.cpu) / median(product.cpu)
        print(f"    product/floor: {rate:.2f} of the answers a second; {cpu:.2f} by processor time", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks/http.py", description="What an answer costs over HTTP, beside a bare Flask route")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--contacts", default="1000,10000,100000")
    parser.add_argument("--only", choices=["sqlite", "postgresql"])
    parser.add_argument("--case", choices=list(CASES), help="only this case; without it both")
    parser.add_argument("--no-growth", action="store_true")
    wanted = parser.parse_args()
    sizes = [int(contact) for contact in wanted.contacts.split(",")]
    cases = [wanted.case] if wanted.case else list(CASES)
    if wanted.only != "postgresql":
        with tempfile.TemporaryDirectory() as folder:
            for case in cases:
                compare("SQLite", case, (f"sqlite:///{folder}/{case}-floor.db", f"sqlite:///{folder}/{case}-product.db"), (), wanted.rounds)
            if not wanted.no_growth:
                http_growth.show("SQLite", f"sqlite:///{folder}/growth.db", 0, sizes)
    if wanted.only != "sqlite":
        # A server for each: otherwise vacuuming the floor's rows would count against the product.
        with postgres(durable=True) as floor, postgres(durable=True) as product:
            pids = floor.pid, product.pid
            for case in cases:
                for running in (floor, product):
                    running.execute(f"CREATE DATABASE {case}")
                compare("PostgreSQL", case, (floor.url(case), product.url(case)), pids, wanted.rounds)
            if not wanted.no_growth:
                product.execute("CREATE DATABASE growth")
                http_growth.show("PostgreSQL", product.url("growth"), pids[1], sizes)
