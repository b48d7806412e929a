"""The messages of the floor of `benchmarks/http.py`: the rows of the outbox that an answer leaves, written with the raw driver."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import numpy as np

from adaptive.posterior import log_evidence, weights_of_evidence
from question_bank.compile import CompiledBank, ObservedAnswer
from survey_service.outbox.events import COMPLETED, DECIDED, MODEL, UPDATED
from survey_service.store.tables.columns import new_id

ENDPOINTS = """SELECT id, events, "when", include_pii, state FROM endpoint WHERE state <> 'removed' ORDER BY id"""
NAMES = "SELECT system, type, value FROM external_id WHERE contact_id = ? ORDER BY system, value"
COUNT = "UPDATE contact SET sequence = ? WHERE id = ?"
PENDING = """SELECT id, endpoint_id, facts, due_at_latest, attempt, lane FROM delivery
 WHERE state = 'pending' AND contact_id = ? AND bank = ? AND coalescible AND NOT manual AND (lease_until IS NULL OR lease_until < ?)
 AND endpoint_id IN ({marks}) ORDER BY place{lock}"""
ENQUEUE = """INSERT INTO delivery (endpoint_id, contact_id, event_id, event_type, bank, sequence, place, coalescible, facts, state, due,
 due_at_latest, attempt, uncounted, lane, manual, created_at) VALUES """
ROW = "(?, ?, ?, ?, ?, ?, ?, ?, ?, 'pending', ?, ?, 0, 0, 'interactive', false, ?)"
SUPERSEDE = "UPDATE delivery SET state = 'superseded', settled_at = ?, lease_until = NULL WHERE id IN ({marks})"
MATERIAL = 0.02


@dataclass(frozen=True, eq=False)
class Act:
    """One answer: what was read (`row` of the session and its contact), what is believed now, and what was reported before (`told`)."""

    driver: Any
    bank: CompiledBank
    session_id: str
    row: Any
    contact: str
    answers: Sequence[ObservedAnswer]
    signals: Sequence[tuple[str, datetime, float]]
    belief: dict[str, Any]
    told: dict[str, Any]
    threshold: float
    now: datetime

    @cached_property
    def is_material(self) -> bool:
        """Whether the change is worth a message."""
        before, now = self.told["probabilities"], self.belief["probabilities"]
        moved = max(abs(now[name] - before.get(name, 0.0)) for name in now) >= MATERIAL
        return moved or any(self.belief[name] != self.told[name] for name in ("top", "is_decided"))


def was_reported(bank: CompiledBank) -> dict[str, Any]:
    """Return what counts as reported before the first answer: the prior."""
    prior = bank.tables.persona_prior
    shares = dict(zip(bank.personas, map(float, prior), strict=True))
    return {"top": bank.personas[int(prior.argmax())], "is_decided": False, "probabilities": shares}


def publish(act: Act, survey: str, *, ended: bool) -> None:
    """Write the messages about an answer, and the contact's sequence."""
    driver, belief, sequence = act.driver, act.belief, act.belief["sequence"]
    endpoints = [(row[0], driver.read_json(row[1])) for row in driver.run(ENDPOINTS).fetchall() if row[4] == "active"]
    names = [{"system": row[0], "type": row[1], "id": row[2]} for row in driver.run(NAMES, act.contact).fetchall()]
    marks = ", ".join("?" * len(endpoints))
    found = driver.run(
        PENDING.format(marks=marks, lock=driver.lock), act.contact, act.bank.bank.id, act.now, *[name for name, _ in endpoints]
    ).fetchall()
    is_decision = belief["is_decided"] and (not act.told["is_decided"] or act.told["top"] != belief["top"])
    rows, superseded, facts = [], [], _facts(act, UPDATED, names, sequence)
    for name, _ in endpoints:
        earlier = [row for row in found if row[1] == name]
        if not (ended or act.is_material or earlier):
            continue
        latest = None if ended or is_decision else (earlier and _moment(earlier[0][3])) or act.now + timedelta(seconds=60)
        due = act.now if latest is None else min(act.now + timedelta(seconds=10), latest)
        rows.append(_row(act, name, UPDATED, _coalesced(facts, [driver.read_json(row[2]) for row in earlier]), due, latest, sequence))
        superseded += [row[0] for row in earlier]
    further = [(DECIDED, is_decision, _facts), (COMPLETED, ended, _response)]
    for event_type, happened, content in further:
        subscribers = [name for name, events in endpoints if not events or event_type in events]
        if happened and subscribers:
            sequence += 1
            data = content(act, event_type, names, sequence) if content is _facts else _response(act, survey, names, sequence)
            rows += [_row(act, name, event_type, data, act.now, None, sequence) for name in subscribers]
    driver.run(COUNT, sequence, act.contact)
    if rows:
        driver.run(ENQUEUE + ", ".join([ROW] * len(rows)), *[value for row in rows for value in row])
    if superseded:
        driver.run(SUPERSEDE.format(marks=", ".join("?" * len(superseded))), act.now, *superseded)


