"""Compile a bank to the arrays of `adaptive`, and its answers to evidence."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeGuard

import numpy as np

from adaptive.arrays import Bools, Floats
from adaptive.dependency_forest import NOT_GIVEN
from adaptive.evaluation.simulate import Conditions
from adaptive.likelihood import (
    ENUMERATED_OPTIONS,
    AnyLikelihood,
    Choice,
    MultipleChoice,
    Numeric,
    Unmodelled,
    log_no_answer,
    log_with_trust,
    tick_patterns,
)
from adaptive.posterior import Evidence
from adaptive.selection import SurveyRules
from adaptive.tables import ResponseTables
from question_bank.answer_values import Value
from question_bank.definitions import Bank, LogNormal, Normal, Question, Row, Survey
from question_bank.keywords import finder
from question_bank.probabilities import FLOOR, shares_of


@dataclass(frozen=True)
class ObservedAnswer:
    """One respondent's answer to one question: a canonical `value`, or None for a skip.

    `trust` is the probability that a person meant it: below 1 for an unconfirmed click on a single choice or a scale. `weight` is the
    exponent on its likelihood: below 1 where the answer came too fast for the question to have been read.
    """

    question: str
    value: Value | None = None
    trust: float = 1.0
    weight: float = 1.0

    @property
    def is_certain(self) -> bool:
        """Whether its likelihood is that of its table, without lower trust or weight."""
        return self.trust >= 1 and self.weight >= 1


@dataclass(frozen=True, eq=False)
class CompiledBank:
    """A bank with its arrays, ready for the engine, addressed by the ids of the bank."""

    bank: Bank
    tables: ResponseTables

    @cached_property
    def personas(self) -> tuple[str, ...]:
        return tuple(persona.id for persona in self.bank.personas)

    @cached_property
    def index(self) -> Mapping[str, int]:
        """Position of each question id."""
        return {question.id: q for q, question in enumerate(self.bank.questions)}

    @cached_property
    def rules(self) -> Mapping[str, SurveyRules]:
        """Rules of each survey id."""
        return {survey.id: _rules(self.bank, survey, self.index) for survey in self.bank.surveys}

    @cached_property
    def signal_rows(self) -> Mapping[str, Floats]:
        """(K,) log P(signal | persona), or class, of each signal id."""
        return {
            signal.id: np.log(np.clip([signal.likelihood[key] for key in self.bank.keys_in(signal.likelihood)], FLOOR, 1 - FLOOR))
            for signal in self.bank.signals
        }

    @cached_property
    def keywords(self) -> Mapping[str, re.Pattern[str]]:
        """The pattern of each signal that looks for words."""
        return {signal.id: finder(signal.words) for signal in self.bank.signals if signal.words}

    @cached_property
    def _fixed_rows(self) -> Mapping[str, Mapping[str | None, Floats]]:
        """The rows that do not depend on a value: of the skip under None, and of each outcome of a single choice or a scale."""
        rows: dict[str, dict[str | None, Floats]] = {}
        for question, table in zip(self.bank.questions, self.tables.questions, strict=True):
            rows[question.id] = {None: log_no_answer(table.silence, self.tables.classes)}
            if isinstance(table, Choice):
                rows[question.id] |= {outcome: table.log_given(place) for place, outcome in enumerate(question.outcomes)}
        return rows

    def row(self, given: ObservedAnswer) -> Floats:
        """Return (K,) log P(answer or skip | persona), or class. Raises KeyError for a question the bank does not have.

        The array is shared: do not change it.
        """
        fixed = self._fixed_rows[given.question]
        if not given.is_certain:
            certain = self.row(replace(given, trust=1.0, weight=1.0))
            if given.trust < 1:
                certain = log_with_trust(certain, given.trust, len(self.bank.question_by_id[given.question].outcomes))
            return given.weight * certain
        if given.value is None:
            return fixed[None]
        if len(fixed) > 1:
            return fixed[str(given.value)]
        question, table = self.bank.question_by_id[given.question], self.tables.questions[self.index[given.question]]
        if isinstance(table, MultipleChoice):
            return _tick_row(question, table, given.value)
        if isinstance(table, Numeric):
            return _numeric_row(table, given.value)
        return np.zeros(self.tables.classes)

    def code(self, given: ObservedAnswer) -> int:
        """Return the outcome code of a certain answer to a single choice or a scale, -1 for anything else."""
        question = self.bank.questions[self.index[given.question]]
        if given.value is None or not given.is_certain or question.type not in ("single", "scale"):
            return NOT_GIVEN
        return question.outcomes.index(str(given.value))

    def evidence(self, given: Iterable[ObservedAnswer], signals: Floats | None = None) -> Evidence:
        """Return the evidence of one respondent (B = 1). The last answer to a question counts; `signals` is (K,)."""
        evidence = Evidence.none(self.tables)
        for answer in given:
            q = self.index[answer.question]
            evidence.answered[0, q] = answer.value is not None
            evidence.silent[0, q] = answer.value is None
            evidence.rows[0, q] = self.row(answer)
            evidence.codes[0, q] = self.code(answer)
            if not answer.is_certain:
                evidence.signals[0] += self.uncertain_tree_evidence(answer)
        if signals is not None:
            evidence.signals[0] += signals
        return evidence

    def uncertain_tree_evidence(self, given: ObservedAnswer) -> Floats:
        """Return (K,) the log-likelihood that an uncertain answer within a tree adds; zero elsewhere.

        Belief propagation takes certain answers only, so these enter as signals.
        """
        q = self.index[given.question]
        if given.value is None or given.is_certain or not self.tables.in_forest[q]:
            return np.zeros(self.tables.classes)
        difference: Floats = self.row(given) - self.tables.log_any_answer[q]
        return difference

    def opens(self, given: Iterable[ObservedAnswer]) -> Bools:
        """Return the (Q,) questions whose conditions are all answered and met."""
        met = np.ones(len(self.bank.questions), dtype=bool)
        if self.has_conditions:
            answers = {answer.question: answer.value for answer in given}
            for q, other, opening in self._conditions:
                value = answers.get(other.id)
                met[q] &= value is not None and bool(_chosen_outcomes(other, value) & opening)
        return met

    @cached_property
    def has_conditions(self) -> bool:
        """Whether any question is asked only after certain answers to another."""
        return bool(self._conditions)

    @cached_property
    def _conditions(self) -> list[tuple[int, Question, set[str]]]:
        """Each conditional question, a question it depends on, and the outcomes of that question that open it."""
        found = [(q, other, opening) for q, question in enumerate(self.bank.questions) for other, opening in question.ask_if.items()]
        return [(q, self.bank.question(other), set(opening)) for q, other, opening in found]

    def outcomes(self, question_id: str) -> tuple[ObservedAnswer, ...]:
        """Return every answer to a single choice or a scale, then the skip; only the skip for other types. Used to look ahead."""
        question = self.bank.questions[self.index[question_id]]
        values: tuple[Value, ...] = question.points if question.type == "scale" else ()
        if question.type == "single":
            values = question.outcomes
        return (*(ObservedAnswer(question_id, value) for value in values), ObservedAnswer(question_id))


def compile_bank(bank: Bank) -> CompiledBank:
    """Compile a checked bank. Tables keep their floor of 1e-4; a question without a table carries no evidence."""
    topics = {topic: number for number, topic in enumerate(dict.fromkeys(q.topic for q in bank.questions if q.topic))}
    place = {question.id: q for q, question in enumerate(bank.questions)}
    tables = ResponseTables.of(
        [_likelihood(bank, question) for question in bank.questions],
        prior=bank.shares,
        seconds=[question.seconds for question in bank.questions],
        topics=[topics.get(question.topic or "", -1) for question in bank.questions],
        parents={
            place[question.id]: place[question.parent] for question in bank.questions if question.parent and question.likelihood_given
        },
        given={place[question.id]: given_parent(bank, question) for question in bank.questions if question.likelihood_given},
        persona_of=bank.persona_of,
        evidence_weight=bank.evidence_weight,
        repeat_weight=bank.repeat_weight,
        question_weights=[question.evidence_weight for question in bank.questions],
        answer_correlation=bank.answer_correlation,
    )
    return CompiledBank(bank, tables)


def _likelihood(bank: Bank, question: Question) -> AnyLikelihood:
    keys, silence = bank.keys_in(question.likelihood), None
    if question.no_answer is not None:
        silence = np.clip([question.no_answer[key] for key in bank.keys_in(question.no_answer)], FLOOR, 1 - FLOOR)
    if question.pilot or question.type == "text":
        return Unmodelled(len(keys), None if question.pilot else silence)
    if question.likelihood_given:
        return Unmodelled(len(keys), silence)  # its table is in `given`
    if question.type == "number":
        return replace(_numeric(question, keys, silence), lapse=bank.lapse, outliers=bank.outliers)
    shares = shares_of(question, question.likelihood, keys)
    if question.type == "multiple":
        return MultipleChoice(_with_lapse(bank, shares, 2), silence)
    return Choice(_with_lapse(bank, shares, shares.shape[1]), silence)


def _with_lapse(bank: Bank, shares: Floats, outcomes: int) -> Floats:
    """Mix in the bank's lapse: the share of answers given without reading, uniform over the outcomes."""
    return (1 - bank.lapse) * shares + bank.lapse / outcomes


