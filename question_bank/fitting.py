"""A bank from answers: what `adaptive.fitting` learnt, in the words of a bank, with notes that say how much stands behind each figure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from adaptive.fitting import Fit, Watch, fit_with_classes, fit_with_labels
from adaptive.likelihood import Floats
from question_bank.answer_files import AnswersInvalid
from question_bank.definitions import DEFAULT_STOP, Bank, Persona, Shares, Survey
from question_bank.recognising import Sheet, slug

PLACES = 4
"""Decimal places of a probability in the file: as fine as the floor under every probability."""


def fit_sheet(sheet: Sheet, personas: int | None, seed: int, watch: Watch = lambda _: None) -> Fit:
    """Find so many `personas`, or learn those of the sheet's labels. Raises AnswersInvalid when the answers cannot tell so many apart."""
    codes, rng = sheet.codes, np.random.default_rng(seed)
    if sheet.labels is not None:
        return fit_with_labels(codes, sheet.levels, sheet.labels.codes, rng, watch)
    distinct = len(np.unique(codes, axis=0))
    if personas is None or personas > distinct:
        raise AnswersInvalid([f"--personas: {personas} are more than the {distinct} different respondents: ask for fewer"])
    if codes.shape[1] < 2:
        raise AnswersInvalid(["--personas: one question alone shows no personas: give more columns, or a label"])
    return fit_with_classes(codes, sheet.levels, personas, rng, watch)


def fitted_bank(sheet: Sheet, fit: Fit, bank_id: str) -> Bank:
    """The bank: one survey `main` of all questions, personas largest first or named by their labels."""
    personas = _personas(sheet, fit.prior)
    ids = [persona.id for persona in personas]
    questions = [column.question for column in sheet.columns]
    filled = []
    for q, question in enumerate(questions):
        if q in fit.dependences.parents:
            parent = questions[fit.dependences.parents[q]]
            table = fit.dependences.given[q]
            given = {one: _rows(parent.outcomes, table[k]) for k, one in enumerate(ids)}
            filled.append(replace(question, parent=parent.id, likelihood_given=given))
        else:
            filled.append(replace(question, likelihood=_rows(ids, fit.tables[q])))
    title = {"en": bank_id}
    survey = Survey("main", title, tuple(question.id for question in questions), stop=DEFAULT_STOP)
    return Bank(bank_id, title, ("en",), personas, tuple(filled), surveys=(survey,), evidence_weight=fit.evidence_weight)


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
        "": f"Fitted by `discern fit` from {people} respondents, {(codes < 0).mean():.1%} of answers missing.{dropped}\n"
        f"Tables shrunk to the pooled table by {fit.pseudo_counts:g} answers (cross-validated). {trees}\n"
        "Wording is that of the file, ids are made from it: give names and texts that people read.",
        "evidence_weight": "cross-validated log score after a few random questions",
    }
    for k, share in enumerate(fit.membership.sum(axis=0)):
        notes[f"personas.{k}"] = f"support: {share:.0f} of {people} respondents"
    for q in range(codes.shape[1]):
        answered = int((codes[:, q] >= 0).sum())
        won = f"; its parent won {found.won[q]:.1f} nats on held-out respondents" if q in found.parents else ""
        notes[f"questions.{q}"] = f"support: {answered} answers, {1 - answered / people:.1%} missing{won}"
    return notes


def _personas(sheet: Sheet, prior: Floats) -> tuple[Persona, ...]:
    shares = [max(round(float(share), PLACES), 10.0**-PLACES) for share in prior]
    if sheet.labels is None:
        return tuple(Persona(f"persona-{k}", {"en": f"Persona {k}"}, share) for k, share in enumerate(shares, 1))
    taken: set[str] = set()
    return tuple(Persona(slug(name, taken), {"en": name}, share) for name, share in zip(sheet.labels.names, shares, strict=True))


def _rows(names: Sequence[str], table: Floats) -> dict[str, Shares]:
    return {name: Shares(_rounded(row)) for name, row in zip(names, table, strict=True)}


def _rounded(shares: Floats) -> tuple[float, ...]:
    """Shares with few places that still add up to exactly one (largest remainder)."""
    whole = shares * 10**PLACES
    down = np.floor(whole).astype(int)
    down[np.argsort(down - whole, kind="stable")[: 10**PLACES - down.sum()]] += 1
    return tuple(int(part) / 10**PLACES for part in down)
