"""Posters as pages for a printer, and as PDF files by WeasyPrint (the extra `posters`), which reads our own files and fetches nothing."""

import base64
import logging
from io import BytesIO
from typing import Any

from survey_service.console.html import STATIC, render, static_file
from survey_service.errors import DiscernError
from survey_service.posters.flower import colours_of, flower, shortened
from survey_service.posters.sheets import Sheets

SIZES = ("a3", "a4")
STATIC_ADDRESS = "/console/static/"
BASE = "http://poster.invalid"
MOST_PIXELS = 16_000_000


class PdfNotInstalled(DiscernError):
    """PDF files need WeasyPrint, which is not installed here: pip install 'discern-survey[posters]', with Debian's libpango-1.0-0,
    libpangoft2-1.0-0 and libharfbuzz-subset0, then start the service again. A browser prints the poster as it is.
    """

    status, code = 406, "pdf_not_installed"


def poster_html(sheets: Sheets, wanted: str, persona: str | None, size: str, *, is_pdf: bool = False) -> str:
    """Return the page of one persona, or of all where none is named. Raises NotFound."""
    shown = sheets.personas if persona is None else [sheets.one(persona)]
    values: dict[str, Any] = {
        "sheets": sheets,
        "shown": shown,
        "persona": persona,
        "size": size,
        "is_pdf": is_pdf,
        "images": {sheet.id: sheet.image for sheet in shown if sheet.image and (not is_pdf or is_drawable(sheet.image))},
        "title_class": lambda sheet: _class_of(sheet.name, (30, 50, 75)),
        "needs_class": lambda text: _class_of(text, (90, 160, 220)),
        "text_class": lambda text: _class_of(text, (120, 230, 380)),
    }
    return render("poster.html", wanted, **values, flower=flower, colours_of=colours_of, shortened=shortened)


def _class_of(text: str, ends: tuple[int, ...]) -> int:
    """Return how small a text has to be written, from 0 on: one step for each length in `ends` that it exceeds."""
    return sum(len(text) > end for end in ends)


def pdf_of(html: str) -> bytes:
    """Return a page of ours as PDF, with the fonts it uses. Raises PdfNotInstalled."""
    try:
        from weasyprint import HTML  # noqa: PLC0415  (of the extra; it loads Pango)
    except (ImportError, OSError):  # OSError: Pango is not there
        raise PdfNotInstalled from None
    for noisy in ("weasyprint", "fontTools"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    made: bytes = HTML(string=html, base_url=BASE, url_fetcher=_fetcher()).write_pdf()
    return made


def is_drawable(image: str) -> bool:
    """Whether a data URI is a picture that can be drawn without much memory. Only its head is read."""
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415  (WeasyPrint needs it)

    try:
        with Image.open(BytesIO(base64.b64decode(image.partition(",")[2]))) as picture:
            return picture.width * picture.height <= MOST_PIXELS
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        return False


def _fetcher() -> Any:
    """Return what reads the files of a page: those of ours, and data that is part of the page."""
    from weasyprint.urls import URLFetcher, URLFetcherResponse  # noqa: PLC0415  (of the extra)

    class OwnFiles(URLFetcher):  # type: ignore[misc]  # the extra has no types
        def fetch(self, url: str, headers: Any = None) -> Any:
            name = url.removeprefix(BASE + STATIC_ADDRESS).partition("?")[0]
            if name in STATIC:
                file = static_file(name)
                return URLFetcherResponse(url, file.plain, {"Content-Type": file.kind})
            return super().fetch(url, headers)

    return OwnFiles(allowed_protocols=("data",), allow_redirects=False)
