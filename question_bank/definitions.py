"""The definitions of a bank: what its author writes, parsed but not yet compiled.

All classes are frozen and compare by value, so that two banks are equal exactly when their content is.
A ``Text`` is always a map from language to words; a plain string in the file is text in the bank's first language.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from adaptive.dropout import Hazard
from adaptive.stopping import StopRule
from question_bank.journeys import Barometer, Journey, Play
from question_bank.languages import negotiate

Text = Mapping[str, str]
QuestionType = Literal["single", "multiple", "scale", "number", "text"]
Objective = Literal["information", "value"]
AttributeKind = Literal["number", "date", "category", "text"]
ProfilingConsent = Literal["required", "objection"]

WORDS = ("++", "+", "0", "-", "--")
_WORD = re.compile(r"\w[\w'’-]*")
SECONDS_BY_TYPE: Mapping[str, float] = {"single": 5.0, "multiple": 9.0, "scale": 4.0, "number": 7.0, "text": 20.0}


@dataclass(frozen=True)
class Shares:
    """Probabilities aligned with the options (single), the points (scale), or P(ticked) of each option (multiple)."""

    values: tuple[float, ...]


@dataclass(frozen=True)
class Counts:
    """Number of respondents who gave each outcome. ``of`` is the number asked: required for multiple, else the sum."""

    values: tuple[float, ...]
    of: float | None = None


@dataclass(frozen=True)
class Words:
    """One of ``++ + 0 - --`` per option, for authors without data."""

    values: tuple[str, ...]


@dataclass(frozen=True)
class Normal:
    mean: float
    sd: float


@dataclass(frozen=True)
class LogNormal:
    """``median`` in the unit of the question; two thirds of the numbers lie in median / ``spread`` .. median * ``spread``."""

    median: float
    spread: float


Row = Shares | Counts | Words | Normal | LogNormal


@dataclass(frozen=True)
class Style:
    """One of several ways in which people of one persona answer."""

    id: str
    share: float  # normalised over the styles of the persona


@dataclass(frozen=True)
class Persona:
    id: str
    name: Text
    prior: float  # normalised over the personas of the bank
    value: float = 1.0
    description: Text | None = None
    needs: Text | None = None
    expectations: Mapping[str, float] = field(default_factory=dict)
    channels: Mapping[str, float] = field(default_factory=dict)
    image: str | None = None
    styles: tuple[Style, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """The table keys of its classes: ``persona/style`` of each style, or the persona itself."""
        return tuple(f"{self.id}/{style.id}" for style in self.styles) or (self.id,)


@dataclass(frozen=True)
class Option:
    id: str
    text: Text


@dataclass(frozen=True)
class Question:
    id: str
    type: QuestionType
    text: Text
    help: Text | None = None
    topic: str | None = None
    parent: str | None = None
    pilot: bool = False
    seconds: float = 0.0  # filled from SECONDS_BY_TYPE when the file says nothing
    options: tuple[Option, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    labels: Mapping[int, Text] = field(default_factory=dict)
    unit: str | Text | None = None  # a plain string, such as km, holds in every language
    likelihood: Mapping[str, Row] = field(default_factory=dict)  # persona or persona/style -> row; empty for text, pilot
    likelihood_given: Mapping[str, Mapping[str, Row]] = field(default_factory=dict)  # with a parent: the same keys -> parent outcome -> row
    no_answer: Mapping[str, float] | None = None
    ask_if: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    required: bool = False
    evidence_weight: float = 1.0  # multiplies that of the bank

    @cached_property
    def points(self) -> tuple[int, ...]:
        """The points of a scale, lowest first."""
        if self.minimum is None or self.maximum is None:
            return ()
        return tuple(range(int(self.minimum), int(self.maximum) + 1))

    @cached_property
    def outcomes(self) -> tuple[str, ...]:
        """The outcomes that may be chosen: option ids, or the points of a scale as strings."""
        if self.type == "scale":
            return tuple(str(point) for point in self.points)
        return tuple(option.id for option in self.options)

    @cached_property
    def words(self) -> int:
        """Number of words of the question, without options, in the language in which it is shortest."""
        return min((len(_WORD.findall(text)) for text in (self.text or {}).values()), default=0)


@dataclass(frozen=True)
class Signal:
    """Evidence from behaviour: events that `match` describes, or `words` in answers to text questions and in searches.

    With `question`, words count in the answers to this question only.
    """

    id: str
    match: Mapping[str, str]
    likelihood: Mapping[str, float]
    half_life_days: float | None = None
    at_most: int | None = None
    words: tuple[str, ...] = ()
    question: str | None = None


@dataclass(frozen=True)
class Attribution:
    """How contacts who never answered get a persona from their attributes.

    `attributes` are the names that may be used, with their kinds; those in `never` are refused. A contact is assigned where at least the
    share `target` of such assignments is right, and stays assigned within `hysteresis`. Under `consent: required` only contacts with
    ``profiling: true`` are scored, under `objection` all but those with ``profiling: false``.
    """

    attributes: Mapping[str, AttributeKind]
    never: tuple[str, ...] = ()
    target: float = 0.8
    hysteresis: float = 0.05
    consent: ProfilingConsent = "required"


OUTLIERS = 0.05
"""Share of typed numbers that say nothing about the persona, where the bank says nothing: slips, other units, jokes."""

DEFAULT_STOP = StopRule(confidence=0.85, at_most=6, gain_below=0.02, endgame="accuracy")


@dataclass(frozen=True)
class Consent:
    text: Text
    required: bool = True


@dataclass(frozen=True)
class Result:
    """What a respondent sees at the end. `redirect` matches ADDRESS."""

    text: Text | None = None
    redirect: str | None = None


@dataclass(frozen=True)
class Survey:
    id: str
    title: Text
    questions: tuple[str, ...]  # ids in bank order, whatever form the file chose
    objective: Objective = "information"
    actions: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    stop: StopRule = DEFAULT_STOP
    effort: float = 1.0
    explore: float = 0.0
    drop_out: Hazard | None = None
    first: tuple[str, ...] = ()
    consent: Consent | None = None
    origins: tuple[str, ...] = ()
    reveal: bool = False
    result: Mapping[str, Result] = field(default_factory=dict)

    @property
    def has_known_length(self) -> bool:
        """Whether the last questions before `at_most` can be planned: they are chosen by information, and their number is known."""
        return self.stop.at_most is not None and self.objective != "value"

    @property
    def dominant_action(self) -> str | None:
        """The action that is best for every persona, None where it depends; doing nothing is worth 0 and called "nothing"."""
        actions = {**self.actions, "nothing": dict.fromkeys(next(iter(self.actions.values()), {}), 0.0)}
        for name, values in actions.items():
            if all(values[persona] >= other[persona] for other in actions.values() for persona in values):
                return name
        return None


@dataclass(frozen=True)
class Brand:
    """How the pages of a bank's surveys look. `logo` is a data URI, `accent` a colour or ``light-dark(…, …)`` of two."""

    name: Text | None = None
    logo: str | None = None
    accent: str | None = None
    radius: str | None = None
    font: str | None = None


