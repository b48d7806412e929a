"""The long run of `tests/test_fleet.py`: 4 workers, 200 contacts x 50 updates, 10 % errors, a worker killed every 2 s for 30 s.

PYTHONPATH=. .venv/bin/python -P benchmarks/fleet.py [--database URL | --postgresql]
"""

import argparse

from benchmarks.throwaway import database
from survey_service.store.migrate import migrate
from survey_service.store.session import open_engine
from tests.fleet import Fleet


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database")
    parser.add_argument("--postgresql", action="store_true", help="start a PostgreSQL of its own")
    parser.add_argument("--contacts", type=int, default=200)
    parser.add_argument("--updates", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=30)
    wanted = parser.parse_args()
    with database(wanted.database, postgresql=wanted.postgresql) as url:
        migrate(open_engine(url))
        fleet = Fleet(url, wanted.contacts, wanted.updates, wanted.seconds)
        ledger, last, states, attempts = fleet.run()
    accepted = ledger.accepted()
    taken = [webhook_id for webhook_id, _, _, was_taken in ledger.requests if was_taken]
    print(f"database       {url.split(':')[0]}")
    print(f"workers killed {fleet.kills}")
    print(f"changes        {states.total()}, of which superseded {states['superseded']}, delivered {states['delivered']}")
    print(f"requests       {len(ledger.requests)}, in the log {attempts}")
    print(f"lost or stale  {sum(accepted.get(contact, [0])[-1] != sequence for contact, sequence in last.items())} contacts")
    print(f"out of order   {sum(sequences != sorted(sequences) for sequences in accepted.values())} contacts")
    print(f"repeated       {len(taken) - len(set(taken))}, with other bytes {sum(len(body) > 1 for body in ledger.bodies.values())}")


if __name__ == "__main__":
    main()
