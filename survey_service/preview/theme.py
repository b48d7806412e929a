"""Check the contrast of an author's colours by WCAG 2.2, 1.4.3 (text, 4.5 to 1) and 1.4.11 (parts, 3 to 1), and suggest colours."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from question_bank.colours import (
    PART,
    TEXT,
    Colour,
    NotAColour,
    contrast,
    hexadecimal,
    nearest_legible,
    parse_colour,
    parse_colours,
)

SCHEMES = ("light", "dark")
DEFAULTS: Mapping[str, tuple[str, str]] = {
    "accent": ("#1f4fd8", "#a3bcff"),
    "on-accent": ("#ffffff", "#17191d"),
    "ink": ("#16191d", "#eceef1"),
    "paper": ("#ffffff", "#17191d"),
    "quiet": ("#5c5e61", "#acaeb1"),
}
"""The colours of the widget where the author gives none: light, dark."""

ERROR = ("#b3261e", "#ffb4ab")

_PAIRS = (
    ("ink", "paper", TEXT, "text"),
    ("quiet", "paper", TEXT, "help and progress"),
    ("on-accent", "accent", TEXT, "text of the main button"),
    ("accent", "paper", PART, "what is chosen or has the focus"),
)


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
class Row:
    """One place where colours meet, in both schemes; None where a scheme has nothing to say of it."""

    where: str
    light: Pair | None
    dark: Pair | None

    @property
    def is_legible(self) -> bool:
        """Whether no scheme needs another colour."""
        return not any(pair.better for pair in (self.light, self.dark) if pair)


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

    def written(self, name: str) -> tuple[str, str]:
        """Return the colour in light and in dark, as #rrggbb."""
        return hexadecimal(self.colour(name, "light")), hexadecimal(self.colour(name, "dark"))

    def rows(self) -> list[Row]:
        """Return the pairs of both schemes side by side."""
        found = {(pair.where, pair.scheme): pair for pair in self.pairs()}
        places = dict.fromkeys(where for where, _ in found)
        return [Row(where, found.get((where, "light")), found.get((where, "dark"))) for where in places]

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


def _pair(scheme: str, where: str, front: tuple[str, Colour], ground: tuple[str, Colour], needed: float) -> Pair:
    ratio = contrast(front[1], ground[1])
    better = None if ratio >= needed else hexadecimal(nearest_legible(front[1], ground[1], needed))
    return Pair(scheme, where, front[0], ground[0], (hexadecimal(front[1]), hexadecimal(ground[1])), ratio, needed, better)
