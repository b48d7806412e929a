"""From the fields of an HTML form to an answer, with a message a person understands where that fails."""

import re
import secrets
from collections.abc import Mapping
from typing import Any

from werkzeug.datastructures import MultiDict

from survey_service.respondent.schemas import LONGEST_HIDDEN, LONGEST_NAME, MOST_HIDDEN
from survey_service.respondent.state import GivenAnswer

ACTS = {"answer": "answer", "dont_know": "dont_know", "skip": "skip"}
HONEYPOT_FIELD = "website"
"""The field that people do not see."""

LONGEST_TEXT = 4000
BLANKS = re.compile("[\\s\u00a0\u202f']")
AMBIGUOUS = re.compile(r"\d[.,]\d{3}(?!\d)")  # 1,500 is one and a half here and fifteen hundred there: ask, do not guess


class InvalidForm(Exception):
    """The form has no usable answer; `key` names the words to show and `facts` fills them."""

    def __init__(self, key: str, **facts: Any) -> None:
        super().__init__(key)
        self.key = key
        self.facts = facts


def read_value(question: Mapping[str, Any], form: MultiDict[str, str]) -> Any:
    """The raw value of an answer to a rendered `question`. Raises NotAnswered."""
    given = form.get("value", "").replace("\x00", "").strip()
    match question["type"]:
        case "multiple":
            return [option["id"] for option in question["options"] if option["id"] in form.getlist("value")]
        case "single":
            if given not in [option["id"] for option in question["options"]]:
                raise InvalidForm("choose")
            return given
        case "text":
            if not given:
                raise InvalidForm("write")
            if len(given) > LONGEST_TEXT:
                raise InvalidForm("too_long")
            return given
    return _number(question, given)


def read_answer(question: Mapping[str, Any] | None, form: MultiDict[str, str]) -> GivenAnswer | None:
    """The answer or the silence of a form, None where no such button was pressed. Raises NotAnswered."""
    kind = ACTS.get(form.get("act", ""))
    if question is None or kind is None:
        return None
    value = read_value(question, form) if kind == "answer" else None
    return GivenAnswer(submission_id(form), question["id"], kind, value, watched=True, trapped=bool(form.get(HONEYPOT_FIELD)))


def require_consent(view: Mapping[str, Any], form: MultiDict[str, str]) -> None:
    """Raises NotAnswered where the survey may not begin without a consent that was not given."""
    if view.get("consent", {}).get("required") and "agree" not in form:
        raise InvalidForm("must_agree")


def hidden_fields(query: MultiDict[str, str]) -> dict[str, Any]:
    """What an address says in `hidden-...`: as many and as long as the API takes."""
    named = [(name.removeprefix("hidden-"), value) for name, value in query.items() if name.startswith("hidden-")]
    return {name: value[:LONGEST_HIDDEN] for name, value in named[:MOST_HIDDEN] if 0 < len(name) <= LONGEST_NAME}


def submission_id(form: MultiDict[str, str]) -> str:
    """The id of this press of a button: the same when it was pressed twice."""
    sent = form.get("answer_id", "")
    return sent if re.fullmatch(r"[\w-]{1,100}", sent) else secrets.token_urlsafe(9)


def field_values(question: Mapping[str, Any] | None, form: MultiDict[str, str] | None) -> list[str]:
    """What stands in the form already: what was just sent, else what was given before."""
    if form is not None:
        return form.getlist("value")
    given = question and question["given"]
    values = given if isinstance(given, list) else [] if given is None or isinstance(given, dict) else [given]
    return [str(value) for value in values]


def _number(question: Mapping[str, Any], given: str) -> float:
    scale = question["type"] == "scale"
    if AMBIGUOUS.search(given):
        raise InvalidForm("plain")
    try:
        number = float(BLANKS.sub("", given).replace(",", ".").replace("_", "?"))
    except ValueError:
        raise InvalidForm("choose" if scale else "number") from None
    low, high = question["min"], question["max"]
    inside = (low is None or number >= low) and (high is None or number <= high)  # also False for NaN
    if not inside or number in (float("inf"), float("-inf")) or (scale and not number.is_integer()):
        raise InvalidForm("outside", low="…" if low is None else low, high="…" if high is None else high)
    return number
