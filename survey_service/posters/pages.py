"""Pages of personas: who they are, a poster of each on A3 or A4, and a booklet of all, for a printer or as PDF files."""

from flask import Blueprint, Response, request
from werkzeug.http import dump_options_header

from survey_service.banks.publishing import newest_versions
from survey_service.console.access import access, go_to, guard, language, page
from survey_service.console.html import LANGUAGES
from survey_service.errors import Invalid
from survey_service.posters.paper import SIZES, pdf_of, poster_html
from survey_service.posters.sheets import Sheets, sheets_of
from survey_service.web.context import parts

MOST_BANKS = 200

blueprint = Blueprint("posters", __name__, url_prefix="/console/p")
guard(blueprint)


@blueprint.get("")
@access("read")
def banks() -> Response:
    """Lead to the personas of the only bank, or list the banks."""
    with parts().store.reading() as session:
        rows = newest_versions(session, None, MOST_BANKS)
    if len(rows) == 1:
        return go_to(f"/console/p/{rows[0].bank}")
    return page("persona_banks.html", banks=rows, kind="p")


@blueprint.get("/<string:bank>")
@access("read")
def personas(bank: str) -> Response:
    """Show who the personas of a bank are: what tells them apart, how many they are, what they need."""
    return page("personas.html", sheets=_sheets(bank, language()))


@blueprint.get("/<string:bank>/<string:persona>/poster")
@access("read")
def poster(bank: str, persona: str) -> Response:
    """Show the poster of a persona."""
    return _as_page(_sheets(bank, _language()), persona, _size())


@blueprint.get("/<string:bank>/<string:persona>/poster.pdf")
@access("read")
def poster_pdf(bank: str, persona: str) -> Response:
    """Return the poster of a persona as a PDF file."""
    return _as_pdf(_sheets(bank, _language()), persona, _size(), f"{bank}-{persona}")


@blueprint.get("/<string:bank>/booklet")
@access("read")
def booklet(bank: str) -> Response:
    """Show all personas, one on each page of A4."""
    return _as_page(_sheets(bank, _language()), None, "a4")


@blueprint.get("/<string:bank>/booklet.pdf")
@access("read")
def booklet_pdf(bank: str) -> Response:
    """Return all personas as a PDF file, one on each page of A4."""
    return _as_pdf(_sheets(bank, _language()), None, "a4", bank)


def _sheets(bank: str, wanted: str) -> Sheets:
    p = parts()
    with p.store.reading() as session:
        return sheets_of(session, p.banks, bank, wanted)


def _size() -> str:
    """Return the size that the address asks for. Raises Invalid."""
    size = request.args.get("size", "a3").lower()
    if size not in SIZES:
        raise Invalid(errors=[{"path": "size", "message": "is not a size of paper: write a3 or a4"}])
    return size


def _language() -> str:
    """Return the language that the address asks for, else the reader's. Raises Invalid."""
    wanted = request.args.get("lang") or language()
    if wanted not in LANGUAGES:
        raise Invalid(errors=[{"path": "lang", "message": f"is not a language of the posters: write {' or '.join(LANGUAGES)}"}])
    return wanted


def _as_page(sheets: Sheets, persona: str | None, size: str) -> Response:
    html = poster_html(sheets, _language(), persona, size)
    return Response(html, content_type="text/html; charset=utf-8")


def _as_pdf(sheets: Sheets, persona: str | None, size: str, name: str) -> Response:
    wanted = _language()
    made = pdf_of(poster_html(sheets, wanted, persona, size, is_pdf=True))
    response = Response(made, content_type="application/pdf")
    response.headers["Content-Disposition"] = dump_options_header("inline", {"filename": f"{name}-{wanted}.pdf"})
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
