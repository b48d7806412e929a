"""The numbers: what each persona would answer, leave out, or do."""

from collections.abc import Iterator, Mapping
from typing import Any

from question_bank.checks.classes import per_class, probabilities
from question_bank.checks.references import twice
from question_bank.draft import PARENTS, Draft, outcomes_of
from question_bank.problems import Finding, Path, listed, nearest, short
from question_bank.row_forms import RowFault, probability, read_row


def likelihood_rules(draft: Draft) -> Iterator[Finding]:
    """Tables of questions and of signals: whole, readable, and one entry a persona."""
    for path, question in draft.items("questions"):
        yield from _table(draft, path, question)
        yield from _no_answer(draft, path, question)
    yield from twice(draft, "signals")
    for path, signal in draft.items("signals"):
        if "likelihood" in signal:
            yield from probabilities(draft, (*path, "likelihood"), signal["likelihood"])


def _table(draft: Draft, path: Path, question: Mapping[str, Any]) -> Iterator[Finding]:
    kind, table, at = question.get("type"), question.get("likelihood"), (*path, "likelihood")
    if kind is None or at in draft.broken:
        return
    if kind == "text":
        if table is not None:
            yield Finding(at, "a text question has no likelihood: its answers are passed on, not weighed", "remove it")
        return
    if table is None:
        if not question.get("pilot"):
            yield Finding(path, "has no likelihood", "give one row a persona, or write pilot: true to learn it from answers")
        return
    yield from per_class(draft, at, table)
    for persona, rows in table.items():
        if "parent" in question and kind in PARENTS:
            yield from _rows_given(draft, (*at, persona), question, rows)
        else:
            yield from _row(draft, (*at, persona), question, rows)


def _rows_given(draft: Draft, path: Path, question: Mapping[str, Any], rows: Any) -> Iterator[Finding]:
    """With a parent, a persona has one row for each of the parent's outcomes."""
    parent = draft.by_id("questions").get(question["parent"], {})
    outcomes = outcomes_of(parent)
    if parent is question or parent.get("type") not in PARENTS:
        return  # told at `parent`; which rows there should be, nobody knows
    if not isinstance(rows, Mapping):
        if draft.sound(*path):
            yield Finding(
                path, f"{short(rows)} is not a map by the parent's answer", f'write one row for each answer to "{question["parent"]}"'
            )
        return
    missing = [outcome for outcome in outcomes or () if outcome not in rows]
    if missing:
        yield Finding(path, f'has no row for answer {listed(missing)} to "{question["parent"]}"', "give every answer of the parent a row")
    for outcome, row in rows.items():
        if outcomes and outcome not in outcomes:
            todo = nearest(outcome, outcomes, f"use {listed(outcomes)}")
            yield Finding((*path, outcome), f'is not an answer to "{question["parent"]}"', todo)
        else:
            yield from _row(draft, (*path, outcome), question, row)


def _row(draft: Draft, path: Path, question: Mapping[str, Any], row: Any) -> Iterator[Finding]:
    outcomes = outcomes_of(question)
    if (outcomes is None and question["type"] != "number") or not draft.sound(*path):
        return
    try:
        read_row(row, question["type"], outcomes or ())
    except RowFault as fault:
        yield Finding((*path, *fault.at), fault.wrong, fault.todo)


def _no_answer(draft: Draft, path: Path, question: Mapping[str, Any]) -> Iterator[Finding]:
    given, at = question.get("no_answer"), (*path, "no_answer")
    if given is None or not draft.sound(*at):
        return
    if isinstance(given, Mapping):
        yield from probabilities(draft, at, given)
        return
    try:
        probability(given)
    except RowFault as fault:
        yield Finding(at, fault.wrong, fault.todo)
