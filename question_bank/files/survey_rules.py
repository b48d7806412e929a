"""Rules for surveys (their questions, stopping criteria, actions and results), and for journeys and barometers."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from question_bank.files.draft import Draft, duplicate_ids, duplicate_ids_among, outcomes_of, per_persona, unknown_name
from question_bank.files.problems import Finding, Path, join_names, shorten, suggest
from question_bank.journeys import NPS_POINTS

FEWEST_STAGES, MOST_STAGES = 2, 8
WAYS = ("match", "answer", "attribute", "stage")


def survey_rules(draft: Draft) -> Iterator[Finding]:
    """Check that surveys ask existing questions, start with questions they ask, and have what their objective needs."""
    yield from duplicate_ids(draft, "surveys")
    for path, survey in draft.items("surveys"):
        yield from _questions(draft, path, survey)
        yield from _first(draft, path, survey)
        yield from _stop(draft, path, survey)
        yield from _actions(draft, path, survey)
        for name, result in survey.get("result", {}).items():
            yield from unknown_name(draft, (*path, "result", name), name, "personas", also=("default",))
            if not result and draft.is_readable(*path, "result", name):
                yield Finding((*path, "result", name), "is empty", "give a text, a redirect, or both")


def selected_questions(draft: Draft, survey: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the ids of the questions of a survey in bank order, for each form of selection."""
    chosen = survey.get("questions", "all")
    wanted = frozenset(chosen)
    if isinstance(chosen, Mapping):
        topics = frozenset(chosen["topics"])
        return tuple(question["id"] for _, question in draft.items("questions") if question.get("topic") in topics and "id" in question)
    return tuple(name for name in draft.by_id("questions") if chosen == "all" or name in wanted)


def _questions(draft: Draft, path: Path, survey: Mapping[str, Any]) -> Iterator[Finding]:
    chosen, at = survey.get("questions", "all"), (*path, "questions")
    if isinstance(chosen, tuple):
        for index, name in enumerate(chosen):
            yield from unknown_name(draft, (*at, index), name, "questions")
        yield from _repeated(at, chosen)
    elif isinstance(chosen, Mapping):
        topics = {question["topic"]: None for _, question in draft.items("questions") if "topic" in question}
        for index, topic in enumerate(chosen["topics"]):
            if topic not in topics and _topics_are_read(draft):
                todo = suggest(topic, topics, f"use one of {join_names(topics)}" if topics else "give questions a topic first")
                yield Finding((*at, "topics", index), f'no question has the topic "{topic}"', todo)


def _topics_are_read(draft: Draft) -> bool:
    return ("questions",) not in draft.broken and all(draft.is_readable(*path, "topic") for path, _ in draft.items("questions"))


def _first(draft: Draft, path: Path, survey: Mapping[str, Any]) -> Iterator[Finding]:
    asked = frozenset(selected_questions(draft, survey))
    for index, name in enumerate(survey.get("first", ())):
        at = (*path, "first", index)
        yield from unknown_name(draft, at, name, "questions")
        if name in draft.by_id("questions") and name not in asked and draft.is_readable(*path, "questions"):
            yield Finding(at, f'"{name}" is not asked by this survey', "add it to questions, or remove it here")
    yield from _repeated((*path, "first"), survey.get("first", ()))


def _repeated(path: Path, names: Sequence[str]) -> Iterator[Finding]:
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name in seen:
            yield Finding((*path, index), f'names "{name}" again', "name it once")
        seen.add(name)


def _stop(draft: Draft, path: Path, survey: Mapping[str, Any]) -> Iterator[Finding]:
    stop = survey.get("stop", {})
    least, most = stop.get("at_least", 1), stop.get("at_most")
    if most is not None and least > most:
        yield Finding((*path, "stop", "at_least"), f"at_least {least} is more than at_most {most}", "make at_least the smaller")
    if stop.get("endgame") == "accuracy":
        at = (*path, "stop", "endgame")
        if survey.get("objective") == "value":
            yield Finding(at, "a survey with objective value chooses by its actions to the end", "remove endgame, or the objective")
        elif most is None and draft.is_readable(*path, "stop", "at_most"):
            yield Finding(at, "accuracy plans the last two questions before at_most, which is missing", "add at_most, such as 6")


def _actions(draft: Draft, path: Path, survey: Mapping[str, Any]) -> Iterator[Finding]:
    at = (*path, "actions")
    if survey.get("objective") == "value" and not survey.get("actions") and draft.is_readable(*at):
        yield Finding((*path, "objective"), "value needs to know what can be done", "add actions: {call: {driver: 5, family: 40}}")
    for name, worth in survey.get("actions", {}).items():
        yield from per_persona(draft, (*at, name), worth)
        for persona, value in worth.items():
            if (isinstance(value, bool) or not isinstance(value, int | float)) and draft.is_readable(*at, name, persona):
                yield Finding((*at, name, persona), f"{shorten(value)} is not a number", "write what the action is worth, such as 40")


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
    for index, play in enumerate(draft.data.get("plays") or ()):
        yield from _play(draft, ("plays", index), play)


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
        yield Finding(
            path,
            wrong,
            "give one of match: {event: Order Completed}, answer: {question: [option]}, attribute: {deal: won}, or stage: abandoned_basket",
        )
    for name in ("unless", "after_hours"):
        if name in stage and "match" not in stage:
            yield Finding((*path, name), "needs an event before it", "give the stage a match, or remove this")
    if "after_hours" in stage and "unless" not in stage and "match" in stage:
        yield Finding((*path, "after_hours"), "says when nothing has followed, and not what", "add unless: {event: …}, or remove this")
    used = (draft.data.get("attribution") or {}).get("attributes", {})
    for name in stage.get("attribute", {}):
        if name in used:
            wrong = f'"{name}" is also an attribute from which personas are attributed: it would predict itself'
            yield Finding((*path, "attribute", name), wrong, "write it under never of the attribution, and remove it from its attributes")
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


def _play(draft: Draft, path: Path, play: Mapping[str, Any]) -> Iterator[Finding]:
    if "persona" in play:
        yield from unknown_name(draft, (*path, "persona"), play["persona"], "personas")
    journeys = draft.data.get("journeys") or ()
    stages = [f"{journey.get('id')}/{stage.get('id')}" for journey in journeys for stage in journey.get("stages", ())]
    if "stage" in play and play["stage"] not in stages and ("journeys",) not in draft.broken:
        todo = suggest(play["stage"], stages, f"use one of {join_names(stages)}" if stages else "write journeys first")
        yield Finding((*path, "stage"), f'there is no stage "{play["stage"]}"', todo)
    if not {"content", "agent", "bot"} & play.keys() and draft.is_readable(*path):
        yield Finding(path, "says nothing", "give content, agent or bot a text")
