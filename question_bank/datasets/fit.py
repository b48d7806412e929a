"""Fit a bank to a dataset, with notes on the number of answers behind each table."""

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
from question_bank.definitions import DEFAULT_STOP, Bank, LogNormal, Normal, Persona, Question, Row, Shares, Style, Survey
from question_bank.exports.table_files import AnswersInvalid

FEW_REACH = 0.2
"""Below this share of respondents who can reach the confidence at which the survey stops, `discern fit` warns."""

PLACES = 4
"""Decimal places of a probability in the file: those of the floor under every probability."""

ENOUGH_FOR_A_TABLE = 20
"""Answers per persona from which a question gets a table of its own."""


def answers_of(dataset: Dataset) -> Answers:
    """Return the arrays to fit; every empty cell counts as a skip until it proves uninformative."""
    return Answers.of(dataset.codes, dataset.levels, dataset.questions, dataset.linkable)


def fit_dataset(
    dataset: Dataset,
    personas: int | None,
    seed: int,
    watch: OnStep = lambda _: None,
    parallel_map: ParallelMap = map,
    *,
    styles: bool = False,
) -> Fit:
    """Find so many `personas`, or fit those of the dataset's labels; with `styles`, personas may get response styles.

    Raises AnswersInvalid when the answers are too few to distinguish so many.
    """
    answers, rng = answers_of(dataset), np.random.default_rng(seed)
    if dataset.labels is not None:
        return fit_with_labels(answers, dataset.labels.membership, rng, watch, parallel_map, styles=styles)
    check_classes(dataset, personas or 0)
    return fit_with_classes(answers, personas or 0, rng, watch, parallel_map, styles=styles)


def check_classes(dataset: Dataset, personas: int) -> None:
    """Raise AnswersInvalid when the answers are too few to distinguish so many personas."""
    distinct = len(np.unique(dataset.codes, axis=0))
    if not 2 <= personas <= distinct:
        raise AnswersInvalid([f"--personas: {personas} are more than the {distinct} different respondents: ask for fewer"])
    if dataset.codes.shape[1] < 2:
        raise AnswersInvalid(["--personas: one question alone shows no personas: give more columns, or a label"])


def compare_persona_numbers(
    dataset: Dataset, numbers: Sequence[int], seed: int, watch: OnStep = lambda _: None, parallel_map: ParallelMap = map
) -> list[ClassNumber]:
    """Compare numbers of personas. Raises AnswersInvalid when the answers are too few to distinguish so many."""
    check_classes(dataset, max(numbers))
    return compare_class_numbers(answers_of(dataset), numbers, np.random.default_rng(seed), watch, parallel_map)


def fitted_bank(dataset: Dataset, fit: Fit, bank_id: str, language: str = "en") -> Bank:
    """Return the fitted bank, whose texts are in `language`: one survey `main` of all questions.

    Personas are ordered by falling size, or named by their labels.
    """
    personas = _personas(dataset, fit, language)
    keys = [key for persona in personas for key in persona.keys]
    questions = questions_with_tables([column.question for column in dataset.columns], dataset, fit, keys)
    title = {language: bank_id}
    survey = Survey("main", title, tuple(question.id for question in questions), stop=DEFAULT_STOP)
    return Bank(
        bank_id,
        title,
        (language,),
        personas,
        tuple(questions),
        surveys=(survey,),
        evidence_weight=fit.evidence_weight,
        repeat_weight=fit.repeat_weight,
        answer_correlation=fit.weights.correlation,
    )