def given_parent(bank: Bank, question: Question) -> Floats:
    """Return (K, P, A) P(outcome | persona, parent's outcome), one row per class where personas have styles."""
    parent = bank.question(question.parent or "")
    tables = [{key: rows[outcome] for key, rows in question.likelihood_given.items()} for outcome in parent.outcomes]
    keys = bank.keys_in(question.likelihood_given)
    return _with_lapse(bank, np.stack([shares_of(question, given, keys) for given in tables], axis=1), len(question.outcomes))


def _numeric(question: Question, keys: list[str], silence: Floats | None) -> Numeric:
    rows = [question.likelihood[key] for key in keys]
    logarithmic = np.array([isinstance(row, LogNormal) for row in rows])
    parameters = [
        (np.log(row.median), np.log(row.spread)) if isinstance(row, LogNormal) else (row.mean, row.sd)
        for row in rows
        if _is_distribution(row)
    ]
    centre, width = np.array(parameters, dtype=float).T
    low = -np.inf if question.minimum is None else question.minimum
    high = np.inf if question.maximum is None else question.maximum
    return Numeric(centre, width, logarithmic, low, high, silence)


def _is_distribution(row: Row) -> TypeGuard[Normal | LogNormal]:
    return isinstance(row, Normal | LogNormal)


