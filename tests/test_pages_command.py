"""`discern preview`, `discern qr` and `discern poster`."""

from xml.etree import ElementTree

import pytest
from click.testing import CliRunner
from pypdf import PdfReader

from question_bank.files.load import read_bank
from survey_service.banks.publishing import publish
from survey_service.cli.main import main
from survey_service.crypto import Keyring
from survey_service.preview.tokens import check_preview
from survey_service.store.session import Store
from survey_service.web.context import utc_now
from tests.survey_service.service import BANK, SECRET


@pytest.fixture
def run(database_url):
    store = Store(database_url)
    with store.writing() as session:
        publish(session, read_bank(BANK), utc_now())
    store.close()
    place = {"DISCERN_DATABASE_URL": database_url, "DISCERN_SECRET_KEYS": SECRET, "DISCERN_BASE_URL": "https://ask.example"}
    return lambda *arguments: CliRunner().invoke(main, [*map(str, arguments)], env=place)


def test_preview_prints_a_link_to_the_survey(run):
    """The link is the only output on stdout."""
    done = run("preview", "all")
    assert done.exit_code == 0
    address, token = done.stdout.strip().split("?t=")
    assert address == "https://ask.example/preview/all"
    check_preview(Keyring((SECRET,)), "all", token)
    refused = run("preview", "nope")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert 'There is no survey "nope".' in refused.stderr


def test_qr_writes_svg_or_png_by_suffix(run, tmp_path):
    """The URL in the code is printed."""
    done = run("qr", "all", "--out", tmp_path / "a.svg", "--lang", "fr", "--hidden", "place=till 3")
    assert done.stdout == "https://ask.example/s/all?lang=fr&hidden-place=till+3\n"
    assert ElementTree.parse(tmp_path / "a.svg").getroot().tag.endswith("svg")
    assert run("qr", "all", "--out", tmp_path / "a.png").exit_code == 0
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_qr_reports_errors(run, tmp_path):
    """Usage errors exit with 2; an unknown survey, an unwritable path and a URL that is too long exit with 1."""
    assert run("qr", "all", "--out", tmp_path / "a.gif").exit_code == 2
    assert run("qr", "all", "--out", tmp_path / "a.svg", "--hidden", "place").exit_code == 2
    assert run("qr", "nope", "--out", tmp_path / "a.svg").exit_code == 1
    assert run("qr", "all", "--out", tmp_path / "no" / "a.svg").exit_code == 1
    long = run("qr", "all", "--out", tmp_path / "a.svg", "--hidden", "x=" + "y" * 4000)
    assert long.exit_code == 1
    assert "Traceback" not in long.stderr


@pytest.mark.slow
def test_poster_writes_a_pdf_file(run, tmp_path):
    """All personas in one file, or one; what is not there, and a place that cannot be written, are said."""
    assert run("poster", "cars", "-o", tmp_path / "all.pdf").exit_code == 0
    assert len(PdfReader(tmp_path / "all.pdf").pages) == 2
    done = run("poster", "cars", "--persona", "driver", "--size", "a4", "--language", "fr", "--out", tmp_path / "one.pdf")
    assert "one.pdf: driver, version 1 of cars" in done.stderr
    assert "Le conducteur" in PdfReader(tmp_path / "one.pdf").pages[0].extract_text()
    for wrong in (("nope",), ("cars", "--persona", "nobody")):
        refused = run("poster", *wrong, "-o", tmp_path / "none.pdf")
        assert (refused.exit_code, "There is no" in refused.stderr) == (1, True)
    assert run("poster", "cars", "-o", tmp_path / "no" / "all.pdf").exit_code == 1
