"""Choose among languages by their tags (RFC 5646), as RFC 9110 and RFC 4647 say."""

import re
from collections.abc import Iterable
from functools import lru_cache

import langcodes
from babel import Locale, UnknownLocaleError

LONGEST_LIST = 1000
LONGEST_TAG = 35
SIMILAR = 9  # distances of CLDR: below 10 a reader of one language reads the other; Catalan and Spanish, or Han scripts, are further apart

_ENTRY = re.compile(
    r"\s*(?P<tag>\*|[A-Za-z]{1,8}(?:[-_][A-Za-z0-9]{1,8})*)\s*(?:;\s*[qQ]\s*=\s*(?P<weight>0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*)?"
)


def negotiate(wanted: str | None, languages: Iterable[str]) -> str:
    """Return the one of `languages` that suits a reader best. The first of them is the default.

    `wanted` is one tag such as ``fr-CA``, ``fr_FR`` or ``zh-TW``, or a list with weights, as the header Accept-Language has it. A language
    with weight 0 is chosen only where every language is refused. What is not a tag is ignored, and so is what follows the first 1000
    characters.

    >>> negotiate("zh-TW, fr;q=0.5", ["en", "zh-Hans", "zh-Hant"])
    'zh-Hant'
    >>> negotiate("da, fr;q=0.8, en;q=0", ["en", "fr"])
    'fr'
    """
    return _negotiate((wanted or "")[:LONGEST_LIST], tuple(languages))


@lru_cache(maxsize=1024)
def _negotiate(wanted: str, languages: tuple[str, ...]) -> str:
    weights = _weights(wanted)
    accepted = sorted((tag for tag, weight in weights.items() if weight > 0), key=lambda tag: -weights[tag])
    available = [language for language in languages if not _is_refused(language, weights)] or list(languages)
    for tag in accepted:
        if tag == "*":
            unnamed = [language for language in available if not any(_matches(language, named) for named in weights if named != "*")]
            if unnamed:
                return unnamed[0]
        elif nearest := _nearest(tag, available):
            return nearest
    return available[0]


def _weights(wanted: str) -> dict[str, float]:
    """Return the weight of each tag of a list; of a repeated tag the first one."""
    weights: dict[str, float] = {}
    for entry in wanted.split(","):
        read = _ENTRY.fullmatch(entry)
        if read and len(read["tag"]) <= LONGEST_TAG:
            weights.setdefault(_standard(read["tag"]), float(read["weight"] or 1))
    return weights


def _standard(tag: str) -> str:
    """Return a tag in the usual spelling, without replaced codes; unchanged where it is no tag of RFC 5646."""
    try:
        return tag if tag == "*" else langcodes.standardize_tag(tag)
    except ValueError:
        return tag.replace("_", "-")


def _is_refused(language: str, weights: dict[str, float]) -> bool:
    """Whether the most specific range that matches the language has weight 0."""
    matching = [tag for tag in weights if tag != "*" and _matches(language, tag)]
    return weights.get(max(matching, key=len, default="*"), 1.0) == 0


def _matches(language: str, tag: str) -> bool:
    """Whether a language is in a range: equal, or longer by further subtags (RFC 4647, 3.3.1)."""
    return f"{_standard(language)}-".lower().startswith(f"{tag}-".lower())


def _nearest(tag: str, available: list[str]) -> str | None:
    """Return the language equal or nearest to `tag`, else one with the same first subtag, else None."""
    standard = {language: _standard(language) for language in available}
    for language, name in standard.items():
        if name.lower() == tag.lower():
            return language
    distances = {language: _distance(tag, name) for language, name in standard.items()}
    nearest = min(available, key=distances.__getitem__)
    if distances[nearest] <= SIMILAR:
        return nearest
    return next((language for language, name in standard.items() if _first_subtag(name) == _first_subtag(tag)), None)


def _distance(tag: str, language: str) -> int:
    try:
        return langcodes.tag_distance(tag, language)
    except ValueError:
        return 1000


def _first_subtag(tag: str) -> str:
    return tag.split("-", maxsplit=1)[0].lower()


@lru_cache(maxsize=256)
def locale_of(language: str) -> Locale | None:
    """Return what CLDR knows about a language, None where it does not know it."""
    standard = _standard(language)
    for name in (standard, _first_subtag(standard)):
        try:
            return Locale.parse(name, sep="-")
        except (ValueError, UnknownLocaleError):
            continue
    return None


def direction(language: str) -> str:
    """Return in which direction a language is written: ``ltr`` or ``rtl``.

    >>> direction("he-IL")
    'rtl'
    """
    locale = locale_of(language)
    return "ltr" if locale is None else str(locale.text_direction)
