"""A real application on a real database, with a small bank and a clock that changes only when a test moves it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from question_bank.files.load import read_bank
from survey_service.app import create_app
from survey_service.banks.publishing import publish
from survey_service.settings import Settings
from survey_service.web.api_keys import create_key
from survey_service.web.context import Parts

SECRET = "a key for tests that is long enough"
START = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)

BANK = """
bank: cars
languages: [en, fr]
personas:
  - {id: driver, name: {en: The driver, fr: Le conducteur}, prior: 0.5}
  - {id: family, name: {en: The family, fr: La famille}, prior: 0.5}
questions:
  - id: owns
    type: single
    text: {en: Do you own a car?, fr: Avez-vous une voiture ?}
    options: [{id: yes, text: {en: Yes, fr: Oui}}, {id: no, text: {en: No, fr: Non}}]
    likelihood: {driver: [0.9, 0.1], family: [0.4, 0.6]}
  - id: reasons
    type: multiple
    text: {en: Why that one?, fr: Pourquoi celle-là ?}
    options: [{id: safety, text: Safe}, {id: power, text: Fast}, {id: price, text: Cheap}]
    likelihood: {driver: [0.2, 0.8, 0.3], family: [0.7, 0.2, 0.5]}
    ask_if: {owns: [yes]}
  - id: happy
    type: scale
    text: Happy?
    min: 1
    max: 5
    labels: {1: No, 5: Yes}
    likelihood: {driver: {mean: 4, sd: 1}, family: {mean: 3, sd: 1}}
  - id: km
    type: number
    text: How far do you drive in a year?
    min: 0
    max: 100000
    unit: km
    likelihood: {driver: {mean: 30000, sd: 8000}, family: {mean: 12000, sd: 5000}}
    no_answer: {driver: 0.1, family: 0.4}
  - id: why
    type: text
    text: Anything else?
surveys:
  - id: all
    title: Everything
    stop: {at_most: 5}
    origins: ["https://shop.example"]
    result: {default: {text: Thanks}, driver: {text: Vroom}}
  - {id: short, title: Short, questions: [owns, happy, km], stop: {confidence: 0.8, at_most: 2}, first: [happy]}
"""


@dataclass
class Clock:
    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        self.now += timedelta(**by)


@dataclass
class Service:
    """The application with shorthands for common calls."""

    app: Flask
    clock: Clock
    key: str
    numbers: Any = field(default_factory=lambda: count(1))

    @property
    def parts(self) -> Parts:
        return self.app.extensions["discern"]

    @property
    def client(self) -> FlaskClient:
        return self.app.test_client()

    def call(self, method: str, path: str, body: Any = None, *, key: str | None = None, **more: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.key if key is None else key}", **more.pop("headers", {})}
        return self.client.open(path, method=method, headers=headers, **({"json": body} if "data" not in more else {}), **more)

    def start(self, survey: str = "all", **body: Any) -> "Respondent":
        answer = self.client.post(f"/api/v1/surveys/{survey}/sessions", json=body)
        assert answer.status_code == 201, answer.text
        return Respondent(self, answer.json)


@dataclass
class Respondent:
    """A respondent in a session; `view` is the latest response."""

    service: Service
    view: dict[str, Any]

    def __post_init__(self) -> None:
        self.session, self.token = self.view["session"], self.view["token"]

    def post(self, what: str, body: dict[str, Any]) -> TestResponse:
        path = f"/api/v1/sessions/{self.session}/{what}"
        response = self.service.client.post(path, json=body, headers={"Authorization": f"Bearer {self.token}"})
        if response.status_code == 200:
            self.view = response.json
        return response

    def answer(self, question: str, value: Any, **more: Any) -> TestResponse:
        body = {"answer_id": f"a{next(self.service.numbers)}", "question": question, "kind": "answer", "value": value}
        return self.post("answers", {**body, **more})

    def silent(self, question: str, kind: str = "skip") -> TestResponse:
        return self.post("answers", {"answer_id": f"a{next(self.service.numbers)}", "question": question, "kind": kind})

    def back(self) -> TestResponse:
        return self.post("back", {"answer_id": f"b{next(self.service.numbers)}"})

    def insight(self) -> dict[str, Any]:
        response = self.service.call("GET", f"/api/v1/sessions/{self.session}")
        assert response.status_code == 200, response.text
        return response.json

    def belief(self) -> dict[str, float]:
        return self.insight()["belief"]["probabilities"]


def a_service(database_url: str, bank: str = BANK) -> Service:
    """Create a service with `bank` published and an admin key, on a database that has its tables."""
    clock = Clock()
    app = create_app(Settings(database_url=database_url, secret_keys=(SECRET,)), clock)
    parts: Parts = app.extensions["discern"]
    with parts.store.writing() as session:
        publish(session, read_bank(bank), clock())
        key = create_key(session, parts.keys, "admin", "tests", clock())
    return Service(app, clock, key)