def _tick_row(question: Question, table: MultipleChoice, value: Value) -> Floats:
    ticked = value["ticked"] if isinstance(value, dict) else value
    seen = value["seen"] if isinstance(value, dict) else question.outcomes
    masks = [np.array([option in ids for option in question.outcomes]) for ids in (ticked, seen)]  # type: ignore[operator]
    return table.log_given(*masks)


def _chosen_outcomes(question: Question, value: Value) -> frozenset[str]:
    """Return the outcomes that a canonical value names, as `ask_if` lists them; empty for numbers and text."""
    if question.type == "multiple":
        return frozenset(value["ticked"] if isinstance(value, dict) else value)  # type: ignore[arg-type]
    return frozenset([str(value)]) if question.type in ("single", "scale") else frozenset()


def _numeric_row(table: Numeric, value: Value) -> Floats:
    if isinstance(value, dict):
        return table.log_between(value.get("from", -np.inf), value.get("to", np.inf))
    return table.log_given(float(value))  # type: ignore[arg-type]


def _rules(bank: Bank, survey: Survey, index: Mapping[str, int]) -> SurveyRules:
    size = len(bank.questions)
    needs = np.zeros((size, size), dtype=bool)
    for q, question in enumerate(bank.questions):
        needs[q, [index[other] for other in question.ask_if]] = True
    pilots = np.array([question.pilot and question.id in survey.questions for question in bank.questions])
    return SurveyRules(
        included=np.array([question.id in survey.questions for question in bank.questions]),
        required=np.array([question.required for question in bank.questions]),
        needs=needs,
        first=tuple(index[question] for question in survey.first),
        stop=survey.stop,
        effort=survey.effort,
        actions=_action_values(bank, survey) if survey.objective == "value" and survey.dominant_action is None else None,
        pilots=pilots if pilots.any() else None,
        hazard=survey.drop_out,
        opening=_opening(bank, index) if survey.stop.endgame == "accuracy" else {},
    )


def _opening(bank: Bank, index: Mapping[str, int]) -> dict[int, tuple[int, Bools]]:
    """Return the conditional questions that one answer can open, with the outcome cells of the other question that open them.

    Left out are questions with several conditions, and those that depend on a pilot, whose outcomes have no cells, or on a multiple
    choice with too many options to enumerate.
    """
    found = {}
    for q, question in enumerate(bank.questions):
        if len(question.ask_if) == 1:
            ((name, opening),) = question.ask_if.items()
            other = bank.question(name)
            if other.pilot:
                continue
            named = np.array([outcome in opening for outcome in other.outcomes])
            if other.type != "multiple":
                found[q] = index[name], named
            elif len(named) <= ENUMERATED_OPTIONS:
                found[q] = index[name], (tick_patterns(len(named)) & named).any(axis=1)
    return found


def _action_values(bank: Bank, survey: Survey) -> Floats:
    """Return the (M + 1, K) value of each action for each class, doing nothing in the last row."""
    values = [[by_persona[persona.id] for persona in bank.personas] for by_persona in survey.actions.values()]
    return np.array([*values, [0.0] * len(bank.personas)])[:, bank.persona_of]


def conditions_of(bank: CompiledBank) -> Conditions:
    """Return the mask over the outcomes that each `ask_if` names, by the positions of both questions."""
    return {
        q: {
            bank.index[other]: np.array([outcome in opening for outcome in bank.bank.question(other).outcomes])
            for other, opening in question.ask_if.items()
        }
        for q, question in enumerate(bank.bank.questions)
        if question.ask_if
    }
