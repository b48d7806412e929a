"""A report as one HTML file that needs nothing else: no network, no script, no second file."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jinja2 import Environment, PackageLoader
from markupsafe import Markup


@dataclass(frozen=True)
class Cell:
    """A figure with a shade from 0 to 1 behind it."""

    text: str
    shade: float


@dataclass(frozen=True)
class Table:
    """Rows of texts; the first of each is its heading, and the first `words` of each are words, the others figures."""

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str | Cell]]
    words: int = 1


@dataclass(frozen=True)
class Section:
    """One thing to know: `reading` says what to see in the picture. Tables under `figures` are folded away."""

    title: str
    reading: str
    picture: Markup | None = None
    tables: Sequence[Table] = ()
    figures: Sequence[Table] = ()


@dataclass(frozen=True)
class Report:
    """`headline` has the few figures that matter: (figure, what it is)."""

    title: str
    about: str
    headline: Sequence[tuple[str, str]]
    sections: Sequence[Section]
    notes: Sequence[str] = field(default_factory=tuple)


def render(report: Report) -> str:
    """The page; every text escaped."""
    pages = Environment(loader=PackageLoader("survey_service.analysis.reports"), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return pages.get_template("report.html").render(report=report, is_cell=lambda item: isinstance(item, Cell))


def write(report: Report, path: Path) -> None:
    """Raises ValueError where the file cannot be written."""
    try:
        path.write_text(render(report), encoding="utf-8")
    except OSError as wrong:
        raise ValueError(f"--report: {wrong.filename} cannot be written: {wrong.strerror}") from None
