"""The texts of the interface in its eight languages."""

import re

import pytest

from survey_service.email_links import translations as of_links
from survey_service.hosted import translations as of_pages
from survey_service.respondent import translations as of_surveys

LANGUAGES = {"en", "fr", "de", "es", "pt", "it", "nl", "ar"}


def gaps(text):
    return sorted(re.findall(r"{\w+}", text))


@pytest.mark.parametrize("table", [of_links.STRINGS, of_pages.PAGE_STRINGS, of_surveys.STRINGS])
def test_every_language_has_every_text_with_its_placeholders(table):
    """A missing text would appear in English on an Arabic page; a missing placeholder would lose a number."""
    assert set(table) == LANGUAGES
    for language, words in table.items():
        assert set(words) == set(table["en"]), language
        for name, text in words.items():
            assert gaps(text) == gaps(table["en"][name]), (language, name)
            assert text.strip() == text or name == "colon", (language, name)
