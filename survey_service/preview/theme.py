"""Check the contrast of an author's colours by WCAG 2.2, 1.4.3 (text, 4.5 to 1) and 1.4.11 (parts, 3 to 1), and suggest colours."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

Colour = tuple[int, int, int]

SCHEMES = ("light", "dark")
DEFAULTS: Mapping[str, tuple[str, str]] = {
    "accent": ("#0b57d0", "#a8c7fa"),
    "on-accent": ("#ffffff", "#062e6f"),
    "ink": ("#1b1f24", "#e8eaed"),
    "paper": ("#ffffff", "#17191c"),
    "quiet": ("#57606a", "#aab1b9"),
}
"""The colours of the widget where the author gives none: light, dark."""

ERROR = ("#b3261e", "#f2b8b5")
TEXT, PART = 4.5, 3.0

_PAIRS = (
    ("ink", "paper", TEXT, "text"),
    ("quiet", "paper", TEXT, "help and progress"),
    ("on-accent", "accent", TEXT, "text of the main button"),
    ("accent", "paper", PART, "what is chosen or has the focus"),
)


class NotAColour(ValueError):
    """Write #rrggbb, rgb(r, g, b), or light-dark(…, …) with two of them."""


@dataclass(frozen=True)
class Pair:
    """A foreground on a background in one scheme. `better` is a legible foreground, None where the contrast suffices."""

    scheme: str
    where: str
    front: str
    ground: str
    colours: tuple[str, str]
    ratio: float
    needed: float
    better: str | None


@dataclass(frozen=True)
class Theme:
    """The author's colours by name, for the two schemes, and the values that are no colours."""

    given: Mapping[str, tuple[Colour, Colour]] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, properties: Mapping[str, str]) -> "Theme":
        """Return the theme of custom properties as an author writes them, by name without ``--discern-``."""
        given, problems = {}, {}
        for name in DEFAULTS:
            if text := properties.get(name, "").strip():
                try:
                    given[name] = parse_colours(text)
                except NotAColour:
                    problems[name] = text
        return cls(given, problems)

    def colour(self, name: str, scheme: str) -> Colour:
        """Return the author's colour, or the widget's default."""
        pair = self.given.get(name) or parse_colours("light-dark({}, {})".format(*DEFAULTS[name]))
        return pair[SCHEMES.index(scheme)]

    def pairs(self) -> list[Pair]:
        """Return every pair of colours that the pages use, in both schemes."""
        pairs = [
            _pair(scheme, where, (front, self.colour(front, scheme)), (ground, self.colour(ground, scheme)), needed)
            for scheme in SCHEMES
            for front, ground, needed, where in _PAIRS
        ]
        for scheme, error in zip(SCHEMES, ERROR, strict=True):
            paper = self.colour("paper", scheme)
            # Authors cannot set the colour of errors, so the suggestion is another paper.
            if contrast(parse_colour(error), paper) < TEXT:
                pairs.append(_pair(scheme, "errors", ("paper", paper), ("error", parse_colour(error)), TEXT))
        return pairs

    @property
    def declarations(self) -> str:
        """The colours as CSS, written from their numbers, so that no text of an author gets into a style sheet."""
        return "".join(f"--discern-{name}:light-dark({hexadecimal(a)},{hexadecimal(b)});" for name, (a, b) in self.given.items())


def contrast(colour: Colour, other: Colour) -> float:
    """Return the contrast ratio of WCAG 2.2, 1 to 21.

    >>> round(contrast((0, 0, 0), (255, 255, 255)), 1)
    21.0
    """
    darker, lighter = sorted((_luminance(colour), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def nearest_legible(front: Colour, ground: Colour, needed: float) -> Colour:
    """Return the colour nearest to `front`, mixed with black or white, whose contrast on `ground` is at least `needed`.

    There always is one for 4.5, since black or white has a contrast of at least 4.5 on every colour.
    """
    steps = range(256)
    mixtures: list[list[Colour]] = [[_mix(front, end, step / 255) for step in steps] for end in ((0, 0, 0), (255, 255, 255))]
    for candidates in zip(mixtures[0], mixtures[1], strict=True):
        for candidate in candidates:
            if contrast(candidate, ground) >= needed:
                return candidate
    raise AssertionError("neither black nor white is legible")


def parse_colours(text: str) -> tuple[Colour, Colour]:
    """Return the colours of the light and the dark scheme. Raises NotAColour."""
    two = re.fullmatch(r"light-dark\(\s*(#\w+|rgb\([^)]*\))\s*,\s*(#\w+|rgb\([^)]*\))\s*\)", text)
    return (parse_colour(two[1]), parse_colour(two[2])) if two else (parse_colour(text), parse_colour(text))


def parse_colour(text: str) -> Colour:
    """Return the red, green and blue of a colour, 0 to 255. Raises NotAColour."""
    if short := re.fullmatch(r"#([0-9a-fA-F]{3})", text):
        text = "#" + "".join(digit * 2 for digit in short[1])
    if full := re.fullmatch(r"#([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})", text):
        return int(full[1], 16), int(full[2], 16), int(full[3], 16)
    numbers = re.fullmatch(r"rgb\(\s*(\d{1,3})[\s,]+(\d{1,3})[\s,]+(\d{1,3})\s*\)", text)
    if numbers is None or max(int(number) for number in numbers.groups()) > 255:
        raise NotAColour
    return int(numbers[1]), int(numbers[2]), int(numbers[3])


def hexadecimal(colour: Colour) -> str:
    """Return a colour as #rrggbb."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def _pair(scheme: str, where: str, front: tuple[str, Colour], ground: tuple[str, Colour], needed: float) -> Pair:
    ratio = contrast(front[1], ground[1])
    better = None if ratio >= needed else hexadecimal(nearest_legible(front[1], ground[1], needed))
    return Pair(scheme, where, front[0], ground[0], (hexadecimal(front[1]), hexadecimal(ground[1])), ratio, needed, better)


def _luminance(colour: Colour) -> float:
    """Return the relative luminance (WCAG 2.2), 0 to 1."""
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (channel / 255 for channel in colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _mix(colour: Colour, end: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(colour, end, strict=True))
    return red, green, blue
