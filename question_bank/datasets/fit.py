"""Make a bank from answers, with notes that say how much data stands behind each figure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from adaptive.arrays import Floats, Ints
from adaptive.learning.fit import Fit, OnStep, fit_with_classes, fit_with_labels
from adaptive.learning.latent_classes import ParallelMap
from adaptive.learning.model_selection import ClassNumber, compare_class_numbers
from adaptive.learning.numeric import Distributions, fit_distributions
from adaptive.learning.responses import MISSING, Answers
from question_bank.datasets.dataset import Dataset, slug
from question_bank.datasets.table_files import AnswersInvalid
from question_bank.definitions import DEFAULT_STOP, Bank, LogNormal, Normal, Persona, Question, Row, Shares, Style, Survey

PLACES = 4
"""Decimal places of a probability in the file: as fine as the floor under every probability."""


def answers_of(sheet: Dataset) -> Answers:
    """The arrays from which a bank is learnt; every empty cell is a silence, until it turns out that it tells nothing."""
    return Answers.of(sheet.codes, sheet.levels, sheet.questions, sheet.linkable)


def fit_dataset(
    sheet: Dataset, personas: int | None, seed: int, watch: OnStep = lambda _: None, spread: ParallelMap = map, *, styles: bool = False
) -> Fit:
    """Find so many `personas`, or learn those of the sheet's labels; with `styles`, some of them may get several.

    Raises AnswersInvalid when the answers cannot tell so many apart.
    """
    answers, rng = answers_of(sheet), np.random.default_rng(seed)
    if sheet.labels is not None:
        return fit_with_labels(answers, sheet.labels.membership, rng, watch, spread, styles=styles)
    check_classes(sheet, personas or 0)
    return fit_with_classes(answers, personas or 0, rng, watch, spread, styles=styles)


def check_classes(sheet: Dataset, personas: int) -> None:
    """Raises AnswersInvalid when the answers cannot tell so many apart."""
    distinct = len(np.unique(sheet.codes, axis=0))
    if not 2 <= personas <= distinct:
        raise AnswersInvalid([f"--personas: {personas} are more than the {distinct} different respondents: ask for fewer"])
    if sheet.codes.shape[1] < 2:
        raise AnswersInvalid(["--personas: one question alone shows no personas: give more columns, or a label"])


def compare_persona_numbers(
    sheet: Dataset, numbers: Sequence[int], seed: int, watch: OnStep = lambda _: None, spread: ParallelMap = map
) -> list[ClassNumber]:
    """What each number of personas is worth. Raises AnswersInvalid when the answers cannot tell so many apart."""
    check_classes(sheet, max(numbers))
    return compare_class_numbers(answers_of(sheet), numbers, np.random.default_rng(seed), watch, spread)


def fitted_bank(sheet: Dataset, fit: Fit, bank_id: str) -> Bank:
    """The bank: one survey `main` of all questions, personas largest first or named by their labels."""
    personas = _personas(sheet, fit)
    keys = [key for persona in personas for key in persona.keys]
    questions = questions_with_tables([column.question for column in sheet.columns], sheet, fit, keys)
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


def questions_with_tables(
    questions: Sequence[Question], sheet: Dataset, fit: Fit, keys: Sequence[str], known: Mapping[int, Distributions] | None = None
) -> list[Question]:
    """The questions with the tables of the fit: likelihoods, parents, silences, topics.

    `keys` are the entries of a table, one a persona or style; `known` are laws of numbers there were before.
    """
    topics = topic_names(fit.topics, [question.id for question in questions])
    filled = []
    for q, question in enumerate(questions):
        silence = fit.silence.get(q)
        no_answer = None if silence is None else {key: round(float(share), PLACES) for key, share in zip(keys, silence, strict=True)}
        item = replace(question, topic=topics.get(q, question.topic), no_answer=no_answer)
        if q in fit.dependences.parents:
            parent = questions[fit.dependences.parents[q]]
            table = fit.dependences.given[q]
            given = {key: _rows(parent.outcomes, table[k]) for k, key in enumerate(keys)}
            filled.append(replace(item, parent=parent.id, likelihood={}, likelihood_given=given))
        else:
            filled.append(
                replace(item, parent=None, likelihood=_likelihood(sheet, q, fit, keys, (known or {}).get(q)), likelihood_given={})
            )
    return filled


def topic_names(topics: Ints, ids: Sequence[str]) -> dict[int, str]:
    """A name for the topic of each question that has one: that of its first question."""
    first: dict[int, str] = {}
    for q, topic in enumerate(topics):
        if topic >= 0:
            first.setdefault(int(topic), ids[q])
    return {q: f"like-{first[int(topic)]}"[:64].rstrip("-_") for q, topic in enumerate(topics) if topic >= 0}


def _likelihood(sheet: Dataset, q: int, fit: Fit, keys: Sequence[str], known: Distributions | None) -> Mapping[str, Row]:
    tables = [fit.tables[item] for item in np.flatnonzero(sheet.questions == q)]
    column = sheet.columns[q]
    if column.numbers is not None:
        if known is None and fit.styles is not None:
            of_persona = fit_distributions(column.numbers, fit.styles.marginal(fit.membership), fit.pseudo_counts)
            who = fit.styles.persona_of
            known = Distributions(of_persona.centre[who], of_persona.width[who], of_persona.logarithmic[who])
        return _number_rows(fit_distributions(column.numbers, fit.membership, fit.pseudo_counts, known), keys)
    if column.options is not None:
        ticked = np.column_stack([table[:, 1] for table in tables])
        return {key: Shares(tuple(round(float(share), PLACES) for share in ticked[k])) for k, key in enumerate(keys)}
    return _rows(keys, tables[0])


def _number_rows(laws: Distributions, keys: Sequence[str]) -> Mapping[str, Row]:
    """Figures as fine as a thousandth of what tells personas apart."""
    places = max(3 - int(np.floor(np.log10(laws.width.min()))), 0)
    rows: dict[str, Row] = {}
    for key, centre, width, logarithmic in zip(keys, laws.centre, laws.width, laws.logarithmic, strict=True):
        if logarithmic:
            rows[key] = LogNormal(float(f"{np.exp(centre):.5g}"), max(round(float(np.exp(width)), PLACES), 1.0001))
        else:
            rows[key] = Normal(round(float(centre), places), round(float(width), places))
    return rows


def fit_notes(sheet: Dataset, fit: Fit) -> Mapping[str, str]:
    """Comments for `write_bank`: what was fitted from what, and how many answers stand behind each persona, question and dependence."""
    codes = sheet.codes
    people = len(codes)
    found = fit.dependences
    trees = "No dependence between questions held on held-out respondents."
    if found.parents:
        trees = f"Questions with a parent: {len(found.parents)}; their tables shrunk by {found.strength:g} answers (cross-validated)."
    dropped = f" {sheet.dropped} lines without answers or label were left out." if sheet.dropped else ""
    styles = " Styles were kept: they foretell held-out personas clearly better." if fit.styles is not None else ""
    notes = {
        "": f"Fitted by `discern fit` from {people} respondents, {(codes == MISSING).mean():.1%} of answers missing.{dropped}\n"
        f"Tables shrunk to the pooled table by {fit.pseudo_counts:g} answers (cross-validated). {trees}{styles}\n"
        "Wording is that of the file, ids are made from it: give names and texts that people read.",
        "evidence_weight": "cross-validated log score after a few random questions",
    }
    if (fit.topics >= 0).any():
        notes["repeat_weight"] = "of a second answer within a topic; cross-validated log score"
    return notes | persona_notes(fit) | {f"questions.{q}": note for q, note in enumerate(question_notes(sheet, fit))}


def persona_notes(fit: Fit) -> dict[str, str]:
    """How many respondents stand behind each persona, and behind each of its styles."""
    people, shares = len(fit.membership), fit.membership.sum(axis=0)
    if fit.styles is None:
        return {f"personas.{k}": f"support: {share:.0f} of {people} respondents" for k, share in enumerate(shares)}
    notes = {}
    for k, share in enumerate(fit.styles.marginal(shares)):
        notes[f"personas.{k}"] = f"support: {share:.0f} of {people} respondents"
        if k in fit.styles.styled_personas:
            styles = ", ".join(f"{this_share:.0f}" for this_share in shares[fit.styles.persona_of == k])
            notes[f"personas.{k}"] += f"; its styles: {styles}"
    return notes


def question_notes(sheet: Dataset, fit: Fit) -> list[str]:
    """A comment for each question: the answers behind it, and why it has a parent, a topic or a no_answer."""
    return [_question_note(sheet, fit, q) for q in range(len(sheet.columns))]


def _question_note(sheet: Dataset, fit: Fit, q: int) -> str:
    answered = int((sheet.columns[q].ticks != MISSING).any(axis=1).sum())
    lines = [f"support: {answered} answers, {1 - answered / len(sheet.codes):.1%} missing"]
    if q in fit.dependences.parents:
        lines[0] += f"; its parent won {fit.dependences.gains[q]:.1f} nats on held-out respondents"
    if fit.topics[q] >= 0:
        others = [sheet.columns[other].name for other in np.flatnonzero(fit.topics == fit.topics[q]) if other != q]
        lines.append(f"topic: says nearly the same as {', '.join(others)}")
    if q in fit.no_answer_gain:
        lines.append(f"no_answer: who stays silent tells personas apart, {fit.no_answer_gain[q]:.1f} nats on held-out respondents")
    if sheet.columns[q].numbers is not None:
        lines.append("min and max are wider than what was seen: set what makes sense")
    return "\n".join(lines)


def persona_ids(sheet: Dataset) -> dict[str, str]:
    """Name in the label column -> id of the persona."""
    taken: set[str] = set()
    return {} if sheet.labels is None else {name: slug(name, taken) for name in sheet.labels.names}


def _personas(sheet: Dataset, fit: Fit) -> tuple[Persona, ...]:
    shares, styles = shares_and_styles(fit)
    ids = persona_ids(sheet) or {f"Persona {k}": f"persona-{k}" for k in range(1, len(shares) + 1)}
    names = list(ids) if sheet.labels is None else sheet.labels.names
    return tuple(Persona(ids[name], {"en": name}, share, styles=some) for name, share, some in zip(names, shares, styles, strict=True))


def shares_and_styles(fit: Fit) -> tuple[list[float], list[tuple[Style, ...]]]:
    """The prior of each persona, and its styles where it has more than one: style-1 is the most frequent where they were found anew."""
    if fit.styles is None:
        return [_share(share) for share in fit.prior], [()] * len(fit.prior)
    within, styles = fit.styles.within(fit.prior), []
    for k in range(fit.styles.personas):
        some = within[fit.styles.persona_of == k]
        styles.append(tuple(Style(f"style-{n}", _share(share)) for n, share in enumerate(some, 1)) if len(some) > 1 else ())
    return [_share(share) for share in fit.styles.marginal(fit.prior)], styles


def _share(share: float) -> float:
    return max(round(float(share), PLACES), 10.0**-PLACES)


def _rows(names: Sequence[str], table: Floats) -> dict[str, Shares]:
    return {name: Shares(_rounded(row)) for name, row in zip(names, table, strict=True)}


def _rounded(shares: Floats) -> tuple[float, ...]:
    """Shares with few places that still add up to exactly one (largest remainder)."""
    whole = shares * 10**PLACES
    down = np.floor(whole).astype(int)
    down[np.argsort(down - whole, kind="stable")[: 10**PLACES - down.sum()]] += 1
    return tuple(int(part) / 10**PLACES for part in down)
