"""A bank from answers: what `adaptive.fitting` learnt, in the words of a bank, with notes that say how much stands behind each figure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from adaptive.class_numbers import ClassNumber, compare_class_numbers
from adaptive.coding import MISSING, Answers, Codes
from adaptive.fitting import Fit, Watch, fit_with_classes, fit_with_labels
from adaptive.latent_classes import Spread
from adaptive.likelihood import Floats
from adaptive.measuring import Laws, learn_laws
from question_bank.cells import AnswersInvalid
from question_bank.definitions import DEFAULT_STOP, Bank, LogNormal, Normal, Persona, Question, Row, Shares, Survey
from question_bank.ids import slug
from question_bank.sheets import Sheet

PLACES = 4
"""Decimal places of a probability in the file: as fine as the floor under every probability."""


def answers_of(sheet: Sheet) -> Answers:
    """The arrays from which a bank is learnt; every empty cell is a silence, until it turns out that it tells nothing."""
    return Answers.of(sheet.codes, sheet.levels, sheet.questions, sheet.linkable)


def fit_sheet(sheet: Sheet, personas: int | None, seed: int, watch: Watch = lambda _: None, spread: Spread = map) -> Fit:
    """Find so many `personas`, or learn those of the sheet's labels. Raises AnswersInvalid when the answers cannot tell so many apart."""
    answers, rng = answers_of(sheet), np.random.default_rng(seed)
    if sheet.labels is not None:
        return fit_with_labels(answers, sheet.labels.membership, rng, watch)
    check_classes(sheet, personas or 0)
    return fit_with_classes(answers, personas or 0, rng, watch, spread)


def check_classes(sheet: Sheet, personas: int) -> None:
    """Raises AnswersInvalid when the answers cannot tell so many apart."""
    distinct = len(np.unique(sheet.codes, axis=0))
    if not 2 <= personas <= distinct:
        raise AnswersInvalid([f"--personas: {personas} are more than the {distinct} different respondents: ask for fewer"])
    if sheet.codes.shape[1] < 2:
        raise AnswersInvalid(["--personas: one question alone shows no personas: give more columns, or a label"])


def compare_sheet(
    sheet: Sheet, numbers: Sequence[int], seed: int, watch: Watch = lambda _: None, spread: Spread = map
) -> list[ClassNumber]:
    """What each number of personas is worth. Raises AnswersInvalid when the answers cannot tell so many apart."""
    check_classes(sheet, max(numbers))
    return compare_class_numbers(answers_of(sheet), numbers, np.random.default_rng(seed), watch, spread)


def fitted_bank(sheet: Sheet, fit: Fit, bank_id: str) -> Bank:
    """The bank: one survey `main` of all questions, personas largest first or named by their labels."""
    personas = _personas(sheet, fit.prior)
    questions = filled_questions([column.question for column in sheet.columns], sheet, fit, [persona.id for persona in personas])
    title = {"en": bank_id}
    survey = Survey("main", title, tuple(question.id for question in questions), stop=DEFAULT_STOP)
    return Bank(
        bank_id,
        title,
        ("en",),
        personas,
        tuple(questions),
        surveys=(survey,),
        evidence_weight=fit.evidence_weight,
        repeat_weight=fit.repeat_weight,
    )


def filled_questions(
    questions: Sequence[Question], sheet: Sheet, fit: Fit, personas: Sequence[str], known: Mapping[int, Laws] | None = None
) -> list[Question]:
    """The questions with the tables of the fit: likelihoods, parents, silences, topics. `known` are laws of numbers there were before."""
    topics = topic_names(fit.topics, [question.id for question in questions])
    filled = []
    for q, question in enumerate(questions):
        silence = fit.silence.get(q)
        no_answer = None if silence is None else {one: round(float(share), PLACES) for one, share in zip(personas, silence, strict=True)}
        one = replace(question, topic=topics.get(q, question.topic), no_answer=no_answer)
        if q in fit.dependences.parents:
            parent = questions[fit.dependences.parents[q]]
            table = fit.dependences.given[q]
            given = {one: _rows(parent.outcomes, table[k]) for k, one in enumerate(personas)}
            filled.append(replace(one, parent=parent.id, likelihood={}, likelihood_given=given))
        else:
            filled.append(
                replace(one, parent=None, likelihood=_likelihood(sheet, q, fit, personas, (known or {}).get(q)), likelihood_given={})
            )
    return filled


def topic_names(topics: Codes, ids: Sequence[str]) -> dict[int, str]:
    """A name for the topic of each question that has one: that of its first question."""
    first: dict[int, str] = {}
    for q, topic in enumerate(topics):
        if topic >= 0:
            first.setdefault(int(topic), ids[q])
    return {q: f"like-{first[int(topic)]}"[:64].rstrip("-_") for q, topic in enumerate(topics) if topic >= 0}


