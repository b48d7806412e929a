"""Side data of a start: what cannot be stored is left out and named, and the questions are asked all the same."""

import logging
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from survey_service.web.api import LogSampler

MOST_HIDDEN = 50
LONGEST_NAME = 100
LONGEST_HIDDEN = 500
LONGEST_LANGUAGE = 500
LONGEST_PAGE = 2048
CHANNEL = r"[a-z0-9_-]{1,32}"

log = logging.getLogger(__name__)
_seldom, _seldom_language = LogSampler(), LogSampler()


@dataclass(frozen=True)
class SideData:
    """What a page says about a visit beside the answers. `left_out` names what was not stored: {path, message}."""

    language: str | None = None
    channel: str | None = None
    page: str | None = None
    hidden: Mapping[str, Any] = field(default_factory=dict)
    left_out: tuple[Mapping[str, str], ...] = ()


def read_side_data(given: Mapping[str, Any]) -> SideData:
    """Return the side data of a start that can be stored. An empty identity or link is named too: a page often renders one for nobody."""
    left_out: list[dict[str, str]] = []

    def leave_out(path: str, message: str) -> None:
        left_out.append({"path": path[:LONGEST_NAME], "message": f"left out: {message}"})

    for name in ("identity", "link"):
        if given.get(name) == "":
            leave_out(name, "it is empty")
    channel = given.get("channel")
    if channel is not None and not (isinstance(channel, str) and re.fullmatch(CHANNEL, channel)):
        leave_out("channel", "give 1 to 32 of a-z, 0-9, _ and -")
        channel = None
    return SideData(
        channel=channel,
        language=_short_text(given, "language", LONGEST_LANGUAGE, leave_out),
        page=_short_text(given, "page", LONGEST_PAGE, leave_out),
        hidden=_hidden_fields(given.get("hidden"), leave_out),
        left_out=tuple(left_out),
    )


def short_language(language: str | None) -> str | None:
    """Return a language, or a list of languages; None where it is longer than any list of a browser, which is logged once a second."""
    if language is None or len(language) <= LONGEST_LANGUAGE:
        return language
    if calls := _seldom_language.due_count(time.monotonic()):
        log.warning("a language was left out", extra={"characters": len(language), "times": calls})
    return None


def log_left_out(survey: str, side: SideData) -> None:
    """Log the names of what was left out, at most once a second. Values are not logged, because they may be personal data."""
    if side.left_out and (calls := _seldom.due_count(time.monotonic())):
        names = ", ".join(item["path"] for item in side.left_out)
        log.warning("side data of a start was left out", extra={"survey": survey[:LONGEST_NAME], "fields": names, "starts": calls})


def _short_text(given: Mapping[str, Any], name: str, most: int, leave_out: Callable[[str, str], None]) -> str | None:
    value = given.get(name)
    if value is None or (isinstance(value, str) and 0 < len(value) <= most):
        return value
    leave_out(name, f"give a text of 1 to {most} characters")
    return None


def _hidden_fields(values: Any, leave_out: Callable[[str, str], None]) -> dict[str, Any]:
    if values is None:
        return {}
    if not isinstance(values, Mapping):
        leave_out("hidden", "give an object of names and values")
        return {}
    kept: dict[str, Any] = {}
    for name, value in values.items():
        if not 0 < len(name) <= LONGEST_NAME:
            leave_out(f"hidden.{name}", f"give a name of 1 to {LONGEST_NAME} characters")
        elif not isinstance(value, str | int | float | bool | None) or len(str(value)) > LONGEST_HIDDEN:
            leave_out(f"hidden.{name}", f"give a text of at most {LONGEST_HIDDEN} characters, a number, true or false")
        elif len(kept) == MOST_HIDDEN:
            leave_out(f"hidden.{name}", f"at most {MOST_HIDDEN} fields are kept")
        else:
            kept[name] = value
    return kept
