"""What the page of a contact shows, as plain values: the belief, how each answer moved it, and what happened."""

from collections.abc import Mapping
from datetime import datetime
from itertools import pairwise
from math import log2
from typing import Any

from sqlmodel import Session

from question_bank.compile import CompiledBank
from question_bank.definitions import Question, in_language, unit_in
from survey_service.contacts.looks import looks_at
from survey_service.contacts.schemas import TimelineQuery
from survey_service.contacts.timeline import timeline_page
from survey_service.contacts.views import contact_view
from survey_service.store.banks import Banks
from survey_service.store.tables.core import Contact


def contact_page(session: Session, banks: Banks, contact: Contact, language: str, now: datetime) -> dict[str, Any]:
    """Return everything that a contact's page shows, without the log of looks."""
    view = contact_view(session, banks, contact, now)
    entries, _ = timeline_page(session, contact, TimelineQuery(limit=30))
    beliefs: list[dict[str, Any]] = []
    asked: dict[str, str] = {}
    for name, belief in view["beliefs"].items():
        compiled = banks.version(session, name, belief["bank_version"])
        asked |= {q.id: in_language(q.text, language, compiled.bank.language) or q.id for q in compiled.bank.questions}
        beliefs.append(explained(compiled, belief, language) | {"label": view["labels"].get(name)})
    return {"contact": view, "name": _name(view), "beliefs": beliefs, "timeline": entries, "asked": asked}


def looks_of(session: Session, contact: Contact) -> list[dict[str, Any]]:
    """Return who looked at the contact."""
    return looks_at(session, contact)


def _name(view: Mapping[str, Any]) -> str:
    """Return what to call the contact: the id of the CRM, or ours."""
    known = [row["id"] for row in view["external_ids"]]
    return str(known[0] if known else view["id"])


def explained(bank: CompiledBank, belief: Mapping[str, Any], language: str) -> dict[str, Any]:
    """Return a belief with its steps: the belief before the first piece of evidence and after each, from their weights in bits.

    A weight is the change of a persona's log odds, so the log odds of a step are the sum of the weights up to it.
    """
    definition = bank.bank
    personas = [
        {"id": persona.id, "place": place, "name": in_language(persona.name, language, definition.language) or persona.id}
        for place, persona in enumerate(definition.personas)
    ]
    names = {persona["id"]: persona for persona in personas}
    odds = {persona: _log_odds(float(share)) for persona, share in zip(bank.personas, bank.tables.persona_prior, strict=True)}
    steps = [_probabilities(odds)]
    items = []
    for number, item in enumerate(belief["explanation"], start=1):
        odds = {persona: value + item["bits"][persona] for persona, value in odds.items()}
        steps.append(_probabilities(odds))
        items.append(
            {
                **item,
                "number": number,
                "asked": _asked(bank, item, language),
                "said": _said(bank, item, language),
                "for_top": item["bits"][belief["top"]],
                "favoured": names.get(item["favours"] or ""),
            }
        )
    before, after = _log_odds(steps[0][belief["top"]]), odds[belief["top"]]
    return {
        **belief,
        "personas": sorted(personas, key=lambda persona: -belief["probabilities"][persona["id"]]),
        "all": personas,
        "top_persona": names[belief["top"]],
        "items": items,
        "largest": max((abs(item["for_top"]) for item in items), default=1.0) or 1.0,
        "steps": steps,
        "changes": sum(_top(one) != _top(other) for one, other in pairwise(steps)),
        "bits": {"before": before, "evidence": sum(item["for_top"] for item in items), "after": after},
        "description": _description(bank, belief["top"], language),
    }


def _log_odds(probability: float) -> float:
    return log2(probability / (1 - probability)) if 0 < probability < 1 else (1e3 if probability else -1e3)


def _probabilities(odds: Mapping[str, float]) -> dict[str, float]:
    return {persona: 1 / (1 + 2**-value) if value > -1000 else 0.0 for persona, value in odds.items()}


def _top(step: Mapping[str, float]) -> str:
    return max(step, key=step.__getitem__)


def _description(bank: CompiledBank, persona: str, language: str) -> str | None:
    found = next(item for item in bank.bank.personas if item.id == persona)
    return in_language(found.needs or found.description, language, bank.bank.language)


def _asked(bank: CompiledBank, item: Mapping[str, Any], language: str) -> str | None:
    question = bank.bank.question_by_id.get(item.get("question", ""))
    return in_language(question.text, language, bank.bank.language) if question else item.get("signal")


def _said(bank: CompiledBank, item: Mapping[str, Any], language: str) -> str | None:
    """Return what was answered in words; None for a kind of no answer."""
    if item["kind"] == "label":
        persona = next(found for found in bank.bank.personas if found.id == item["value"])
        return in_language(persona.name, language, bank.bank.language)
    question = bank.bank.question_by_id.get(item.get("question", ""))
    if question is None or item.get("value") is None:
        return None
    value = item["value"]
    if question.type == "number":
        unit = unit_in(question, language, bank.bank.language)
        return f"{_number(value)} {unit}" if unit else _number(value)
    if question.type == "scale":
        return f"{value} / {int(question.maximum or 0)}"
    return _options(question, value, bank.bank.language, language)


def _number(value: Any) -> str:
    """Return a number, or an interval with open ends, in words."""
    low, high = _ends(value)
    if low == high:
        return f"{low:g}"
    return f"{'' if low is None else format(low, 'g')} – {'' if high is None else format(high, 'g')}".strip()


def _ends(value: Any) -> tuple[float | None, float | None]:
    return (value.get("from"), value.get("to")) if isinstance(value, Mapping) else (value, value)


def _options(question: Question, value: Any, default: str, language: str) -> str:
    texts = {option.id: in_language(option.text, language, default) or option.id for option in question.options}
    ticked = value.get("ticked", []) if isinstance(value, Mapping) else value
    chosen = [ticked] if isinstance(ticked, str) else list(ticked)
    return ", ".join(texts.get(option, option) for option in chosen) or "–"
