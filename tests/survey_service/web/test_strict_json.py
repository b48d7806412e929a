"""JSON that two parsers could read differently, or that cannot be stored, is refused; all other JSON is accepted."""

import json

import pytest

from survey_service.errors import MalformedBody
from survey_service.web.strict_json import DEEPEST, read_json


@pytest.mark.parametrize("depth", [DEEPEST + 1, 200, 900, *range(940, 1010), 5000, 100_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_no_nesting_breaks_the_reader(opening, closing, depth):
    """The reader's own limit is reached before the interpreter's recursion limit."""
    with pytest.raises(MalformedBody, match="nested more than 64 levels"):
        read_json((opening * depth + "1" + closing * depth).encode())


def test_accepted_json_is_nested_less():
    nested = "[" * DEEPEST + "1" + "]" * DEEPEST
    assert read_json(nested.encode()) == json.loads(nested)


def test_a_repeated_name_is_refused_and_named():
    """Some programs take the first value, others the last."""
    with pytest.raises(MalformedBody, match='"kind" stands twice'):
        read_json(b'{"a": [{"kind": "skip", "b": 1, "kind": "answer"}]}')
    assert read_json(b'[{"a": 1}, {"a": 2}]') == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize("text", ["NaN", "-Infinity", "1e400", "[1, Infinity]", '"\\ud800"', '"a\\u0000"', '{"a\\u0000": 1}', "9" * 400])
def test_json_that_cannot_be_stored_is_refused(text):
    with pytest.raises(MalformedBody):
        read_json(text.encode())


@pytest.mark.parametrize("text", ["0", "-0.0", "1e308", '"\\ud83d\\ude00"', '""', "{}", "[]", "null"])
def test_json_that_can_be_stored_is_accepted(text):
    assert read_json(text.encode()) == json.loads(text)


def test_every_fault_of_a_body_is_named_with_its_path():
    """The caller gets the path of the value, and can refuse one message of a batch instead of all."""
    with pytest.raises(MalformedBody) as refused:
        read_json(b'{"batch": [{"a": NaN}, {"b": 1, "b": 2}, {"c": [1e999]}]}')

    assert [error["path"] for error in refused.value.errors] == ["batch.0.a", "batch.1.b", "batch.2.c.0"]


@pytest.mark.parametrize("text", [r'{"a\ud800": 1, "a\ud800": 2}', r'{"\udfff": [NaN]}', r'{"a\ud800": {"b": 1, "b": 2}}'])
def test_a_fault_is_named_in_words_that_a_response_can_have(text):
    """Half of an emoji in a name that is quoted made the error unwritable."""
    with pytest.raises(MalformedBody) as refused:
        read_json(text.encode())

    assert refused.value.detail.encode()
    assert [error["path"].encode() for error in refused.value.errors]