def _row(
    act: Act, endpoint: str, event_type: str, facts: dict[str, Any], due: datetime, latest: datetime | None, sequence: int
) -> tuple[Any, ...]:
    key = endpoint, act.contact, new_id("evt"), event_type, act.bank.bank.id, sequence, sequence, event_type == UPDATED
    return *key, json.dumps(facts), due, latest, act.now


def _moment(stored: Any) -> datetime | None:
    return datetime.fromisoformat(stored).astimezone(UTC) if isinstance(stored, str) else stored


def _coalesced(facts: dict[str, Any], earlier: Sequence[dict[str, Any]]) -> dict[str, Any]:
    together = [item["coalesced"] for item in (facts, *earlier)]
    first = min(item["first_sequence"] for item in together)
    return {**facts, "coalesced": {"updates": sum(item["updates"] for item in together), "first_sequence": first}}


def _heading(act: Act, event_type: str, names: Sequence[dict[str, str]], sequence: int, reason: str) -> dict[str, Any]:
    return {
        "schema": f"{event_type}/1",
        "sequence": sequence,
        "reason": reason,
        "occurred_at": act.now.isoformat(),
        "contact": {"id": act.contact, "external_ids": names, "email_sha256": None, "merged_from": []},
        "persona_set": {"id": act.bank.bank.id, "version": act.row[4], "personas": list(act.bank.personas)},
        "consent": {"profiling": None, "version": None},
    }


def _facts(act: Act, event_type: str, names: Sequence[dict[str, str]], sequence: int) -> dict[str, Any]:
    belief = act.belief
    return {
        **_heading(act, event_type, names, sequence, "answer"),
        "model": MODEL,
        "assignment": {
            "persona": belief["top"],
            "kind": "answered",
            "confidence": round(belief["confidence"], 4),
            "margin": round(belief["margin"], 4),
            "entropy_bits": round(belief["entropy"], 4),
            "is_decided": belief["is_decided"],
        },
        "probabilities": {persona: round(p, 4) for persona, p in belief["probabilities"].items()},
        "coalesced": {"updates": 1, "first_sequence": sequence},
        "evidence": {
            "answers": belief["answers"],
            "skipped": 0,
            "signals": belief["signals"],
            "total": belief["answers"] + belief["signals"],
            "last_at": act.now.isoformat(),
        },
        "explanation": _explained(act),
    }


def _explained(act: Act) -> list[dict[str, Any]]:
    bank = act.bank
    weighed = log_evidence(bank.evidence(act.answers), bank.tables)[0]
    items: list[dict[str, Any]] = [{"kind": "answer", "question": given.question, "value": given.value} for given in act.answers]
    rows = [weighed[bank.index[given.question]] for given in act.answers]
    for signal in dict.fromkeys(name for name, _, _ in act.signals):
        items.append({"kind": "signal", "signal": signal})
        rows.append(sum(weight for name, _, weight in act.signals if name == signal) * bank.signal_rows[signal])
    bits = weights_of_evidence(bank.tables.prior, np.array(rows), bank.tables.styles)
    for item, weights in zip(items, bits, strict=True):
        favoured = int(weights.argmax())
        item |= {"favours": bank.personas[favoured], "log_likelihood_ratio_bits": round(float(weights[favoured]), 4)}
    return sorted(items, key=lambda item: -abs(item["log_likelihood_ratio_bits"]))[:5]


def _response(act: Act, survey: str, names: Sequence[dict[str, str]], sequence: int) -> dict[str, Any]:
    given = {answer.question: answer.value for answer in act.answers}
    response = {"session": act.session_id, "survey": survey, "status": "complete", "ended_at": act.now.isoformat()}
    questions = [
        {"question": name, "state": "answered" if name in given else "not_asked", "value": given.get(name)}
        for name in act.bank.bank.survey_by_id[survey].questions
    ]
    return {**_heading(act, COMPLETED, names, sequence, "complete"), "response": response, "questions": questions}
