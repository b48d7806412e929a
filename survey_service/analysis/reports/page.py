"""Render a report as a single HTML file without scripts or external resources."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from survey_service.analysis.reports.language import active, gettext


@dataclass(frozen=True)
class Cell:
    """A figure with a background shade from 0 to 1."""

    text: str
    shade: float


@dataclass(frozen=True)
class Table:
    """Rows of cells: the first is the row's heading, the first `words` are text, the others figures."""

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str | Cell]]
    words: int = 1


@dataclass(frozen=True)
class Quote:
    """A text that somebody wrote, and where it comes from."""

    text: str
    source: str


@dataclass(frozen=True)
class Section:
    """A section of a report: `reading` explains the picture. Tables under `figures` are collapsed."""

    title: str
    reading: str
    picture: Markup | None = None
    tables: Sequence[Table] = ()
    figures: Sequence[Table] = ()
    quotes: Sequence[Quote] = ()


@dataclass(frozen=True)
class Report:
    """A report; `headline` has its main figures as (figure, name)."""

    title: str
    about: str
    headline: Sequence[tuple[str, str]]
    sections: Sequence[Section]
    notes: Sequence[str] = field(default_factory=tuple)


def render(report: Report) -> str:
    """Return the page, with every text escaped."""
    pages = Environment(loader=PackageLoader("survey_service.analysis.reports"), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    given = {"report": report, "is_cell": lambda item: isinstance(item, Cell), "language": active(), "_": gettext}
    return pages.get_template("report.html").render(given)


def write(report: Report, path: Path) -> None:
    """Write the page to a file. Raises ValueError where it cannot be written."""
    try:
        path.write_text(render(report), encoding="utf-8")
    except OSError as wrong:
        raise ValueError(f"--report: {wrong.filename} cannot be written: {wrong.strerror}") from None
