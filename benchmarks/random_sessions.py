"""Ten thousand random respondents in random banks; see tests/world/random_sessions.py for what is checked of each.

PYTHONPATH=. .venv/bin/python -P benchmarks/random_sessions.py [--sessions 10000] [--first 1000]
"""

import argparse
import tempfile
import time
from pathlib import Path

from survey_service.app import create_app
from survey_service.settings import Settings
from survey_service.store.migrate import migrate
from survey_service.web.context import Parts
from tests.survey_service.service import SECRET, Clock
from tests.world.random_sessions import run_session

BANKS_PER_DATABASE = 250
"""A process keeps the banks that it has compiled."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=1000, help="the first seed")
    given = parser.parse_args()
    began, seeds = time.monotonic(), range(given.first, given.first + given.sessions)
    for start in range(0, len(seeds), BANKS_PER_DATABASE):
        with tempfile.TemporaryDirectory() as folder:
            settings = Settings(f"sqlite:///{Path(folder) / 'discern.db'}", (SECRET,), limit_per_token=None, limit_per_survey=None)
            app = create_app(settings, Clock())
            parts: Parts = app.extensions["discern"]
            migrate(parts.store.engine)
            for seed in seeds[start : start + BANKS_PER_DATABASE]:
                run_session(app.test_client(), parts, seed)
            parts.store.close()
    print(f"{given.sessions} sessions, 0 lost, 0 doubled, each with a reason and its belief, in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
