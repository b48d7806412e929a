"""The language of a report. What is written inside of `override` has its texts, shares and numbers in that language.

English texts are the keys of the catalogues in `translations`; a language without a catalogue gets English.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from gettext import NullTranslations
from io import BytesIO
from pathlib import Path
from typing import Any

from babel import Locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

FOLDER = Path(__file__).resolve().parent / "translations"

_active: ContextVar[str] = ContextVar("language of the report", default="en")


@contextmanager
def override(language: str) -> Iterator[None]:
    """Write in a language, given as a BCP 47 tag; in English where there is no catalogue of it."""
    token = _active.set(_supported(language))
    try:
        yield
    finally:
        _active.reset(token)


def active() -> str:
    """Return the language that is written now."""
    return _active.get()


def gettext(text: str, /, **facts: object) -> str:
    """Return a text in the language that is written now, with its gaps filled; facts are written already."""
    found: str = read_catalogue(FOLDER, active()).gettext(text)
    return found.format(**facts) if facts else found


def mark(text: str) -> str:
    """Mark a text for the catalogue that is translated later."""
    return text


def number(value: float, written: str = ",.0f") -> str:
    """Return a number in a format of Python, with the separators and the percent sign of the language.

    >>> number(1234.5, ",.1f"), number(0.123, ".0%")
    ('1,234.5', '12%')
    """
    return format(value, written).translate(_separators(active()))


def amount(value: float) -> str:
    """Return a number with three significant digits, not as a power of ten.

    >>> amount(22712.3), amount(0.0123), amount(-5.0)
    ('22,700', '0.0123', '-5')
    """
    return number(float(f"{value:.3g}"), ",.15g")


def percent(share: float) -> str:
    """Return a share in whole per cent.

    >>> percent(0.0004), percent(0.5), percent(0.0)
    ('<1%', '50%', '0%')
    """
    return "<" + number(0.01, ".0%") if share > 0 and round(100 * share) == 0 else number(share, ".0%")


def _supported(language: str) -> str:
    base = language.partition("-")[0].lower()
    return base if (FOLDER / f"{base}.po").exists() else "en"


@cache
def _separators(language: str) -> dict[int, Any]:
    locale = Locale.parse(language)
    symbols = locale.number_symbols["latn"]
    sign = locale.percent_formats[None].suffix[0]
    return str.maketrans({",": symbols["group"], ".": symbols["decimal"], "%": sign})


@cache
def read_catalogue(folder: Path, language: str) -> NullTranslations:
    """Return the catalogue of a language, compiled; an empty one where there is none, as for English."""
    file = folder / f"{language}.po"
    if not file.exists():
        return NullTranslations()
    compiled = BytesIO()
    with file.open("rb") as text:
        write_mo(compiled, read_po(text, locale=language))
    compiled.seek(0)
    return Translations(compiled)
