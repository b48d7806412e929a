"""Schemathesis against a real server with its own database: every call, valid and invalid, and sequences of calls.

PYTHONPATH=. .venv/bin/python -P benchmarks/fuzz_http.py [--cases N] [--seed N] [--examples N] [--database URL]
"""

import argparse
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from question_bank.files.load import read_bank
from survey_service.app import create_app
from survey_service.banks.publishing import publish
from survey_service.crypto import Keyring
from survey_service.server.gunicorn_app import serve
from survey_service.settings import Settings
from survey_service.store.migrate import migrate
from survey_service.store.session import Store
from survey_service.web.api_keys import create_key
from survey_service.web.context import utc_now

ROOT = Path(__file__).resolve().parent.parent
BANK = ROOT / "question_bank" / "examples" / "car-buyers.yaml"
SECRET = "a key of the fuzz that is long enough"
BLUEPRINTS = ("respondent", "contacts", "webhooks", "connections")
"""Blueprints whose calls depend on one another: their sequences run once more without other calls in between."""
COUNTED = re.compile(r'discern_http_requests_total\{method="(\w+)",route="([^"]+)",status="(\d)\d\d"\} ([\d.e+]+)')


def serve_alone(settings: Settings, bind: str) -> None:
    """Run the real server without outgoing connections: fuzzed input may contain any URL."""
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def connect_on_loopback(plug: socket.socket, address: Any) -> None:
        if plug.family != socket.AF_UNIX and address[0] != "127.0.0.1":
            raise ConnectionRefusedError("the fuzz stays on this machine")
        connect(plug, address)

    def resolve_loopback(host: Any, *more: Any, **others: Any) -> Any:
        if host not in ("127.0.0.1", "localhost", None):
            raise socket.gaierror("the fuzz stays on this machine")
        return look_up(host, *more, **others)

    socket.socket.connect, socket.getaddrinfo = connect_on_loopback, resolve_loopback  # type: ignore[method-assign,assignment]
    serve(create_app, settings, bind, 2, 4)


@contextmanager
def serving(settings: Settings) -> Iterator[str]:
    """Run the server. Yield its URL when it is ready."""
    with socket.socket() as plug:
        plug.bind(("127.0.0.1", 0))
        bind = f"127.0.0.1:{plug.getsockname()[1]}"
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(settings.metrics_folder)
    server = get_context("spawn").Process(target=serve_alone, args=(settings, bind))
    server.start()
    try:
        until = time.monotonic() + 30
        while not answers(f"http://{bind}/readyz") and time.monotonic() < until:
            time.sleep(0.1)
        yield f"http://{bind}"
    finally:
        server.terminate()
        server.join()


def answers(url: str) -> str | None:
    """Return the response of a URL, or None if nothing listens there."""
    try:
        with urlopen(url, timeout=5) as response:
            return str(response.read().decode())
    except OSError:
        return None


def prepared(settings: Settings) -> str:
    """Create the tables, the example bank, and an admin key."""
    with closing(Store(settings.database_url)) as store:
        migrate(store.engine)
        with store.writing() as session:
            publish(session, read_bank(BANK.read_text(), BANK.name), utc_now())
            return create_key(session, Keyring(settings.secret_keys), "admin", "fuzz", utc_now())


def fuzzed(address: str, key: str, seed: int, examples: int, folder: Path, *only: str) -> Counter[str]:
    """Run all checks once. Return the numbers of test cases. `only` limits the run to a part of the document."""
    report = folder / "report.json"
    command = [
        *(str(Path(sys.executable).parent / "schemathesis"), "--config-file", str(ROOT / "schemathesis.toml")),
        *("run", f"{address}/api/v1/openapi.json", "--seed", str(seed), "--max-examples", str(examples), "--warnings", "off"),
        *("--continue-on-failure", "--no-color", "--report-json-path", str(report), *only),
    ]
    done = subprocess.run(command, env={**os.environ, "DISCERN_FUZZ_KEY": key}, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        print(done.stdout)
    return Counter(json.loads(report.read_text())["test_cases"])


def answered(metrics: str) -> dict[str, Counter[str]]:
    """Return, by route, how many responses of each status class the server counted."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for method, route, hundred, number in COUNTED.findall(metrics):
        if route.startswith("/api/v1/") and method not in ("HEAD", "OPTIONS"):
            found[f"{method} {route}"][f"{hundred}xx"] += int(float(number))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000, help="at least so many")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--examples", type=int, default=100, help="for each operation and phase of a run")
    parser.add_argument("--database", help="an empty one; default: a SQLite file that is thrown away")
    given = parser.parse_args()
    cases, failures, started = 0, 0, time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        counters = folder / "counters"
        counters.mkdir()
        unlimited = {f"limit_per_{scope}": None for scope in ("token", "address", "survey")}
        url = given.database or f"sqlite:///{folder}/fuzz.db"
        settings = Settings(url, (SECRET,), log_level="ERROR", metrics_folder=str(counters), **unlimited)  # type: ignore[arg-type]
        key = prepared(settings)
        with serving(settings) as address:
            for seed in range(given.seed, given.seed + 100):
                for only in ((), *(("--phases", "stateful", "--include-tag", blueprint) for blueprint in BLUEPRINTS)):
                    counted = fuzzed(address, key, seed, given.examples, folder, *only)
                    cases += counted["generated"]
                    failures += counted["unique_failures"] + counted["errored"]
                print(f"seed {seed}: {cases:,} cases, {failures} failures, {time.monotonic() - started:.0f} s", flush=True)
                if cases >= given.cases:
                    break
            routes = answered(answers(f"{address}/metrics") or "")
    hundreds = sum(routes.values(), Counter[str]())
    by_status = ", ".join(f"{number:,} {hundred}" for hundred, number in sorted(hundreds.items()))
    print(f"answers of the server: {by_status}, {hundreds['5xx']} 5xx")
    rare = sorted(route for route, seen in routes.items() if not seen["2xx"])
    print("never answered 2xx:", ", ".join(rare) or "none")
    return 1 if failures or hundreds["5xx"] or not hundreds else 0


if __name__ == "__main__":
    sys.exit(main())
