"""The figure of a persona as SVG: a petal for each answer, as long as people of the persona are many who give it.

Everything is drawn by attributes: WeasyPrint does not apply the style of a page inside SVG, and the CSP of the pages allows none in it.
"""

from collections.abc import Iterator, Sequence
from math import cos, radians, sin

from markupsafe import Markup

from survey_service.console.html import SHAPES
from survey_service.posters.sheets import Trait

WIDTH, HEIGHT = 652.0, 410.0
CORE, OUTER = 37.0, 146.0
"""Radius at which petals begin, and the one of a petal that everybody has."""
WIDEST = 10.0
SIZE, LETTER, BOLD_LETTER = 10.5, 5.8, 6.4
"""Size of the labels, and about how wide a letter of them is."""
COLOURS = (
    ("#b8401f", "#e8b9a9"),
    ("#1f5fa8", "#a9c4e0"),
    ("#6b4aa8", "#c8bae0"),
    ("#7a6500", "#d8cd96"),
    ("#a8326e", "#e3b3cb"),
    ("#1f7a5c", "#a8d3c3"),
)
"""A strong and a light colour for each persona, on paper: those of `persona_mark` in the light theme."""
INK, QUIET, LINE = "#16191d", "#5a5c60", "#e3e1da"
NOTABLE = 0.08
"""A petal is drawn strongly where so much more of the persona than of all give the answer."""


def colours_of(place: int) -> tuple[str, str]:
    """Return the strong and the light colour of the persona at a place of its bank."""
    return COLOURS[place % len(COLOURS)]


def flower(petals: Sequence[Trait], place: int, title: str, centre: str | None, caption: str) -> Markup:
    """Return the figure. `centre` stands in its middle with `caption` below; without it, the symbol of the persona."""
    half_width, half_height = WIDTH / 2, HEIGHT / 2
    start = Markup(
        '<svg class="flower" xmlns="http://www.w3.org/2000/svg" viewBox="{} {} {} {}" role="img" aria-label="{}">'
        '<circle r="{}" fill="none" stroke="{}"/><circle r="{}" fill="none" stroke="{}"/>'
    ).format(-half_width, -half_height, WIDTH, HEIGHT, title, OUTER, LINE, (CORE + OUTER) / 2, LINE)
    parts = [part for number, petal in enumerate(petals) for part in _petal(petal, 360 * number / len(petals), place)]
    return start + Markup("").join(parts) + _centre(place, centre, caption) + Markup("</svg>")


def _centre(place: int, centre: str | None, caption: str) -> Markup:
    strong, _ = colours_of(place)
    circle = Markup('<circle r="{}" fill="{}"/>').format(CORE - 4, strong)
    if centre is None:
        shape = SHAPES[place % len(SHAPES)]
        return circle + Markup('<path d="{}" transform="translate(-16 -16) scale(2)" fill="#fff"/>').format(shape)
    text = Markup('<text y="{}" text-anchor="middle" font-family="{}" font-weight="{}" font-size="{}" fill="#fff">{}</text>')
    return circle + text.format(3, "Fraunces", 600, 18, centre) + text.format(14, "Inter", 400, 7.2, caption)


def _petal(petal: Trait, angle: float, place: int) -> Iterator[Markup]:
    """Yield the petal, the stroke of all personas, and the label."""
    strong, light = colours_of(place)
    is_notable = petal.stands_out and petal.value - petal.everybody >= NOTABLE
    length = (OUTER - CORE) * petal.value
    tip, mark = CORE + length, CORE + (OUTER - CORE) * petal.everybody
    width = min(WIDEST, length / 3)
    low, high = CORE + 0.35 * length, CORE + 0.7 * length
    outline = (
        f"M0 {-CORE:.1f}C{0.35 * width:.1f} {-low:.1f} {width:.1f} {-high:.1f} {width:.1f} {width - tip:.1f}"
        f"A{width:.1f} {width:.1f} 0 0 0 {-width:.1f} {width - tip:.1f}"
        f"C{-width:.1f} {-high:.1f} {-0.35 * width:.1f} {-low:.1f} 0 {-CORE:.1f}Z"
    )
    if petal.is_measured:
        paint = Markup('fill="{}"').format(strong if is_notable else light)
    else:
        paint = Markup('fill="#fff" stroke="{}" stroke-width="1.2" stroke-dasharray="3 2"').format(strong if is_notable else light)
    yield Markup('<g transform="rotate({})"><path d="{}" {}/>').format(round(angle, 1), outline, paint)
    reach = 9.0
    yield Markup('<path d="M{} {}A{} {} 0 0 1 {} {}" fill="none" stroke="{}" stroke-width="1.6"/></g>').format(
        *(round(value, 1) for value in _arc(mark, reach)), INK
    )
    yield _label(petal.text, angle, max(tip, mark) + 7, is_notable=is_notable)


def _arc(radius: float, reach: float) -> tuple[float, float, float, float, float, float]:
    side = reach / radius
    x, y = radius * sin(side), -radius * cos(side)
    return -x, y, radius, radius, x, y


def _label(text: str, angle: float, radius: float, *, is_notable: bool) -> Markup:
    """Return a label that runs outwards, and is read from the left on both sides. It is cut at the edge of the figure."""
    turn = radians(angle)
    room = min(HEIGHT / 2 / max(abs(cos(turn)), 1e-6), WIDTH / 2 / max(abs(sin(turn)), 1e-6)) - radius - 4
    is_right = angle % 360 < 180
    return Markup(
        '<text transform="rotate({}) translate({} {})" text-anchor="{}" font-family="Inter" font-weight="{}" font-size="{}" '
        'fill="{}">{}</text>'
    ).format(
        round(angle - 90 if is_right else angle + 90, 1),
        round(radius if is_right else -radius, 1),
        SIZE * 0.36,
        "start" if is_right else "end",
        600 if is_notable else 400,
        SIZE,
        INK,
        shortened(text, int(room / (BOLD_LETTER if is_notable else LETTER))),
    )


def shortened(text: str, most: int) -> str:
    """Return a text of at most so many characters, cut between words where that is possible.

    >>> shortened("La qualité de fabrication", 16)
    'La qualité de…'
    """
    if len(text) <= most:
        return text
    cut = text[: max(most - 1, 1)]
    return (cut.rpartition(" ")[0] or cut).rstrip(" ,;:.") + "…"
