"""How the pages of a bank look: its name and logo above the survey, its colours, font and corners as custom properties."""

from dataclasses import dataclass
from functools import cache

from markupsafe import Markup

from question_bank.colours import TEXT, Colour, contrast, hexadecimal, nearest_legible, parse_colours
from question_bank.definitions import Bank, in_language
from survey_service.embed.assets import HERE

PAPER, INK = ((255, 255, 255), (0x17, 0x19, 0x1D)), ((0x16, 0x19, 0x1D), (0xEC, 0xEE, 0xF1))
"""Light and dark, as in the style sheet."""


@dataclass(frozen=True)
class BrandView:
    """What a page shows of a brand. `css` declares its custom properties, and is made of checked values only."""

    name: str | None
    logo: str | None
    css: Markup

    @property
    def initial(self) -> str:
        """The letter of the tile that stands where there is no logo."""
        return (self.name or "")[:1].upper()


NO_BRAND = BrandView(None, None, Markup(""))


def brand_of(bank: Bank, language: str) -> BrandView:
    """Return the brand of a bank in a language."""
    brand = bank.brand
    properties = {"radius": brand.radius, "font": brand.font, **_colours(brand.accent)}
    css = "".join(f"--discern-{name}:{value};" for name, value in properties.items() if value)
    name = None if brand.name is None else in_language(brand.name, language, bank.language)
    return BrandView(name, brand.logo, Markup(f":root{{{css}}}" if css else ""))  # noqa: S704  # the schema of banks admits no other characters


def _colours(accent: str | None) -> dict[str, str]:
    """Return the accent for both schemes, and the text on it. One colour is made lighter for the dark scheme, until it is legible."""
    if accent is None:
        return {}
    light, dark = parse_colours(accent)
    if light == dark:
        dark = nearest_legible(dark, PAPER[1], TEXT)
    on = [_legible_on(colour) for colour in (light, dark)]
    return {"accent": _pair(light, dark), "on-accent": _pair(*on)}


def _legible_on(accent: Colour) -> Colour:
    """Return white or ink, whichever has more contrast."""
    return max((PAPER[0], INK[0]), key=lambda colour: contrast(colour, accent))


def _pair(light: Colour, dark: Colour) -> str:
    return f"light-dark({hexadecimal(light)},{hexadecimal(dark)})"


@cache
def core_styles() -> Markup:
    """Return the style sheet that pages share with the widget."""
    return Markup((HERE / "static" / "core.css").read_text(encoding="utf-8").strip())  # noqa: S704  # a file of ours
