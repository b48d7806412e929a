"""Render the pages of the console from plain values, in the language of the reader, with numbers as people write them there."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from babel import Locale
from babel.dates import format_date, format_datetime
from babel.numbers import format_decimal, format_percent
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from question_bank.languages import negotiate
from survey_service.analysis.reports.language import read_catalogue
from survey_service.console.check_sentences import checked, place
from survey_service.embed.assets import Asset, asset

LANGUAGES = ("en", "fr")
HERE = Path(__file__).resolve().parent
FONTS = tuple(
    f"{family}-{letters}-{weight}-normal.woff2"
    for family in ("fraunces", "inter")
    for letters in ("latin", "latin-ext")
    for weight in (400, 600)
)
STATIC = ("console.css", "console.js", "yaml-editor.js", "htmx.js", "hx-csp.js", "poster.css", *FONTS)
FILTERS = ("number", "decimal", "percent", "day", "moment", "clock", "bits", "span")
FEWEST = 20
"""A share of fewer people is not shown."""
SHAPES = (
    "M8 2 14.5 13.5 1.5 13.5Z",
    "M2.5 2.5H13.5V13.5H2.5Z",
    "M8 2A6 6 0 1 1 8 14 6 6 0 1 1 8 2Z",
    "M8 1 15 8 8 15 1 8Z",
    "M5.8 2H10.2V5.8H14V10.2H10.2V14H5.8V10.2H2V5.8H5.8Z",
    "M8 1.5 14.5 6.3 12 14H4L1.5 6.3Z",
)
"""The symbols of personas, each with a colour of its own: triangle, square, circle, diamond, cross, pentagon."""


def static_file(name: str) -> Asset:
    """Return one of the console's files for browsers."""
    return asset(HERE / "static" / ("fonts" if name in FONTS else "") / name)


def language_for(chosen: str | None, accepted: str | None) -> str:
    """Return the language of the pages: the one that the reader chose, else the best of `Accept-Language`."""
    return chosen if chosen in LANGUAGES else negotiate(accepted, LANGUAGES)


def render(template: str, language: str, /, **values: Any) -> str:
    """Return a page, or a part of one."""
    return environment(language).get_template(template).render(**values)


@cache
def environment(language: str) -> Environment:
    """Return the templates of one language."""
    made = Environment(
        loader=PackageLoader("survey_service.console"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
    )
    catalogue = read_catalogue(HERE / "translations", language)
    made.install_gettext_callables(catalogue.gettext, catalogue.ngettext, newstyle=True)  # type: ignore[attr-defined]
    written = Written(language)
    made.filters |= {"checked": lambda text: checked(text, language), "place": lambda where: place(where, language)}
    made.globals |= {"lang": language, "shapes": SHAPES, "static": static_address, "persona": persona_mark}
    made.filters |= {name: getattr(written, name) for name in FILTERS}
    return made


def static_address(name: str) -> str:
    """Return the address of a file, which changes with its content, so that browsers may keep it."""
    return f"/console/static/{name}?v={static_file(name).etag}"


def persona_mark(place: int) -> Markup:
    """Return the symbol of the persona at this place in its bank: its shape and its colour, both repeated from the seventh on."""
    return Markup('<svg class="mark p{}" viewBox="0 0 16 16" aria-hidden="true"><path d="{}"/></svg>').format(
        place % len(SHAPES), SHAPES[place % len(SHAPES)]
    )


class Written:
    """How numbers and times are written in a language."""

    def __init__(self, language: str) -> None:
        self._locale = Locale.parse(language)

    def number(self, value: float, digits: int = 0) -> str:
        return format_decimal(round(value, digits), format=f"#,##0.{'0' * digits}" if digits else "#,##0", locale=self._locale)

    def decimal(self, written: str) -> str:
        """Return a number that is written with a point as people write it."""
        return written.replace(".", self._locale.number_symbols["latn"]["decimal"])

    def percent(self, share: float, digits: int = 0) -> str:
        """Return a share as a percentage; 1 only where it is all of it, and 0 only where it is nothing."""
        shown = round(100 * share, digits)
        if shown in (0, 100) and share not in (0, 1):
            edge = 10**-digits
            shown = edge if shown == 0 else 100 - edge
        return format_percent(shown / 100, format=None if not digits else f"#,##0.{'0' * digits}%", locale=self._locale)

    def span(self, low: float, high: float, with_sign: bool = False) -> str:
        """Return an interval of shares, without the sign of percent unless it is asked for."""
        return f"{self.number(100 * low)}–{self.percent(high) if with_sign else self.number(100 * high)}"

    def bits(self, value: float) -> str:
        """Return bits with their sign, to one decimal place."""
        sign = "+" if round(value, 1) > 0 else ""
        return sign + self.number(value, 1).replace("-", "−")

    def day(self, when: date | datetime | str) -> str:
        return format_date(_parsed(when), "d MMM y", locale=self._locale)

    def moment(self, when: datetime | str) -> Markup:
        return self._time(when, "d MMM y, HH:mm")

    def clock(self, when: datetime | str) -> Markup:
        return self._time(when, "d MMM HH:mm")

    def _time(self, when: datetime | str, form: str) -> Markup:
        """Return a time in UTC. The script of the pages writes it in the time zone of the reader."""
        at = _parsed(when).astimezone(UTC)
        return Markup('<time datetime="{}">{} UTC</time>').format(at.isoformat(), format_datetime(at, form, locale=self._locale))


def _parsed(when: date | datetime | str) -> Any:
    return datetime.fromisoformat(when) if isinstance(when, str) else when


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the query of an address without what is not set."""
    return {name: value for name, value in values.items() if value not in (None, "")}
