"""What the demo shows of a session: the belief, and in plain words which answer moved it, how far and towards whom."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlmodel import Session

from question_bank.definitions import Bank, Question, in_language
from survey_service.demo.words import WORDS
from survey_service.respondent.state import open_interview
from survey_service.respondent.view import session_insight
from survey_service.store.banks import Banks

TELLS_NOTHING = 0.05
"""Bits below which an answer is said to tell nothing."""


def session_view(session: Session, banks: Banks, session_id: str, token: str, now: datetime) -> dict[str, Any]:
    """Personas with their probabilities, and each answer with its weight. Raises NotFound, BadToken."""
    interview = open_interview(session, banks, session_id, token, now, lock=False)
    found = session_insight(session, banks, session_id, now)
    bank, language = interview.bank.bank, interview.row.language
    prior = dict(zip(interview.bank.personas, map(float, interview.bank.tables.persona_prior), strict=True))
    probabilities = found["belief"]["probabilities"] if found["belief"] else prior
    names = {persona.id: in_language(persona.name, language, bank.language) for persona in bank.personas}
    return {
        "contact": interview.contact.id,
        "status": interview.row.status,
        "personas": [{"id": name, "name": names[name], "probability": probabilities[name]} for name in names],
        "answers": [_told(bank, language, names, item) for item in found["explanation"] if "question" in item],
    }


def _told(bank: Bank, language: str, names: Mapping[str, str | None], item: Mapping[str, Any]) -> dict[str, Any]:
    words = WORDS[language]
    question = bank.question(item["question"])
    bits = item["log_likelihood_ratio_bits"]
    tells = item["favours"] is not None and bits >= TELLS_NOTHING
    return {
        "question": in_language(question.text, language, bank.language),
        "answer": _answer(bank, language, question, item),
        "weight": words["speaks_for"].format(persona=names[item["favours"]], bits=f"{bits:.1f}") if tells else words["tells_nothing"],
        "bits": bits if tells else 0.0,
    }


def _answer(bank: Bank, language: str, question: Question, item: Mapping[str, Any]) -> str:
    words, value = WORDS[language], item["value"]
    if item["kind"] != "answer":
        return words[item["kind"]]
    texts = {option.id: str(in_language(option.text, language, bank.language)) for option in question.options}
    given = value["ticked"] if isinstance(value, dict) and "ticked" in value else value
    if isinstance(given, list):
        return ", ".join(texts[answer] for answer in given) or words["none_ticked"]
    return texts.get(str(given), str(given))
