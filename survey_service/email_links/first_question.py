"""Which question an email asks each contact: a single choice or a scale, since every answer to it must be a link of its own."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from adaptive import Evidence, Progress, next_questions, update_limit
from adaptive.selection import SurveyRules
from question_bank.compile import CompiledBank
from question_bank.definitions import Question
from survey_service.belief.evidence import ContactEvidence
from survey_service.errors import Invalid

LINKABLE = ("single", "scale")
ASKED_AGAIN = "skip"


def linkable_questions(bank: CompiledBank, survey: str) -> list[Question]:
    """The questions of a survey that an email can ask."""
    asked = bank.bank.survey(survey).questions
    return [question for question in bank.bank.questions if question.id in asked and question.type in LINKABLE]


def validate_question(bank: CompiledBank, survey: str, wanted: str | None) -> str | None:
    """The question that everybody is to be asked. Raises Invalid, also where the survey has none that an email can ask."""
    names = [question.id for question in linkable_questions(bank, survey)]
    if not names:
        raise _refused("survey", f'"{survey}" has no single choice and no scale, which is what an email can ask')
    if wanted is not None and wanted not in names:
        raise _refused("question", f'"{wanted}" cannot be asked by email in this survey: use one of {", ".join(names)}')
    return wanted


def _refused(path: str, message: str) -> Invalid:
    return Invalid(errors=[{"path": path, "message": message}])


def first_questions(bank: CompiledBank, survey: str, known: Sequence[ContactEvidence]) -> list[str | None]:
    """For each contact the question that the survey would ask first; None where what is known suffices.

    Contacts of whom nothing is known are decided once.
    """
    rules = _only_linkable(bank, survey)
    new: list[str | None] = (
        [] if all(known_item.has_evidence for known_item in known) else _chosen(bank, rules, [ContactEvidence(bank, [])])
    )
    old = iter(_chosen(bank, rules, [known_item for known_item in known if known_item.has_evidence]))
    return [next(old) if known_item.has_evidence else new[0] for known_item in known]


def _chosen(bank: CompiledBank, rules: SurveyRules, known: Sequence[ContactEvidence]) -> list[str | None]:
    if not known:
        return []
    evidence = _side_by_side([known_item.evidence for known_item in known])
    done = np.zeros((len(known), len(bank.index)), dtype=bool)
    for row, about in enumerate(known):
        done[row, [bank.index[this_answer.question] for answer, this_answer in about.given if answer.kind != ASKED_AGAIN]] = True
    progress = Progress(
        done=done,
        opens=np.array([bank.opens(known_item.answers) for known_item in known]),
        taken=np.zeros(len(known), dtype=np.int64),
        spent=np.zeros(len(known)),
        limit=np.full(len(known), len(bank.index)),
    )
    step = next_questions(bank.tables, rules, evidence, update_limit(bank.tables, rules, progress))
    return [bank.bank.questions[q].id if q >= 0 else None for q in step.chosen]


def _only_linkable(bank: CompiledBank, survey: str) -> SurveyRules:
    rules = bank.rules[survey]
    choices = np.array([question.type in LINKABLE for question in bank.bank.questions])
    return replace(rules, included=rules.included & choices, first=tuple(q for q in rules.first if choices[q]), pilots=None)


def _side_by_side(ones: Sequence[Evidence]) -> Evidence:
    return Evidence(
        answered=np.concatenate([this_one.answered for this_one in ones]),
        silent=np.concatenate([this_one.silent for this_one in ones]),
        rows=np.concatenate([this_one.rows for this_one in ones]),
        codes=np.concatenate([this_one.codes for this_one in ones]),
        signals=np.concatenate([this_one.signals for this_one in ones]),
    )
