"""Words in free text: which signals a text is one of. Upper and lower case, accents and ligatures make no difference.

A word matches itself, and with an asterisk at its end every word that begins like it; several words match where they follow each other.
These rules are the same in every language, so that an author sees what matches.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence

LIGATURES = str.maketrans({"œ": "oe", "æ": "ae", "ø": "o", "ł": "l"})
TOKEN = re.compile(r"[^\W_]+")
PATTERN_TOKEN = re.compile(r"[^\W_]+\*?")
LONGEST_TEXT = 5000
"""Characters of a text that are looked at."""
MOST_WORDS, LONGEST_WORD, SHORTEST_STEM = 200, 60, 3


def fold(text: str) -> str:
    """Return a text in lower case without accents.

    >>> fold("Sécurité, Cœur, STRASSE")
    'securite, coeur, strasse'
    """
    plain = unicodedata.normalize("NFKD", text.casefold().translate(LIGATURES))
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


def finder(words: Sequence[str]) -> re.Pattern[str]:
    """Return the pattern that finds any of the words in a text of `tokens_of`.

    >>> bool(finder(["sécur*"]).search(tokens_of("La SECURITE avant tout"))), bool(finder(["sécur"]).search(tokens_of("sécurité")))
    (True, False)
    """
    found = []
    for phrase in words:
        tokens = PATTERN_TOKEN.findall(fold(phrase))
        found.append(" ".join(re.escape(token[:-1]) + "[^ ]*" if token.endswith("*") else re.escape(token) for token in tokens))
    return re.compile(f" (?:{'|'.join(found)}) ")


def tokens_of(text: str) -> str:
    """Return the folded words of a text with one space around each.

    >>> tokens_of("L'attente, trop longue !")
    ' l attente trop longue '
    """
    return f" {' '.join(TOKEN.findall(fold(text[:LONGEST_TEXT])))} "


def problems_of(words: object) -> Iterator[tuple[int | None, str, str]]:
    """Yield what is wrong with the words of a signal: the place in the list, None for all of it, what is wrong, and what to do."""
    if not isinstance(words, list | tuple) or not words:
        yield None, "is not a list of words", "write [seats, family car, secur*]"
        return
    if len(words) > MOST_WORDS:
        yield None, f"has {len(words)} words: at most {MOST_WORDS} are looked for", "write stems with an asterisk, or a second signal"
    for place, word in enumerate(words):
        if not isinstance(word, str) or not TOKEN.search(word) or len(word) > LONGEST_WORD or "\n" in word:
            yield (
                place,
                f"is no word of up to {LONGEST_WORD} characters",
                "write letters or digits, in quotes where YAML reads something else",
            )
            continue
        stem = re.search(r"([^\W_]*)\*", word)
        is_at_end = all(part.find("*") in (-1, len(part) - 1) for part in word.split())
        if stem is not None and (not is_at_end or len(stem[1]) < SHORTEST_STEM):
            yield (
                place,
                "has an asterisk that would match too much",
                f"write it at the end of {SHORTEST_STEM} letters or more, such as secur*",
            )


def matching(keywords: Mapping[str, re.Pattern[str]], text: str) -> list[str]:
    """Return the names of the patterns that find something in a text."""
    tokens = tokens_of(text)
    return [name for name, pattern in keywords.items() if pattern.search(tokens)]
