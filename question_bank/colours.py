"""Colours as authors write them, and their contrast by WCAG 2.2: 1.4.3 asks 4.5 to 1 of text, 1.4.11 asks 3 to 1 of parts."""

import re

Colour = tuple[int, int, int]
TEXT, PART = 4.5, 3.0


class NotAColour(ValueError):
    """Write #rrggbb, rgb(r, g, b), or light-dark(…, …) with two of them."""


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


def _luminance(colour: Colour) -> float:
    """Return the relative luminance (WCAG 2.2), 0 to 1."""
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (channel / 255 for channel in colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _mix(colour: Colour, end: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(colour, end, strict=True))
    return red, green, blue
