"""What the demo shows of a session: the belief, and for each answer the persona that it favours and its weight in bits."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from babel.numbers import format_decimal
from sqlmodel import Session

from question_bank.definitions import Bank, Question, in_language
from survey_service.demo.words import WORDS
from survey_service.respondent.state import Interview, open_interview
from survey_service.respondent.view import session_insight
from survey_service.store.banks import Banks

LEAST_TIMES = 1.2
"""How many times likelier an answer must be for the number to be shown."""

MIN_BITS = 0.05
"""An answer with fewer bits is shown as uninformative."""


def session_view(session: Session, banks: Banks, session_id: str, token: str, now: datetime) -> dict[str, Any]:
    """Return the personas with their probabilities, and each answer with its weight. Raises NotFound, BadToken."""
    interview = open_interview(session, banks, session_id, token, now, lock=False)
    insight = session_insight(session, banks, session_id, now)
    bank, language = interview.bank.bank, interview.row.language
    prior = dict(zip(interview.bank.personas, map(float, interview.bank.tables.persona_prior), strict=True))
    probabilities = insight["belief"]["probabilities"] if insight["belief"] else prior
    names = {persona.id: in_language(persona.name, language, bank.language) for persona in bank.personas}
    return {
        "contact": interview.contact.id,
        "status": interview.row.status,
        "headline": _headline(language, interview, max(probabilities.values())),
        "personas": [{"id": name, "name": names[name], "probability": probabilities[name]} for name in names],
        "answers": [_answer_view(bank, language, names, entry) for entry in insight["explanation"] if "question" in entry],
    }


def _answer_view(bank: Bank, language: str, names: Mapping[str, str | None], entry: Mapping[str, Any]) -> dict[str, Any]:
    words = WORDS[language]
    question = bank.question(entry["question"])
    bits = entry["log_likelihood_ratio_bits"]
    times = 2**bits
    speaks = words["speaks_for" if times >= LEAST_TIMES else "speaks_a_little"]
    weight = speaks.format(persona=names.get(entry["favours"]), bits=_number(bits, language), times=_number(times, language))
    is_informative = entry["favours"] is not None and bits >= MIN_BITS
    return {
        "question": in_language(question.text, language, bank.language),
        "answer": _answer_text(bank, language, question, entry),
        "weight": weight if is_informative else words["tells_nothing"],
        "bits": bits if is_informative else 0.0,
    }


def _headline(language: str, interview: Interview, top: float) -> str:
    """Return how sure the survey is after how many of the bank's questions; nothing before the first answer."""
    words, answers, stop = WORDS[language], interview.questions_done, interview.survey.stop.confidence
    if not answers:
        return ""
    share, at = (words["percent"].format(number=round(100 * number)) for number in (top, stop or 1.0))
    key = "done" if interview.row.status != "open" else "sure_one" if answers == 1 else "sure"
    return words[key].format(share=share, answers=answers, questions=len(interview.survey.questions), stop=at)


def _number(number: float, language: str) -> str:
    return str(format_decimal(round(number, 1), locale=language))


def _answer_text(bank: Bank, language: str, question: Question, entry: Mapping[str, Any]) -> str:
    words, value = WORDS[language], entry["value"]
    if entry["kind"] != "answer":
        return words[entry["kind"]]
    texts = {option.id: str(in_language(option.text, language, bank.language)) for option in question.options}
    answer = value["ticked"] if isinstance(value, dict) and "ticked" in value else value
    if isinstance(answer, list):
        return ", ".join(texts[option] for option in answer) or words["none_ticked"]
    return texts.get(str(answer), str(answer))
