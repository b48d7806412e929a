"""Fuzz every parser of external input, one target after the other, each in a process of its own.

PYTHONPATH=. .venv/bin/python -P benchmarks/fuzz.py [--minutes M] [--seed N] [--only NAME] [--postgresql]
"""

import argparse
import logging
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

from werkzeug.middleware.proxy_fix import ProxyFix

from tests.fuzz_targets import all_of
from tests.fuzzing import Outcome, Target, fuzz
from tests.survey_service.databases import clone, create_tables, postgres
from tests.survey_service.service import a_service


@contextmanager
def database(kind: str) -> Iterator[str]:
    """Yield the URL of a temporary database."""
    if kind == "postgresql":
        with postgres() as server, clone(server) as url:
            yield url
        return
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/fuzz.db"
        create_tables(url)
        yield url


@contextmanager
def targets(kind: str) -> Iterator[dict[str, Target]]:
    """Yield all targets; those behind a route use a temporary database."""
    with database(kind) as url:
        service = a_service(url)
        # As behind one proxy, so that its header is read, and not limited: every request comes from this process.
        service.app.wsgi_app = ProxyFix(service.app.wsgi_app)  # type: ignore[method-assign]
        yield {target.name: target for target in all_of(service)}
        service.parts.store.close()


def alone(name: str, seed: int, seconds: float, kind: str) -> Outcome:
    """Run one target in this process, so that its memory is measured alone."""
    logging.disable(logging.CRITICAL)
    with targets(kind) as known:
        return fuzz(known[name], seed, seconds=seconds)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="for all targets together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", help="the name of one target")
    parser.add_argument("--postgresql", action="store_true", help="on PostgreSQL instead of SQLite")
    given = parser.parse_args()
    kind = "postgresql" if given.postgresql else "sqlite"
    with targets("sqlite") as known:
        names = [name for name in known if given.only in (None, name)]
    crashes = executions = 0
    print(f"{'target':<16} {'executions':>10} {'refused':>8} {'crashes':>8} {'slowest s':>10} {'peak MiB':>9}")
    for name in names:
        with get_context("spawn").Pool(1) as process:
            outcome = process.apply(alone, (name, given.seed, given.minutes * 60 / len(names), kind))
        executions, crashes = executions + outcome.executions, crashes + len(outcome.crashes)
        numbers = f"{outcome.executions:>10,} {outcome.refused:>8,} {len(outcome.crashes):>8} {outcome.slowest:>10.2f} {outcome.peak:>9.0f}"
        print(f"{name:<16} {numbers}", flush=True)
        for where, (text, trace) in outcome.crashes.items():
            kept = Path(tempfile.gettempdir()) / f"fuzz-{abs(hash(where)):x}.bin"
            kept.write_bytes(text)
            readable = trace.encode(errors="backslashreplace").decode()  # a statement in it may hold half of a surrogate pair
            print(f"--- {where}: {text[:200]!r} (all of it in {kept})\n{readable}")
    print(f"{executions:,} executions, {crashes} crashes")
    return 1 if crashes else 0


if __name__ == "__main__":
    sys.exit(main())
