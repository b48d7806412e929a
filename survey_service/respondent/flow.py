"""The course of an interview in memory: its start, the next question, its end. The caller stores the result."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import Session

from adaptive import REASONS, Step, limit_of, next_questions
from survey_service.belief.evidence import current_answers, signal_events
from survey_service.contacts.directory import follow
from survey_service.respondent.state import Interview, Start
from survey_service.store.banks import Banks
from survey_service.store.tables.columns import new_id
from survey_service.store.tables.core import Contact, SurveySession

SESSION_LIFETIME = timedelta(hours=24)


def new_interview(session: Session, banks: Banks, survey_id: str, given: Start, now: datetime) -> Interview:
    """Return a session that is not stored yet, of a known contact or of a new one."""
    if given.pinned is None:
        bank, version = banks.current(session, survey_id)
    else:
        bank, version = banks.version(session, *given.pinned), given.pinned[1]
    contact = _contact(session, given.contact_id, now)
    row = SurveySession(
        id=given.session_id or new_id("ses"),
        token_digest="",
        survey=survey_id,
        bank=bank.bank.id,
        bank_version=version,
        contact_id=contact.id,
        language=nearest_language(given.language, bank.bank.languages),
        channel=given.channel,
        hidden=given.hidden,
        page=given.page,
        limit=len(bank.index),
        started_at=min(given.shown_at or now, now),
        last_at=now,
        expires_at=now + SESSION_LIFETIME,
    )
    seen = signal_events(session, [contact.id], bank, now).get(contact.id, [])
    answers = current_answers(session, contact.id, bank.bank.id)
    return Interview(row, contact, bank, answers, now, seen, claimed=given.claimed)


def _contact(session: Session, contact_id: str | None, now: datetime) -> Contact:
    if contact_id is None:
        return Contact(id=new_id("ct"), created_at=now, updated_at=now)
    return follow(session, contact_id, lock=True)


def ask_next(interview: Interview, now: datetime) -> Step:
    """Choose the next question or end the session. After going back, the withdrawn question is asked again."""
    rules = interview.bank.rules[interview.row.survey]
    progress = limit_of(interview.bank.tables, rules, interview.progress)
    evidence = interview.evidence
    step = next_questions(interview.bank.tables, rules, evidence, progress, interview.random_draw())
    row = interview.row
    row.last_at, row.expires_at, row.abandoned_at = now, now + SESSION_LIFETIME, None
    if interview.withdrawn is not None and progress.opens[0, interview.bank.index[interview.withdrawn.question]]:
        row.question, row.chance = interview.withdrawn.question, interview.withdrawn.chance
    elif step.chosen[0] >= 0:
        row.question = interview.bank.bank.questions[step.chosen[0]].id
        row.chance = _chance(step)
        row.limit = int(progress.limit[0])
    else:
        missing = rules.included & rules.required & progress.opens[0] & ~evidence.answered[0]
        close(interview, "finished" if missing.any() else "complete", REASONS[step.reason[0]], now)
    return step


def _chance(step: Step) -> float | None:
    """Return the probability with which the question was drawn, or None where it was chosen."""
    return float(step.chance[0]) if step.chance is not None and step.chance[0] < 1 else None


def close(interview: Interview, status: str, reason: str | None, now: datetime) -> None:
    row = interview.row
    if reason == "respondent":
        row.left_at = row.question
    row.status, row.stopped_because, row.ended_at, row.last_at = status, reason, now, now
    row.question, row.chance = None, None


def nearest_language(wanted: str | None, languages: Sequence[str]) -> str:
    """Return the language of the bank nearest to a tag such as ``fr-CA``, else the bank's default.

    >>> nearest_language("fr-CA", ["en", "fr"])
    'fr'
    """
    tag = (wanted or "").lower()
    for candidate in (tag, tag.split("-")[0]):
        for language in languages:
            if candidate and language.lower() == candidate:
                return language
    return languages[0]
