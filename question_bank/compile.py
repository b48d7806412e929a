"""From words to arrays: the only bridge between a bank and `adaptive`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeGuard

import numpy as np

from adaptive.arrays import Bools, Floats
from adaptive.dependency_forest import NOT_GIVEN
from adaptive.evaluation.simulate import Conditions
from adaptive.likelihood import AnyLikelihood, Choice, MultipleChoice, Numeric, Unmodelled, log_no_answer, log_with_trust
from adaptive.posterior import Evidence
from adaptive.selection import SurveyRules
from adaptive.tables import ResponseTables
from question_bank.answer_values import Value, chosen_outcomes
from question_bank.definitions import Bank, LogNormal, Normal, Question, Row, Survey
from question_bank.probabilities import FLOOR, shares_of


@dataclass(frozen=True)
class ObservedAnswer:
    """What one respondent gave to one question: a canonical `value`, or None for an explicit silence.

    `trust` is the probability that a person meant it: below 1 for the click of a single choice or a scale that nobody has confirmed.
    `weight` is how much of an answer it is, the exponent on its likelihood: below 1 where it came too fast to have been read.
    """

    question: str
    value: Value | None = None
    trust: float = 1.0
    weight: float = 1.0

    @property
    def is_certain(self) -> bool:
        """Whether it says what its table says, neither doubted nor weakened."""
        return self.trust >= 1 and self.weight >= 1


@dataclass(frozen=True, eq=False)
class CompiledBank:
    """A bank with its arrays, ready for the engine. Everything is addressed by the ids of the bank."""

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
        """(K,) log P(seen | persona) of each signal id, or | class."""
        return {
            signal.id: np.log(np.clip([signal.likelihood[key] for key in self.bank.keys_in(signal.likelihood)], FLOOR, 1 - FLOOR))
            for signal in self.bank.signals
        }

    def row(self, given: ObservedAnswer) -> Floats:
        """(K,) log P(what was given | persona), or class. Raises KeyError for a question the bank does not have."""
        question = self.bank.questions[self.index[given.question]]
        table = self.tables.questions[self.index[given.question]]
        if not given.is_certain:
            said = self.row(replace(given, trust=1.0, weight=1.0))
            return given.weight * (said if given.trust == 1 else log_with_trust(said, given.trust, len(question.outcomes)))
        if given.value is None:
            return log_no_answer(table.silence, self.tables.classes)
        if isinstance(table, Choice):
            return table.log_given(question.outcomes.index(str(given.value)))
        if isinstance(table, MultipleChoice):
            return _tick_row(question, table, given.value)
        if isinstance(table, Numeric):
            return _numeric_row(table, given.value)
        return np.zeros(self.tables.classes)

    def code(self, given: ObservedAnswer) -> int:
        """Which outcome of a single choice or a scale was given, -1 for anything else."""
        question = self.bank.questions[self.index[given.question]]
        if given.value is None or not given.is_certain or question.type not in ("single", "scale"):
            return NOT_GIVEN
        return question.outcomes.index(str(given.value))

    def evidence(self, given: Iterable[ObservedAnswer], signals: Floats | None = None) -> Evidence:
        """The evidence of one respondent (B = 1). The last thing given to a question counts; `signals` is (K,)."""
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
        """(K,) what an answer that is not certain says where only certain ones are read: within a tree. Zero elsewhere."""
        q = self.index[given.question]
        if given.value is None or given.is_certain or not self.tables.in_forest[q]:
            return np.zeros(self.tables.classes)
        said: Floats = self.row(given) - self.tables.log_any_answer[q]
        return said

    def opens(self, given: Iterable[ObservedAnswer]) -> Bools:
        """(Q,) questions none of whose conditions is unmet, or unanswered, by what was given."""
        met = np.ones(len(self.bank.questions), dtype=bool)
        if self.has_conditions:
            answers = {answer.question: answer.value for answer in given}
            for q, other, wanted in self._conditions:
                value = answers.get(other.id)
                met[q] &= value is not None and bool(chosen_outcomes(other, value) & wanted)
        return met

    @property
    def has_conditions(self) -> bool:
        """Whether any question is asked only after certain answers to another."""
        return bool(self._conditions)

    @cached_property
    def _conditions(self) -> list[tuple[int, Question, set[str]]]:
        """Each question with a condition, the question that it hangs on, and the outcomes that open it."""
        found = [(q, other, wanted) for q, question in enumerate(self.bank.questions) for other, wanted in question.ask_if.items()]
        return [(q, self.bank.question(other), set(wanted)) for q, other, wanted in found]

    def outcomes(self, question_id: str) -> tuple[ObservedAnswer, ...]:
        """Every answer to a single choice or a scale, and last the silence, for looking ahead; only the silence for other types."""
        question = self.bank.questions[self.index[question_id]]
        values: tuple[Value, ...] = question.points if question.type == "scale" else ()
        if question.type == "single":
            values = question.outcomes
        return (*(ObservedAnswer(question_id, value) for value in values), ObservedAnswer(question_id))


def compile_bank(bank: Bank) -> CompiledBank:
    """Arrays of a checked bank. Tables keep their floor of 1e-4; a question without a table tells nothing."""
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
        return _numeric(question, keys, silence, bank.lapse)
    shares = shares_of(question, question.likelihood, keys)
    if question.type == "multiple":
        return MultipleChoice(_with_lapse(bank, shares, 2), silence)
    return Choice(_with_lapse(bank, shares, shares.shape[1]), silence)


def _with_lapse(bank: Bank, shares: Floats, outcomes: int) -> Floats:
    """Shares among which some were given without reading: each of so many outcomes as often as the other."""
    return (1 - bank.lapse) * shares + bank.lapse / outcomes


def given_parent(bank: Bank, question: Question) -> Floats:
    """(K, P, A) P(outcome | persona, parent's outcome), one row a class where personas have styles."""
    parent = bank.question(question.parent or "")
    tables = [{key: rows[outcome] for key, rows in question.likelihood_given.items()} for outcome in parent.outcomes]
    keys = bank.keys_in(question.likelihood_given)
    return _with_lapse(bank, np.stack([shares_of(question, given, keys) for given in tables], axis=1), len(question.outcomes))


def _numeric(question: Question, keys: list[str], silence: Floats | None, lapse: float) -> Numeric:
    rows = [question.likelihood[key] for key in keys]
    logarithmic = np.array([isinstance(row, LogNormal) for row in rows])
    laws = [
        (np.log(row.median), np.log(row.spread)) if isinstance(row, LogNormal) else (row.mean, row.sd)
        for row in rows
        if _is_distribution(row)
    ]
    centre, width = np.array(laws, dtype=float).T
    low = -np.inf if question.minimum is None else question.minimum
    high = np.inf if question.maximum is None else question.maximum
    return Numeric(centre, width, logarithmic, low, high, silence, lapse)


def _is_distribution(row: Row) -> TypeGuard[Normal | LogNormal]:
    return isinstance(row, Normal | LogNormal)


def _tick_row(question: Question, table: MultipleChoice, value: Value) -> Floats:
    ticked = value["ticked"] if isinstance(value, dict) else value
    seen = value["seen"] if isinstance(value, dict) else question.outcomes
    masks = [np.array([option in ids for option in question.outcomes]) for ids in (ticked, seen)]  # type: ignore[operator]
    return table.log_given(*masks)


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
    )


def _action_values(bank: Bank, survey: Survey) -> Floats:
    """(M + 1, K) value of each action for each class, and last of doing nothing."""
    worths = [[worth[persona.id] for persona in bank.personas] for worth in survey.actions.values()]
    return np.array([*worths, [0.0] * len(bank.personas)])[:, bank.persona_of]


def conditions_of(bank: CompiledBank) -> Conditions:
    """Mask over the outcomes of each question that an `ask_if` names, by the position of both questions."""
    return {
        q: {
            bank.index[other]: np.array([outcome in wanted for outcome in bank.bank.question(other).outcomes])
            for other, wanted in question.ask_if.items()
        }
        for q, question in enumerate(bank.bank.questions)
        if question.ask_if
    }
