"""Respondents who answer surveys over HTTP while the service is disturbed."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPException
from random import Random
from threading import Event, Thread
from typing import Any
from uuid import uuid4

from tests.processes import Web

BUSY = (429, 503)


class Respondent(Thread):
    """Answer surveys in turn and record every acknowledged answer. A lost reply is requested again, as the widget does.

    Refusals of answers are `broken`, but for the statuses in `expected`.
    """

    def __init__(self, webs: Sequence[Web], seed: int) -> None:
        super().__init__(daemon=True)
        self.webs, self.dice, self.stop = list(webs), Random(seed), Event()
        self.acknowledged: dict[str, list[dict[str, Any]]] = {}
        self.broken: list[tuple[int, Any]] = []
        self.failures: list[Exception] = []
        self.tokens: dict[str, str] = {}
        self.expected: tuple[int, ...] = ()

    def run(self) -> None:
        while not self.stop.is_set():
            status, view = self.repeat_until_answered("POST", "/api/v1/surveys/post-purchase/sessions", {})
            if status == 201:
                self.tokens[view["session"]] = view["token"]
                self.continue_survey(view)
            elif status != 0:
                self.broken.append((status, view))

    def continue_survey(self, view: Any) -> Any:
        """Answer until the survey ends or the run stops. Return the last view."""
        session = view["session"]
        while view and view["status"] == "open" and not self.stop.is_set():
            body = {"answer_id": f"{session}-{uuid4()}", "question": view["question"]["id"], **self.random_answer(view["question"])}
            status, answer = self.repeat_until_answered(
                "POST", f"/api/v1/sessions/{session}/answers", {**body, "token": self.tokens[session]}
            )
            if status == 200:
                self.acknowledged.setdefault(session, []).append(body)
            elif status != 0 and status not in self.expected:
                self.broken.append((status, answer))
            view = answer if status == 200 else None
        return view

    def look(self, session: str) -> tuple[int, Any]:
        return self.repeat_until_answered("GET", f"/api/v1/sessions/{session}", None, self.tokens[session])

    def repeat_until_answered(self, method: str, path: str, body: Any, token: str | None = None) -> tuple[int, Any]:
        """Repeat the request until it succeeds: after a refused connection, a broken reply, or a Retry-After."""
        while not self.stop.is_set():
            try:
                status, answer = self.webs[0].call(method, path, body, token)
                if status not in BUSY:
                    return status, answer
            except (OSError, HTTPException, ValueError) as failure:
                self.failures.append(failure)
                self.webs.append(self.webs.pop(0))
            self.stop.wait(0.02)
        return 0, None

    def random_answer(self, question: Any) -> dict[str, Any]:
        if self.dice.random() < 0.2:
            return {"kind": "skip"}
        options = [option["id"] for option in question.get("options", [])]
        value = {
            "single": lambda: self.dice.choice(options),
            "multiple": lambda: [option for option in options if self.dice.random() < 0.5],
            "scale": lambda: self.dice.randint(1, 10),
        }[question["type"]]()
        return {"kind": "answer", "value": value}


@contextmanager
def answering(people: Sequence[Respondent]) -> Iterator[None]:
    """Let all respondents answer while the block lasts."""
    for someone in people:
        someone.start()
    try:
        yield
    finally:
        for someone in people:
            someone.stop.set()
        for someone in people:
            someone.join()


def all_acknowledged(people: Sequence[Respondent]) -> dict[str, list[dict[str, Any]]]:
    """Return the answers of each session that got a 200."""
    return {session: answers for someone in people for session, answers in list(someone.acknowledged.items())}


def count(people: Sequence[Respondent]) -> int:
    """Return the number of acknowledged answers so far."""
    return sum(len(answers) for someone in people for answers in list(someone.acknowledged.values()))
