"""Respondents who do anything that a browser can do, over HTTP: repeat, reorder, lose replies, go back, reload, open twice, and leave.

`run_session` walks one of them through a random bank and checks that each acknowledged answer is stored once, that the session ends with a
named reason, and that the stored belief is the one that is computed anew from the log.
"""

from dataclasses import replace
from random import Random
from typing import Any

from flask.testing import FlaskClient
from sqlmodel import Session, select

from question_bank.definitions import Bank
from survey_service.banks.publishing import publish
from survey_service.belief.recompute import infer_belief
from survey_service.store.tables.core import Answer, Belief, Contact, SurveySession
from survey_service.web.context import Parts
from tests.adaptive.random_banks import a_random_bank, a_random_value
from tests.adaptive.test_endings import demanding

REASONS = {"confidence", "at_most", "gain", "seconds", "exhausted", "decision", "respondent"}
REFUSALS = {"session_closed", "question_not_open", "unknown_question", "conflict"}


class Person:
    """One respondent with a client that has faults. `acknowledged` has the answers whose storage was confirmed, by their ids."""

    def __init__(self, client: FlaskClient, survey: str, dice: Random) -> None:
        self._client, self._survey, self._dice = client, survey, dice
        self._start_id = f"{dice.getrandbits(160):040x}"
        self.acknowledged: dict[str, tuple[str, str]] = {}
        self.view = self.open()

    def open(self) -> dict[str, Any]:
        """Open the page, perhaps twice, or again: the same start leads to the same session."""
        for _ in range(self._dice.choice([1, 1, 1, 2])):
            response = self._client.post(f"/api/v1/surveys/{self._survey}/sessions", json={"start_id": self._start_id})
            assert response.status_code == 201, response.text
        view: dict[str, Any] = response.json
        return view

    def act(self, bank: Bank) -> None:
        """Do one thing."""
        doing = self._dice.random()
        if doing < 0.1:
            self.view = {**self.open()}
        elif doing < 0.2 and self.view["question"]["can_go_back"]:
            self._send("back", {"answer_id": f"{self._dice.getrandbits(64)}"})
        elif doing < 0.23:
            self._send("finish", {})
        else:
            self._answer(bank)

    def _answer(self, bank: Bank) -> None:
        asked = self.view["question"]["id"]
        question = bank.question(asked if self._dice.random() < 0.85 else self._dice.choice([q.id for q in bank.questions]))
        value = a_random_value(self._dice, question)
        kind = "answer" if value is not None else self._dice.choice(["skip", "dont_know", "refuse"])
        body = {"answer_id": f"{self._dice.getrandbits(64)}", "question": question.id, "kind": kind, "value": value, "seconds": 9.0}
        answers = [body]
        if self._dice.random() < 0.1:  # a second answer waits as well, and overtakes the first
            answers.insert(0, {**body, "answer_id": f"{self._dice.getrandbits(64)}", "kind": "skip", "value": None})
        for answer in answers:
            self._send("answers", answer)

    def _send(self, act: str, body: dict[str, Any]) -> None:
        """Send a request, perhaps losing its reply and sending it again."""
        path = f"/api/v1/sessions/{self.view['session']}/{act}"
        for _ in range(self._dice.choice([1, 1, 2, 3])):
            response = self._client.post(path, json={**body, "token": self.view["token"]})
        assert response.status_code in (200, 409, 422), response.text
        if response.status_code != 200:
            assert response.json["code"] in REFUSALS, response.text
            return
        if act == "answers":
            self.acknowledged[body["answer_id"]] = body["question"], body["kind"]
        self.view = {**response.json, "token": self.view["token"]}


def run_session(client: FlaskClient, parts: Parts, seed: int) -> None:
    """Publish the bank of a seed, walk a respondent through it to the end, and check what is stored."""
    dice = Random(seed)
    bank = demanding(dice, a_random_bank(dice))
    [survey] = bank.surveys
    bank = replace(bank, id=f"bank-{seed}", surveys=(replace(survey, id=f"survey-{seed}"),))
    with parts.store.writing() as session:
        publish(session, bank, parts.now())
    person = Person(client, f"survey-{seed}", dice)
    for _ in range(200):
        if person.view["status"] != "open":
            break
        person.act(bank)
    with parts.store.writing() as session:
        check_session(session, parts, person)


def check_session(session: Session, parts: Parts, person: Person) -> None:
    """Check the session of a person whose survey has ended."""
    row = session.get(SurveySession, person.view["session"])
    assert row is not None
    assert row.status in ("complete", "finished")
    assert row.stopped_because in REASONS
    log = session.exec(select(Answer).where(Answer.session_id == row.id)).all()
    stored = [(answer.answer_id, (answer.question, answer.kind)) for answer in log]
    assert sorted(stored) == sorted(person.acknowledged.items()), "each acknowledged answer once, and no other"
    current = [answer.question for answer in log if answer.state == "current"]
    assert len(current) == len(set(current))
    contact, belief = session.get(Contact, row.contact_id), session.get(Belief, (row.contact_id, row.bank))
    assert contact is not None
    if belief is not None:
        bank = parts.banks.version(session, row.bank, row.bank_version)
        computed = infer_belief(session, contact, bank, row.bank_version, parts.now()).probabilities
        differences = [abs(p - belief.probabilities[persona]) for persona, p in zip(bank.personas, computed, strict=True)]
        assert max(differences) < 1e-9, differences
