"""Refit a bank that has tables to more answers; its tables count as so many respondents as cross-validation chooses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from adaptive.arrays import Floats, Ints
from adaptive.learning.cross_validation import PublishedTables
from adaptive.learning.fit import Fit, OnStep, refit
from adaptive.learning.numeric import Distributions
from adaptive.learning.responses import MISSING, Answers
from adaptive.likelihood import Choice, MultipleChoice, Numeric
from question_bank.answer_values import Value
from question_bank.compile import compile_bank, given_parent
from question_bank.datasets.answer_table import AnswerTable
from question_bank.datasets.column_types import bin_edges, bin_numbers
from question_bank.datasets.dataset import Column, Dataset
from question_bank.datasets.fit import persona_notes, question_notes, questions_with_tables, shares_and_styles
from question_bank.datasets.table_files import AnswersInvalid
from question_bank.definitions import Bank, Persona, Question, Style

Row = Mapping[str, Value | None]
"""One respondent's answers: question id -> canonical value, or None for a skip; absent where never asked."""


@dataclass(frozen=True, eq=False)
class Refitted:
    """The bank with its new tables, the fit, and comments for `write_bank`."""

    bank: Bank
    fit: Fit
    notes: Mapping[str, str]


def rows_of(table: AnswerTable) -> list[Row]:
    """Return the rows of a file; every empty cell counts as a skip until it proves uninformative."""
    return [{question: row.get(question) for question in table.asked} for row in table.rows]


def refit_bank(bank: Bank, rows: Sequence[Row], labels: Sequence[str | None] | None, seed: int, watch: OnStep = lambda _: None) -> Refitted:
    """Return the bank with tables, prior shares, dependences and weights refitted to more respondents.

    `labels` are persona ids; respondents with None are left out. Without labels the personas are inferred from the tables of the bank.
    Questions without answers keep their tables; so does a question whose parent has no answers. Raises AnswersInvalid where there are
    too few answers.
    """
    ids = [persona.id for persona in bank.personas]
    codes = None if labels is None else np.array([MISSING if label is None else ids.index(label) for label in labels])
    labelled = [n for n in range(len(rows)) if codes is None or codes[n] != MISSING]
    rows, codes = [rows[n] for n in labelled], None if codes is None else codes[labelled]
    places = [q for q, question in enumerate(bank.questions) if _answered(question, rows)]
    if len(rows) < 2 or not places:
        raise AnswersInvalid([f"{len(rows)} respondents with a known persona and answers are too few to fit"])
    dataset = Dataset(tuple(_column(bank.questions[q], rows) for q in places), None, (), 0)
    silent = np.array([[bank.questions[q].id in row and row[bank.questions[q].id] is None for q in places] for row in rows])
    keeps_table = [bool(_parent_unanswered(bank, q, places)) for q in places]
    linkable = dataset.linkable & ~np.array(keeps_table)[dataset.questions]
    answers = Answers.of(dataset.codes, dataset.levels, dataset.questions, linkable, silent)
    fit = refit(answers, _published_tables(bank, places, dataset), codes, np.random.default_rng(seed), watch)
    filled = questions_with_tables([bank.questions[q] for q in places], dataset, fit, bank.keys, _published_distributions(bank, places))
    questions = list(bank.questions)
    for q, question, keep_table in zip(places, filled, keeps_table, strict=True):
        questions[q] = replace(bank.questions[q], no_answer=question.no_answer) if keep_table else replace(question, pilot=False)
    personas = tuple(
        _persona(persona, share, styles) for persona, share, styles in zip(bank.personas, *shares_and_styles(fit), strict=True)
    )
    repeat = fit.repeat_weight if (fit.topics >= 0).any() else bank.repeat_weight
    refitted = replace(bank, personas=personas, questions=tuple(questions), evidence_weight=fit.evidence_weight, repeat_weight=repeat)
    return Refitted(refitted, fit, _notes(dataset, fit, places))


def _persona(persona: Persona, prior: float, styles: Sequence[Style]) -> Persona:
    """Return the persona and its styles with their new shares."""
    kept = zip(persona.styles, styles, strict=True)
    return replace(persona, prior=prior, styles=tuple(replace(style, share=new.share) for style, new in kept))


def _answered(question: Question, rows: Sequence[Row]) -> bool:
    """Return whether there are answers to fit: of a number question, two different numbers."""
    values = [value for row in rows if (value := row.get(question.id)) is not None]
    if question.type == "number":
        return len({value for value in values if not isinstance(value, dict)}) > 1
    return question.type != "text" and bool(values)


