"""What respondents type, and the languages in which they are asked, over the API and on the hosted page."""

import re

import pytest
from werkzeug.datastructures import MultiDict

from question_bank.files.load import read_bank
from survey_service.hosted.forms import InvalidForm, field_values, read_value
from survey_service.respondent.view import rendered
from tests.survey_service.service import BANK


def stored(someone, question):
    """Return the value of the last answer to a question."""
    return [entry["value"] for entry in someone.insight()["log"] if entry["question"] == question][-1]


@pytest.mark.parametrize(
    ("language", "question", "typed", "value"),
    [
        ("en", "km", "1,500", 1500.0),
        ("fr", "km", "1 500,5", 1500.5),
        ("en", "km", "١٢", 12.0),
        ("en", "happy", "٣", 3),
        ("en", "km", {"from": "1,500", "to": 3000}, {"from": 1500.0, "to": 3000.0}),
    ],
)
def test_the_api_reads_a_number_as_typed(service, language, question, typed, value):
    """In the language of the session, and the log has the number."""
    someone = service.start(language=language)

    assert someone.answer(question, typed).status_code == 200
    assert stored(someone, question) == value


@pytest.mark.parametrize(
    ("question", "typed", "key"),
    [
        ("km", "1.500", "plain"),
        ("km", "1e3", "number"),
        ("km", "", "number"),
        ("km", True, "number"),
        ("km", "200 000", "outside"),
        ("happy", "six", "choose"),
        ("happy", "6", "outside"),
        ("happy", 2.5, "outside"),
        ("owns", "maybe", "choose"),
        ("why", " \r\n ", "write"),
        ("why", "x" * 4001, "too_long"),
    ],
)
def test_an_impossible_value_has_a_key(service, question, typed, key):
    """The client shows its own text for the key; the code stays the same."""
    refused = service.start(language="fr").answer(question, typed)

    assert (refused.status_code, refused.json["code"]) == (422, "impossible_value")
    assert [(error["path"], error["key"]) for error in refused.json["errors"]] == [("value", key)]


def test_an_answer_sent_again_as_typed_is_the_same_answer(service):
    """A retry with the same id changes nothing, whether the number is typed or plain; another number is a conflict."""
    someone = service.start(language="fr")
    for value in ("1 500,5", "1500.5", 1500.5):
        assert someone.answer("km", value, answer_id="one").status_code == 200

    assert someone.answer("km", "1 500,6", answer_id="one").status_code == 409
    assert [entry["value"] for entry in someone.insight()["log"]] == [1500.5]


@pytest.mark.parametrize("typed", ["a\r\nb", "a\rb", "a\nb", "\n a\r\nb \r\n"])
def test_a_line_break_counts_once_and_is_stored_as_one_character(service, typed):
    """Browsers send two characters from a form and one from a script."""
    someone = service.start()
    someone.answer("why", typed)

    assert stored(someone, "why") == "a\nb"


@pytest.mark.parametrize("text", ["a\r\n" * 1999 + "bb", "😀" * 4000])
def test_the_longest_text_is_measured_alike_on_the_page_and_over_the_api(service, text):
    """4000 code points are accepted, and one more is refused."""
    someone, question = service.start(), {"type": "text"}

    assert someone.answer("why", text).status_code == 200
    assert someone.answer("why", text + "c").status_code == 422
    assert len(stored(someone, "why")) == 4000
    assert read_value(question, MultiDict({"value": text}), "en") == stored(someone, "why")
    with pytest.raises(InvalidForm):
        read_value(question, MultiDict({"value": text + "c"}), "en")


@pytest.mark.parametrize(
    ("language", "chosen"),
    [("da, fr;q=0.8", "fr"), ("en;q=0, *;q=0.5", "fr"), ("fr_FR", "fr"), ("x" * 900, "en"), ("no such tag", "en"), ("", "en")],
)
def test_a_list_of_languages_is_negotiated(service, language, chosen):
    """By the API's field and by the header of a browser; what is not a tag is ignored."""
    assert service.start(language=language).view["language"] == chosen
    page = service.client.get("/s/all", headers={"Accept-Language": language}).text
    assert re.search(r'<html lang="(\w+)"', page)[1] == chosen


def test_a_text_without_a_translation_carries_its_language(service):
    """A screen reader then pronounces it as what it is. Texts in the language of the session have no mark."""
    someone = service.start("short", language="fr")
    shown = someone.view["question"]
    owns = rendered(read_bank(BANK).question("owns"), "fr", "en")

    assert (shown["id"], shown["lang"], shown["labels_lang"]) == ("happy", "en", {"1": "en", "5": "en"})
    assert not {"lang", "help_lang"} & set(owns)
    assert not any("lang" in option for option in owns["options"])
    assert '<h1 id="asked" lang="en" dir="ltr">Happy?' in service.client.get("/s/short?lang=fr").text
    assert "<legend><h1>Happy?" in service.client.get("/s/short?lang=en").text


def test_a_number_is_filled_in_again_in_the_language_of_the_page():
    """After going back the form has a number that the page reads as the same one."""
    question = {"type": "number", "min": None, "max": None, "given": 1500.125}
    (filled,) = field_values(question, None, "fr")

    assert filled == "1500,125"
    assert read_value(question, MultiDict({"value": filled}), "fr") == 1500.125
