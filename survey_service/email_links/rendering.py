"""Render the content of an email: the URLs of a link, and the question as HTML and as plain text."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from jinja2 import Environment, PackageLoader, Template

from question_bank.compile import CompiledBank
from question_bank.definitions import Question, Text
from question_bank.languages import direction
from survey_service.email_links.create import CreatedLink
from survey_service.email_links.translations import strings
from survey_service.links.tokens import LANDING, LEAVE, TRAP, LinkTokens, Target
from survey_service.respondent.view import shown_text


@dataclass(frozen=True)
class LinkedOption:
    """An option of the question: its text, the URL that answers with it, and the label of a scale point.

    `lang` is the language of the text, or of the label, where that is not the language of the email.
    """

    id: str
    text: str
    url: str
    label: str | None = None
    lang: str | None = None


@dataclass(frozen=True)
class Draft:
    """A question ready for an email. `url` asks it on a page, `leave` is the opt-out page, `trap` a hidden link for machines.

    `lang` is the language of the question's text where that is not the language of the email.
    """

    language: str
    text: str
    options: tuple[LinkedOption, ...]
    is_scale: bool
    url: str
    leave: str
    trap: str | None
    lang: str | None = None

    @property
    def width(self) -> int:
        """The number of scale points in a line: with 44 pixels each, they fit the smallest phone."""
        return 6 if len(self.options) % 5 == 1 else 5

    @property
    def ends(self) -> tuple[LinkedOption, ...]:
        """The points that have words."""
        return tuple(option for option in self.options if option.label)


class Drafts:
    """Builds the drafts of a mailing."""

    def __init__(self, tokens: LinkTokens, base_url: str, bank: CompiledBank) -> None:
        self._tokens, self._base_url, self._bank = tokens, base_url, bank.bank
        self._questions = {question.id: question for question in bank.bank.questions}

    def of(self, link: CreatedLink) -> Draft:
        """Return the draft for the contact of a link."""
        write_token = self._tokens.writer(link.link_id)

        def url(target: Target) -> str:
            return f"{self._base_url}/l/{write_token(target)}"

        question = self._questions[link.question]
        others = url(LANDING), url(LEAVE), url(TRAP)
        return build_draft(question, link.language, self._bank.language, lambda place: url(Target("option", place)), others)

    def example(self, question: str) -> Draft:
        """Return a draft without URLs, in the bank's default language."""
        return build_draft(self._questions[question], self._bank.language, self._bank.language, lambda _: "", ("", "", ""))


def build_draft(question: Question, language: str, default: str, url: Callable[[int], str], others: tuple[str, str, str | None]) -> Draft:
    """Return the draft of a question. `url` gives the URL of an option by its index; `others` are `url`, `leave` and `trap`."""

    def shown(text: Text | None) -> tuple[str | None, str | None]:
        found = shown_text(text, language, default)
        return found["text"], found.get("lang")

    texts = {option.id: shown(option.text) for option in question.options}
    labels = {str(point): shown(label) for point, label in question.labels.items()}
    options = []
    for index, id in enumerate(question.outcomes):
        (text, text_lang), (label, label_lang) = texts.get(id, (None, None)), labels.get(id, (None, None))
        options.append(LinkedOption(id, text or id, url(index), label, text_lang or label_lang))
    text, lang = shown(question.text)
    return Draft(language, text or question.id, tuple(options), question.type == "scale", *others, lang)


def render_html(draft: Draft) -> str:
    """Return the question as a table for the body of an email. Every text in it is escaped."""
    return _template("email.html").render(draft=draft, words=strings(draft.language), direction=direction)


def render_text(draft: Draft) -> str:
    """Return the question for the plain-text part of an email."""
    return _template("email.txt").render(draft=draft, words=strings(draft.language))


@cache
def _template(name: str) -> Template:
    loader = PackageLoader("survey_service.email_links")
    return Environment(loader=loader, autoescape=name.endswith(".html"), trim_blocks=False).get_template(name)
