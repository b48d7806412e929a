"""What goes into an email: the URLs of a link, and the question as HTML and as plain text."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, Template

from question_bank.compile import CompiledBank
from question_bank.definitions import Question, in_language
from survey_service.email_links.create import CreatedLink
from survey_service.email_links.translations import strings
from survey_service.links.tokens import LANDING, LEAVE, TRAP, LinkTokens, Target

RIGHT_TO_LEFT = ("ar", "fa", "he", "ur")


@dataclass(frozen=True)
class LinkedOption:
    """One answer: what the link says, where it leads, and the label of a point of a scale."""

    id: str
    text: str
    url: str
    label: str | None = None


@dataclass(frozen=True)
class Draft:
    """A question ready for an email. `url` asks it on a page, `leave` is the way out, `trap` is what only machines follow."""

    language: str
    text: str
    options: tuple[LinkedOption, ...]
    is_scale: bool
    url: str
    leave: str
    trap: str | None

    @property
    def width(self) -> int:
        """How many points of a scale stand in one line: 44 pixels each fit the smallest phone."""
        return 6 if len(self.options) % 5 == 1 else 5

    @property
    def labels(self) -> str:
        """What the labelled points mean."""
        return " · ".join(f"{option.text} = {option.label}" for option in self.options if option.label)


class Drafts:
    """Drafts of one mailing."""

    def __init__(self, tokens: LinkTokens, base_url: str, bank: CompiledBank) -> None:
        self._tokens, self._base_url, self._bank = tokens, base_url, bank.bank
        self._questions = {question.id: question for question in bank.bank.questions}

    def of(self, made: CreatedLink) -> Draft:
        token = self._tokens.writer(made.link_id)

        def url(target: Target) -> str:
            return f"{self._base_url}/l/{token(target)}"

        question = self._questions[made.question]
        others = url(LANDING), url(LEAVE), url(TRAP)
        return build_draft(question, made.language, self._bank.language, lambda place: url(Target("option", place)), others)

    def example(self, question: str) -> Draft:
        """A draft that leads nowhere, in the bank's own language."""
        return build_draft(self._questions[question], self._bank.language, self._bank.language, lambda _: "", ("", "", ""))


def build_draft(question: Question, language: str, default: str, url: Callable[[int], str], others: tuple[str, str, str | None]) -> Draft:
    """The draft of a question whose options lead to `url` of their places, and the `others` of a `Draft`."""

    def words(text: Any) -> str | None:
        return in_language(text, language, default)

    scale = question.type == "scale"
    labels = {str(point): words(text) for point, text in question.labels.items()}
    texts = {option.id: words(option.text) or option.id for option in question.options}
    options = tuple(LinkedOption(id, texts.get(id, id), url(place), labels.get(id)) for place, id in enumerate(question.outcomes))
    return Draft(language, words(question.text) or question.id, options, scale, *others)


def render_html(draft: Draft) -> str:
    """The question as a table for the body of an email; every text in it is escaped."""
    direction = "rtl" if draft.language.split("-")[0] in RIGHT_TO_LEFT else "ltr"
    return _template("email.html").render(draft=draft, words=strings(draft.language), direction=direction)


def render_text(draft: Draft) -> str:
    """The same for the plain-text part."""
    return _template("email.txt").render(draft=draft, words=strings(draft.language))


@cache
def _template(name: str) -> Template:
    loader = PackageLoader("survey_service.email_links")
    return Environment(loader=loader, autoescape=name.endswith(".html"), trim_blocks=False).get_template(name)
