"""The pages of a survey as HTML, from plain values: the hosted page, and its preview."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader

from question_bank.definitions import Bank, Survey, in_language
from survey_service.respondent.translations import STRINGS, progress, strings

LANGUAGE_NAMES: Mapping[str, str] = {
    "ar": "العربية",
    "de": "Deutsch",
    "en": "English",
    "es": "Español",
    "fr": "Français",
    "it": "Italiano",
    "nl": "Nederlands",
    "pt": "Português",
}


@dataclass(frozen=True)
class PageContext:
    """What is on one page beside the question.

    `problem` is a key of the words and `facts` fills it, `given` stands in the form already, `carried` are its hidden fields, `query` is
    what the address of the page has after its question mark, and `erase` is where what was answered can be deleted.
    """

    nonce: str
    answer_id: str = ""
    problem: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    given: Sequence[str] = ()
    carried: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    erase: str | None = None
    asks_consent: bool = False
    has_agreed: bool = False
    restart: str = ""


def interface_texts(language: str) -> Mapping[str, str]:
    """The words of the interface; English stands in where one is missing."""
    return {**STRINGS["en"], **strings(language)}


def render_page(view: Mapping[str, Any], bank: Bank, survey: Survey, this_sheet: PageContext) -> str:
    """The question that is due, or the end."""
    language, words = view["language"], interface_texts(view["language"])
    consent = survey.consent if this_sheet.asks_consent else None
    return template("question.html" if view["question"] else "end.html").render(
        view=view,
        question=view["question"],
        words=words,
        lang=language,
        title=in_language(survey.title, language, bank.language),
        progress=progress(words, view),
        problem=this_sheet.problem and words[this_sheet.problem].format(**this_sheet.facts),
        consent=consent and in_language(consent.text, language, bank.language),
        must_agree=consent is not None and consent.required,
        languages=_other_languages(bank, language, this_sheet.query),
        has_agreed=this_sheet.has_agreed,
        sheet=this_sheet,
        given=this_sheet.given,
        nonce=this_sheet.nonce,
    )


def render_message(language: str, nonce: str, name: str = "message.html", **facts: Any) -> str:
    """A page that says one thing."""
    return template(name).render(lang=language, words=interface_texts(language), nonce=nonce, **facts)


def template(name: str) -> Any:
    return _environment().get_template(name)


@cache
def _environment() -> Environment:
    loader = PackageLoader("survey_service.hosted")
    return Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)


def _other_languages(bank: Bank, language: str, query: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Code, name and address of each language that the page does not speak now."""
    others = [this_language for this_language in bank.languages if this_language != language]
    return [(other, LANGUAGE_NAMES.get(other.split("-")[0], other), "?" + urlencode({**query, "lang": other})) for other in others]
