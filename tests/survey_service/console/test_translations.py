"""The console in French: every text is translated, with the same gaps."""

import re
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from survey_service.console import html
from survey_service.console.html import HERE, Written, language_for

GAP = re.compile(r"%\((\w+)\)s|%%")
OUTSIDE = re.compile(r">\s*([A-Z][a-z]+ [a-z]+[^<{]*)<")
PROPER = {"Discern"}


@pytest.fixture(scope="module")
def catalogue():
    with (HERE / "translations" / "fr.po").open("rb") as text:
        return read_po(text)


def written() -> dict[str | tuple[str, ...], str]:
    """Return every text of the templates with the file that has it."""
    found = extract_from_dir(str(HERE / "templates"), method_map=[("**.html", "jinja2")], options_map={"**.html": {"silent": "false"}})
    return {text if isinstance(text, str) else tuple(part for part in text if part): file for file, _, text, _, _ in found}


def test_every_text_is_translated(catalogue):
    """Nothing is missing, nothing is left over, and each translation has the gaps of its text."""
    texts = written()
    assert len(texts) > 300
    assert {message.id for message in catalogue if message.id} == set(texts)
    for message in catalogue:
        if not message.id:
            continue
        forms = message.string if isinstance(message.string, tuple) else (message.string,)
        original = message.id if isinstance(message.id, str) else message.id[-1]
        assert all(forms), message.id
        for form in forms:
            assert set(GAP.findall(form)) <= set(GAP.findall(original)), message.id
            assert not re.search(r"[^ \d\u00a0«:][?!:;»]", form.replace("://", "")), f"a no-break space is missing: {form}"
        if isinstance(message.id, str):
            assert set(GAP.findall(forms[0])) == set(GAP.findall(original)), message.id


def test_no_text_stands_outside_of_the_catalogue():
    """Words between two tags of a template would stay English."""
    for file in sorted(Path(HERE / "templates").glob("*.html")):
        assert [text for text in OUTSIDE.findall(file.read_text()) if text.strip() not in PROPER] == [], file.name


def test_numbers_are_written_as_people_write_them():
    """Percentages and decimals, signs of bits, and shares that are nearly all or nothing."""
    english, french = Written("en"), Written("fr")

    assert (english.percent(0.273), french.percent(0.273)) == ("27%", "27\u202f%") or french.percent(0.273) == "27\u00a0%"
    assert (english.number(8.71, 1), french.number(8.71, 1)) == ("8.7", "8,7")
    assert (english.bits(1.26), english.bits(-1.26), french.bits(-1.26)) == ("+1.3", "−1.3", "−1,3")
    assert [english.percent(share) for share in (0, 0.001, 0.9999, 1)] == ["0%", "1%", "99%", "100%"]
    assert french.decimal("31.5") == "31,5"


def test_the_language_is_the_one_chosen_or_the_best_that_the_browser_asks_for():
    """English where it asks for neither."""
    assert [language_for(*asked) for asked in (("fr", "en"), (None, "fr-CA, en"), (None, "de"), (None, None), ("xx", "fr"))] == [
        *("fr", "fr", "en", "en", "fr")
    ]
    assert html.LANGUAGES == ("en", "fr")
