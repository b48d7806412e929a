"""What an answer spends its processor time on, by part: the product in one process, under Python's profiler.

The profiler makes many small calls of Python look dearer than one long call of the database or of numpy.
"""

import cProfile
import pstats
import time
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

from flask import Flask

from benchmarks.http_case import Case
from benchmarks.http_growth import post
from benchmarks.load import KEY, random_value
from survey_service.app import create_app
from survey_service.settings import Limit, Settings

SESSIONS = 100
PARTS = {
    "SQL": ("/sqlalchemy/", "/sqlmodel/", "/psycopg", "sqlite3.", "psycopg", "survey_service/store/"),
    "JSON": ("/json/", "orjson", "survey_service/web/strict_json.py"),
    "checks": (
        *("/marshmallow/", "/webargs/", "survey_service/web/rate_limit", "survey_service/web/cors.py", "respondent/schemas.py"),
        *("respondent/answers.py", "question_bank/answer_values.py", "survey_service/crypto.py", "/hmac.py", "_hashlib", "/ipaddress.py"),
    ),
    "engine": ("/adaptive/", "/numpy/", "numpy.", "/scipy/", "question_bank/compile.py"),
    "belief and messages": ("survey_service/belief/", "survey_service/outbox/"),
    "session and view": ("survey_service/respondent/",),
    "HTTP": (
        *("/flask/", "/werkzeug/", "/flask_smorest/", "/prometheus_client/", "/structlog/"),
        *("survey_service/web/", "survey_service/ops/", "survey_service/app.py"),
    ),
}
"""What a file or a function of C belongs to: the first part that has a piece of its name. Everything else belongs to its callers."""

Function = tuple[str, int, str]


def show(case: Case, url: str) -> None:
    """Print the processor time of an answer, and the share of each part in it."""
    limit = Limit(1_000_000, 1_000_000.0)
    app = create_app(Settings(url, (KEY,), limit_per_token=limit, limit_per_address=limit, limit_per_survey=limit))
    _answer(app, case, url, lambda: None, lambda: None)
    moments: list[float] = []
    number = _answer(app, case, url, *[lambda: moments.append(time.process_time())] * 2)
    spent = sum(moments[1::2]) - sum(moments[::2])
    profiler = cProfile.Profile(time.process_time)
    _answer(app, case, url, profiler.enable, profiler.disable)
    shares = _shares(pstats.Stats(profiler).stats)  # type: ignore[attr-defined]
    listed = ", ".join(f"{part} {share:.0%}" for part, share in shares.most_common() if share >= 0.005)
    print(f"  in one process {spent / number * 1e6:.0f} us an answer; under the profiler: {listed}", flush=True)


def _answer(app: Flask, case: Case, url: str, begin: Callable[[], None], end: Callable[[], None]) -> int:
    """Answer whole sessions, with `begin` and `end` around each request. Return how many answers there were."""
    draw, number = Random(3), 0
    for session in case.sessions(url, SESSIONS):
        question: Any = case.first
        for step in range(case.answers):
            if question is None:
                break
            value = random_value(question, draw)
            body = {"answer_id": f"a{step}", "question": question["id"], "kind": "answer", "value": value, "seconds": 3}
            begin()
            view = post(app, f"/api/v1/sessions/{session}/answers", body, "t")
            end()
            question = view["question"]
            number += 1
    return number


def _shares(stats: dict[Function, tuple[int, int, float, float, dict[Function, tuple[int, int, float, float]]]]) -> Counter[str]:
    """Return the share of each part in the time of all functions."""
    known: dict[Function, Counter[str]] = {}

    def parts_of(function: Function) -> Counter[str]:
        if function in known:
            return known[function]
        name = function[0] if function[0] != "~" else function[2]
        named = next((part for part, pieces in PARTS.items() if any(piece in name for piece in pieces)), None)
        known[function] = Counter({named or "other": 1.0})
        callers = stats[function][4]
        if named is None and (total := sum(each[3] for each in callers.values())) > 0:
            shared: Counter[str] = Counter()
            for caller, each in callers.items():
                for part, share in parts_of(caller).items():
                    shared[part] += share * each[3] / total
            known[function] = shared
        return known[function]

    found: Counter[str] = Counter()
    for function, (_, _, own, _, _) in stats.items():
        for part, share in parts_of(function).items():
            found[part] += own * share
    total = sum(found.values())
    return Counter({part: seconds / total for part, seconds in found.items()})
