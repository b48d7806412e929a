"""The sentences of the check of bank files in the language of the reader.

The check writes English, with names and numbers of the bank inside. A catalogue has each sentence with gaps; the sentence whose words fit
best is translated, and what stands in its gaps is kept, or translated where it is a sentence of its own.
"""

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from babel.messages.pofile import read_po
from markupsafe import Markup

FOLDER = Path(__file__).resolve().parent / "translations"
GAP = re.compile(r"\{(\d)\}")
KINDS = {
    "fr": {
        "question": "question",
        "persona": "persona",
        "option": "option",
        "signal": "signal",
        "survey": "questionnaire",
        "item": "élément",
    }
}
"""What the parts of a bank are called where a sentence says what it is about."""
JOINED = {"fr": {"and": "et", "or": "ou"}}
DEEPEST = 2


class Sentence(NamedTuple):
    """A sentence of the check as a pattern, and its translation with the same gaps."""

    pattern: re.Pattern[str]
    translation: str


def checked(text: str, language: str) -> Markup:
    """Return a sentence of the check in a language, marked as English where it is not translated."""
    found = translated(text, language)
    return Markup("{}").format(found) if found is not None else Markup('<span lang="en">{}</span>').format(text)


def translated(text: str, language: str, depth: int = 0) -> str | None:
    """Return a sentence of the check in a language, None where the catalogue does not have it.

    >>> translated('"safe" is not an outcome of this question', "fr")
    '«\\xa0safe\\xa0» n’est pas une réponse de cette question'
    """
    if language == "en":
        return text
    for sentence in _sentences(language):
        if match := sentence.pattern.fullmatch(text):
            return _filled(sentence.translation, [_gap(value, language, depth) for value in match.groups()])
    return None


def place(where: str, language: str) -> str:
    """Return what a sentence is about, such as `survey "ask" > questions`, with the words of a language.

    >>> place('survey "ask" > questions > item 2', "fr")
    'questionnaire "ask" > questions > élément 2'
    """
    kinds = KINDS.get(language, {})
    return " > ".join(
        re.sub(r"^(\w+)(?= )", lambda word: kinds.get(word[1], word[1]), part) if '"' in part or part.startswith("item ") else part
        for part in where.split(" > ")
    )


def _filled(translation: str, gaps: Sequence[str]) -> str:
    return GAP.sub(lambda gap: gaps[int(gap[1])], translation)


def _gap(value: str, language: str, depth: int) -> str:
    if depth < DEEPEST and " " in value and (inner := translated(value, language, depth + 1)) is not None:
        return inner
    words = JOINED.get(language, {})
    return re.sub(r"(?<=[\w\"]) (and|or) (?=[\w\"])", lambda word: f" {words.get(word[1], word[1])} ", value)


@cache
def _sentences(language: str) -> tuple[Sentence, ...]:
    """Return the catalogue of a language, those with the most words of their own first: they fit most exactly."""
    file = FOLDER / f"checks-{language}.po"
    if not file.exists():
        return ()
    with file.open("rb") as text:
        entries = {str(message.id): str(message.string) for message in read_po(text, locale=language) if message.id and message.string}
    found = [(len(GAP.sub("", english)), _pattern(english), translation) for english, translation in entries.items()]
    return tuple(Sentence(pattern, translation) for _, pattern, translation in sorted(found, key=lambda item: -item[0]))


def _pattern(english: str) -> re.Pattern[str]:
    parts = GAP.split(english)
    return re.compile("".join(re.escape(part) if place % 2 == 0 else "(.+?)" for place, part in enumerate(parts)), re.DOTALL)
