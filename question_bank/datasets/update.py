"""Update a published bank with new answers: those of a file, or those that the service has stored."""

import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from tempfile import TemporaryFile
from typing import IO

import numpy as np

from adaptive.arrays import Floats
from adaptive.learning.expected_counts import Answers, Counts, Model
from adaptive.learning.update import Chunks, UpdatedModel, update_model
from adaptive.likelihood import AnyLikelihood, Choice, MultipleChoice, Numeric
from question_bank.answer_values import Value
from question_bank.compile import CompiledBank, ObservedAnswer, compile_bank, given_parent
from question_bank.datasets.answer_table import AnswerTable
from question_bank.datasets.fit import ENOUGH_FOR_A_TABLE, PLACES, rounded_shares, rows_of_shares
from question_bank.definitions import Bank, LogNormal, Normal, Persona, Question, Row, Shares, Signal
from question_bank.exports.table_files import AnswersInvalid
from question_bank.files.problems import count_of
from question_bank.probabilities import FLOOR, PSEUDO_COUNTS

DRIFTED = 0.2
"""From this share of respondents with another likeliest persona on, the personas are others than those of the bank."""

CHUNK = 2000
"""Respondents in memory at a time."""

FileRow = Mapping[str, Value | None]
"""One respondent's answers: question id -> canonical value, or None for a skip; absent where never asked."""


@dataclass(frozen=True)
class Pilot:
    """Progress of a pilot question: answers so far, and how many it needs for a table."""

    question: str
    answers: int
    needed: int

    @property
    def has_enough(self) -> bool:
        return self.answers >= self.needed


@dataclass(frozen=True, eq=False)
class UpdatedBank:
    """The `bank` with its new tables, the `update` behind them, and comments for `write_bank`."""

    bank: Bank
    update: UpdatedModel
    notes: Mapping[str, str]


def drift_warning(update: UpdatedModel) -> str | None:
    """Return a warning where the personas of an update are not those of the bank any more, or None.

    Without labels the tables move to the groups of respondents that explain the answers best, and these need not be the personas.
    """
    if update.other_persona < DRIFTED:
        return None
    return f"the personas have drifted: {update.other_persona:.0%} of the respondents have another likeliest persona than before"


def refit_bank(
    bank: Bank, rows: Sequence[FileRow], labels: Sequence[str | None] | None, seed: int, watch: Callable[[int], None] = lambda _: None
) -> UpdatedBank:
    """Return the bank updated with the respondents of a file, see `update_bank`.

    `labels` are persona ids; respondents with None are left out. Without labels the personas are inferred from the tables of the bank.
    Raises AnswersInvalid where there are too few answers.
    """
    compiled = compile_bank(bank)
    places = [n for n in range(len(rows)) if labels is None or labels[n] is not None]
    asked = {question for n in places for question, value in rows[n].items() if value is not None}
    if len(places) < 2 or not any(question.id in asked and question.type != "text" for question in bank.questions):
        known = f"{count_of(len(places), 'respondent')} with a known persona" if labels is not None else count_of(len(rows), "respondent")
        answers = f"{count_of(len(asked), 'question')} with answers"
        raise AnswersInvalid([f"{known} and {answers} are too few to fit: two respondents and one question are needed"])

    def chunks() -> Iterator[Answers]:
        for start in range(0, len(places), CHUNK):
            some = places[start : start + CHUNK]
            respondents = [[ObservedAnswer(question, value) for question, value in rows[n].items()] for n in some]
            yield answers_of(compiled, respondents, None if labels is None else [labels[n] for n in some])

    with stored_chunks(chunks()) as again:
        heading = "Refitted by `discern fit --from` to {respondents} respondents, {missing:.1%} of answers missing."
        return update_bank(compiled, again, seed, heading, watch)


def update_bank(bank: CompiledBank, chunks: Chunks, seed: int, heading: str, watch: Callable[[int], None] = lambda _: None) -> UpdatedBank:
    """Return the bank with tables and prior shares updated with the answers, and pilot questions that have enough of them.

    The published tables count as so many respondents of each persona as held-out answers choose. Questions without answers keep their
    tables; so does a question whose parent has no answers. Dependences, topics, weights, texts and ids are kept. `heading` is the first
    line of the notes; ``{respondents}`` in it stands for their number, ``{missing}`` for the share of answers that are missing. `watch` is
    called with 1 for each of `STRENGTHS`. Raises ValueError without respondents, TypeError where the chunks can be read only once.
    """
    update = update_model(model_of(bank), chunks, np.random.default_rng(seed), watch)
    return UpdatedBank(updated_bank(bank, update.model, update.counts), update, _notes(bank, update, heading))


