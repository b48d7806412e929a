"""What two versions of a bank differ in: changes of meaning, which move beliefs, and changes of words, which do not."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from question_bank.definitions import Bank
from question_bank.versions import to_plain

Path = tuple[str, ...]

WORDS = frozenset(
    {"title", "name", "description", "needs", "text", "help", "labels", "image", "content", "agent", "bot", "redirect", "brand"}
)
"""Fields whose content people read: whatever stands below one of them is wording."""


@dataclass(frozen=True)
class Change:
    """One value that differs. `path` leads to it by ids; `before` is None for what is new, `after` for what was removed."""

    kind: Literal["meaning", "words"]
    path: Path
    before: Any
    after: Any


def differences(old: Bank | None, new: Bank) -> list[Change]:
    """Return every difference, in the order of the file. Without an old bank everything is new.

    Personas, questions, options, signals and surveys are compared by their ids, and the values of a likelihood row by their outcomes.
    """
    return list(_compare({} if old is None else _named(old), _named(new), ()))


def _named(bank: Bank) -> dict[str, Any]:
    """Return the bank as plain data in which rows name their outcomes."""
    plain = to_plain(bank)
    for question in plain.get("questions", []):
        outcomes = bank.question_by_id[question["id"]].outcomes
        if "likelihood" in question:
            question["likelihood"] = _with_outcomes(question["likelihood"], outcomes)
    return plain


def _with_outcomes(value: Any, outcomes: Sequence[str]) -> Any:
    if isinstance(value, Mapping):
        return {name: _with_outcomes(inner, outcomes) for name, inner in value.items()}
    return dict(zip(outcomes, value, strict=True)) if isinstance(value, list) and len(value) == len(outcomes) else value


def _compare(old: Any, new: Any, path: Path) -> Iterator[Change]:
    if old == new:
        return
    before, after = _entries(old), _entries(new)
    if before is None or after is None or (not path and not before):
        if after is not None and not path:
            for name, value in after.items():
                yield Change(_kind((name,)), (name,), None, value)
            return
        yield Change(_kind(path), path, old, new)
        return
    for name in [*after, *(name for name in before if name not in after)]:
        if name in before and name in after:
            yield from _compare(before[name], after[name], (*path, name))
        else:
            yield Change(_kind((*path, name)), (*path, name), before.get(name), after.get(name))
    if list(before) != list(after) and set(before) == set(after):
        yield Change(_kind(path), (*path, "order"), list(before), list(after))


def _entries(value: Any) -> dict[str, Any] | None:
    """Return the entries of a mapping, or of a list of things that have ids; None for a single value."""
    if isinstance(value, Mapping):
        return {str(name): inner for name, inner in value.items()}
    if isinstance(value, list) and value and all(isinstance(item, Mapping) and "id" in item for item in value):
        return {str(item["id"]): item for item in value}
    return None


def _kind(path: Path) -> Literal["meaning", "words"]:
    return "words" if WORDS.intersection(path) else "meaning"
