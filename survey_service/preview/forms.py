"""A walk through the hosted page that is kept nowhere: what was done so far travels in the form itself, signed."""

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


def write_state(keys: Keyring, done: DryRun) -> str:
    """What was done, for a hidden field."""
    answers = [[answer.answer_id, answer.question, answer.kind, answer.value] for answer in done.answers]
    return str(keys.signer(PURPOSE).dumps([answers, done.back, done.stopped]))


def read_state(keys: Keyring, text: str) -> DryRun:
    """What was done; nothing where that cannot be read."""
    try:
        answers, back, stopped = keys.signer(PURPOSE).loads(text, max_age=LIFETIME)
    except (BadSignature, ValueError):
        return DryRun()
    return DryRun([GivenAnswer(*answer) for answer in answers], back, stopped)


def advance(done: DryRun, question: Mapping[str, Any] | None, form: MultiDict[str, str]) -> DryRun:
    """After one more press of a button under `question`. Raises NotAnswered."""
    stands = done.answers[:-1] if done.back else done.answers
    if form.get("act") == "back":
        return DryRun(stands, back=True)
    if form.get("act") == "stop":
        return replace(done, answers=stands, back=False, stopped=True)
    answer = read_answer(question, form)
    return done if answer is None else DryRun([*stands, answer])
