"""Compare settings of gunicorn: processes, threads, and connections per process, for respondents on kept-alive connections.

PYTHONPATH=. .venv/bin/python -P benchmarks/servers.py [--postgresql] [--respondents 32] [--rounds 3]
"""

import argparse
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from statistics import median, quantiles

from benchmarks.load import a_bank, cpu_of, prepare, respond, server, sessions
from benchmarks.throwaway import database

SERVE = "import survey_service.server.gunicorn_app as s; s.CONNECTIONS_PER_WORKER = {cap}; from survey_service.cli.main import main; main()"
ANSWERS = 10


@dataclass
class Setting:
    """A number of processes and threads, and the results of its rounds."""

    workers: int
    threads: int
    cap: int
    rates: list[float] = field(default_factory=list)
    took: list[float] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)

    def command(self) -> tuple[str, ...]:
        numbers = "--workers", str(self.workers), "--threads", str(self.threads)
        return "-c", SERVE.format(cap=self.cap), "serve", "--bind", "127.0.0.1:PORT", *numbers

    def round(self, url: str, respondents: int) -> None:
        with server(url, *self.command()) as (port, pid):
            self._answer(url, port, pid, respondents, each=1)
            rate, took, share = self._answer(url, port, pid, respondents, each=3)
        self.rates.append(rate)
        self.took += took
        self.shares.append(share)

    def _answer(self, url: str, port: int, pid: int, respondents: int, each: int) -> tuple[float, list[float], float]:
        names = sessions(url, each * respondents)
        here, there = get_context("spawn").Pipe()
        load = get_context("spawn").Process(target=respond, args=(port, names, ANSWERS, respondents, there))
        load.start()
        here.recv()
        workers = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        before = [cpu_of(worker) for worker in workers]
        here.send("go")
        seconds, took = here.recv()
        load.join()
        used = [cpu_of(worker) - start for worker, start in zip(workers, before, strict=True)]
        return len(took) / seconds, took, max(used) / sum(used)

    def summary(self) -> str:
        cuts = quantiles(self.took, n=100)
        return (
            f"{self.workers:9} {self.threads:8} {self.cap:12} {median(self.rates):10.0f} {cuts[49] * 1e3:8.1f} {cuts[98] * 1e3:8.1f}"
            f" {median(self.shares):18.0%}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--postgresql", action="store_true", help="start a PostgreSQL of its own")
    parser.add_argument("--respondents", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    wanted = parser.parse_args()
    settings = [Setting(workers, threads, 64) for workers in (1, 2, 4) for threads in (1, 4, 16)]
    settings += [Setting(2, 4, cap) for cap in (16, 1000)]
    with database(None, postgresql=wanted.postgresql) as url:
        prepare(url, a_bank())
        for _ in range(wanted.rounds):
            for setting in settings:
                setting.round(url, wanted.respondents)
    print(f"{'PostgreSQL' if wanted.postgresql else 'SQLite'}, {wanted.respondents} respondents, {wanted.rounds} rounds")
    print("processes  threads  connections  answers/s   p50 ms   p99 ms   busiest process")
    for setting in settings:
        print(setting.summary())


if __name__ == "__main__":
    main()