def _likelihood(sheet: Sheet, q: int, fit: Fit, personas: Sequence[str], known: Laws | None) -> Mapping[str, Row]:
    tables = [fit.tables[item] for item in np.flatnonzero(sheet.questions == q)]
    column = sheet.columns[q]
    if column.numbers is not None:
        return _laws(learn_laws(column.numbers, fit.membership, fit.pseudo_counts, known), personas)
    if column.options is not None:
        ticked = np.column_stack([table[:, 1] for table in tables])
        return {one: Shares(tuple(round(float(share), PLACES) for share in ticked[k])) for k, one in enumerate(personas)}
    return _rows(personas, tables[0])


def _laws(laws: Laws, personas: Sequence[str]) -> Mapping[str, Row]:
    """Figures as fine as a thousandth of what tells personas apart."""
    places = max(3 - int(np.floor(np.log10(laws.width.min()))), 0)
    rows: dict[str, Row] = {}
    for one, centre, width, logarithmic in zip(personas, laws.centre, laws.width, laws.logarithmic, strict=True):
        if logarithmic:
            rows[one] = LogNormal(float(f"{np.exp(centre):.5g}"), max(round(float(np.exp(width)), PLACES), 1.0001))
        else:
            rows[one] = Normal(round(float(centre), places), round(float(width), places))
    return rows


def notes_of(sheet: Sheet, fit: Fit) -> Mapping[str, str]:
    """Comments for `write_bank`: what was fitted from what, and how many answers stand behind each persona, question and dependence."""
    codes = sheet.codes
    people = len(codes)
    found = fit.dependences
    trees = "No dependence between questions held on held-out respondents."
    if found.parents:
        trees = f"Questions with a parent: {len(found.parents)}; their tables shrunk by {found.strength:g} answers (cross-validated)."
    dropped = f" {sheet.dropped} lines without answers or label were left out." if sheet.dropped else ""
    notes = {
        "": f"Fitted by `discern fit` from {people} respondents, {(codes == MISSING).mean():.1%} of answers missing.{dropped}\n"
        f"Tables shrunk to the pooled table by {fit.pseudo_counts:g} answers (cross-validated). {trees}\n"
        "Wording is that of the file, ids are made from it: give names and texts that people read.",
        "evidence_weight": "cross-validated log score after a few random questions",
    }
    if (fit.topics >= 0).any():
        notes["repeat_weight"] = "of a second answer within a topic; cross-validated log score"
    for k, share in enumerate(fit.membership.sum(axis=0)):
        notes[f"personas.{k}"] = f"support: {share:.0f} of {people} respondents"
    return notes | {f"questions.{q}": note for q, note in enumerate(question_notes(sheet, fit))}


def question_notes(sheet: Sheet, fit: Fit) -> list[str]:
    """A comment for each question: the answers behind it, and why it has a parent, a topic or a no_answer."""
    return [_question_note(sheet, fit, q) for q in range(len(sheet.columns))]


def _question_note(sheet: Sheet, fit: Fit, q: int) -> str:
    answered = int((sheet.columns[q].ticks != MISSING).any(axis=1).sum())
    lines = [f"support: {answered} answers, {1 - answered / len(sheet.codes):.1%} missing"]
    if q in fit.dependences.parents:
        lines[0] += f"; its parent won {fit.dependences.won[q]:.1f} nats on held-out respondents"
    if fit.topics[q] >= 0:
        others = [sheet.columns[other].name for other in np.flatnonzero(fit.topics == fit.topics[q]) if other != q]
        lines.append(f"topic: says nearly the same as {', '.join(others)}")
    if q in fit.silence_won:
        lines.append(f"no_answer: who stays silent tells personas apart, {fit.silence_won[q]:.1f} nats on held-out respondents")
    if sheet.columns[q].numbers is not None:
        lines.append("min and max are wider than what was seen: set what makes sense")
    return "\n".join(lines)


def persona_ids(sheet: Sheet) -> dict[str, str]:
    """Name in the label column -> id of the persona."""
    taken: set[str] = set()
    return {} if sheet.labels is None else {name: slug(name, taken) for name in sheet.labels.names}


def _personas(sheet: Sheet, prior: Floats) -> tuple[Persona, ...]:
    shares = [max(round(float(share), PLACES), 10.0**-PLACES) for share in prior]
    if sheet.labels is None:
        return tuple(Persona(f"persona-{k}", {"en": f"Persona {k}"}, share) for k, share in enumerate(shares, 1))
    ids = persona_ids(sheet)
    return tuple(Persona(ids[name], {"en": name}, share) for name, share in zip(sheet.labels.names, shares, strict=True))


def _rows(names: Sequence[str], table: Floats) -> dict[str, Shares]:
    return {name: Shares(_rounded(row)) for name, row in zip(names, table, strict=True)}


def _rounded(shares: Floats) -> tuple[float, ...]:
    """Shares with few places that still add up to exactly one (largest remainder)."""
    whole = shares * 10**PLACES
    down = np.floor(whole).astype(int)
    down[np.argsort(down - whole, kind="stable")[: 10**PLACES - down.sum()]] += 1
    return tuple(int(part) / 10**PLACES for part in down)
