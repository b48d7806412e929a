"""Ids made from the words of a file."""

import re
import unicodedata


def slug(words: str, taken: set[str]) -> str:
    """An id made from words, not yet `taken`, and taken from now on.

    >>> slug("Q7.1 Écluses", set())
    'q7-1-ecluses'
    """
    plain = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode().lower()
    stem = re.sub(r"[^a-z0-9_]+", "-", plain).strip("-_")[:56].rstrip("-_") or "x"
    name, number = stem, 1
    while name in taken:
        number += 1
        name = f"{stem}-{number}"
    taken.add(name)
    return name
