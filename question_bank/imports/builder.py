"""Collect what is imported from a form of another tool, and make a bank of it whose likelihoods are neutral until an author writes them."""

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from question_bank.datasets.dataset import slug
from question_bank.definitions import SECONDS_BY_TYPE, Bank, Normal, Option, Persona, Question, QuestionType, Row, Survey, Text, Words
from question_bank.exports.not_questions import reason_of_name
from question_bank.files.write import write_bank

PERSONAS = (Persona("persona-1", {}, 0.5), Persona("persona-2", {}, 0.5))
MOST_OPTIONS = 100
LONGEST = 500
NUMBERS = (0.0, 100.0)
"""The range of a number of which the form says nothing."""


class NotImportable(ValueError):
    """The file is none that can be imported; the message says why, and what can be."""


@dataclass(frozen=True)
class Imported:
    """The text of a bank, and a sentence for everything that could not be carried over."""

    text: str
    notes: tuple[str, ...]


@dataclass
class Form:
    """Questions as they are found. `languages` are those of the form, the default first; `notes` what was not carried over."""

    title: Text
    languages: tuple[str, ...] = ("en",)
    questions: list[Question] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)

    def leave_out(self, text: str, reason: str) -> None:
        """Say what is not carried over."""
        self.notes.append(f'"{_short(text)}": {reason}')

    def add(
        self,
        kind: QuestionType,
        text: Text,
        options: Sequence[Text] = (),
        *,
        name: str = "",
        minimum: float | None = None,
        maximum: float | None = None,
        labels: Mapping[int, Text] | None = None,
        required: bool = False,
    ) -> None:
        """Add a question, unless it asks for what identifies a person, or has too few options to be one."""
        shown = next((words for words in text.values() if words), name)
        if not shown:
            self.leave_out(name or "a question", "has no text, so it is left out")
            return
        personal = reason_of_name([shown])
        if kind == "text" and personal:
            self.leave_out(shown, f"asks for {personal}, so it is left out")
            return
        if kind in ("single", "multiple") and not 2 <= len(options) <= MOST_OPTIONS:
            self.leave_out(shown, f"has {len(options)} options, so it is left out: a choice has 2 to {MOST_OPTIONS}")
            return
        ids: set[str] = set()
        choices = tuple(Option(slug(next(iter(option.values()), ""), ids), _shortened(option)) for option in options)
        if kind == "number" and (minimum is None or maximum is None or minimum >= maximum):
            minimum, maximum = NUMBERS
            self.leave_out(shown, "has no range in the form: 0 to 100 is written, set a sensible one")
        if required:
            self.leave_out(shown, "is required there: an adaptive survey asks it when it helps; required: true asks it always")
        question = Question(
            slug(name or shown, self.taken),
            kind,
            _shortened(text),
            seconds=SECONDS_BY_TYPE[kind],
            options=choices,
            minimum=minimum,
            maximum=maximum,
            labels={point: _shortened(label) for point, label in (labels or {}).items() if any(label.values())},
        )
        self.questions.append(question)


def bank_of_form(form: Form, bank_id: str) -> Imported:
    """Return the text of a bank with one survey of all questions and two personas, whose rows are alike. Raises NotImportable."""
    asked = [question for question in form.questions if question.type != "text"]
    if not asked:
        raise NotImportable("\n".join(["no question can be carried over:", *form.notes]))
    personas = tuple(
        replace(persona, name=dict.fromkeys(form.languages, f"Persona {number}")) for number, persona in enumerate(PERSONAS, 1)
    )
    questions = tuple(replace(question, likelihood=neutral(question, [persona.id for persona in personas])) for question in form.questions)
    title = form.title if any(form.title.values()) else {form.languages[0]: bank_id}
    survey = Survey("main", title, tuple(question.id for question in questions))
    notes = {
        "": "Questions imported by `discern import`. Write your personas, and what tells them apart: every row is neutral so far.",
        "personas": "replace these two by your own; every likelihood below has a row for each",
    }
    return Imported(write_bank(Bank(bank_id, title, form.languages, personas, questions, surveys=(survey,)), notes), tuple(form.notes))


def neutral(question: Question, keys: Iterable[str]) -> dict[str, Row]:
    """Return a row for each persona that says nothing of it."""
    if question.type == "text":
        return {}
    if question.type == "number":
        low, high = question.minimum or 0.0, question.maximum or 1.0
        return {key: Normal((low + high) / 2, (high - low) / 4) for key in keys}
    return {key: Words(("0",) * len(question.outcomes)) for key in keys}


def plain_text(text: object) -> str:
    """Return a text without HTML, Markdown emphasis and references to other answers.

    >>> plain_text("<p>How <b>old</b> are&nbsp;you?</p>"), plain_text("*Why*, {{field:abc}}?")
    ('How old are you?', 'Why, …?')
    """
    words = re.sub(r"<(script|style)\b.*?</\1>|<[^>]*>", " ", str(text or ""), flags=re.DOTALL | re.IGNORECASE)
    words = re.sub(r"\{\{?[^{}]*\}?\}", "…", html.unescape(words))
    words = re.sub(r"(?<!\w)([*_]{1,2})(\S.*?)\1(?!\w)", r"\2", words)
    return re.sub(r"\s+([?!.,])", r"\1", " ".join(words.split()))


def _shortened(text: Text) -> Text:
    return {language: words if len(words) <= LONGEST else words[: LONGEST - 1] + "…" for language, words in text.items() if words}


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:59] + "…"
