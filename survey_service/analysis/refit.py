"""`discern refit`: update a published bank with the stored answers, and write a draft of its next version with a comparison."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from sqlmodel import Session, col, func, select

from adaptive.learning.expected_counts import Answers
from adaptive.learning.update import STRENGTHS, UpdatedModel, distance
from question_bank.compile import CompiledBank, ObservedAnswer, compile_bank
from question_bank.datasets.update import CHUNK, DRIFTED, Pilot, answers_of, pilots_of, stored_chunks, update_bank
from question_bank.definitions import Bank
from question_bank.files.load import check_bank
from question_bank.files.write import write_bank
from survey_service.analysis.dropout import fit_survey_hazard, with_hazard
from survey_service.analysis.progress import progress
from survey_service.analysis.simulate import Options, figures, simulate_survey
from survey_service.belief.evidence import interpret, is_current, label_of, label_row, signal_events, with_words
from survey_service.store.banks import Banks
from survey_service.store.tables.core import Answer, Contact
from survey_service.store.tables.inbound import ContactEvent

NEEDED_PER_PERSONA = 20
"""Fewest respondents with two answers or more, per persona, for a refit."""

SIMULATED = 2000

NOT_PUBLISHED = "Nothing is published: read it, change it, then run `discern publish`."


@dataclass(frozen=True, eq=False)
class Refitted:
    """The published bank, the draft of its next version, and the update behind it with its notes."""

    survey: str
    version: int
    published: CompiledBank
    draft: CompiledBank
    update: UpdatedModel
    notes: Mapping[str, str]
    pilots: list[Pilot]
    seed: int


def refit_survey(session: Session, banks: Banks, survey: str, seed: int) -> Refitted:
    """Refit the bank of a survey. Raises NotFound for a survey that is not published, ValueError where there are too few answers."""
    bank, version = banks.current(session, survey)
    heading = f"Draft by `discern refit` from version {version} and the answers of {{respondents}} respondents."
    with stored_chunks(stored_answers(session, bank)) as chunks:
        _check_enough(bank, survey, sum(map(len, chunks)))
        with progress(f"refit {survey}", len(STRENGTHS)) as watch:
            updated = update_bank(bank, chunks, seed, heading, watch)
    draft = compile_bank(with_hazard(updated.bank, survey, fit_survey_hazard(session, bank, survey)))
    return Refitted(survey, version, bank, draft, updated.update, updated.notes, pilots_of(bank, updated.update.counts), seed)


def _check_enough(bank: CompiledBank, survey: str, respondents: int) -> None:
    needed = NEEDED_PER_PERSONA * len(bank.personas)
    if respondents < needed:
        raise ValueError(
            f'"{survey}": {respondents} respondents have given two answers or more to the bank {bank.bank.id}; a refit needs {needed} '
            f"({NEEDED_PER_PERSONA} for each of {len(bank.personas)} personas): wait for {needed - respondents} more"
        )


def stored_answers(session: Session, bank: CompiledBank) -> Iterator[Answers]:
    """Yield the respondents with two answers or more to any version of this bank in chunks: answers, signals and labels.

    Answers count as far as they are valid in the published version; those that came too fast to have been read are left out. Signals are
    decayed to the newest answer to the bank, so that the same answers always give the same tables.
    """
    current = Answer.bank == bank.bank.id, is_current(Answer)
    now = session.exec(select(func.max(Answer.given_at)).where(*current)).one()
    last = ""
    while True:
        page = select(Answer.contact_id).where(*current, col(Answer.contact_id) > last).distinct().order_by(Answer.contact_id).limit(CHUNK)
        contacts = session.exec(page).all()
        if not contacts:
            return
        mine = col(Answer.contact_id) > last, col(Answer.contact_id) <= contacts[-1]
        last = contacts[-1]
        log = session.exec(select(Answer).where(*current, *mine).order_by(col(Answer.contact_id), col(Answer.id)))
        given = {
            contact: [pair for pair in interpret(answers, bank) if pair[1].weight == 1]
            for contact, answers in groupby(log, key=lambda answer: answer.contact_id)
        }
        yield _chunk(session, bank, {contact: answers for contact, answers in given.items() if len(answers) > 1}, now)


def _chunk(session: Session, bank: CompiledBank, given: Mapping[str, list[tuple[Answer, ObservedAnswer]]], now: datetime) -> Answers:
    """Return the answers of some contacts with their behaviour: signals, whether there is any event, and the log-likelihood of labels."""
    contacts = list(given)
    answers = answers_of(bank, [[observed for _, observed in pairs] for pairs in given.values()])
    evidence = np.zeros((len(contacts), bank.tables.classes))
    place = {contact: n for n, contact in enumerate(contacts)}
    for contact in session.exec(select(Contact).where(col(Contact.id).in_(contacts))):
        if (label := label_of(contact, bank)) is not None:
            evidence[place[contact.id]] = label_row(bank, label)
    keys = np.array([crc32(contact.encode()) for contact in contacts], dtype=np.int64)
    answers = replace(answers, evidence=evidence, keys=keys)
    if not bank.bank.signals:
        return answers
    index = {signal.id: s for s, signal in enumerate(bank.bank.signals)}
    weights, active = np.zeros((len(contacts), len(index))), np.zeros(len(contacts), dtype=bool)
    seen = signal_events(session, contacts, bank, now)
    for contact_id, pairs in given.items():
        for event in with_words(bank, pairs, seen.get(contact_id, []), now):
            weights[place[contact_id], index[event.signal]] += event.weight
    for contact_id in session.exec(select(ContactEvent.contact_id).where(col(ContactEvent.contact_id).in_(contacts)).distinct()):
        active[place[contact_id]] = True
    return replace(answers, signals=weights, active=active)


def write_draft(result: Refitted, out: Path) -> None:
    """Write the draft to a file, to be reviewed and published by hand. Raises ValueError where it cannot be written."""
    text = write_bank(result.draft.bank, {**result.notes, "": f"{result.notes['']}\n{NOT_PUBLISHED}"})
    report = check_bank(text.encode(), out.name)
    if report.errors:
        raise ValueError("\n".join(["these answers do not make a bank:", *map(str, report.errors)]))
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as wrong:
        raise ValueError(f"--out: {wrong.filename} cannot be written: {wrong.strerror}") from None


def comparison(result: Refitted) -> dict[str, Any]:
    """Return what changed and the held-out gain, as plain data: the structure of `--json` (docs/simulate.md)."""
    update, held_out = result.update, result.update.held_out
    return {
        "bank": result.published.bank.id,
        "survey": result.survey,
        "version": result.version,
        "respondents": update.counts.respondents,
        "answers": int(update.counts.answered.sum()),
        "published_counts_as": update.strength,
        "other_persona": update.other_persona,
        "held_out_log_score": asdict(held_out),
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
    counts, persona_of = result.update.counts.answered, result.published.bank.persona_of
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
    other = f"{found['other_persona']:.1%} of the respondents have another likeliest persona than before"
    lines = [
        f"{out.name}: a draft from {found['bank']} version {found['version']}",
        f"and {found['answers']} answers of {found['respondents']} respondents;",
        f"the published tables count as {found['published_counts_as']:g} respondents of each persona;",
        other
        if found["other_persona"] < DRIFTED
        else f"warning: {other}: keep the published version, or label contacts whose persona is known",
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
