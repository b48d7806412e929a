"""Render the pages of a survey as HTML from plain values, for the hosted page and its preview."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader

from question_bank.answer_values import LONGEST_TEXT
from question_bank.definitions import Bank, Survey, in_language, language_of
from question_bank.languages import direction, locale_of, negotiate
from survey_service.hosted.brand import brand_of, core_styles
from survey_service.hosted.forms import NONE
from survey_service.hosted.translations import PAGE_STRINGS
from survey_service.respondent.translations import STRINGS, progress, strings


@dataclass(frozen=True)
class PageContext:
    """What a page shows besides the question.

    `problem` is the key of an error text and `facts` fills its placeholders. `given` are the values filled into the form, and `carried` its
    hidden fields. `query` is the query of the page's address, `action` where
    its form is sent if not there, and `erase` the address of the page that deletes the answers. `previous` is
    the address of the question before an earlier one, and `note` the key of a sentence above the question or the end. With
    `offers_restart` the end has a link to a new session. `restored` is a statement of JavaScript, see RELOAD and RESET.
    """

    nonce: str
    answer_id: str = ""
    problem: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    given: Sequence[str] = ()
    carried: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    action: str = ""
    erase: str | None = None
    asks_consent: bool = False
    has_agreed: bool = False
    restart: str = ""
    previous: str | None = None
    note: str | None = None
    offers_restart: bool = False
    restored: str = ""


RELOAD, RESET = "location.reload()", "f.reset()"
"""What a page does that a browser shows again from memory, where scripts run: show what is stored, or forget what was filled in."""


def name_of(language: str) -> str:
    """Return a language's own name for itself, or its tag where CLDR has none."""
    locale = locale_of(language)
    name = None if locale is None else locale.get_language_name(locale.language) if "-" not in language else locale.display_name
    return name[0].upper() + name[1:] if name else language


def interface_texts(language: str) -> Mapping[str, str]:
    """Return the texts of the interface, in English where a translation is missing."""
    return {**STRINGS["en"], **strings(language), **PAGE_STRINGS[negotiate(language, ["en", *PAGE_STRINGS])]}


def render_page(view: Mapping[str, Any], bank: Bank, survey: Survey, context: PageContext) -> str:
    """Return the page with the next question, or the end."""
    language, words = view["language"], interface_texts(view["language"])
    title = in_language(survey.title, language, bank.language)
    consent = survey.consent if context.asks_consent else None
    page: str = template("question.html" if view["question"] else "end.html").render(
        view=view,
        question=view["question"],
        words=words,
        lang=language,
        direction=direction,
        longest_text=LONGEST_TEXT,
        title=title,
        title_above=title,
        brand=brand_of(bank, language),
        bar=bar_of(view),
        progress=progress(words, view),
        asks_none=context.problem == NONE,
        problem=context.problem and words[context.problem].format(**context.facts),
        consent=consent and in_language(consent.text, language, bank.language),
        consent_lang=consent and language_of(consent.text, language, bank.language),
        must_agree=consent is not None and consent.required,
        languages=other_languages(bank, language, context.query),
        has_agreed=context.has_agreed,
        page=context,
        given=context.given,
        note=context.note and words[context.note],
        nonce=context.nonce,
    )
    return page


def bar_of(view: Mapping[str, Any]) -> int:
    """Return the percentage of the bar: never empty and never full before the end."""
    done, most = view["progress"]["answered"], view["progress"]["answered"] + view["progress"]["at_most"]
    return round(100 * (done + 0.5) / max(most, 1)) if view["question"] else 100


def render_message(language: str, nonce: str, name: str = "message.html", **facts: Any) -> str:
    """Return a page with a message."""
    page: str = template(name).render(lang=language, direction=direction, words=interface_texts(language), nonce=nonce, **facts)
    return page


def template(name: str) -> Any:
    """Return a template of the hosted page."""
    return _environment().get_template(name)


@cache
def _environment() -> Environment:
    loader = PackageLoader("survey_service.hosted")
    environment = Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.globals["core_styles"] = core_styles
    return environment


def other_languages(bank: Bank, language: str, query: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Return code, name and address of each language other than the current one."""
    others = [code for code in bank.languages if code != language]
    return [(code, name_of(code), "?" + urlencode({**query, "lang": code})) for code in others]