@dataclass(frozen=True)
class Bank:
    id: str
    title: Text
    languages: tuple[str, ...]
    personas: tuple[Persona, ...]
    questions: tuple[Question, ...]
    signals: tuple[Signal, ...] = ()
    surveys: tuple[Survey, ...] = ()
    evidence_weight: float = 1.0
    repeat_weight: float = 0.5
    answer_correlation: float = 0.0
    lapse: float = 0.0
    outliers: float = OUTLIERS
    half_life_days: float | None = None
    attribution: Attribution | None = None
    journeys: tuple[Journey, ...] = ()
    barometers: tuple[Barometer, ...] = ()
    plays: tuple[Play, ...] = ()
    brand: Brand = field(default_factory=Brand)

    @property
    def language(self) -> str:
        """The default language."""
        return self.languages[0]

    @property
    def has_numbers(self) -> bool:
        """Whether any question has the distribution of a number, which `outliers` is about."""
        return any(question.type == "number" for question in self.questions)

    @property
    def keys(self) -> tuple[str, ...]:
        """The table key of each class: of each style, or of the persona that has none."""
        return tuple(key for persona in self.personas for key in persona.keys)

    def keys_in(self, table: Mapping[str, object]) -> list[str]:
        """Return the key of each class in a table: its own, or that of its persona."""
        return [key if key in table else persona.id for persona in self.personas for key in persona.keys]

    @property
    def persona_of(self) -> list[int]:
        """The position of each class's persona."""
        return [k for k, persona in enumerate(self.personas) for _ in persona.keys]

    @property
    def shares(self) -> list[float]:
        """The prior of each class."""
        return [persona.prior * share for persona in self.personas for share in [style.share for style in persona.styles] or [1.0]]

    def question(self, question_id: str) -> Question:
        """Return a question by its id. Raises KeyError when the bank has no such question."""
        return self.question_by_id[question_id]

    def survey(self, survey_id: str) -> Survey:
        """Return a survey by its id. Raises KeyError when the bank has no such survey."""
        return self.survey_by_id[survey_id]

    @cached_property
    def question_by_id(self) -> Mapping[str, Question]:
        """Each question by its id."""
        return {question.id: question for question in self.questions}

    @cached_property
    def survey_by_id(self) -> Mapping[str, Survey]:
        """Each survey by its id."""
        return {survey.id: survey for survey in self.surveys}


def in_language(text: Text | None, language: str, default: str) -> str | None:
    """Return the text in `language`, else in the nearest language that the bank has, else in its default language, else in any."""
    found = language_of(text, language, default)
    return text[found] if text and found else None


def language_of(text: Text | None, language: str, default: str) -> str | None:
    """Return the language in which `in_language` finds the text.

    >>> language_of({"en": "Colour", "pt": "Cor"}, "pt-BR", "en")
    'pt'
    """
    if not text:
        return None
    if text.get(language):
        return language
    written = [name for name in text if text[name]]
    return negotiate(language, [name for name in (default,) if name in written] + written) if written else next(iter(text))


def unit_in(question: Question, language: str, default: str) -> str | None:
    """Return the unit of a number question in `language`, or in another one as `in_language` does."""
    return question.unit if isinstance(question.unit, str) else in_language(question.unit, language, default)
