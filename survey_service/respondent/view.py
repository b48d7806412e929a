"""The view of a session: the question, what would follow each answer to it, and how far there is to go."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from sqlmodel import Session, col, select

from adaptive import believe, look_ahead_states, next_questions, update_limit
from adaptive.arrays import Floats
from question_bank.answer_values import Value, from_store
from question_bank.compile import CompiledBank, ObservedAnswer
from question_bank.definitions import Question, Result, Text, in_language, language_of
from survey_service.belief.belief import belief_view, explanation
from survey_service.belief.evidence import evidence_about, response_manner, weight_of
from survey_service.respondent.scales import layout_of
from survey_service.respondent.state import Interview, open_interview
from survey_service.store.banks import Banks
from survey_service.store.tables.core import Answer, Belief


def session_insight(session: Session, banks: Banks, session_id: str, now: datetime) -> dict[str, Any]:
    """Return `belief` (None before the first answer), `explanation`, `log` and `manner` of a session. Raises NotFound."""
    interview = open_interview(session, banks, session_id, None, now, lock=False)
    belief = session.get(Belief, (interview.contact.id, interview.row.bank))
    log = session.exec(select(Answer).where(Answer.session_id == session_id).order_by(col(Answer.id))).all()
    bank = interview.bank if belief is None else banks.version(session, belief.bank, belief.bank_version)
    return {
        "belief": belief and belief_view(belief),
        "explanation": explanation(evidence_about(session, interview.contact, bank, now)),
        "log": [_entry(answer, bank) for answer in log],
        "manner": response_manner(bank.bank, log),
    }


def _entry(answer: Answer, bank: CompiledBank) -> dict[str, Any]:
    return {
        "answer_id": answer.answer_id,
        "question": answer.question,
        "kind": answer.kind if answer.state != "withdrawn" else "withdrawn",
        "value": answer.value,
        "seconds": answer.seconds,
        "measured_seconds": answer.measured,
        "trapped": answer.trapped,
        "weight": weight_of(bank.bank.question_by_id[answer.question], answer) if answer.question in bank.index else None,
        "chance": answer.chance,
        "state": answer.state,
        "bank_version": answer.bank_version,
        "given_at": answer.given_at.isoformat(),
    }


NO_ANSWER = "skip"
"""The key of `ahead` for every kind of no answer."""


def view_of(interview: Interview, now: datetime) -> dict[str, Any]:
    """Return the session view of the API."""
    row = interview.row
    status = interview.status(now)
    asking = row.question if status == "open" else None
    ahead = look_ahead(interview, asking) if asking else {}
    taken = interview.questions_done
    view = {
        "session": row.id,
        "survey": row.survey,
        "bank_version": row.bank_version,
        "status": status,
        "stopped_because": row.stopped_because,
        "language": row.language,
        "question": asking and _question(interview, asking, given=_given(interview, asking), can_go_back=bool(interview.settled)),
        "ahead": ahead,
        "next_questions": {
            name: _question(interview, name, given=None, can_go_back=True) for name in dict.fromkeys(ahead.values()) if name
        },
        "progress": {"answered": taken, "at_most": max(row.limit - taken, 0) if asking else 0},
        "result": result_of(interview) if status in ("complete", "finished") else None,
    }
    if interview.claimed is not None:
        view["claimed"] = _claimed(interview, interview.claimed)
    if interview.survey.consent and not interview.own:
        view["consent"] = {**_text(interview.survey.consent.text, interview), "required": interview.survey.consent.required}
    if interview.survey.reveal:
        view["belief"] = _revealed(interview)
    return view


def view_of_question(interview: Interview, view: dict[str, Any], question_id: str) -> dict[str, Any]:
    """Return `view` with another question of the session in place of the one that is asked, and with what is stored for it.

    `question["kind"]` is the kind of the stored answer, None where there is none, and `previous` is the question before it. The view is
    returned unchanged where the session has ended, the question is the one asked, is not in the survey, or is closed by its conditions.
    """
    asked, bank = view["question"], interview.bank
    known = question_id in interview.survey.questions and interview.opens[bank.index[question_id]]
    if asked is None or asked["id"] == question_id or not known:
        return view
    order = list(dict.fromkeys(answer.question for answer in interview.log_of_session))
    settled = {answer.question: answer for answer in interview.settled}
    before = [name for name in order if name in settled]
    stored, place = settled.get(question_id), before.index(question_id) if question_id in settled else len(before)
    given = None if stored is None or stored.value is None else from_store(bank.bank.question_by_id[question_id], stored.value)
    most = view["progress"]["answered"] + view["progress"]["at_most"]
    return {
        **view,
        "question": _question(interview, question_id, given, can_go_back=False) | {"kind": stored and stored.kind},
        "previous": before[place - 1] if stored and place else None,
        "ahead": {},
        "next_questions": {},
        "progress": {"answered": place, "at_most": most - place},
    }


def look_ahead(interview: Interview, asking: str) -> dict[str, str | None]:
    """Return the question that would follow each outcome of the question asked, None where the survey would end.

    Every option of a single choice and every point of a scale has its entry, and no answer has one under "skip" whatever the type.
    """
    bank, rules = interview.bank, interview.bank.rules[interview.row.survey]
    outcomes = bank.outcomes(asking)
    others = [observed for observed in interview.given_so_far if observed.question != asking]
    rows = np.array([bank.row(outcome) for outcome in outcomes])
    opens = np.array([bank.opens([*others, outcome]) for outcome in outcomes])
    evidence, progress = look_ahead_states(bank.tables, interview.evidence, interview.progress, bank.index[asking], rows, opens)
    lots = interview.random_draw(further=1, futures=len(rows))
    step = next_questions(bank.tables, rules, evidence, update_limit(bank.tables, rules, progress), lots)
    names = [NO_ANSWER if outcome.value is None else str(outcome.value) for outcome in outcomes]
    follows = [bank.bank.questions[q].id if q >= 0 else None for q in step.chosen]
    return dict(zip(names, follows, strict=True))


def result_of(interview: Interview) -> dict[str, Any] | None:
    """Return the result that the author wants shown: the persona's own where the survey is sure enough, else the default."""
    survey, bank = interview.survey, interview.bank
    belief = _belief(interview)
    top = int(belief.argmax())
    sure = survey.stop.confidence is None or belief[top] >= survey.stop.confidence
    result: Result | None = survey.result.get(bank.personas[top]) if sure else None
    result = result or survey.result.get("default")
    if result is None:
        return None
    return {**_text(result.text, interview), "redirect": result.redirect}


