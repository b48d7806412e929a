"""What people read, in the languages the bank declares."""

from collections.abc import Iterator, Mapping
from typing import Any

from question_bank.draft import Draft
from question_bank.problems import Finding, Path, listed, nearest

TEXTS = ("title", "name", "description", "needs", "text", "help")


def text_rules(draft: Draft) -> Iterator[Finding]:
    """Every text by language uses declared languages only, and has the default one; languages are declared once."""
    if not draft.sound("languages"):
        return
    languages = draft.data.get("languages") or [draft.language]
    for index, language in enumerate(languages):
        if languages.index(language) < index:
            yield Finding(("languages", index), f'"{language}" is already declared', "remove one of the two")
    for path, text in _texts(draft.data, ()):
        for language in text:
            if language not in languages:
                todo = nearest(language, languages, f"use {listed(languages)}, or add it to languages")
                yield Finding((*path, language), f'"{language}" is not a language of this bank', todo)
        if draft.language not in text and draft.sound(*path, draft.language):
            yield Finding(path, f"has no {draft.language}, the first language of the bank", f"add {draft.language}: and the words")


def _texts(data: Any, path: Path) -> Iterator[tuple[Path, Mapping[str, str]]]:
    """Every map from language to words, wherever a bank may hold one."""
    if isinstance(data, list):
        for index, item in enumerate(data):
            yield from _texts(item, (*path, index))
    elif isinstance(data, Mapping):
        for key, value in data.items():
            below = (*path, key)
            if _is_text(below) and isinstance(value, Mapping):
                yield below, value
            elif isinstance(value, Mapping | list):
                yield from _texts(value, below)


def _is_text(path: Path) -> bool:
    """Told by place, not by name alone: an option or a persona may be called ``text``."""
    above = path[-2] if len(path) > 1 else ""
    if above == "labels":
        return True
    return path[-1] in TEXTS and (len(path) == 1 or isinstance(above, int) or above == "consent" or path[-3:-2] == ("result",))
