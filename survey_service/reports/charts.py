"""The pictures of a report, each from plain numbers."""

from collections.abc import Mapping, Sequence

import numpy as np
from markupsafe import Markup

from adaptive.evaluation.metrics import Bin
from survey_service.reports.svg import FIRST, INK, SECOND, SOFT, THIRD, drawn

LONGEST = 52
"""Letters of a label beyond which it is cut: more do not fit on a phone."""

_LINES = {"adaptive": (FIRST, "o", "-"), "fixed": (SECOND, "s", "--"), "random": (THIRD, "^", ":")}


def columns(name: str, label: str, shares: Mapping[str, float], across: str) -> Markup:
    """Shares side by side, each with its percentage above."""
    with drawn(name, label, 2.3) as (picture, [axes]):
        bars = axes.bar(list(shares), list(shares.values()), color=FIRST, width=0.7)
        axes.bar_label(bars, [f"{share:.0%}" for share in shares.values()], padding=2, fontsize=11)
        axes.set_xlabel(across)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="x", length=0)
        axes.set_ylim(0, max([*shares.values(), 0.01]) * 1.15)
    return picture.svg


def bars(name: str, label: str, rows: Sequence[tuple[str, float, str]]) -> Markup:
    """One bar a row, its label above it and its figures at its end: (label, share, figures)."""
    with drawn(name, label, 0.35 + 0.52 * len(rows)) as (picture, [axes]):
        axes.barh(range(len(rows)), [share for _, share, _ in rows], height=0.32, color=FIRST)
        for place, (words, share, figures) in enumerate(rows):
            axes.text(0, place - 0.26, shortened(words), va="bottom", fontsize=11)
            axes.text(share + 0.01, place, figures, va="center", fontsize=11, color=INK)
        axes.set_ylim(len(rows) - 0.5, -0.85)
        axes.set_xlim(0, max([share for _, share, _ in rows], default=0) * 1.1 + 0.3)
        axes.axis("off")
    return picture.svg


def reliability(name: str, label: str, bins: Sequence[Bin]) -> Markup:
    """Stated confidence against truth; dots on the line are honest, their size is how many respondents they stand for."""
    total = sum(one.respondents for one in bins)
    with drawn(name, label, 4.2) as (picture, [axes]):
        axes.plot([0, 1], [0, 1], color=SOFT, linewidth=1)
        axes.plot([one.stated for one in bins], [one.true for one in bins], color=FIRST, linewidth=1, alpha=0.6)
        axes.scatter(
            [one.stated for one in bins],
            [one.true for one in bins],
            [30 + 600 * one.respondents / total for one in bins],
            color=FIRST,
            alpha=0.85,
            linewidths=0,
        )
        low = min([0.5, *(one.stated for one in bins), *(one.true for one in bins)]) - 0.05
        axes.set(xlim=(max(low, 0), 1.02), ylim=(max(low, 0), 1.02), xlabel="stated confidence", ylabel="really right")
        axes.text(0.97, 0.05, "too sure", ha="right", color=INK, fontsize=11, transform=axes.transAxes)
        axes.text(0.03, 0.93, "too modest", color=INK, fontsize=11, transform=axes.transAxes)
        axes.grid(visible=True)
        axes.xaxis.set_major_formatter(_percent)
        axes.yaxis.set_major_formatter(_percent)
    return picture.svg


def curves(name: str, label: str, panels: Mapping[str, Mapping[str, Sequence[tuple[int, float]]]]) -> Markup:
    """For each panel, by order, (questions, share): one line an order, told apart by colour, mark and dash."""
    with drawn(name, label, 0.6 + 2.3 * len(panels), len(panels)) as (picture, axes):
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


def shortened(words: str) -> str:
    """Words that fit in a line of a picture."""
    return words if len(words) <= LONGEST else words[: LONGEST - 1].rstrip() + "…"


def _percent(value: float, _place: object) -> str:
    return f"{value:.0%}"
