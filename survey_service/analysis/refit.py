"""What `discern refit` does: the answers a service has stored teach its published bank, and a draft of the next version says what moved."""

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
"""Respondents with two answers or more, per persona, from which a refit is worth anything."""

SIMULATED = 2000


@dataclass(frozen=True, eq=False)
class Refitted:
    """The published bank, the draft of its next version, and what taught it."""

    survey: str
    version: int
    published: CompiledBank
    draft: CompiledBank
    answers: Answers
    update: UpdatedModel
    pilots: list[Pilot]
    seed: int


def refit_survey(session: Session, banks: Banks, survey: str, seed: int) -> Refitted:
    """Raises NotFound for a survey that is not published, ValueError where there are too few answers."""
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
        learned = update_model(model_of(bank), answers, np.random.default_rng(seed), watch)
    draft = compile_bank(
        with_hazard(updated_bank(bank, learned.model, answers, learned.membership), survey, fit_survey_hazard(session, bank, survey))
    )
    return Refitted(survey, version, bank, draft, answers, learned, pilots_of(bank, answers), seed)


def stored_answers(session: Session, bank: CompiledBank) -> Iterator[list[ObservedAnswer]]:
    """What each contact has given to this bank in any of its versions, as far as it means something in the published one.

    What came too fast to have been read teaches nothing.
    """
    order = col(Answer.contact_id), col(Answer.id)
    statement = select(Answer).where(Answer.bank == bank.bank.id, Answer.state == "current").order_by(*order)
    for _, log in groupby(session.exec(statement), key=lambda answer: answer.contact_id):
        yield [given for _, given in interpret(log, bank) if given.weight == 1]


def write_draft(done: Refitted, out: Path) -> None:
    """The draft as a file to be read, changed and published by hand. Raises ValueError where it cannot be written."""
    text = write_bank(done.draft.bank, _notes(done))
    report = check_bank(text.encode(), out.name)
    if report.errors:
        raise ValueError("\n".join(["these answers do not make a bank:", *map(str, report.errors)]))
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as wrong:
        raise ValueError(f"--out: {wrong.filename} cannot be written: {wrong.strerror}") from None


def _notes(done: Refitted) -> Mapping[str, str]:
    people = len(done.update.membership)
    counts = done.answers.answered.sum(axis=0)
    notes = {
        "": f"Draft by `discern refit` from version {done.version} and the answers of {people} respondents.\n"
        f"The tables of version {done.version} count as {done.update.strength:g} respondents of each persona (cross-validated).\n"
        "Nothing is published: read it, change it, then run `discern publish`."
    }
    shares, styles = done.update.membership.sum(axis=0), done.published.tables.styles
    for k, share in enumerate(shares if styles is None else styles.marginal(shares)):
        notes[f"personas.{k}"] = f"support: {share:.0f} of {people} respondents"
    return notes | {f"questions.{q}": f"support: {count} answers" for q, count in enumerate(counts) if count}


def comparison(done: Refitted) -> dict[str, Any]:
    """What moved and what it is worth, as plain data: the shape of `--json` (docs/simulate.md)."""
    learned = done.update
    won = learned.after - learned.before
    return {
        "bank": done.published.bank.id,
        "survey": done.survey,
        "version": done.version,
        "respondents": len(won),
        "answers": int(done.answers.answered.sum()),
        "published_counts_as": learned.strength,
        "held_out_log_score": {
            "before": float(learned.before.mean()),
            "after": float(learned.after.mean()),
            "gain": float(won.mean()),
            "standard_error": float(won.std() / np.sqrt(len(won))),
        },
        "simulated": {"before": _simulated(done.published.bank, done), "after": _simulated(done.draft.bank, done)},
        "personas": [
            {"persona": persona.id, "before": persona.prior, "after": new.prior}
            for persona, new in zip(done.published.bank.personas, done.draft.bank.personas, strict=True)
        ],
        "questions": sorted(_table_changes(done), key=lambda item: -item["moved"]),
        "drop_out": (hazard := done.draft.bank.survey(done.survey).drop_out) and asdict(hazard),
        "pilots": [{**asdict(pilot), "has_table": pilot.has_enough} for pilot in done.pilots],
    }


def _simulated(bank: Bank, done: Refitted) -> dict[str, float]:
    found = figures(simulate_survey(bank, Options(done.survey, SIMULATED, done.seed)))
    return {
        "questions": found["questions"]["mean"],
        "seconds": found["seconds"]["mean"],
        "accuracy": found["accuracy"]["mean"],
        "confidence": found["confidence"],
    }


def _table_changes(done: Refitted) -> Iterator[dict[str, Any]]:
    """Each question that has a table before and after: the total variation between them, and where it is largest."""
    counts, persona_of = done.answers.answered.sum(axis=0), done.published.bank.persona_of
    for q, (old, new) in enumerate(zip(done.published.tables.questions, done.draft.tables.questions, strict=True)):
        question = done.published.bank.questions[q]
        if question.pilot or (not question.likelihood and not question.likelihood_given):
            continue
        far = distance(old, new)
        k = int(far.argmax())
        yield {
            "question": question.id,
            "answers": int(counts[q]),
            "moved": float(done.published.tables.prior @ far),
            "most": {"persona": done.published.personas[persona_of[k]], "moved": float(far[k])},
        }


def summary(found: Mapping[str, Any], out: Path) -> str:
    """The same for people."""
    score, before, after = found["held_out_log_score"], found["simulated"]["before"], found["simulated"]["after"]
    wide = max(8, *(len(question["question"]) for question in found["questions"])) if found["questions"] else 8
    won = f"{score['gain']:+.3f} ± {score['standard_error']:.3f}"
    lines = [
        f"{out.name}: a draft from {found['bank']} version {found['version']}",
        f"and {found['answers']} answers of {found['respondents']} respondents;",
        f"the published tables count as {found['published_counts_as']:g} respondents of each persona",
        "",
        f"{'':<30}{'before':>9}{'after':>9}",
        f"{'log score of held-out answers':<30}{score['before']:>9.3f}{score['after']:>9.3f}   {won}",
        f"{'questions, simulated':<30}{before['questions']:>9.2f}{after['questions']:>9.2f}",
        f"{'seconds, simulated':<30}{before['seconds']:>9.1f}{after['seconds']:>9.1f}",
        f"{'right persona, simulated':<30}{before['accuracy']:>9.3f}{after['accuracy']:>9.3f}",
        *(f"{'share of ' + persona['persona']:<30}{persona['before']:>9.3f}{persona['after']:>9.3f}" for persona in found["personas"]),
        "",
        f"{'question':<{wide}}{'answers':>9}{'moved':>8}   most for",
        *(
            f"{question['question']:<{wide}}{question['answers']:>9}{question['moved']:>8.3f}   "
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
