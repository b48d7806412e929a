"""A draft: the fields of a bank that could be read, before they are checked together."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from question_bank.files.problems import Finding, Path, join_names, suggest

KINDS = ("personas", "questions", "signals", "surveys")
CHOOSABLE = ("single", "multiple", "scale")
PARENTS = ("single", "scale")
MOST_POINTS = 21


@dataclass(frozen=True)
class Draft:
    """The fields that could be read, and the paths of those that could not, so that checks report no consequential errors."""

    data: Mapping[str, Any]
    broken: frozenset[Path]
    written: Mapping[str, Any]  # the same bank before its fields were read

    def is_readable(self, *path: str | int) -> bool:
        """Return whether `path`, everything below it, and everything around it could be read."""
        return path not in self._around_broken and not any(path[:length] in self.broken for length in range(len(path)))

    @cached_property
    def _around_broken(self) -> frozenset[Path]:
        return frozenset(broken[:length] for broken in self.broken for length in range(len(broken) + 1))

    def items(self, kind: str) -> Iterator[tuple[Path, Mapping[str, Any]]]:
        """Yield path and fields of each persona, question, signal or survey."""
        for index, item in enumerate(self.data.get(kind) or ()):
            yield (kind, index), item

    def by_id(self, kind: str) -> Mapping[str, Mapping[str, Any]]:
        """Return the fields by id, in the order of the file; of duplicate ids the first one."""
        return self._by_id[kind]

    def may_exist(self, kind: str, name: str) -> bool:
        """Return whether an item of this kind has the id, or may have it because an id could not be read."""
        return name in self._by_id[kind] or name in self._unread_ids[kind] or None in self._unread_ids[kind]

    @cached_property
    def _by_id(self) -> dict[str, dict[str, Mapping[str, Any]]]:
        found: dict[str, dict[str, Mapping[str, Any]]] = {kind: {} for kind in KINDS}
        for kind in KINDS:
            for _, item in self.items(kind):
                if "id" in item:
                    found[kind].setdefault(item["id"], item)
        return found

    @cached_property
    def _unread_ids(self) -> dict[str, frozenset[str | None]]:
        """Invalid ids by kind; None for an item without a readable id."""
        return {
            kind: frozenset([None])
            if (kind,) in self.broken
            else frozenset(
                _id_of(item) for item, (_, read) in zip(self.written.get(kind, ()), self.items(kind), strict=True) if "id" not in read
            )
            for kind in KINDS
        }

    @property
    def language(self) -> str:
        """The default language: the first one listed, else English."""
        languages = self.data.get("languages") or ["en"]
        return str(languages[0])


def _id_of(item: object) -> str | None:
    name = item.get("id") if isinstance(item, Mapping) else None
    return name if isinstance(name, str) else None


def outcomes_of(question: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Return the outcome ids of a question, or None where a missing or wrong type, bound or id leaves them open."""
    kind = question.get("type")
    if kind == "scale":
        low, high = question.get("min"), question.get("max")
        if low is None or high is None or low % 1 or high % 1 or not 1 <= high - low < MOST_POINTS:
            return None
        return tuple(str(point) for point in range(int(low), int(high) + 1))
    if kind not in CHOOSABLE:
        return None
    ids = [option.get("id") for option in question.get("options") or ()]
    if not ids or None in ids or max(Counter(ids).values()) > 1:
        return None
    return tuple(ids)


def unknown_name(draft: Draft, path: Path, name: str, kind: str, also: Collection[str] = ()) -> Iterator[Finding]:
    """Report a name that no persona, question, … of the bank has, unless it may be one that could not be read."""
    if name not in also and not draft.may_exist(kind, name):
        known, noun = draft.by_id(kind), kind.removesuffix("s")
        yield Finding(path, f'there is no {noun} "{name}"', suggest(name, (*known, *also), f"use one of {join_names((*known, *also))}"))


def per_persona(draft: Draft, path: Path, table: Mapping[str, Any]) -> Iterator[Finding]:
    """Report missing and unknown entries of a table that needs one entry per persona."""
    for name in table:
        yield from unknown_name(draft, (*path, name), name, "personas")
    missing = [persona for persona in draft.by_id("personas") if persona not in table]
    if missing:
        yield Finding(path, f"says nothing for persona {join_names(missing)}", "give every persona an entry")


def duplicate_ids(draft: Draft, kind: str) -> Iterator[Finding]:
    """Report ids that are used twice within a kind."""
    yield from duplicate_ids_among(draft.items(kind), kind.removesuffix("s"))


def duplicate_ids_among(items: Iterator[tuple[Path, Mapping[str, Any]]], kind: str) -> Iterator[Finding]:
    """Report ids that are used twice among `items`."""
    first: dict[str, int] = {}
    for path, item in items:
        name = item.get("id")
        if name in first:
            yield Finding((*path, "id"), f'"{name}" is already the id of {kind} {first[name]}', "give this one its own id")
        elif name is not None:
            first[name] = int(path[-1]) + 1