@contextmanager
def stored_chunks(chunks: Iterable[Answers]) -> Iterator[Chunks]:
    """Write chunks to a temporary file without a name, and yield them as an object that reads them again each time it is iterated.

    So a database is read once, and answers that arrive meanwhile cannot change the respondents between two passes. Raises ValueError
    where the file cannot be written.
    """
    with TemporaryFile(prefix="discern-") as file:
        try:
            for answers in chunks:
                pickle.dump(answers, file, protocol=pickle.HIGHEST_PROTOCOL)
            file.flush()
        except OSError as wrong:
            raise ValueError(f"the answers cannot be kept in a temporary file: {wrong.strerror}") from None
        yield _StoredChunks(file, file.tell())


@dataclass(frozen=True)
class _StoredChunks:
    file: IO[bytes]
    size: int

    def __iter__(self) -> Iterator[Answers]:
        place = 0
        while place < self.size:
            self.file.seek(place)
            answers: Answers = pickle.load(self.file)  # noqa: S301  (this process wrote the file, and no other can open it)
            place = self.file.tell()
            yield answers


def rows_of(table: AnswerTable) -> list[FileRow]:
    """Return the rows of a file; every empty cell counts as a skip, which is evidence where the question has a no-answer table."""
    return [{question: row.get(question) for question in table.asked} for row in table.rows]


def model_of(bank: CompiledBank) -> Model:
    """Return the model of a bank, with the tables of dependent questions given their parents, and of its signals."""
    dependent = [question for question in bank.bank.questions if question.likelihood_given and question.parent and not question.pilot]
    signals = [np.exp(row) for row in bank.signal_rows.values()]
    return Model(
        bank.tables.prior,
        bank.tables.questions,
        {bank.index[question.id]: bank.index[question.parent] for question in dependent if question.parent},
        {bank.index[question.id]: given_parent(bank.bank, question) for question in dependent},
        np.column_stack(signals) if signals else None,
        bank.tables.styles,
        {q: _any_table(question, bank.tables.classes) for q, question in enumerate(bank.bank.questions) if _can_have_table(question)},
    )


def _can_have_table(question: Question) -> bool:
    return question.pilot and question.type != "text"


def _any_table(question: Question, classes: int) -> AnyLikelihood:
    """Return a table of the type and shape of a question; its values have no meaning."""
    if question.type == "number":
        return Numeric(np.zeros(classes), np.ones(classes))
    even = np.full((classes, len(question.outcomes)), 1 / len(question.outcomes))
    return MultipleChoice(even) if question.type == "multiple" else Choice(even)


def answers_of(bank: CompiledBank, respondents: Sequence[Sequence[ObservedAnswer]], labels: Sequence[str | None] | None = None) -> Answers:
    """Return the answers of N respondents as arrays. An interval counts as its middle; one with an open end is missing.

    `labels` are the ids of known personas, None where it is unknown.
    """
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
    known = None if labels is None else np.array([[persona == label for persona in bank.personas] for label in labels], dtype=float)
    return Answers(codes, silent, ticks, numbers, known)


def _ticked(question: Question, value: Value) -> list[float]:
    ticked, seen = (value["ticked"], value["seen"]) if isinstance(value, dict) else (value, question.outcomes)
    return [float(option in ticked) if option in seen else np.nan for option in question.outcomes]  # type: ignore[operator]


def _middle(value: Value) -> float:
    if isinstance(value, dict):
        return (value["from"] + value["to"]) / 2 if {"from", "to"} <= set(value) else np.nan
    return float(value)  # type: ignore[arg-type]


def pilots_of(bank: CompiledBank, counts: Counts) -> list[Pilot]:
    """Return the progress of each pilot question that can have a table."""
    needed = ENOUGH_FOR_A_TABLE * len(bank.personas)
    return [
        Pilot(question.id, int(counts.answered[q]), needed) for q, question in enumerate(bank.bank.questions) if _can_have_table(question)
    ]


def updated_bank(bank: CompiledBank, model: Model, counts: Counts) -> Bank:
    """Return the bank with the tables of `model`; a pilot with enough answers becomes an ordinary question.

    `counts` are the expected counts under the model, from which pilots get their tables. A question without answers keeps its rows, and so
    does a signal that nobody showed. Where personas have styles, each style gets rows of its own.
    """
    ready = {pilot.question for pilot in pilots_of(bank, counts) if pilot.has_enough}
    questions = tuple(_updated_question(bank, model, counts, q, question.id in ready) for q, question in enumerate(bank.bank.questions))
    own = [model.prior[np.equal(bank.bank.persona_of, k)] for k in range(len(bank.bank.personas))]
    priors = rounded_shares(np.array([shares.sum() for shares in own]), least=1)
    personas = tuple(map(_persona, bank.bank.personas, priors, own))
    return replace(bank.bank, personas=personas, questions=questions, signals=tuple(_updated_signals(bank.bank, model, counts)))


