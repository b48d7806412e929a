"""Rules for journeys and barometers: their stages, and the questions that they rest on."""

from collections.abc import Iterator, Mapping
from typing import Any

from question_bank.files.draft import Draft, duplicate_ids_among, outcomes_of, unknown_name
from question_bank.files.problems import Finding, Path, join_names, suggest
from question_bank.journeys import NPS_POINTS

FEWEST_STAGES, MOST_STAGES = 2, 8
WAYS = ("match", "answer", "stage")


def journey_rules(draft: Draft) -> Iterator[Finding]:
    """Check that journeys have stages that can be reached, and that barometers ask a scale that suits their kind."""
    journeys = [(("journeys", index), item) for index, item in enumerate(draft.data.get("journeys") or ())]
    yield from duplicate_ids_among(iter(journeys), "journey")
    for path, journey in journeys:
        yield from _stages(draft, path, journey)
    barometers = [(("barometers", index), item) for index, item in enumerate(draft.data.get("barometers") or ())]
    yield from duplicate_ids_among(iter(barometers), "barometer")
    for path, barometer in barometers:
        yield from _barometer(draft, path, barometer)


def _stages(draft: Draft, path: Path, journey: Mapping[str, Any]) -> Iterator[Finding]:
    at = (*path, "stages")
    stages = journey.get("stages")
    if stages is None or at in draft.broken:
        return
    if not FEWEST_STAGES <= len(stages) <= MOST_STAGES:
        wrong = f"has {len(stages)} stage{'s' * (len(stages) != 1)}"
        yield Finding(at, wrong, f"write {FEWEST_STAGES} to {MOST_STAGES}: rates lead from one stage to another")
    yield from duplicate_ids_among((((*at, index), stage) for index, stage in enumerate(stages)), "stage")
    for index, stage in enumerate(stages):
        yield from _stage(draft, (*at, index), stage)


def _stage(draft: Draft, path: Path, stage: Mapping[str, Any]) -> Iterator[Finding]:
    given = [name for name in WAYS if name in stage]
    if len(given) != 1 and draft.is_readable(*path):
        wrong = f"has {join_names(given)}" if given else "says nothing about how it is reached"
        yield Finding(path, wrong, "give one of match: {event: Order Completed}, answer: {question: [option]}, or stage: abandoned_basket")
    for name in ("unless", "after_hours"):
        if name in stage and "match" not in stage:
            yield Finding((*path, name), "needs an event before it", "give the stage a match, or remove this")
    if "after_hours" in stage and "unless" not in stage and "match" in stage:
        yield Finding((*path, "after_hours"), "says when nothing has followed, and not what", "add unless: {event: …}, or remove this")
    for question, options in stage.get("answer", {}).items():
        yield from _answer(draft, (*path, "answer", question), question, options)


def _answer(draft: Draft, path: Path, name: str, options: tuple[str, ...]) -> Iterator[Finding]:
    yield from unknown_name(draft, path, name, "questions")
    question = draft.by_id("questions").get(name)
    if question is None:
        return
    known = outcomes_of(question)
    if question.get("type") in ("number", "text"):
        yield Finding(path, f"{question['type']} questions have no options", "name a question of type single, multiple or scale")
    elif known is not None:
        for index, option in enumerate(options):
            if option not in known:
                yield Finding(
                    (*path, index), f'"{name}" has no answer "{option}"', suggest(option, known, f"use one of {join_names(known)}")
                )


def _barometer(draft: Draft, path: Path, barometer: Mapping[str, Any]) -> Iterator[Finding]:
    name, at = barometer.get("question"), (*path, "question")
    if name is None:
        return
    yield from unknown_name(draft, at, name, "questions")
    question = draft.by_id("questions").get(name)
    if question is None or question.get("type") is None:
        return
    if question["type"] != "scale":
        yield Finding(at, f'"{name}" is a {question["type"]} question', "name a question of type scale")
    elif barometer.get("kind") == "nps" and (question.get("min"), question.get("max")) != NPS_POINTS:
        yield Finding(
            at, f'"{name}" is no scale from 0 to 10, as the Net Promoter Score is', "write kind: mean, or min: 0 and max: 10 there"
        )
