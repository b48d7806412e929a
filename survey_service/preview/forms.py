"""The state of a preview of the hosted page. It is not stored on the server: the form carries it in a signed hidden field."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from itsdangerous import BadSignature
from werkzeug.datastructures import MultiDict

from survey_service.crypto import Keyring
from survey_service.hosted.forms import read_answer
from survey_service.preview.dry_run import DryRun
from survey_service.respondent.state import GivenAnswer

PURPOSE = "preview-walk"
LIFETIME = 3600


def write_state(keys: Keyring, state: DryRun) -> str:
    """Return the signed state for a hidden field."""
    answers = [[answer.answer_id, answer.question, answer.kind, answer.value] for answer in state.answers]
    return str(keys.signer(PURPOSE).dumps([answers, state.back, state.stopped]))


def read_state(keys: Keyring, text: str) -> DryRun:
    """Return the state in a hidden field; an empty state where the field is invalid or too old."""
    try:
        answers, back, stopped = keys.signer(PURPOSE).loads(text, max_age=LIFETIME)
    except (BadSignature, ValueError):
        return DryRun()
    return DryRun([GivenAnswer(*answer) for answer in answers], back, stopped)


def advance(state: DryRun, question: Mapping[str, Any] | None, form: MultiDict[str, str], language: str) -> DryRun:
    """Return the state after the submitted form, which asked `question` in `language`. Raises InvalidForm."""
    answers = state.answers[:-1] if state.back else state.answers
    if form.get("act") == "back":
        return DryRun(answers, back=True)
    if form.get("act") == "stop":
        return replace(state, answers=answers, back=False, stopped=True)
    answer = read_answer(question, form, language)
    return state if answer is None else DryRun([*answers, answer])
