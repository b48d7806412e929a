"""docs/architecture.md describes the path of one answer: its files exist, and an answer enters few functions in few modules."""

import re
import sys
from pathlib import Path

from sqlalchemy import event

from tests.survey_service.service import BANK, Service, a_service

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "architecture.md").read_text()
OURS = ("adaptive", "question_bank", "survey_service")
MOST_FUNCTIONS, MOST_MODULES = 50, 20


def test_every_file_of_the_page_exists():
    """Every path on the page exists in the repository."""
    paths = re.findall(r"`([\w/]+(?:/|\.\w+))`", PAGE)

    assert len(paths) > 30
    assert [path for path in paths if "/" in path and not (ROOT / path).exists()] == []


def entered(service: Service, answer_id: str, question: str, value: object, started: dict[str, str]) -> set[tuple[str, str]]:
    """Return the functions of ours that one answer enters from another module, as (module, function), from the route to the commit."""
    found: set[tuple[str, str]] = set()
    state = {"on": False}

    def module_of(frame) -> str | None:
        path = Path(frame.f_code.co_filename)
        return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) and path.relative_to(ROOT).parts[0] in OURS else None

    def profile(frame, what, _):
        if what != "call" or (module := module_of(frame)) is None:
            return
        if module.endswith("respondent/routes.py") and frame.f_code.co_name == "answer":
            state["on"] = True
        if state["on"] and not frame.f_code.co_name.startswith("<"):
            caller = frame.f_back
            while caller is not None and module_of(caller) is None:
                caller = caller.f_back
            if caller is None or module_of(caller) != module:
                found.add((module, frame.f_code.co_qualname))

    @event.listens_for(service.parts.store.engine, "commit")
    def _committed(_connection):
        state["on"] = False

    body = {"token": started["token"], "answer_id": answer_id, "question": question, "kind": "answer", "value": value}
    sys.setprofile(profile)
    try:
        response = service.client.post(f"/api/v1/sessions/{started['session']}/answers", json=body)
    finally:
        sys.setprofile(None)
        event.remove(service.parts.store.engine, "commit", _committed)
    assert response.status_code == 200
    return found


def test_an_answer_enters_few_functions(tmp_path):
    """Measured from the route to the commit, with a webhook endpoint, on SQLite, after another respondent gave the same answers. The last
    two questions are planned by two more functions of one more module (`adaptive/endgame.py`).
    """
    from survey_service.store.migrate import migrate
    from survey_service.store.session import open_engine

    url = f"sqlite:///{tmp_path}/walk.db"
    migrate(open_engine(url))
    service = a_service(url, BANK.replace("{at_most: 5}", "{at_most: 5, endgame: none}"))
    endpoint = {"url": "https://crm.example.com/hook", "when": "every_answer"}
    assert service.client.post("/api/v1/endpoints", json=endpoint, headers={"Authorization": f"Bearer {service.key}"}).status_code == 201
    walk: set[tuple[str, str]] = set()
    for _ in range(2):
        started = service.client.post("/api/v1/surveys/all/sessions", json={}).json
        entered(service, "first", "owns", "yes", started)
        walk = entered(service, "second", "happy", 4, started)

    assert len(walk) <= MOST_FUNCTIONS, sorted(walk)
    assert len({module for module, _ in walk}) <= MOST_MODULES, sorted({module for module, _ in walk})
