"""Choose the question that an email asks each contact: a single choice or a scale, since each option needs a link of its own."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from adaptive import Evidence, Progress, next_questions, update_limit
from adaptive.selection import SurveyRules
from question_bank.compile import CompiledBank
from question_bank.definitions import Question
from survey_service.belief.evidence import ContactEvidence
from survey_service.errors import Invalid

LINKABLE_TYPES = ("single", "scale")
ASKED_AGAIN = "skip"


def linkable_questions(bank: CompiledBank, survey: str) -> list[Question]:
    """Return the questions of a survey that an email can ask."""
    included = bank.bank.survey(survey).questions
    return [question for question in bank.bank.questions if question.id in included and question.type in LINKABLE_TYPES]


def validate_question(bank: CompiledBank, survey: str, wanted: str | None) -> str | None:
    """Return `wanted` if an email can ask it. Raises Invalid, also where the survey has no question that an email can ask."""
    ids = [question.id for question in linkable_questions(bank, survey)]
    if not ids:
        raise _invalid("survey", f'"{survey}" has no single choice and no scale, which is what an email can ask')
    if wanted is not None and wanted not in ids:
        raise _invalid("question", f'"{wanted}" cannot be asked by email in this survey: use one of {", ".join(ids)}')
    return wanted


def _invalid(path: str, message: str) -> Invalid:
    return Invalid(errors=[{"path": path, "message": message}])


def first_questions(bank: CompiledBank, survey: str, contacts: Sequence[ContactEvidence]) -> list[str | None]:
    """Return for each contact the question that the survey would ask first; None where the evidence suffices.

    The question for contacts without evidence is chosen only once, since it is the same for all of them.
    """
    rules = _linkable_rules(bank, survey)
    without_evidence: list[str | None] = []
    if not all(contact.has_evidence for contact in contacts):
        without_evidence = _choose(bank, rules, [ContactEvidence(bank, [])])
    with_evidence = iter(_choose(bank, rules, [contact for contact in contacts if contact.has_evidence]))
    return [next(with_evidence) if contact.has_evidence else without_evidence[0] for contact in contacts]


def _choose(bank: CompiledBank, rules: SurveyRules, contacts: Sequence[ContactEvidence]) -> list[str | None]:
    if not contacts:
        return []
    evidence = _concatenate([contact.evidence for contact in contacts])
    done = np.zeros((len(contacts), len(bank.index)), dtype=bool)
    for row, contact in enumerate(contacts):
        done[row, [bank.index[observed.question] for answer, observed in contact.given if answer.kind != ASKED_AGAIN]] = True
    progress = Progress(
        done=done,
        opens=np.array([bank.opens(contact.answers) for contact in contacts]),
        taken=np.zeros(len(contacts), dtype=np.int64),
        spent=np.zeros(len(contacts)),
        limit=np.full(len(contacts), len(bank.index)),
    )
    step = next_questions(bank.tables, rules, evidence, update_limit(bank.tables, rules, progress))
    return [bank.bank.questions[q].id if q >= 0 else None for q in step.chosen]


def _linkable_rules(bank: CompiledBank, survey: str) -> SurveyRules:
    rules = bank.rules[survey]
    linkable = np.array([question.type in LINKABLE_TYPES for question in bank.bank.questions])
    return replace(rules, included=rules.included & linkable, first=tuple(q for q in rules.first if linkable[q]), pilots=None)


def _concatenate(evidence: Sequence[Evidence]) -> Evidence:
    """Return the rows of all `evidence` as one object."""
    return Evidence(
        answered=np.concatenate([contact.answered for contact in evidence]),
        silent=np.concatenate([contact.silent for contact in evidence]),
        rows=np.concatenate([contact.rows for contact in evidence]),
        codes=np.concatenate([contact.codes for contact in evidence]),
        signals=np.concatenate([contact.signals for contact in evidence]),
    )
