"""Fields are typed strictly: text that looks like a number or a boolean is refused, and so is a line feed after a word."""

import pytest
from marshmallow import Schema, ValidationError

from survey_service.web.strict_json import Number, Truth, Whole, text_like


class Body(Schema):
    truth = Truth()
    number = Number()
    whole = Whole()
    word = text_like("[a-z]+")


@pytest.mark.parametrize("value", ["true", "1", 1, 0, [], {}])
def test_only_true_and_false_are_true_or_false(value):
    with pytest.raises(ValidationError):
        Body().load({"truth": value})
    assert Body().load({"truth": False}) == {"truth": False}


@pytest.mark.parametrize(
    ("field", "value"),
    [("number", "1.5"), ("number", True), ("number", {}), ("whole", "1"), ("whole", True), ("whole", 1.5), ("whole", {}), ("whole", [])],
)
def test_only_numbers_are_numbers(field, value):
    with pytest.raises(ValidationError):
        Body().load({field: value})


def test_a_fraction_is_a_number_and_three_point_zero_is_whole():
    assert Body().load({"number": 3.5, "whole": 3.0}) == {"number": 3.5, "whole": 3}


@pytest.mark.parametrize("value", ["", "A", "ab\n", "a b", "ab\nc"])
def test_a_pattern_is_for_the_whole_text(value):
    with pytest.raises(ValidationError):
        Body().load({"word": value})
    assert Body().load({"word": "ab"}) == {"word": "ab"}
