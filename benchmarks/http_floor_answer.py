"""What the floor of `benchmarks/http.py` reads, chooses and writes for one answer; its messages are in `http_floor_messages.py`."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from adaptive import Evidence, Progress, look_ahead_states, next_questions
from adaptive.stopping import REASONS
from benchmarks.http_case import Case
from benchmarks.http_floor_messages import Act, publish, was_reported
from question_bank.answer_values import canonical, from_store, to_store
from question_bank.compile import CompiledBank, ObservedAnswer, compile_bank
from question_bank.files.load import read_bank
from survey_service.respondent.view import rendered

LOCK = """SELECT s.id, s.token_digest, s.survey, s.bank, s.bank_version, s.contact_id, s.language, s.status, s.question, s."limit",
 s.started_at, s.expires_at, c.sequence, c.attributes, c.consent, c.labels
 FROM survey_session s JOIN contact c ON c.id = s.contact_id WHERE s.id = ?"""
LOG = """SELECT a.id, a.session_id, a.question, a.kind, a.value, a.seconds, a.measured, a.answer_id, a.given_at, b.sequence, b.told
 FROM contact c LEFT JOIN belief b ON b.contact_id = c.id AND b.bank = ?
 LEFT JOIN answer a ON (a.contact_id = c.id AND a.bank = ? AND a.state = 'current') OR a.session_id = ? WHERE c.id = ? ORDER BY a.id"""
ADD = """INSERT INTO answer (session_id, contact_id, bank, bank_version, question, kind, value, seconds, measured, trapped, answer_id,
 state, given_at) VALUES (?, ?, ?, ?, ?, 'answer', ?, ?, ?, false, ?, 'current', ?)"""
GO_ON = "UPDATE survey_session SET question = ?, last_at = ?, expires_at = ? WHERE id = ?"
END = """UPDATE survey_session SET question = NULL, status = 'complete', stopped_because = ?, ended_at = ?, last_at = ?, expires_at = ?
 WHERE id = ?"""
BELIEVE = """INSERT INTO belief (contact_id, bank, bank_version, probabilities, top, confidence, margin, entropy_bits, is_decided,
 threshold, answers, skipped, signals, sequence, told, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?)
 ON CONFLICT (contact_id, bank) DO UPDATE SET probabilities = excluded.probabilities, top = excluded.top, confidence = excluded.confidence,
 margin = excluded.margin, entropy_bits = excluded.entropy_bits, is_decided = excluded.is_decided, answers = excluded.answers,
 signals = excluded.signals, sequence = excluded.sequence, told = excluded.told, updated_at = excluded.updated_at"""
EVENTS = """SELECT kind, name, at FROM contact_event WHERE contact_id = ?
 AND ((kind IN ('track', 'screen') AND name = ?) OR (kind = 'page' AND path LIKE ?)) ORDER BY at DESC, id DESC"""
DECIDED_AT = 0.85


@dataclass(frozen=True)
class Reply:
    """The next question, None at the end, and the one after each outcome of it."""

    question: str | None
    ahead: dict[str, str | None]
    answered: int


@dataclass(frozen=True, eq=False)
class Floor:
    """One bank and one survey, with each question as clients get it."""

    case: Case
    bank: CompiledBank
    shown: dict[str, dict[str, Any]]

    @classmethod
    def of(cls, case: Case) -> "Floor":
        bank = compile_bank(read_bank(case.source))
        return cls(case, bank, {question.id: rendered(question, "en", "en") for question in bank.bank.questions})

    @property
    def survey(self) -> str:
        return self.case.survey

    def view(self, session_id: str, reply: Reply) -> dict[str, Any]:
        return {
            "session": session_id,
            "status": "open" if reply.question else "complete",
            "question": reply.question and self.shown[reply.question],
            "ahead": reply.ahead,
            "next_questions": {name: self.shown[name] for name in dict.fromkeys(reply.ahead.values()) if name},
            "progress": {"answered": reply.answered, "at_most": self.case.limit - reply.answered},
        }

    def record(self, driver: Any, session_id: str, given: dict[str, Any]) -> Reply:
        now, bank, tables, rules = datetime.now(UTC), self.bank, self.bank.tables, self.bank.rules[self.survey]
        row = driver.run(LOCK + driver.lock, session_id).fetchone()
        contact, version, name = row[5], row[4], bank.bank.id
        log = driver.run(LOG, name, name, session_id, contact).fetchall()
        value = canonical(bank.bank.question_by_id[given["question"]], given["value"])
        stored = json.dumps(to_store(bank.bank.question_by_id[given["question"]], value))
        driver.run(ADD, session_id, contact, name, version, given["question"], stored, 3.0, 3.0, given["answer_id"], now)
        answers = [
            ObservedAnswer(entry[2], from_store(bank.bank.question_by_id[entry[2]], driver.read_json(entry[4])))
            for entry in log
            if entry[0]
        ]
        answers.append(ObservedAnswer(given["question"], value))
        signals, behaviour = self._behaviour(driver, contact, now)
        evidence = bank.evidence(answers, behaviour)
        progress = _progress(evidence, len(answers), row[9])
        step = next_questions(tables, rules, evidence, progress)
        question = bank.bank.questions[int(step.chosen[0])].id if step.chosen[0] >= 0 else None
        if question is None:
            driver.run(END, REASONS[step.reason[0]], now, now, now + timedelta(hours=24), session_id)
        else:
            driver.run(GO_ON, question, now, now + timedelta(hours=24), session_id)
        told = driver.read_json(log[0][10]) if log[0][10] else was_reported(bank)
        belief = self._belief(step.belief[0], signals)
        belief |= {"answers": len(answers), "sequence": max(row[12], log[0][9] or 0) + 1}
        act = Act(driver, bank, session_id, row, contact, answers, signals, belief, told, rules.stop.confidence or DECIDED_AT, now)
        self._believe(act, question)
        return self._reply(evidence, progress, question, len(answers))

    def _behaviour(self, driver: Any, contact: str, now: datetime) -> tuple[list[tuple[str, datetime, float]], Any]:
        """Return the signals that count, newest first, and their (K,) log-likelihood."""
        if not self.bank.bank.signals:
            return [], None
        by_event, by_page = self.bank.bank.signals
        pattern = by_page.match["page"].replace("*", "%")
        seen = []
        for kind, _, at in driver.run(EVENTS, contact, by_event.match["event"], pattern):
            signal = by_page if kind == "page" else by_event
            moment = at if isinstance(at, datetime) else datetime.fromisoformat(at).replace(tzinfo=UTC)
            days = max((now - moment) / timedelta(days=1), 0.0)
            if sum(name == signal.id for name, _, _ in seen) < (signal.at_most or 1):
                seen.append((signal.id, moment, 0.5 ** (days / (signal.half_life_days or 1e9))))
        return seen, sum((weight * self.bank.signal_rows[name] for name, _, weight in seen), np.zeros(len(self.bank.personas)))

    def _belief(self, belief: Any, signals: Sequence[Any]) -> dict[str, Any]:
        order = np.argsort(-belief)
        confidence = float(belief[order[0]])
        return {
            "probabilities": dict(zip(self.bank.personas, map(float, belief), strict=True)),
            "top": self.bank.personas[int(order[0])],
            "confidence": confidence,
            "margin": confidence - float(belief[order[1]]),
            "entropy": float(-(belief * np.log2(belief)).sum()),
            "signals": len(signals),
        }

    def _believe(self, act: Act, question: str | None) -> None:
        """Store the belief, and the messages where there are subscribers."""
        belief = act.belief
        belief["is_decided"] = belief["confidence"] >= act.threshold
        told = {name: belief[name] for name in ("top", "is_decided", "probabilities")} if act.is_material else act.told
        if self.case.has_subscribers:
            publish(act, self.case.survey, ended=question is None)
        counted = belief["answers"], belief["signals"], belief["sequence"], json.dumps(told), act.now
        figures = belief["top"], belief["confidence"], belief["margin"], belief["entropy"], belief["is_decided"], act.threshold
        key = act.contact, self.bank.bank.id, act.row[4]
        act.driver.run(BELIEVE, *key, json.dumps(belief["probabilities"]), *figures, *counted)

    def _reply(self, evidence: Evidence, progress: Progress, question: str | None, answered: int) -> Reply:
        if question is None:
            return Reply(None, {}, answered)
        bank = self.bank
        outcomes = bank.outcomes(question)
        rows = np.array([bank.row(outcome) for outcome in outcomes])
        opens = np.ones((len(outcomes), len(bank.index)), dtype=bool)
        supposed = look_ahead_states(bank.tables, evidence, progress, bank.index[question], rows, opens)
        chosen = next_questions(bank.tables, bank.rules[self.survey], *supposed).chosen
        names = ["skip" if outcome.value is None else str(outcome.value) for outcome in outcomes]
        return Reply(question, dict(zip(names, [bank.bank.questions[q].id if q >= 0 else None for q in chosen], strict=True)), answered)


def _progress(evidence: Evidence, taken: int, limit: int) -> Progress:
    done = evidence.answered | evidence.silent
    return Progress(done, np.ones_like(done), np.array([taken]), np.array([3.0 * taken]), np.array([limit]))
