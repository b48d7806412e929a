"""A report on a phone and in the dark scheme."""

from click.testing import CliRunner

from survey_service.cli.main import main
from tests.processes import ROOT

EXAMPLE = ROOT / "question_bank" / "examples" / "car-buyers.yaml"


def test_a_report_fits_a_phone_and_has_a_dark_scheme(tmp_path, browser):
    """Nothing exceeds 390 pixels, and texts in pictures stay readable in both schemes."""
    out = tmp_path / "out.html"
    arguments = ["simulate", str(EXAMPLE), "--survey", "website", "--respondents", "200", "--drop-out", "0.1", "--report", str(out)]
    assert CliRunner().invoke(main, arguments).exit_code == 0
    shades = {}
    for scheme in ("light", "dark"):
        page = browser.new_page(viewport={"width": 390, "height": 800}, color_scheme=scheme)
        page.goto(out.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        letters = page.evaluate("[...document.querySelectorAll('svg text')].map(letter => letter.getBoundingClientRect().height)")
        assert len(letters) > 30
        assert min(letters) > 9
        shades[scheme] = page.evaluate(
            "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.querySelector('svg text')).fill]"
        )
        page.close()
    assert shades["light"][0] != shades["dark"][0]
    assert shades["light"][1] != shades["dark"][1]
