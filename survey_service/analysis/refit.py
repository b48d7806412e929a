"""`discern refit`: update a published bank with the stored answers, and write a draft of its next version with a comparison."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from sqlmodel import Session, col, select

from adaptive.learning.update import STRENGTHS, Answers, UpdatedModel, distance, update_model
from question_bank.compile import CompiledBank, ObservedAnswer, compile_bank
from question_bank.datasets.update import Pilot, answers_of, model_of, pilots_of, updated_bank
from question_bank.definitions import Bank
from question_bank.files.load import check_bank
from question_bank.files.write import write_bank
from survey_service.analysis.dropout import fit_survey_hazard, with_hazard
from survey_service.analysis.progress import progress
from survey_service.analysis.simulate import Options, figures, simulate_survey
from survey_service.belief.evidence import interpret
from survey_service.store.banks import Banks
from survey_service.store.tables.core import Answer

NEEDED_PER_PERSONA = 20
"""Fewest respondents with two answers or more, per persona, for a refit."""

SIMULATED = 2000


@dataclass(frozen=True, eq=False)
class Refitted:
    """The published bank, the draft of its next version, and the answers and update behind it."""

    survey: str
    version: int
    published: CompiledBank
    draft: CompiledBank
    answers: Answers
    update: UpdatedModel
    pilots: list[Pilot]
    seed: int


def refit_survey(session: Session, banks: Banks, survey: str, seed: int) -> Refitted:
    """Refit the bank of a survey. Raises NotFound for a survey that is not published, ValueError where there are too few answers."""
    bank, version = banks.current(session, survey)
    respondents = [given for given in stored_answers(session, bank) if len(given) > 1]
    needed = NEEDED_PER_PERSONA * len(bank.personas)
    if len(respondents) < needed:
        raise ValueError(
            f'"{survey}": {len(respondents)} respondents have given two answers or more to the bank {bank.bank.id}; a refit needs {needed} '
            f"({NEEDED_PER_PERSONA} for each of {len(bank.personas)} personas): wait for {needed - len(respondents)} more"
        )
    answers = answers_of(bank, respondents)
    with progress(f"refit {survey}", len(STRENGTHS)) as watch:
        update = update_model(model_of(bank), answers, np.random.default_rng(seed), watch)
    draft = compile_bank(
        with_hazard(updated_bank(bank, update.model, answers, update.membership), survey, fit_survey_hazard(session, bank, survey))
    )
    return Refitted(survey, version, bank, draft, answers, update, pilots_of(bank, answers), seed)


def stored_answers(session: Session, bank: CompiledBank) -> Iterator[list[ObservedAnswer]]:
    """Yield the answers of each contact to any version of this bank, as far as they are valid in the published one.

    Answers that came too fast to have been read are left out.
    """
    order = col(Answer.contact_id), col(Answer.id)
    statement = select(Answer).where(Answer.bank == bank.bank.id, Answer.state == "current").order_by(*order)
    for _, log in groupby(session.exec(statement), key=lambda answer: answer.contact_id):
        yield [given for _, given in interpret(log, bank) if given.weight == 1]


def write_draft(result: Refitted, out: Path) -> None:
    """Write the draft to a file, to be reviewed and published by hand. Raises ValueError where it cannot be written."""
    text = write_bank(result.draft.bank, _notes(result))
    report = check_bank(text.encode(), out.name)
    if report.errors:
        raise ValueError("\n".join(["these answers do not make a bank:", *map(str, report.errors)]))
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as wrong:
        raise ValueError(f"--out: {wrong.filename} cannot be written: {wrong.strerror}") from None


def _notes(result: Refitted) -> Mapping[str, str]:
    people = len(result.update.membership)
    counts = result.answers.answered.sum(axis=0)
    notes = {
        "": f"Draft by `discern refit` from version {result.version} and the answers of {people} respondents.\n"
        f"The tables of version {result.version} count as {result.update.strength:g} respondents of each persona (cross-validated).\n"
        "Nothing is published: read it, change it, then run `discern publish`."
    }
    shares, styles = result.update.membership.sum(axis=0), result.published.tables.styles
    for k, share in enumerate(shares if styles is None else styles.marginal(shares)):
        notes[f"personas.{k}"] = f"support: {share:.0f} of {people} respondents"
    return notes | {f"questions.{q}": f"support: {count} answers" for q, count in enumerate(counts) if count}


def comparison(result: Refitted) -> dict[str, Any]:
    """Return what changed and the held-out gain, as plain data: the structure of `--json` (docs/simulate.md)."""
    update = result.update
    gain = update.after - update.before
    return {
        "bank": result.published.bank.id,
        "survey": result.survey,
        "version": result.version,
        "respondents": len(gain),
        "answers": int(result.answers.answered.sum()),
        "published_counts_as": update.strength,
        "held_out_log_score": {
            "before": float(update.before.mean()),
            "after": float(update.after.mean()),
            "gain": float(gain.mean()),
            "standard_error": float(gain.std() / np.sqrt(len(gain))),
        },
        "simulated": {"before": _simulated(result.published.bank, result), "after": _simulated(result.draft.bank, result)},
        "personas": [
            {"persona": persona.id, "before": persona.prior, "after": new.prior}
            for persona, new in zip(result.published.bank.personas, result.draft.bank.personas, strict=True)
        ],
        "questions": sorted(_table_changes(result), key=lambda item: -item["moved"]),
        "drop_out": (hazard := result.draft.bank.survey(result.survey).drop_out) and asdict(hazard),
        "pilots": [{**asdict(pilot), "has_table": pilot.has_enough} for pilot in result.pilots],
    }


def _simulated(bank: Bank, result: Refitted) -> dict[str, float]:
    found = figures(simulate_survey(bank, Options(result.survey, SIMULATED, result.seed)))
    return {
        "questions": found["questions"]["mean"],
        "seconds": found["seconds"]["mean"],
        "accuracy": found["accuracy"]["mean"],
        "confidence": found["confidence"],
    }


def _table_changes(result: Refitted) -> Iterator[dict[str, Any]]:
    """Yield, for each question with a table before and after, their total variation and the persona where it is largest."""
    counts, persona_of = result.answers.answered.sum(axis=0), result.published.bank.persona_of
    for q, (old, new) in enumerate(zip(result.published.tables.questions, result.draft.tables.questions, strict=True)):
        question = result.published.bank.questions[q]
        if question.pilot or (not question.likelihood and not question.likelihood_given):
            continue
        distances = distance(old, new)
        k = int(distances.argmax())
        yield {
            "question": question.id,
            "answers": int(counts[q]),
            "moved": float(result.published.tables.prior @ distances),
            "most": {"persona": result.published.personas[persona_of[k]], "moved": float(distances[k])},
        }


def summary(found: Mapping[str, Any], out: Path) -> str:
    """Return the comparison as text."""
    score, before, after = found["held_out_log_score"], found["simulated"]["before"], found["simulated"]["after"]
    width = max(8, *(len(question["question"]) for question in found["questions"])) if found["questions"] else 8
    gain = f"{score['gain']:+.3f} ± {score['standard_error']:.3f}"
    lines = [
        f"{out.name}: a draft from {found['bank']} version {found['version']}",
        f"and {found['answers']} answers of {found['respondents']} respondents;",
        f"the published tables count as {found['published_counts_as']:g} respondents of each persona",
        "",
        f"{'':<30}{'before':>9}{'after':>9}",
        f"{'log score of held-out answers':<30}{score['before']:>9.3f}{score['after']:>9.3f}   {gain}",
        f"{'questions, simulated':<30}{before['questions']:>9.2f}{after['questions']:>9.2f}",
        f"{'seconds, simulated':<30}{before['seconds']:>9.1f}{after['seconds']:>9.1f}",
        f"{'right persona, simulated':<30}{before['accuracy']:>9.3f}{after['accuracy']:>9.3f}",
        *(f"{'share of ' + persona['persona']:<30}{persona['before']:>9.3f}{persona['after']:>9.3f}" for persona in found["personas"]),
        "",
        f"{'question':<{width}}{'answers':>9}{'moved':>8}   most for",
        *(
            f"{question['question']:<{width}}{question['answers']:>9}{question['moved']:>8.3f}   "
            f"{question['most']['persona']} ({question['most']['moved']:.3f})"
            for question in found["questions"]
        ),
    ]
    if leaving := found["drop_out"]:
        lines.append(f"leaving, log odds: {', '.join(f'{name} {value:+g}' for name, value in leaving.items())}")
    for pilot in found["pilots"]:
        state = "has a table now" if pilot["has_table"] else f"needs {pilot['needed'] - pilot['answers']} more for a table"
        lines.append(f"pilot {pilot['question']}: {pilot['answers']} answers, {state}")
    return "\n".join([*lines, "", "nothing is published: read the draft, then run discern publish"])