def rendered(question: Question, language: str, default: str) -> dict[str, Any]:
    """Return a question in one language, as every client gets it.

    A scale has its `columns` and `ends`, or `options` where its points have words: see `layout_of`.
    A text that is shown in another language for want of a translation has that language beside it: `lang` of the question and of an
    option, `help_lang`, `unit_lang`, and `labels_lang` by point. Where nothing is missing there are none of these.
    """

    def words(text: Text | None, name: str = "text", lang: str = "lang") -> dict[str, Any]:
        return shown_text(text, language, default, name, lang)

    shown: dict[str, Any] = {"id": question.id, "type": question.type, **words(question.text), "required": question.required}
    if question.help:
        shown |= words(question.help, "help", "help_lang")
    if question.options:
        shown["options"] = [{"id": option.id, **words(option.text)} for option in question.options]
    if question.type in ("scale", "number"):
        shown |= {"min": _number(question.minimum), "max": _number(question.maximum)}
    if question.type == "scale":
        labels = {str(point): words(label) for point, label in question.labels.items()}
        shown["labels"] = {point: label["text"] for point, label in labels.items()}
        if elsewhere := {point: label["lang"] for point, label in labels.items() if "lang" in label}:
            shown["labels_lang"] = elsewhere
        if question.minimum is not None and question.maximum is not None:
            shown |= layout_of(range(int(question.minimum), int(question.maximum) + 1), labels)
    if isinstance(question.unit, str):
        shown["unit"] = question.unit
    elif question.unit:
        shown |= words(question.unit, "unit", "unit_lang")
    return shown


def shown_text(text: Text | None, language: str, default: str, name: str = "text", lang: str = "lang") -> dict[str, Any]:
    """Return a text under `name`, and under `lang` its language where that is not `language`."""
    found = language_of(text, language, default)
    shown = {name: in_language(text, language, default)}
    return shown if found in (None, language) else {**shown, lang: found}


def answer_text(question: Question, value: Value | None, language: str, default: str) -> str:
    """Return the answer to a single choice or a scale as the respondent saw it."""
    if question.type != "scale":
        return {option.id: in_language(option.text, language, default) or option.id for option in question.options}[str(value)]
    label = in_language(question.labels.get(int(str(value))), language, default)
    return f"{value} ({label})" if label else str(value)


_RENDERED: WeakKeyDictionary[CompiledBank, dict[tuple[str, str], dict[str, Any]]] = WeakKeyDictionary()
"""The questions of each bank version as clients get them, by id and language: a view has half a dozen."""


def _question(interview: Interview, question_id: str, given: Any, can_go_back: bool) -> dict[str, Any]:
    bank, language = interview.bank, interview.row.language
    known = _RENDERED.setdefault(bank, {})
    shown = known.get((question_id, language))
    if shown is None:
        shown = known[question_id, language] = rendered(bank.bank.question_by_id[question_id], language, bank.bank.language)
    return {**shown, "given": given, "can_go_back": can_go_back}


def _claimed(interview: Interview, claimed: ObservedAnswer) -> dict[str, Any]:
    """Return the click of an email, for "You chose ... Change"."""
    question, language, default = interview.bank.bank.question_by_id[claimed.question], interview.row.language, interview.bank.bank.language
    words = answer_text(question, claimed.value, language, default)
    return {"question": rendered(question, language, default), "value": claimed.value, "text": words}


def _given(interview: Interview, asking: str) -> Value | None:
    """Return what the respondent gave to this question before going back to it or leaving it."""
    was = interview.withdrawn
    if was is None or was.question != asking or was.value is None:
        return None
    return from_store(interview.bank.bank.question_by_id[asking], was.value)


def _number(number: float | None) -> float | int | None:
    return int(number) if number is not None and float(number).is_integer() else number


def _text(text: Text | None, interview: Interview) -> dict[str, Any]:
    return shown_text(text, interview.row.language, interview.bank.bank.language)


def _belief(interview: Interview) -> Floats:
    belief: Floats = believe(interview.bank.tables, interview.evidence)[0]
    return belief


def _revealed(interview: Interview) -> Mapping[str, float]:
    bank: CompiledBank = interview.bank
    return {persona: float(p) for persona, p in zip(bank.personas, _belief(interview), strict=True)}
