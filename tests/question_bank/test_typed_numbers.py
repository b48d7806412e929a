"""Numbers as people type them in their language."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from question_bank.typed_numbers import UnreadableNumber, read_number, write_number

READ = [
    *[("1,500", "en", 1500), ("1.500", "en", 1.5), ("1.500", "de", 1500), ("1,5", "de", 1.5), ("1,500", "fr", 1.5), ("1.500", "es", 1500)],
    *[("1 500,5", "fr", 1500.5), ("1\u202f500,5", "fr", 1500.5), ("1\u00a0500", "en", 1500), ("1’500.5", "de-CH", 1500.5)],
    *[("1'500", "en", 1500), ("1,00,000", "en-IN", 100_000), ("1.234.567,8", "en", 1234567.8), ("1,500.25", "fr", 1500.25)],
    *[("7,5", "en", 7.5), ("1500.5", "fr", 1500.5), ("1500,250", "en", 1500.25), ("0.500", "fr", 0.5), ("1.500.000", "fr", 1_500_000)],
    *[("١٢", "ar", 12), ("١٢٫٥", "ar", 12.5), ("۱۲٬۵۰۰", "fa", 12500), ("١٬٥٠٠", "en", 1500), ("१२", "hi", 12), ("１２．５", "ja", 12.5)],
    *[("−5", "en", -5), ("+5", "en", 5), ("\u200f-5", "ar", -5), ("- 5", "en", -5), (" 5 ", "en", 5), (".5", "en", 0.5), ("5.", "en", 5)],
    *[("007", "en", 7), ("1500", "xx", 1500), ("1,5", "xx", 1.5)],
]


@pytest.mark.parametrize(("text", "language", "number"), READ)
def test_a_typed_number_is_read_in_its_language(text, language, number):
    """By the conventions of the language where the text is well formed in it, else where only one reading is possible."""
    assert read_number(text, language) == number


@pytest.mark.parametrize(
    ("text", "language"),
    [("1.500", "fr"), ("1,500", "xx"), ("١,٥٠٠", "ar"), ("1,500,5", "en"), ("1,00,000", "en"), ("1 5", "en"), ("1,5,0", "de")],
)
def test_a_number_that_can_be_read_in_two_ways_is_refused(text, language):
    """It is not guessed: the key asks for the digits without separators."""
    with pytest.raises(UnreadableNumber) as refused:
        read_number(text, language)

    assert refused.value.key == "plain"


@pytest.mark.parametrize("language", ["en", "fr", "ar", "xx"])
@pytest.mark.parametrize(
    "text", ["", " ", "0x20", "1e3", "1_000", "inf", "nan", "²", "½", "--5", "-", ".", "5 km", "5-", "1\n2x", "9" * 101]
)
def test_what_is_no_number_in_any_language(text, language):
    """Forms that programming languages read are not numbers that people type."""
    with pytest.raises(UnreadableNumber) as refused:
        read_number(text, language)

    assert refused.value.key == "number"


@given(
    st.decimals(-999_999, 999_999, places=3, allow_nan=False),
    st.sampled_from(["en", "fr", "de", "ar", "fa", "pt-BR", "hi", "zh-Hant", "xx"]),
)
def test_a_number_is_written_as_it_is_read(number, language):
    """A stored answer that is filled into the form again is read as the same number."""
    assert read_number(write_number(float(number), language), language) == float(number)


@given(st.text("0123456789.,٫٬ '-+١²eE_x", max_size=12), st.sampled_from(["en", "ar", "de-CH", "xx"]))
def test_any_text_is_read_or_refused(text, language):
    """No text causes another error."""
    with suppress(UnreadableNumber):
        assert isinstance(read_number(text, language), float)
