"""Tables with an entry for every persona, or for every style of a persona: ``driver``, or ``driver/calm`` and ``driver/sporty``."""

from collections.abc import Iterator, Mapping
from typing import Any

from question_bank.checks.references import unknown
from question_bank.draft import Draft
from question_bank.problems import Finding, Path, listed, nearest
from question_bank.row_forms import RowFault, probability


def per_class(draft: Draft, path: Path, table: Mapping[str, Any]) -> Iterator[Finding]:
    """A table needs an entry for every persona or for all of its styles, not both, and no other."""
    read = _styles(draft)
    for name in table:
        yield from _stranger(draft, path, str(name), read)
    silent = []
    for persona, styles in read.items():
        keys = [f"{persona}/{style}" for style in styles or ()]
        told = [key for key in keys if key in table]
        if told and persona in table:
            yield Finding((*path, told[0]), f'"{persona}" has an entry for all its styles already', "keep one of the two")
        elif told and len(told) < len(keys):
            missing = [key for key in keys if key not in table]
            yield Finding(path, f"says nothing for style {listed(missing)}", f'give every style an entry, or one to "{persona}" for all')
        elif not told and persona not in table and (styles is not None or not any(str(name).startswith(f"{persona}/") for name in table)):
            silent.append(persona)
    if silent:
        yield Finding(path, f"says nothing for persona {listed(silent)}", "give every persona an entry")


def _stranger(draft: Draft, path: Path, name: str, read: Mapping[str, tuple[str, ...] | None]) -> Iterator[Finding]:
    """Blame an entry that no persona and no style bears, unless it may be one that could not be read."""
    persona, stroke, style = name.partition("/")
    if not stroke or persona not in read:
        yield from unknown(draft, (*path, name), persona, "personas")
        return
    styles = read[persona]
    if styles is not None and style not in styles:
        todo = nearest(style, styles, f"use {listed(styles)}") if styles else f'call it "{persona}", or give the persona styles'
        yield Finding((*path, name), f'persona "{persona}" has no style "{style}"', todo)


def _styles(draft: Draft) -> dict[str, tuple[str, ...] | None]:
    """The style ids of each persona, None where they could not be read."""
    found: dict[str, tuple[str, ...] | None] = {}
    for path, persona in draft.items("personas"):
        if "id" in persona:
            sound = draft.sound(*path, "styles")
            found.setdefault(persona["id"], tuple(style["id"] for style in persona.get("styles", ())) if sound else None)
    return found


def probabilities(draft: Draft, path: Path, table: Mapping[str, Any]) -> Iterator[Finding]:
    """A table persona, or style of a persona -> probability."""
    yield from per_class(draft, path, table)
    for name, value in table.items():
        if draft.sound(*path, name):
            try:
                probability(value)
            except RowFault as fault:
                yield Finding((*path, name), fault.wrong, fault.todo)
