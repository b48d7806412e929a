"""Names that point at something else in the file, and tables with one entry a persona."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from question_bank.files.draft import Draft
from question_bank.files.problems import Finding, Path, listed, nearest


def unknown(draft: Draft, path: Path, name: str, kind: str, also: Collection[str] = ()) -> Iterator[Finding]:
    """Blame a name that no persona, question, … of the bank bears, unless it may be one that could not be read."""
    if name not in also and not draft.may_exist(kind, name):
        known, one = draft.by_id(kind), kind.removesuffix("s")
        yield Finding(path, f'there is no {one} "{name}"', nearest(name, (*known, *also), f"use one of {listed((*known, *also))}"))


def per_persona(draft: Draft, path: Path, table: Mapping[str, Any]) -> Iterator[Finding]:
    """A table needs an entry for every persona, and no other."""
    for name in table:
        yield from unknown(draft, (*path, name), name, "personas")
    missing = [persona for persona in draft.by_id("personas") if persona not in table]
    if missing:
        yield Finding(path, f"says nothing for persona {listed(missing)}", "give every persona an entry")


def twice(draft: Draft, kind: str) -> Iterator[Finding]:
    """An id may be used once among its kind."""
    yield from twice_among(draft.items(kind), kind.removesuffix("s"))


def twice_among(items: Iterator[tuple[Path, Mapping[str, Any]]], one: str) -> Iterator[Finding]:
    """As `twice`, for items wherever they stand."""
    first: dict[str, int] = {}
    for path, item in items:
        name = item.get("id")
        if name in first:
            yield Finding((*path, "id"), f'"{name}" is already the id of {one} {first[name]}', "give this one its own id")
        elif name is not None:
            first[name] = int(path[-1]) + 1
