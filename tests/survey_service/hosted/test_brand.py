"""The brand of a bank on its pages: name, logo, colours and font; what could break out of a style sheet is refused in the file."""

import re

import pytest

from question_bank.colours import contrast, parse_colour, parse_colours
from question_bank.files.load import check_bank, read_bank
from question_bank.versions import to_plain
from survey_service.hosted.brand import INK, PAPER, brand_of
from tests.survey_service.email_links.mailbox import Mail
from tests.survey_service.service import BANK

LOGO = "data:image/png;base64,iVBORw0KGgo="
BRANDED = (
    BANK
    + f"""
brand: {{name: {{en: Arden Motors, fr: Ardèn}}, logo: "{LOGO}", accent: "#f5c518", radius: 2px, font: "Georgia, serif"}}
"""
)


def test_pages_show_the_brand(one_service):
    """The hosted page and the landing page of an email have its name, logo and properties, and may show only images of their own."""
    one_service.call("POST", "/api/v1/banks", data=BRANDED)
    mail = Mail.to(one_service, "brand")
    hosted, landing = one_service.client.get("/s/all?lang=fr"), one_service.client.get(mail.path())

    assert "<b>Ardèn</b>" in hosted.text
    for page in (hosted, landing):
        assert f'<img src="{LOGO}" alt="">' in page.text
        assert re.search(r":root\{--discern-radius:2px;--discern-font:Georgia, serif;--discern-accent:light-dark\(#f5c518,", page.text)
        assert "img-src data:;" in page.headers["Content-Security-Policy"]
    one_service.call("POST", "/api/v1/banks", data=BANK + 'brand: {name: "<b>Arden"}\n')
    plain = one_service.client.get("/s/all").text
    assert '<span class="o" aria-hidden="true">&lt;</span><b>&lt;b&gt;Arden</b>' in plain


@pytest.mark.parametrize("accent", ["#f5c518", "#0a6b4f", "#000000", "#ffffff", "light-dark(#0a6b4f, #7ddab0)"])
def test_text_on_an_accent_can_be_read(accent):
    """White or nearly black, whichever has more contrast; one colour is made lighter for the dark scheme."""
    brand = brand_of(read_bank(BANK + f'brand: {{accent: "{accent}"}}\n'), "en")
    properties = dict(re.findall(r"--discern-([\w-]+):(light-dark\([^)]*\))", brand.css))
    colours, on = parse_colours(properties["accent"].replace(",", ", ")), parse_colours(properties["on-accent"].replace(",", ", "))

    assert all(contrast(text, ground) >= 4.5 for text, ground in zip(on, colours, strict=True))
    assert contrast(colours[1], PAPER[1]) >= 4.5
    assert INK[0] == parse_colour("#16191d")


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("logo", "https://elsewhere.example/logo.png"),
        ("logo", "data:text/html;base64,PHNjcmlwdD4="),
        ("accent", "red;}body{display:none"),
        ("radius", "1px;}"),
        ("font", "x;}</style>"),
    ],
)
def test_what_no_page_could_show_is_refused(field, wrong):
    """The error names the field and what to write."""
    (error,) = check_bank(BANK + f"brand: {{{field}: '{wrong}'}}\n").errors
    assert error.path == f"brand.{field}"
    assert error.todo


def test_a_brand_is_part_of_a_version():
    """It is stored and read again, and a bank without one stays as it was."""
    bank = read_bank(BRANDED)
    assert read_bank(BANK).brand == read_bank(BANK + "brand: {}\n").brand
    assert "brand" not in to_plain(read_bank(BANK))
    assert to_plain(bank)["brand"]["name"] == {"en": "Arden Motors", "fr": "Ardèn"}
