"""Update a published bank with the answers it has gathered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from adaptive.arrays import Bools, Floats
from adaptive.learning.update import Answers, Model
from adaptive.likelihood import AnyLikelihood, Choice, MultipleChoice, Numeric
from question_bank.answer_values import Value
from question_bank.compile import CompiledBank, ObservedAnswer, given_parent
from question_bank.datasets.fit import PLACES
from question_bank.definitions import Bank, LogNormal, Normal, Persona, Question, Row, Shares
from question_bank.probabilities import FLOOR, PSEUDO_COUNTS

ENOUGH_FOR_A_TABLE = 20
"""Answers per persona from which a pilot question gets a table."""


@dataclass(frozen=True)
class Pilot:
    """Progress of a pilot question: answers so far, and how many it needs for a table."""

    question: str
    answers: int
    needed: int

    @property
    def has_enough(self) -> bool:
        return self.answers >= self.needed


def model_of(bank: CompiledBank) -> Model:
    """Return the model of a bank, with the tables of dependent questions given their parents."""
    dependent = [question for question in bank.bank.questions if question.likelihood_given and question.parent and not question.pilot]
    return Model(
        bank.tables.prior,
        bank.tables.questions,
        {bank.index[question.id]: bank.index[question.parent] for question in dependent if question.parent},
        {bank.index[question.id]: given_parent(bank.bank, question) for question in dependent},
    )


def answers_of(bank: CompiledBank, respondents: Sequence[Sequence[ObservedAnswer]]) -> Answers:
    """Return the answers of N respondents as arrays. An interval counts as its middle; one with an open end is missing."""
    size, questions = len(respondents), bank.bank.questions
    codes, silent = np.full((size, len(questions)), -1), np.zeros((size, len(questions)), dtype=bool)
    ticks = {q: np.full((size, len(question.options)), np.nan) for q, question in enumerate(questions) if question.type == "multiple"}
    numbers = {q: np.full(size, np.nan) for q, question in enumerate(questions) if question.type == "number"}
    for n, observed in enumerate(respondents):
        for given in observed:
            q = bank.index[given.question]
            silent[n, q] = given.value is None
            if q in ticks and given.value is not None:
                ticks[q][n] = _ticked(questions[q], given.value)
            elif q in numbers and given.value is not None:
                numbers[q][n] = _middle(given.value)
            else:
                codes[n, q] = bank.code(given)
    return Answers(codes, silent, ticks, numbers)


def _ticked(question: Question, value: Value) -> list[float]:
    ticked, seen = (value["ticked"], value["seen"]) if isinstance(value, dict) else (value, question.outcomes)
    return [float(option in ticked) if option in seen else np.nan for option in question.outcomes]  # type: ignore[operator]


def _middle(value: Value) -> float:
    if isinstance(value, dict):
        return (value["from"] + value["to"]) / 2 if {"from", "to"} <= set(value) else np.nan
    return float(value)  # type: ignore[arg-type]


def pilots_of(bank: CompiledBank, answers: Answers) -> list[Pilot]:
    """Return the progress of each pilot question that can have a table."""
    needed = ENOUGH_FOR_A_TABLE * len(bank.personas)
    counts = answers.answered.sum(axis=0)
    return [
        Pilot(question.id, int(counts[q]), needed)
        for q, question in enumerate(bank.bank.questions)
        if question.pilot and question.type != "text"
    ]


def updated_bank(bank: CompiledBank, model: Model, answers: Answers, membership: Floats) -> Bank:
    """Return the bank with the tables of `model`; a pilot with enough answers becomes an ordinary question.

    `membership` is (N, K), P(persona) of each respondent, from which pilots get their tables. A question without answers keeps its rows.
    Where personas have styles, K is the number of classes and each style gets rows of its own.
    """
    ready = {pilot.question for pilot in pilots_of(bank, answers) if pilot.has_enough}
    answered: Bools = np.logical_or.reduce(answers.answered, axis=0)
    questions, keys = [], bank.bank.keys
    for q, question in enumerate(bank.bank.questions):
        if question.id in ready:
            table = _table_without_lapse(bank.bank, _pilot_table(question, answers, q, membership))
            questions.append(replace(question, pilot=False, likelihood=_rows_of(table, keys), parent=None))
        elif answered[q] and q in model.given:
            parent = bank.bank.question(question.parent or "")
            meant = _without_lapse(bank.bank, model.given[q], model.given[q].shape[2])
            rows = {key: _shares(parent.outcomes, meant[k]) for k, key in enumerate(keys)}
            questions.append(replace(question, likelihood_given=rows, no_answer=_no_answer(question, model, q, keys)))
        elif answered[q] and question.likelihood:
            new_rows = _rows_of(_table_without_lapse(bank.bank, model.questions[q]), keys)
            questions.append(replace(question, likelihood=new_rows, no_answer=_no_answer(question, model, q, keys)))
        else:
            questions.append(question)
    personas = tuple(_persona(persona, model.prior[np.equal(bank.bank.persona_of, k)]) for k, persona in enumerate(bank.bank.personas))
    return replace(bank.bank, personas=personas, questions=tuple(questions))


def _persona(persona: Persona, shares: Floats) -> Persona:
    """Return the persona with its new prior and style shares; `shares` are the priors of its classes."""
    total = float(shares.sum())
    within = [max(round(float(share) / total, PLACES), 10.0**-PLACES) for share in shares]
    styles = tuple(replace(style, share=share) for style, share in zip(persona.styles, within, strict=False))
    return replace(persona, prior=round(total, PLACES), styles=styles)


def _table_without_lapse(bank: Bank, table: AnyLikelihood) -> AnyLikelihood:
    """Return a table without lapse, as the bank stores it: compiling adds the lapse again."""
    if isinstance(table, Choice):
        return replace(table, table=_without_lapse(bank, table.table, table.table.shape[1]))
    return replace(table, ticked=_without_lapse(bank, table.ticked, 2)) if isinstance(table, MultipleChoice) else table


def _without_lapse(bank: Bank, shares: Floats, outcomes: int) -> Floats:
    """Return the shares among answers that were read: without the lapse, which is uniform over the outcomes."""
    meant = (shares - bank.lapse / outcomes) / (1 - bank.lapse)
    return np.clip(meant, FLOOR, 1 - FLOOR) if bank.lapse else shares


def _no_answer(question: Question, model: Model, q: int, keys: Sequence[str]) -> Mapping[str, float] | None:
    silence = model.questions[q].silence
    if question.no_answer is None or silence is None:
        return question.no_answer
    return {key: round(float(share), PLACES) for key, share in zip(keys, silence, strict=True)}


def _pilot_table(question: Question, answers: Answers, q: int, membership: Floats) -> AnyLikelihood:
    """Return the first table of a pilot question, shrunk to the pooled one; memberships come from the other questions."""
    if question.type == "multiple":
        seen, ticked = ~np.isnan(answers.ticks[q]), np.nan_to_num(answers.ticks[q])
        pooled = (ticked.sum(axis=0) + 0.5) / (seen.sum(axis=0) + 1)
        return MultipleChoice((membership.T @ ticked + PSEUDO_COUNTS * pooled) / (membership.T @ seen + PSEUDO_COUNTS))
    if question.type == "number":
        given = ~np.isnan(answers.numbers[q])
        values, weights = answers.numbers[q][given], membership[given]
        size = weights.sum(axis=0) + PSEUDO_COUNTS
        centre = (weights.T @ values + PSEUDO_COUNTS * values.mean()) / size
        square = (weights.T @ values**2 + PSEUDO_COUNTS * (values**2).mean()) / size
        return Numeric(centre, np.sqrt(np.maximum(square - centre**2, 1e-6 + (0.01 * values.std()) ** 2)))
    hot = (answers.codes[:, q][:, None] == np.arange(len(question.outcomes))).astype(float)
    pooled = (hot.sum(axis=0) + 0.5) / (hot.sum() + 0.5 * hot.shape[1])
    counts = membership.T @ hot
    return Choice((counts + PSEUDO_COUNTS * pooled) / (counts.sum(axis=1, keepdims=True) + PSEUDO_COUNTS))


def _rows_of(table: AnyLikelihood, keys: Sequence[str]) -> Mapping[str, Row]:
    if isinstance(table, Choice):
        return _shares(keys, table.table)
    if isinstance(table, MultipleChoice):
        return {key: Shares(tuple(round(float(p), PLACES) for p in row)) for key, row in zip(keys, table.ticked, strict=True)}
    if isinstance(table, Numeric):
        parameters = zip(keys, table.centre, table.width, np.broadcast_to(table.logarithmic, table.centre.shape), strict=True)
        return {key: _number_row(float(centre), float(width), bool(logarithmic)) for key, centre, width, logarithmic in parameters}
    return {}


def _number_row(centre: float, width: float, logarithmic: bool) -> Row:
    if logarithmic:
        return LogNormal(float(f"{np.exp(centre):.5g}"), max(round(float(np.exp(width)), PLACES), 1.0001))
    return Normal(float(f"{centre:.5g}"), float(f"{width:.4g}"))


def _shares(names: Sequence[str], table: Floats) -> Mapping[str, Row]:
    """Round rows so that they add up to exactly one: the largest share takes the remainder."""
    rounded = table.round(PLACES)
    rounded[np.arange(len(table)), table.argmax(axis=1)] += 1 - rounded.sum(axis=1)
    return {name: Shares(tuple(round(float(p), PLACES) for p in row)) for name, row in zip(names, rounded, strict=True)}
