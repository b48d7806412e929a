"""The long run of `tests/test_chaos.py`: 16 respondents and 16 customers for 60 s, while every 3 s a web server, a worker or PostgreSQL is
killed. Customers answer, are tracked, merged and erased.

PYTHONPATH=. .venv/bin/python benchmarks/chaos.py [--only sqlite|postgresql] [--respondents 16] [--customers 16] [--seconds 60]
"""

import argparse
import tempfile
from dataclasses import asdict

from survey_service.store.migrate import migrate
from survey_service.store.session import open_engine
from tests.chaos import Chaos
from tests.survey_service.databases import clone, postgres


def show(kind: str, chaos: Chaos) -> None:
    found = asdict(chaos.run())
    print(f"\n{kind}: killed {', '.join(f'{kill} {times} times' for kill, times in sorted(chaos.kills.items()))}")
    for name, value in found.items():
        print(f"  {name:13} {len(value) if isinstance(value, list) else value}", *(value[:3] if isinstance(value, list) else ()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=["sqlite", "postgresql"])
    parser.add_argument("--respondents", type=int, default=16)
    parser.add_argument("--customers", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=60)
    wanted = parser.parse_args()
    if wanted.only != "postgresql":
        with tempfile.TemporaryDirectory() as folder:
            url = f"sqlite:///{folder}/chaos.db"
            migrate(open_engine(url))
            show("SQLite", Chaos(url, wanted.respondents, wanted.seconds, wanted.customers))
    if wanted.only != "sqlite":
        with postgres() as server, clone(server) as url:
            show("PostgreSQL", Chaos(url, wanted.respondents, wanted.seconds, wanted.customers, server=server))


if __name__ == "__main__":
    main()