def questions_with_tables(questions: Sequence[Question], dataset: Dataset, fit: Fit, keys: Sequence[str]) -> list[Question]:
    """Return the questions with the tables of the fit: likelihoods, parents, no-answer tables, topics, weights.

    `keys` are the keys of a table, one per persona or style.
    """
    topics = topic_names(fit.topics, [question.id for question in questions])
    filled = []
    for q, question in enumerate(questions):
        silence = fit.silence.get(q)
        no_answer = None if silence is None else {key: round(float(share), PLACES) for key, share in zip(keys, silence, strict=True)}
        weight = 1.0 if fit.weights.questions is None else float(fit.weights.questions[q])
        updated = replace(question, topic=topics.get(q, question.topic), no_answer=no_answer, evidence_weight=weight)
        if q in fit.dependences.parents:
            parent = questions[fit.dependences.parents[q]]
            table = fit.dependences.given[q]
            given = {key: rows_of_shares(parent.outcomes, table[k]) for k, key in enumerate(keys)}
            filled.append(replace(updated, parent=parent.id, likelihood={}, likelihood_given=given))
        else:
            filled.append(replace(updated, parent=None, likelihood=_likelihood(dataset, q, fit, keys), likelihood_given={}))
    return filled


def topic_names(topics: Ints, ids: Sequence[str]) -> dict[int, str]:
    """Return the topic name of each question that has one, after the first question of the topic."""
    first: dict[int, str] = {}
    for q, topic in enumerate(topics):
        if topic >= 0:
            first.setdefault(int(topic), ids[q])
    return {q: f"like-{first[int(topic)]}"[:64].rstrip("-_") for q, topic in enumerate(topics) if topic >= 0}


def _likelihood(dataset: Dataset, q: int, fit: Fit, keys: Sequence[str]) -> Mapping[str, Row]:
    tables = [fit.tables[item] for item in np.flatnonzero(dataset.questions == q)]
    column = dataset.columns[q]
    if column.numbers is not None:
        known = None
        if fit.styles is not None:
            by_persona = fit_distributions(column.numbers, fit.styles.marginal(fit.membership), fit.pseudo_counts)
            persona_of = fit.styles.persona_of
            known = Distributions(by_persona.centre[persona_of], by_persona.width[persona_of], by_persona.logarithmic[persona_of])
        return _number_rows(fit_distributions(column.numbers, fit.membership, fit.pseudo_counts, known), keys)
    if column.options is not None:
        ticked = np.column_stack([table[:, 1] for table in tables])
        return {key: Shares(tuple(round(float(share), PLACES) for share in ticked[k])) for k, key in enumerate(keys)}
    return rows_of_shares(keys, tables[0])


def _number_rows(distributions: Distributions, keys: Sequence[str]) -> Mapping[str, Row]:
    """Return the rows of a number question, rounded to a thousandth of the smallest width."""
    places = max(3 - int(np.floor(np.log10(distributions.width.min()))), 0)
    rows: dict[str, Row] = {}
    for key, centre, width, logarithmic in zip(keys, distributions.centre, distributions.width, distributions.logarithmic, strict=True):
        if logarithmic:
            rows[key] = LogNormal(float(f"{np.exp(centre):.5g}"), max(round(float(np.exp(width)), PLACES), 1.0001))
        else:
            rows[key] = Normal(round(float(centre), places), round(float(width), places))
    return rows


