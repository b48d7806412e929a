"""Read answers from HTML forms, and name the message to show where a form is invalid."""

import logging
import re
import secrets
from collections.abc import Mapping
from typing import Any

from werkzeug.datastructures import MultiDict

from question_bank.answer_values import LONGEST_TEXT, plain_text
from question_bank.typed_numbers import UnreadableNumber, read_number, write_number
from survey_service.respondent.side_data import LONGEST_HIDDEN, LONGEST_NAME, MOST_HIDDEN
from survey_service.respondent.state import GivenAnswer

log = logging.getLogger(__name__)

KIND_OF_BUTTON = {"answer": "answer", "dont_know": "dont_know", "skip": "skip"}
NONE = "none"
"""The text that asks whether none of the options fits, and the field of a form that was rendered with it."""
HONEYPOT_FIELD = "website"
"""A hidden field, which only machines fill in."""


class InvalidForm(Exception):
    """The form has no usable answer. `key` is the key of the text to show, and `facts` fills its placeholders."""

    def __init__(self, key: str, **facts: Any) -> None:
        super().__init__(key)
        self.key = key
        self.facts = facts


def read_value(question: Mapping[str, Any], form: MultiDict[str, str], language: str) -> Any:
    """Return the raw value of an answer to a `question` that was rendered in `language`. Raises InvalidForm."""
    text = plain_text(form.get("value", "").replace("\x00", ""))
    match question["type"]:
        case "multiple":
            ticked = [option["id"] for option in question["options"] if option["id"] in form.getlist("value")]
            if not ticked and form.get(NONE) != question["id"]:  # an answer or a slip: the second Continue says which
                raise InvalidForm(NONE)
            return ticked
        case "single":
            if text not in [option["id"] for option in question["options"]]:
                raise InvalidForm("choose")
            return text
        case "text":
            if not text:
                raise InvalidForm("write")
            if len(text) > LONGEST_TEXT:
                raise InvalidForm("too_long")
            return text
    return _read_number(question, text, language)


def read_answer(question: Mapping[str, Any] | None, form: MultiDict[str, str], language: str) -> GivenAnswer | None:
    """Return the answer, skip or "don't know" of a form, None where another button was pressed. Raises InvalidForm."""
    kind = KIND_OF_BUTTON.get(form.get("act", ""))
    if question is None or kind is None:
        return None
    value = read_value(question, form, language) if kind == "answer" else None
    return GivenAnswer(submission_id(form), question["id"], kind, value, watched=True, trapped=bool(form.get(HONEYPOT_FIELD)))


def require_consent(view: Mapping[str, Any], form: MultiDict[str, str]) -> None:
    """Check that the form gives the consent that the survey requires. Raises InvalidForm."""
    if view.get("consent", {}).get("required") and "agree" not in form:
        raise InvalidForm("must_agree")


def hidden_fields(query: MultiDict[str, str]) -> dict[str, Any]:
    """Return the values of `hidden-...` parameters, cut to the number and length that the API accepts."""
    hidden = [(name.removeprefix("hidden-"), value) for name, value in query.items() if name.startswith("hidden-")]
    named = [(name, value) for name, value in hidden if 0 < len(name) <= LONGEST_NAME][:MOST_HIDDEN]
    left_out, cut = len(hidden) - len(named), sum(len(value) > LONGEST_HIDDEN for _, value in named)
    if left_out or cut:  # without names and values, which may be personal
        log.warning("hidden fields of an address were left out or cut", extra={"left_out": left_out, "cut": cut})
    return {name: value[:LONGEST_HIDDEN] for name, value in named}


def has_input(form: MultiDict[str, str]) -> bool:
    """Whether the respondent has filled in something."""
    return "agree" in form or any(value.strip() for value in form.getlist("value"))


def submission_id(form: MultiDict[str, str]) -> str:
    """Return the id of this submission. A double click submits the same id twice."""
    id = form.get("answer_id", "")
    return id if re.fullmatch(r"[\w-]{1,80}", id) else secrets.token_urlsafe(9)


def field_values(question: Mapping[str, Any] | None, form: MultiDict[str, str] | None, language: str) -> list[str]:
    """Return the values to fill into the form: those just submitted, else those of the stored answer."""
    if form is not None:
        return form.getlist("value")
    given = question and question["given"]
    values = given if isinstance(given, list) else [] if given is None or isinstance(given, dict) else [given]
    return [write_number(value, language) if isinstance(value, float) else str(value) for value in values]


def _read_number(question: Mapping[str, Any], text: str, language: str) -> float:
    is_scale = question["type"] == "scale"
    try:
        number = read_number(text, language)
    except UnreadableNumber as unreadable:
        raise InvalidForm("choose" if is_scale and unreadable.key == "number" else unreadable.key) from None
    low, high = question["min"], question["max"]
    inside = (low is None or number >= low) and (high is None or number <= high)
    if not inside or (is_scale and not number.is_integer()):
        raise InvalidForm("outside", low="…" if low is None else low, high="…" if high is None else high)
    return number
