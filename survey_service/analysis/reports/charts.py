"""The charts of a report as inline SVG, drawn by the macros of `templates/charts.html`; this module computes their coordinates.

A chart is `WIDTH` units wide, about the width of a phone in pixels, so that its text stays readable there. Its colours are those of the
page, which has a light and a dark theme.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import ceil, floor
from typing import Any

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from adaptive.evaluation.metrics import Bin
from survey_service.analysis.reports.language import gettext as _
from survey_service.analysis.reports.language import mark, number

WIDTH, LEFT, RIGHT, BOTTOM = 420.0, 46.0, 12.0, 42.0
"""Units of a chart, and the room around its plot."""
TOP = 12.0
LONGEST_LABEL = 52
"""Characters of a label before it is cut: more do not fit on a phone."""
FIRST, SECOND, THIRD = "var(--first)", "var(--second)", "var(--third)"
TICKS = 6
DASHES = {FIRST: "", SECOND: "6 3", THIRD: "2 3"}
COLOURS = {mark("adaptive"): FIRST, mark("fixed"): SECOND, mark("random"): THIRD}


@dataclass(frozen=True)
class Scale:
    """Where the values from `low` to `high` stand between the units `start` and `end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return round(self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start), 2)

    def ticks(self) -> list[tuple[float, str]]:
        """Return place and text of shares at a distance of a tenth, a fifth or a half."""
        step = next(step for step in (0.05, 0.1, 0.2, 0.5, 1.0) if (self.high - self.low) / step <= TICKS)
        first, last = ceil(self.low / step - 1e-9), floor(self.high / step + 1e-9)
        return [(self(place * step), number(place * step, ".0%")) for place in range(first, last + 1)]


@dataclass(frozen=True)
class Plot:
    """A plot with an axis across and one upwards. `across` and `upwards` are place and text of their ticks."""

    top: float
    bottom: float
    across: Sequence[tuple[float, str]]
    upwards: Sequence[tuple[float, str]]
    title: str = ""
    left: float = LEFT
    right: float = WIDTH - RIGHT


@dataclass(frozen=True)
class Line:
    """A line through points, in one of the three colours, with dots where it is `dotted`."""

    points: Sequence[tuple[float, float]]
    colour: str
    name: str = ""
    dotted: bool = False

    @property
    def path(self) -> str:
        return " ".join(f"{x},{y}" for x, y in self.points)

    @property
    def dash(self) -> str:
        return DASHES[self.colour]


@cache
def _macros() -> Any:
    environment = Environment(
        loader=PackageLoader("survey_service.analysis.reports"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals["_"] = _
    return environment.get_template("charts.html").module


def _draw(macro: str, label: str, height: float, **content: Any) -> Markup:
    drawn: Markup = getattr(_macros(), macro)(label=label, width=WIDTH, height=round(height, 1), **content)
    return drawn


def column_chart(name: str, label: str, shares: Mapping[str, float], across: str) -> Markup:
    """Draw shares as columns, each with its percentage above. `name` is unique in the page, `label` is read to those who do not see."""
    height, most = 170.0, max([*shares.values(), 0.01])
    upwards = Scale(0, most * 1.15, height - BOTTOM, TOP)
    room = (WIDTH - 2 * RIGHT) / max(len(shares), 1)
    columns = [
        {"x": round(RIGHT + place * room, 2), "y": upwards(share), "share": number(share, ".0%"), "words": words}
        for place, (words, share) in enumerate(shares.items())
    ]
    return _draw("columns", label, height, name=name, columns=columns, room=round(room, 2), foot=height - BOTTOM, across=across)


def bar_chart(name: str, label: str, rows: Sequence[tuple[str, float, str]]) -> Markup:
    """Draw one bar per row (label, share, figures), with the label above and the figures at the end."""
    each = 40.0
    most = max([share for _, share, _ in rows], default=0.0)
    across = Scale(0, most * 1.1 + 0.3, 0, WIDTH)
    bars = [
        {"y": round(place * each, 2), "width": across(share), "words": truncate(words), "figures": figures}
        for place, (words, share, figures) in enumerate(rows)
    ]
    return _draw("bars", label, each * len(rows) + 6, name=name, bars=bars)


def reliability_diagram(name: str, label: str, bins: Sequence[Bin]) -> Markup:
    """Draw stated confidence against truth; dots on the line are calibrated, their size is the number of respondents."""
    height = 320.0
    low = max(min([0.5, *(bin_.stated for bin_ in bins), *(bin_.true for bin_ in bins)]) - 0.05, 0.0)
    across, upwards = Scale(low, 1.02, LEFT, WIDTH - RIGHT), Scale(low, 1.02, height - BOTTOM, TOP)
    plot = Plot(TOP, height - BOTTOM, across.ticks(), upwards.ticks())
    total = max(sum(bin_.respondents for bin_ in bins), 1)
    points = [(across(bin_.stated), upwards(bin_.true)) for bin_ in bins]
    dots = [(x, y, round(3 + 14 * (bin_.respondents / total) ** 0.5, 1)) for (x, y), bin_ in zip(points, bins, strict=True)]
    diagonal = [(across(value), upwards(value)) for value in (low, 1.0)]
    return _draw("reliability", label, height, name=name, plot=plot, line=Line(points, FIRST), dots=dots, diagonal=diagonal)


def line_chart(name: str, label: str, panels: Mapping[str, Mapping[str, Sequence[tuple[int, float]]]]) -> Markup:
    """Draw one panel per metric with a line per order, from (questions, share); lines differ in colour and dash."""
    each, legend = 190.0, 26.0
    plots = []
    for row, (title, lines) in enumerate(panels.items()):
        top = legend + row * each + 24
        points = [point for line in lines.values() for point in line]
        lowest, last = min(share for _, share in points), max(questions for questions, _ in points)
        first = min(questions for questions, _ in points)
        upwards = Scale(max(floor(lowest * 10 - 0.5) / 10, 0), 1.02, top + each - 60, top)
        across = Scale(first, max(last, first + 1), LEFT + 8, WIDTH - RIGHT - 8)
        step = max(ceil((last - first) / TICKS), 1)
        ticks = [(across(place), str(place)) for place in range(first, last + 1, step)]
        drawn = [
            Line([(across(questions), upwards(share)) for questions, share in line], COLOURS[order], _(order), dotted=True)
            for order, line in lines.items()
        ]
        plots.append((Plot(top, top + each - 60, ticks, upwards.ticks(), title), drawn))
    across_title = _("questions asked")
    return _draw("lines", label, legend + each * len(panels) + 4, name=name, plots=plots, across=across_title)


def coverage_chart(name: str, label: str, shares: Sequence[float], accuracies: Sequence[float], lower: Sequence[float]) -> Markup:
    """Draw accuracy by the share of people who are certain enough, with its lower bound dashed."""
    height, top = 260.0, 34.0
    low = max(floor(min([*accuracies, *lower, 0.9]) * 10) / 10, 0.0)
    across, upwards = Scale(0, 1.02, LEFT, WIDTH - RIGHT), Scale(low, 1.02, height - BOTTOM, top)
    plot = Plot(top, height - BOTTOM, across.ticks(), upwards.ticks())
    names = {_("right"): (accuracies, FIRST), _("at least, with 95 % certainty"): (lower, SECOND)}
    lines = [
        Line([(across(share), upwards(value)) for share, value in zip(shares, values, strict=True)], colour, words)
        for words, (values, colour) in names.items()
    ]
    return _draw("lines", label, height, name=name, plots=[(plot, lines)], across=_("share of respondents who would be assigned"))


@dataclass(frozen=True)
class Interval:
    """A figure with its interval. None where too few people are behind it; `is_uncertain` where they are few."""

    name: str
    value: float | None
    low: float | None
    high: float | None
    text: str
    is_uncertain: bool = False


def interval_chart(name: str, label: str, intervals: Sequence[Interval]) -> Markup:
    """Draw each figure as a dot on its interval, with its name above and its text at the end; hollow where it is uncertain."""
    each, room = 38.0, 130.0
    ends = [end for item in intervals for end in (item.low, item.high) if end is not None] or [0.0, 1.0]
    low, high = min([0.0, *ends]), max(ends)
    across = Scale(low, high if high > low else low + 1, 6, WIDTH - room)
    rows = [
        {
            "y": round(place * each, 2),
            "words": truncate(item.name),
            "text": item.text,
            "value": None if item.value is None else across(item.value),
            "low": None if item.low is None else across(item.low),
            "high": None if item.high is None else across(item.high),
            "is_uncertain": item.is_uncertain,
        }
        for place, item in enumerate(intervals)
    ]
    return _draw("intervals", label, each * len(intervals) + 4, name=name, rows=rows, end=WIDTH - room)


def truncate(words: str) -> str:
    """Return a label cut to the width of a chart."""
    return words if len(words) <= LONGEST_LABEL else words[: LONGEST_LABEL - 1].rstrip() + "…"