def fit_notes(dataset: Dataset, fit: Fit) -> Mapping[str, str]:
    """Return comments for `write_bank`: the method of the fit, and the support of each persona, question and dependence."""
    codes = dataset.codes
    people = len(codes)
    found = fit.dependences
    trees = []
    if found.parents:
        trees.append(f"Questions with a parent: {len(found.parents)}; their tables shrunk by {found.strength:g} answers (cross-validated).")
    if choice := forest_choice(fit):
        trees.append(f"Dependences were {choice}.")
    if not trees:
        trees.append("No dependence between questions held on held-out respondents.")
    chosen = "".join(f"\n{line[0].upper()}{line[1:]}." for line in (question_weights_choice(fit), all_answers_summary(fit)) if line)
    lines = "1 line without answers or label was" if dataset.dropped == 1 else f"{dataset.dropped} lines without answers or label were"
    dropped = f" {lines} left out." if dataset.dropped else ""
    styles = " Styles were kept: they predict held-out personas clearly better." if fit.styles is not None else ""
    notes = {
        "": f"Fitted by `discern fit` from {people} respondents, {(codes == MISSING).mean():.1%} of answers missing.{dropped}\n"
        f"Tables shrunk to the pooled table by {fit.pseudo_counts:g} answers (cross-validated). {' '.join(trees)}{styles}{chosen}\n"
        "Wording is that of the file, ids are made from it: give names and texts that people read.",
        "evidence_weight": "cross-validated log score after a few questions",
    }
    if fit.weights.correlation:
        notes["answer_correlation"] = "of answers given the persona, beyond topics and parents; cross-validated log score"
    if (fit.topics >= 0).any():
        notes["repeat_weight"] = "of a second answer within a topic; cross-validated log score"
    return notes | persona_notes(fit) | {f"questions.{q}": note for q, note in enumerate(question_notes(dataset, fit))}


def forest_choice(fit: Fit) -> str | None:
    """Return whether dependences were kept, and why, or None where no labels had a say in it."""
    gain = fit.dependences.label_gain
    if gain is None:
        return None
    kept = "kept: they predict" if fit.dependences.parents else "left out: without them the tables predict"
    return f"{kept} held-out labels better, by {abs(gain):.3f} nats"


def question_weights_choice(fit: Fit) -> str | None:
    """Return whether each question got a weight of its own, and why, or None where no labels had a say in it."""
    gain = fit.question_weights_gain
    if gain is None:
        return None
    if fit.weights.questions is not None:
        return f"weights by question were kept: without dependences they predict held-out labels better, by {gain:.3f} nats"
    how = f"by {gain:.3f} nats only, within one standard error" if gain > 0 else f"worse, by {-gain:.3f} nats"
    return f"weights by question were left out: they predict held-out labels {'better ' * (gain > 0)}{how}"


def sparse_columns(dataset: Dataset, fit: Fit) -> list[str]:
    """Return a warning for each column that hardly anybody answered: less than one in ten, and too few for a table of each persona."""
    people = len(dataset.codes)
    answered = {column.name: int((column.codes.reshape(people, -1) != MISSING).any(axis=1).sum()) for column in dataset.columns}
    return [
        f'column "{name}": only {number} of {people} respondents answered it, too few for its tables: leave it out with --without'
        for name, number in answered.items()
        if number < min(ENOUGH_FOR_A_TABLE * len(fit.prior), 0.1 * people)
    ]


def all_answers_summary(fit: Fit) -> str | None:
    """Return how often held-out respondents are right after all questions, or None without labels."""
    found = fit.all_answers
    if found is None:
        return None
    return (
        f"after all questions the stated persona is right for {found.true.mean():.1%} of held-out respondents "
        f"(+-{found.standard_error:.1%}), with a mean confidence of {found.stated.mean():.1%}"
    )


def unreached_confidence(fit: Fit) -> str | None:
    """Return a warning where hardly anybody can reach the confidence at which the survey stops, None elsewhere or without labels."""
    threshold = DEFAULT_STOP.confidence
    if fit.all_answers is None or threshold is None:
        return None
    reached = float((fit.all_answers.stated >= threshold).mean())
    if reached >= FEW_REACH:
        return None
    return (
        f"{reached:.0%} of held-out respondents reach the confidence of {threshold:g} after all questions: "
        "add questions that tell these labels apart, or lower stop.confidence of the survey"
    )


def persona_notes(fit: Fit) -> dict[str, str]:
    """Return a comment with the support of each persona, and of each of its styles."""
    people, shares = len(fit.membership), fit.membership.sum(axis=0)
    if fit.styles is None:
        return {f"personas.{k}": f"support: {share:.0f} of {people} respondents" for k, share in enumerate(shares)}
    notes = {}
    for k, share in enumerate(fit.styles.marginal(shares)):
        notes[f"personas.{k}"] = f"support: {share:.0f} of {people} respondents"
        if k in fit.styles.styled_personas:
            styles = ", ".join(f"{share:.0f}" for share in shares[fit.styles.persona_of == k])
            notes[f"personas.{k}"] += f"; its styles: {styles}"
    return notes


