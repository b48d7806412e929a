"""Which of the languages at hand suits a reader."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from question_bank.definitions import in_language
from question_bank.languages import direction, negotiate


@pytest.mark.parametrize(
    ("wanted", "languages", "chosen"),
    [
        ("fr-CA", ["en", "fr"], "fr"),
        ("fr_FR", ["en", "fr"], "fr"),
        ("FR", ["en", "fr"], "fr"),
        ("pt-BR", ["en", "pt"], "pt"),
        ("pt", ["en", "pt-BR"], "pt-BR"),
        ("zh-TW", ["en", "zh-Hans", "zh-Hant"], "zh-Hant"),
        ("zh-TW", ["en", "zh"], "zh"),
        ("iw", ["en", "he"], "he"),
        ("nb", ["en", "no"], "no"),
        ("ca", ["en", "es"], "en"),
        ("da, fr;q=0.8, de;q=0.9", ["en", "fr", "de"], "de"),
        ("da,fr ; q=0.8", ["en", "fr"], "fr"),
        ("en;q=0.5, fr;q=0.5", ["fr", "en"], "en"),
        ("*", ["en", "fr"], "en"),
        ("de;q=0.9, *;q=0.5", ["de", "fr"], "de"),
        ("en;q=0.1, *", ["en", "fr"], "fr"),
        (None, ["en", "fr"], "en"),
        ("", ["en", "fr"], "en"),
    ],
)
def test_the_nearest_language_of_the_best_weight_is_chosen(wanted, languages, chosen):
    """As RFC 9110 weighs languages and CLDR measures how near they are; the first language is the default."""
    assert negotiate(wanted, languages) == chosen


@pytest.mark.parametrize(
    ("wanted", "languages", "chosen"),
    [
        ("en;q=0", ["en", "fr"], "fr"),
        ("da, en;q=0", ["en", "fr"], "fr"),
        ("en-GB, en;q=0", ["en", "fr"], "fr"),
        ("en-GB, en;q=0", ["en", "en-GB"], "en-GB"),
        ("*;q=0, fr", ["en", "fr"], "fr"),
        ("*;q=0", ["en", "fr"], "en"),
        ("en;q=0, fr;q=0.000", ["en", "fr"], "en"),
    ],
)
def test_a_refused_language_is_chosen_only_where_all_are_refused(wanted, languages, chosen):
    """A weight of zero refuses a language, not even the default may replace it."""
    assert negotiate(wanted, languages) == chosen


@pytest.mark.parametrize(
    "wrong", ["x" * 5000, "fr" + "-abcdefgh" * 9, "12", "e", ";q=1", "fr;q=2", "fr;q=x", "é", "a-", "-", "en-a-", "fr,\x00"]
)
def test_what_is_not_a_tag_is_ignored(wrong):
    """It neither raises nor hides the tags beside it."""
    assert negotiate(f"{wrong}", ["de", "es"]) == "de"
    assert negotiate(f"es,{wrong}", ["de", "es"]) == "es"


@given(st.text(max_size=60), st.lists(st.from_regex(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", fullmatch=True), min_size=1, max_size=4))
def test_any_text_leads_to_one_of_the_languages(wanted, languages):
    """Tags of a bank may be ones that no registry has."""
    assert negotiate(wanted, languages) in languages


def test_a_missing_text_is_shown_in_the_nearest_language():
    """A bank that has Brazilian Portuguese nearly complete shows Portuguese words for the rest, not its default language."""
    assert in_language({"en": "Colour", "pt": "Cor"}, "pt-BR", "en") == "Cor"
    assert in_language({"fr": "Couleur", "en": "Colour"}, "de", "en") == "Colour"
    assert in_language({"fr": "Couleur"}, "de", "en") == "Couleur"


@pytest.mark.parametrize(("language", "expected"), [("ar", "rtl"), ("he-IL", "rtl"), ("ur", "rtl"), ("en", "ltr"), ("xx", "ltr")])
def test_direction(language, expected):
    """Scripts from right to left are known for every language."""
    assert direction(language) == expected