def _updated_question(bank: CompiledBank, model: Model, counts: Counts, q: int, ready: bool) -> Question:
    question, keys = bank.bank.questions[q], bank.bank.keys
    if ready:
        table = _table_without_lapse(bank.bank, _pilot_table(question, counts, q))
        return replace(question, pilot=False, likelihood=_rows_of(table, keys), parent=None)
    if not counts.answered[q] or not (q in model.given or question.likelihood):
        return question
    no_answer = _no_answer(question, model, q, keys)
    if q not in model.given:
        return replace(question, likelihood=_rows_of(_table_without_lapse(bank.bank, model.questions[q]), keys), no_answer=no_answer)
    if not counts.of("pairs", q).any():
        return replace(question, no_answer=no_answer)
    parent = bank.bank.question(question.parent or "")
    meant = _without_lapse(bank.bank, model.given[q], model.given[q].shape[2])
    rows = {key: rows_of_shares(parent.outcomes, meant[k]) for k, key in enumerate(keys)}
    return replace(question, likelihood_given=rows, no_answer=no_answer)


def _updated_signals(bank: Bank, model: Model, counts: Counts) -> Iterator[Signal]:
    """Yield the signals with their new P(seen | persona), of each style where a persona has several."""
    for s, signal in enumerate(bank.signals):
        if model.signals is None or not counts.of("seen")[:, s].any():
            yield signal
        else:
            shares = zip(bank.keys, model.signals[:, s], strict=True)
            yield replace(signal, likelihood={key: round(float(share), PLACES) for key, share in shares})


def _persona(persona: Persona, prior: float, classes: Floats) -> Persona:
    """Return the persona with its new prior and style shares; `classes` are the priors of its classes."""
    within = rounded_shares(classes, least=1)
    return replace(
        persona, prior=prior, styles=tuple(replace(style, share=share) for style, share in zip(persona.styles, within, strict=False))
    )


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


def _pilot_table(question: Question, counts: Counts, q: int) -> AnyLikelihood:
    """Return the first table of a pilot question, shrunk to the pooled one; memberships come from the other questions."""
    if question.type == "multiple":
        ticked, unticked = np.split(counts.of("ticks", q), 2, axis=1)
        seen = ticked + unticked
        pooled = (ticked.sum(axis=0) + 0.5) / (seen.sum(axis=0) + 1)
        return MultipleChoice((ticked + PSEUDO_COUNTS * pooled) / (seen + PSEUDO_COUNTS))
    if question.type == "number":
        moments = counts.of("moments", q)[:, :3]
        _, mean, mean_square = moments.sum(axis=0) / moments[:, 0].sum()
        size = moments[:, 0] + PSEUDO_COUNTS
        centre = (moments[:, 1] + PSEUDO_COUNTS * mean) / size
        square = (moments[:, 2] + PSEUDO_COUNTS * mean_square) / size
        least = 1e-6 + 0.01**2 * max(mean_square - mean**2, 0.0)
        return Numeric(centre, np.sqrt(np.maximum(square - centre**2, least)))
    cells = counts.of("cells", q)
    pooled = (cells.sum(axis=0) + 0.5) / (cells.sum() + 0.5 * cells.shape[1])
    return Choice((cells + PSEUDO_COUNTS * pooled) / (cells.sum(axis=1, keepdims=True) + PSEUDO_COUNTS))


def _rows_of(table: AnyLikelihood, keys: Sequence[str]) -> Mapping[str, Row]:
    if isinstance(table, Choice):
        return rows_of_shares(keys, table.table)
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


def _notes(bank: CompiledBank, update: UpdatedModel, heading: str) -> Mapping[str, str]:
    """Return comments for `write_bank`: the weight of the published tables, and the support of each persona, style and question."""
    respondents, answered = update.counts.respondents, update.counts.answered
    missing = 1 - answered.sum() / max(respondents * np.count_nonzero(answered), 1)
    notes = {
        "": f"{heading.format(respondents=respondents, missing=missing)}\n"
        f"The published tables count as {update.strength:g} respondents of each persona (cross-validated)."
    }
    shares, persona_of = update.counts.membership, np.array(bank.bank.persona_of)
    for k, persona in enumerate(bank.bank.personas):
        own = shares[persona_of == k]
        styles = f"; its styles: {', '.join(f'{share:.0f}' for share in own)}" if persona.styles else ""
        notes[f"personas.{k}"] = f"support: {own.sum():.0f} of {respondents} respondents{styles}"
    for q in np.flatnonzero(answered):
        notes[f"questions.{q}"] = f"support: {answered[q]} answers, {1 - answered[q] / respondents:.1%} missing"
    return notes