def question_notes(dataset: Dataset, fit: Fit) -> list[str]:
    """Return a comment for each question: its support, and the reason for its parent, topic or no_answer."""
    return [_question_note(dataset, fit, q) for q in range(len(dataset.columns))]


def _question_note(dataset: Dataset, fit: Fit, q: int) -> str:
    answered = int((dataset.columns[q].ticks != MISSING).any(axis=1).sum())
    lines = [f"support: {answered} answers, {1 - answered / len(dataset.codes):.1%} missing"]
    if q in fit.dependences.parents:
        lines[0] += f"; its parent gains {fit.dependences.gains[q]:.1f} nats on held-out respondents"
    if fit.topics[q] >= 0:
        others = [dataset.columns[other].name for other in np.flatnonzero(fit.topics == fit.topics[q]) if other != q]
        lines.append(f"topic: says nearly the same as {', '.join(others)}")
    if q in fit.no_answer_gain:
        lines.append(f"no_answer: missing answers differ between personas; gains {fit.no_answer_gain[q]:.1f} nats on held-out respondents")
    if dataset.columns[q].numbers is not None:
        lines.append("min and max are wider than what was seen: set what makes sense")
    return "\n".join(lines)


def persona_ids(dataset: Dataset) -> dict[str, str]:
    """Return the id of the persona of each name in the label column."""
    taken: set[str] = set()
    return {} if dataset.labels is None else {name: slug(name, taken) for name in dataset.labels.names}


def _personas(dataset: Dataset, fit: Fit, language: str) -> tuple[Persona, ...]:
    shares, styles = shares_and_styles(fit)
    ids = persona_ids(dataset) or {f"Persona {k}": f"persona-{k}" for k in range(1, len(shares) + 1)}
    names = list(ids) if dataset.labels is None else dataset.labels.names
    return tuple(Persona(ids[name], {language: name}, share, styles=own) for name, share, own in zip(names, shares, styles, strict=True))


def shares_and_styles(fit: Fit) -> tuple[list[float], list[tuple[Style, ...]]]:
    """Return the prior of each persona, and its styles where it has several; newly found ones are ordered by falling size."""
    if fit.styles is None:
        return list(rounded_shares(fit.prior, least=1)), [()] * len(fit.prior)
    within, styles = fit.styles.within(fit.prior), []
    for k in range(fit.styles.personas):
        own = within[fit.styles.persona_of == k]
        styles.append(tuple(Style(f"style-{n}", share) for n, share in enumerate(rounded_shares(own, least=1), 1)) if len(own) > 1 else ())
    return list(rounded_shares(fit.styles.marginal(fit.prior), least=1)), styles


def rows_of_shares(names: Sequence[str], table: Floats) -> dict[str, Shares]:
    """Return the rows of a (names, A) table of shares, rounded."""
    return {name: Shares(rounded_shares(row)) for name, row in zip(names, table, strict=True)}


def rounded_shares(shares: Floats, least: int = 0) -> tuple[float, ...]:
    """Round shares to `PLACES` so that they add up to exactly one (largest remainder).

    None is below `least` units of the last place; the largest share makes up for those that were raised.
    """
    whole = shares / shares.sum() * 10**PLACES
    parts = np.maximum(np.floor(whole).astype(int), least)
    left = 10**PLACES - int(parts.sum())
    if left < 0:
        parts[parts.argmax()] += left
    else:
        parts[np.argsort(parts - whole, kind="stable")[:left]] += 1
    return tuple(int(part) / 10**PLACES for part in parts)
