"""Posters on paper: one page each in WeasyPrint and in Chromium, with their fonts inside, whatever an author writes."""

import io
from pathlib import Path

import pytest
import yaml
from pypdf import PdfReader

from survey_service.console.html import STATIC, static_file
from survey_service.figures.snapshot import compute
from survey_service.posters.paper import BASE, STATIC_ADDRESS, pdf_of, poster_html
from survey_service.posters.sheets import Sheets, sheets_of
from survey_service.store.migrate import migrate
from survey_service.store.session import Store
from tests.survey_service.service import a_service

LONG = "Cherche avant tout un interlocuteur qui tienne parole, des chiffres honnêtes et le temps d’y réfléchir. "
MILLIMETRES = 72 / 25.4
PAPER = {"a3": (297, 420), "a4": (210, 297)}
FAMILIES = {"Inter", "Inter-Semi-Bold", "Fraunces", "Fraunces-Semi-Bold"}
CUT = """[...document.querySelectorAll('.sheet > *, .known .what, .how')].filter((box) => box.scrollHeight > box.clientHeight + 2)
    .map((box) => box.className + ': ' + box.textContent.slice(0, 40))"""


def a_bank(personas: int) -> str:
    """Return a bank whose French texts are long, with options enough for every petal."""
    names = [f"persona-{number}" for number in range(personas)]
    options = [
        {"id": f"o{number}", "text": {"fr": f"L’accompagnement personnalisé et la garantie, formule {number}"}} for number in range(6)
    ]
    shares = {name: [0.15 + 0.7 * ((place * 5 + option * 3) % 7) / 7 for option in range(6)] for place, name in enumerate(names)}
    described = {"description": {"fr": 5 * LONG}, "needs": {"fr": 4 * LONG}}
    written = {
        "expectations": {"advice": 0.9, "autonomy": 0, "responsiveness": 1},
        "channels": dict.fromkeys(("email", "sms", "phone", "web", "agent"), 0.5),
    }
    title = "La propriétaire prévoyante et anticonstitutionnellement exigeante, numéro"
    ask = {
        "text": {"fr": "Qu’est-ce qui a véritablement compté dans votre décision, tout bien considéré ?"},
        "type": "multiple",
        "options": options,
    }
    bank = {
        **{"bank": "longue", "title": {"fr": "Acheteurs de véhicules d’occasion récents"}, "languages": ["fr"]},
        "personas": [{"id": name, "name": {"fr": f"{title} {name[8:]}"}, **described, **written} for name in names],
        "questions": [{"id": name, **ask, "likelihood": shares} for name in ("raisons", "motifs", "envies", "causes")],
        "surveys": [{"id": "tout", "title": {"fr": "Tout"}, "questions": "all"}],
    }
    return yaml.safe_dump(bank, allow_unicode=True)


@pytest.fixture(scope="module", params=[2, 30])
def sheets(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Sheets:
    url = f"sqlite:///{tmp_path_factory.mktemp('posters') / 'posters.db'}"
    store = Store(url)
    migrate(store.engine)
    store.close()
    service = a_service(url, a_bank(request.param))
    compute(service.parts.store, service.parts.banks, "longue", service.clock)
    with service.parts.store.reading() as session:
        found = sheets_of(session, service.parts.banks, "longue", "fr")
    service.parts.store.close()
    return found


def check(pdf: bytes, pages: int, size: str) -> None:
    """Check the number of pages, the paper, and that every font is one of ours and inside."""
    reader = PdfReader(io.BytesIO(pdf))
    assert len(reader.pages) == pages
    for page in reader.pages:
        assert [round(float(side) / MILLIMETRES) for side in page.mediabox.upper_right] == list(PAPER[size])
        fonts = [font.get_object() for font in page["/Resources"]["/Font"].values()]
        for font in fonts:
            inner = font["/DescendantFonts"][0].get_object() if "/DescendantFonts" in font else font
            assert {"/FontFile", "/FontFile2", "/FontFile3"} & set(inner.get("/FontDescriptor", {"/FontFile3": 0}).get_object()), inner
        names = {
            str(font.get("/BaseFont", "")).rpartition("+")[2].replace("SemiBold", "Semi-Bold").replace("-Regular", "") for font in fonts
        }
        assert names - {"", "/"} <= FAMILIES, names


@pytest.mark.slow
def test_weasyprint_makes_one_page_a_persona(sheets):
    """A3 and A4 for one, a booklet for all."""
    persona = sheets.personas[0].id
    check(pdf_of(poster_html(sheets, "fr", persona, "a3", is_pdf=True)), 1, "a3")
    check(pdf_of(poster_html(sheets, "fr", persona, "a4", is_pdf=True)), 1, "a4")
    if len(sheets.personas) == 2:
        check(pdf_of(poster_html(sheets, "fr", None, "a4", is_pdf=True)), 2, "a4")


def test_chromium_prints_one_page_a_persona_and_cuts_nothing(sheets, new_page):
    """The same page in a browser, with the longest texts: no block holds more than it shows."""
    page = new_page()

    def serve(route):
        name = route.request.url.removeprefix(BASE + STATIC_ADDRESS).partition("?")[0]
        if name in STATIC:
            route.fulfill(body=static_file(name).plain, content_type=static_file(name).kind)
        else:
            size, _, persona = name.removeprefix(BASE).strip("/").partition("/")
            route.fulfill(body=poster_html(sheets, "fr", persona or None, size), content_type="text/html; charset=utf-8")

    page.route(f"{BASE}/**", serve)
    for address, pages, size in ((f"/a3/{sheets.personas[-1].id}", 1, "a3"), ("/a4", len(sheets.personas), "a4")):
        page.goto(BASE + address)
        page.evaluate("document.fonts.ready")
        page.emulate_media(media="print")
        assert page.evaluate(CUT) == []
        check(page.pdf(prefer_css_page_size=True, print_background=True), pages, size)
        page.emulate_media(media="screen")


def test_the_fonts_carry_their_licence():
    """Both families are under the SIL Open Font License, whose text lies beside them."""
    folder = Path(static_file.__globals__["HERE"]) / "static" / "fonts"
    assert {path.name.partition("-")[0] for path in folder.glob("*.woff2")} == {"fraunces", "inter"}
    for family in ("fraunces", "inter"):
        assert "SIL Open Font License, Version 1.1" in (folder / f"LICENSE-{family}.txt").read_text()