def _parent_unanswered(bank: Bank, q: int, places: Sequence[int]) -> bool:
    parent = bank.questions[q].parent
    return parent is not None and parent not in {bank.questions[place].id for place in places}


def _column(question: Question, rows: Sequence[Row]) -> Column:
    values = [row.get(question.id) for row in rows]
    if question.type == "number":
        numbers = np.array([np.nan if value is None or isinstance(value, dict) else float(value) for value in values])  # type: ignore[arg-type]
        return Column(question.id, question, bin_numbers(numbers, bin_edges(numbers)), {}, numbers=numbers)
    if question.type == "multiple":
        options = {f"{question.id}.{option}": option for option in question.outcomes}
        return Column(question.id, question, np.array([_ticks(question, value) for value in values]), {}, options=options)
    codes = [MISSING if value is None else question.outcomes.index(str(value)) for value in values]
    return Column(question.id, question, np.array(codes, dtype=np.int64), {})


def _ticks(question: Question, value: Value | None) -> list[int]:
    if value is None:
        return [MISSING] * len(question.outcomes)
    ticked = value["ticked"] if isinstance(value, dict) else value
    seen = value["seen"] if isinstance(value, dict) else question.outcomes
    return [int(option in ticked) if option in seen else MISSING for option in question.outcomes]  # type: ignore[operator]


def _published_tables(bank: Bank, places: Sequence[int], dataset: Dataset) -> PublishedTables:
    """Return the bank's tables of the questions that have answers; of a pilot question, the pooled answers."""
    tables = compile_bank(bank).tables
    items: list[Floats] = []
    silence = {}
    for n, q in enumerate(places):
        question = tables.questions[q]
        if question.silence is not None:
            silence[n] = question.silence
        if isinstance(question, Choice):
            items.append(question.table)
        elif isinstance(question, MultipleChoice):
            items += [np.column_stack([1 - share, share]) for share in question.ticked.T]
        elif isinstance(question, Numeric):
            items.append(_bin_shares(question, dataset.columns[n]))
        else:
            items += _pooled(dataset.columns[n], tables.classes)
    index = {bank.questions[q].id: n for n, q in enumerate(places)}
    parents = {n: index[parent] for n, q in enumerate(places) if (parent := bank.questions[q].parent) is not None and parent in index}
    given = {n: given_parent(bank, bank.questions[places[n]]) for n in parents}
    return PublishedTables(tables.prior, items, silence, parents, given, tables.styles)


def _bin_shares(distribution: Numeric, column: Column) -> Floats:
    """Return (K, bins) P(bin of the number | persona)."""
    numbers = column.numbers if column.numbers is not None else np.empty(0)
    ends = np.concatenate([[-np.inf], bin_edges(numbers), [np.inf]])
    shares = np.column_stack([distribution.chance_between(low, high) for low, high in pairwise(ends)])
    result: Floats = shares / shares.sum(axis=1, keepdims=True)
    return result


def _pooled(column: Column, classes: int) -> list[Floats]:
    tables = []
    for codes, level in zip(column.ticks.T, column.levels, strict=True):
        counts = np.bincount(codes[codes != MISSING], minlength=level) + 0.5
        tables.append(np.tile(counts / counts.sum(), (classes, 1)))
    return tables


def _published_distributions(bank: Bank, places: Sequence[int]) -> Mapping[int, Distributions]:
    tables = compile_bank(bank).tables
    distributions = {}
    for n, q in enumerate(places):
        question = tables.questions[q]
        if isinstance(question, Numeric):
            distributions[n] = Distributions(question.centre, question.width, np.broadcast_to(question.logarithmic, question.centre.shape))
    return distributions


def _notes(dataset: Dataset, fit: Fit, places: Ints | Sequence[int]) -> Mapping[str, str]:
    people = len(fit.membership)
    head = (
        f"Refitted by `discern fit --from` to {people} respondents, {(dataset.codes == MISSING).mean():.1%} of answers missing.\n"
        f"The tables there were before count as {fit.pseudo_counts:g} respondents a persona (cross-validated)."
    )
    notes = {"": head, "evidence_weight": "cross-validated log score after a few questions"}
    return notes | persona_notes(fit) | {f"questions.{places[n]}": note for n, note in enumerate(question_notes(dataset, fit))}
