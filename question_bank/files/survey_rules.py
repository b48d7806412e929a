"""Rules for surveys: their questions, stopping criteria, actions and results."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from question_bank.files.draft import Draft, duplicate_ids, per_persona, unknown_name
from question_bank.files.problems import Finding, Path, join_names, shorten, suggest


def survey_rules(draft: Draft) -> Iterator[Finding]:
    """Check that surveys ask existing questions, start with questions they ask, and have what their objective needs."""
    yield from duplicate_ids(draft, "surveys")
    for path, survey in draft.items("surveys"):
        yield from _questions(draft, path, survey)
        yield from _first(draft, path, survey)
        yield from _stop(path, survey)
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


def _stop(path: Path, survey: Mapping[str, Any]) -> Iterator[Finding]:
    stop = survey.get("stop", {})
    least, most = stop.get("at_least", 1), stop.get("at_most")
    if most is not None and least > most:
        yield Finding((*path, "stop", "at_least"), f"at_least {least} is more than at_most {most}", "make at_least the smaller")


def _actions(draft: Draft, path: Path, survey: Mapping[str, Any]) -> Iterator[Finding]:
    at = (*path, "actions")
    if survey.get("objective") == "value" and not survey.get("actions") and draft.is_readable(*at):
        yield Finding((*path, "objective"), "value needs to know what can be done", "add actions: {call: {driver: 5, family: 40}}")
    for name, worth in survey.get("actions", {}).items():
        yield from per_persona(draft, (*at, name), worth)
        for persona, value in worth.items():
            if (isinstance(value, bool) or not isinstance(value, int | float)) and draft.is_readable(*at, name, persona):
                yield Finding((*at, name, persona), f"{shorten(value)} is not a number", "write what the action is worth, such as 40")
