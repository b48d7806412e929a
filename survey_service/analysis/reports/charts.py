"""The charts of a report as inline SVG, drawn by matplotlib."""

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup

from adaptive.evaluation.metrics import Bin

if TYPE_CHECKING:
    from matplotlib.axes import Axes


WIDTH = 5.6
"""Inches at 72 points: the width of a phone, so that the text stays readable there."""

INK, SOFT, FIRST, SECOND, THIRD = "#010101", "#020202", "#030303", "#040404", "#050505"
"""Placeholders, replaced by the colour variables of the page's style sheet, which has a light and a dark theme."""

_CSS_COLOURS = {INK: "var(--ink)", SOFT: "var(--soft)", FIRST: "var(--first)", SECOND: "var(--second)", THIRD: "var(--third)"}

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


class MatplotlibMissing(ValueError):
    """Charts cannot be drawn: matplotlib is not installed."""


class Chart:
    """A chart; `svg` is empty until it is drawn."""

    svg = Markup("")


@contextmanager
def draw(name: str, label: str, height: float, panels: int = 1) -> Iterator[tuple[Chart, list["Axes"]]]:
    """Yield a chart and the axes of so many `panels`, one above the other; on exit the chart has its SVG.

    `name` is unique within the page; `label` is the text alternative for screen readers. Raises MatplotlibMissing.
    """
    try:
        import matplotlib as mpl
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure
    except ImportError:
        raise MatplotlibMissing(
            "--report: pictures need matplotlib, which is not installed: pip install 'discern-survey[analysis]'"
        ) from None
    picture = Chart()
    with mpl.rc_context({**_STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        FigureCanvasSVG(figure)
        yield picture, list(figure.subplots(panels, 1, squeeze=False)[:, 0])
        text = io.StringIO()
        figure.savefig(text, format="svg", transparent=True, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    picture.svg = _inline(text.getvalue(), name, label)


def _inline(text: str, name: str, label: str) -> Markup:
    """Return the `<svg>` element, scalable, with ids prefixed by `name` and the colours of the page."""
    body = text[text.index(">", text.index("<svg")) + 1 :]
    box = re.search(r'viewBox="([^"]+)"', text)
    body = re.sub(r"<style.*?</style>", "", body, count=1, flags=re.S)
    body = re.sub(r"font-family: [^;\"]*;? ?", "", body)
    body = re.sub(r'( id="| xlink:href="#|url\(#)', rf"\g<1>{name}-", body)
    for stand_in, colour in _CSS_COLOURS.items():
        body = body.replace(stand_in, colour)
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="{box[1] if box else ""}"'
    return Markup(f'{opening} role="img" aria-label="{escape(label)}"><title>{escape(label)}</title>{body}')  # noqa: S704


LONGEST_LABEL = 52
"""Characters of a label before it is cut: more do not fit on a phone."""

_LINES = {"adaptive": (FIRST, "o", "-"), "fixed": (SECOND, "s", "--"), "random": (THIRD, "^", ":")}


def column_chart(name: str, label: str, shares: Mapping[str, float], across: str) -> Markup:
    """Draw shares as columns, each with its percentage above."""
    with draw(name, label, 2.3) as (picture, [axes]):
        bars = axes.bar(list(shares), list(shares.values()), color=FIRST, width=0.7)
        axes.bar_label(bars, [f"{share:.0%}" for share in shares.values()], padding=2, fontsize=11)
        axes.set_xlabel(across)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="x", length=0)
        axes.set_ylim(0, max([*shares.values(), 0.01]) * 1.15)
    return picture.svg


def bar_chart(name: str, label: str, rows: Sequence[tuple[str, float, str]]) -> Markup:
    """Draw one bar per row (label, share, figures), with the label above and the figures at the end."""
    with draw(name, label, 0.35 + 0.52 * len(rows)) as (picture, [axes]):
        axes.barh(range(len(rows)), [share for _, share, _ in rows], height=0.32, color=FIRST)
        for place, (words, share, figures) in enumerate(rows):
            axes.text(0, place - 0.26, truncate(words), va="bottom", fontsize=11)
            axes.text(share + 0.01, place, figures, va="center", fontsize=11, color=INK)
        axes.set_ylim(len(rows) - 0.5, -0.85)
        axes.set_xlim(0, max([share for _, share, _ in rows], default=0) * 1.1 + 0.3)
        axes.axis("off")
    return picture.svg


def reliability_diagram(name: str, label: str, bins: Sequence[Bin]) -> Markup:
    """Draw stated confidence against truth; dots on the line are calibrated, their size is the number of respondents."""
    total = sum(bin_.respondents for bin_ in bins)
    with draw(name, label, 4.2) as (picture, [axes]):
        axes.plot([0, 1], [0, 1], color=SOFT, linewidth=1)
        axes.plot([bin_.stated for bin_ in bins], [bin_.true for bin_ in bins], color=FIRST, linewidth=1, alpha=0.6)
        axes.scatter(
            [bin_.stated for bin_ in bins],
            [bin_.true for bin_ in bins],
            [30 + 600 * bin_.respondents / total for bin_ in bins],
            color=FIRST,
            alpha=0.85,
            linewidths=0,
        )
        low = min([0.5, *(bin_.stated for bin_ in bins), *(bin_.true for bin_ in bins)]) - 0.05
        axes.set(xlim=(max(low, 0), 1.02), ylim=(max(low, 0), 1.02), xlabel="stated confidence", ylabel="really right")
        axes.text(0.97, 0.05, "too sure", ha="right", color=INK, fontsize=11, transform=axes.transAxes)
        axes.text(0.03, 0.93, "too modest", color=INK, fontsize=11, transform=axes.transAxes)
        axes.grid(visible=True)
        axes.xaxis.set_major_formatter(_percent)
        axes.yaxis.set_major_formatter(_percent)
    return picture.svg


def line_chart(name: str, label: str, panels: Mapping[str, Mapping[str, Sequence[tuple[int, float]]]]) -> Markup:
    """Draw one panel per metric with a line per order, from (questions, share); lines differ in colour, marker and dash."""
    with draw(name, label, 0.6 + 2.3 * len(panels), len(panels)) as (picture, axes):
        for panel, (title, lines) in zip(axes, panels.items(), strict=True):
            for order, points in lines.items():
                colour, marker, dash = _LINES[order]
                panel.plot(*zip(*points, strict=True), color=colour, marker=marker, linestyle=dash, label=order, markersize=5)
            panel.set_title(title)
            lowest = min(share for points in lines.values() for _, share in points)
            panel.set_ylim(max(np.floor(lowest * 10 - 0.5) / 10, 0), 1.02)
            panel.grid(visible=True)
            panel.locator_params(axis="x", integer=True)
            panel.yaxis.set_major_formatter(_percent)
        axes[0].figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper left", ncols=3)
        axes[-1].set_xlabel("questions asked")
    return picture.svg


def coverage_chart(name: str, label: str, shares: Sequence[float], accuracies: Sequence[float], lower: Sequence[float]) -> Markup:
    """Draw accuracy by the share of people who are certain enough, with its lower bound dashed."""
    with draw(name, label, 3.2) as (picture, [axes]):
        axes.plot(shares, accuracies, color=FIRST, label="right")
        axes.plot(shares, lower, color=SECOND, linestyle="--", label="at least, with 95 % certainty")
        axes.set(xlim=(0, 1.02), xlabel="share of respondents who would be assigned")
        axes.grid(visible=True)
        axes.xaxis.set_major_formatter(_percent)
        axes.yaxis.set_major_formatter(_percent)
        axes.legend(loc="lower left", fontsize=11)
    return picture.svg


def truncate(words: str) -> str:
    """Return a label cut to the width of a chart."""
    return words if len(words) <= LONGEST_LABEL else words[: LONGEST_LABEL - 1].rstrip() + "…"


def _percent(value: float, _place: object) -> str:
    return f"{value:.0%}"
