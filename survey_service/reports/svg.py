"""A matplotlib figure as SVG that stands inside a page, in the page's colours by day and by night; the same data draw the same text.

matplotlib is in the extra `analysis` and is imported only when something is drawn.
"""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH = 5.6
"""Inches at 72 points: drawn for the width of a phone, so that its letters stay readable there."""

INK, SOFT, FIRST, SECOND, THIRD = "#010101", "#020202", "#030303", "#040404", "#050505"
"""Stand-ins for the colours of the page's style sheet, which knows by day and by night what they are."""

_PAGE = {INK: "var(--ink)", SOFT: "var(--soft)", FIRST: "var(--first)", SECOND: "var(--second)", THIRD: "var(--third)"}

_STYLE: Any = {
    "svg.fonttype": "none",
    "text.parse_math": False,  # a question may well contain $
    "font.size": 12,
    "text.color": INK,
    "axes.edgecolor": SOFT,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 12,
    "axes.titlelocation": "left",
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "grid.color": SOFT,
    "grid.alpha": 0.35,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
}


class PicturesMissing(ValueError):
    """What draws the pictures is not installed."""


class Picture:
    """What was drawn; empty until the drawing is over."""

    svg = Markup("")


@contextmanager
def drawn(name: str, label: str, height: float, panels: int = 1) -> Iterator[tuple[Picture, list["Axes"]]]:
    """Axes of so many `panels`, one above the other, to draw on; afterwards the picture has its SVG.

    `name` is unique within the page; `label` is what somebody hears who cannot see the picture. Raises PicturesMissing.
    """
    try:
        import matplotlib as mpl
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure
    except ImportError:
        raise PicturesMissing(
            "--report: pictures need matplotlib, which is not installed: pip install 'discern-survey[analysis]'"
        ) from None
    picture = Picture()
    with mpl.rc_context({**_STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        FigureCanvasSVG(figure)
        yield picture, list(figure.subplots(panels, 1, squeeze=False)[:, 0])
        text = io.StringIO()
        figure.savefig(text, format="svg", transparent=True, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    picture.svg = _inline(text.getvalue(), name, label)


def _inline(text: str, name: str, label: str) -> Markup:
    """The `<svg>` alone, scalable, with ids of its own and the colours of the page."""
    body = text[text.index(">", text.index("<svg")) + 1 :]
    box = re.search(r'viewBox="([^"]+)"', text)
    body = re.sub(r"<style.*?</style>", "", body, count=1, flags=re.S)
    body = re.sub(r"font-family: [^;\"]*;? ?", "", body)
    body = re.sub(r'( id="| xlink:href="#|url\(#)', rf"\g<1>{name}-", body)
    for stand_in, colour in _PAGE.items():
        body = body.replace(stand_in, colour)
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="{box[1] if box else ""}"'
    return Markup(f'{opening} role="img" aria-label="{escape(label)}"><title>{escape(label)}</title>{body}')  # noqa: S704
