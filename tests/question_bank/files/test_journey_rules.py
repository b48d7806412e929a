"""The journeys and barometers of a bank file."""

import pytest

from question_bank.files.load import check_bank, read_bank
from question_bank.journeys import Barometer, Journey, Stage

BANK = """
bank: cars
personas: [{id: driver}, {id: family}]
questions:
  - {id: age, type: number, text: How old are you?, likelihood: {driver: {mean: 30, sd: 8}, family: {mean: 42, sd: 9}}}
  - {id: happy, type: scale, min: 1, max: 5, text: Happy?, likelihood: {driver: {mean: 4, sd: 1}, family: {mean: 3, sd: 1}}}
surveys: [{id: buyers}]
GIVEN
"""
STAGES = "{id: guide, match: {page: /guide/*}}"


def errors(given: str) -> list[str]:
    return [str(error) for error in check_bank(BANK.replace("GIVEN", given).encode(), "bank.yaml").errors]


def test_what_is_written_is_read():
    """Defaults are filled in, and shipped stages become events."""
    written = """journeys:
  - id: purchase
    stages: [{id: guide, match: {page: "/guide/*"}}, {id: left, stage: abandoned_basket, }, {id: glad, answer: {happy: [4, 5]}}]
barometers: [{id: after, question: happy, kind: mean, after: {event: Order Completed}}]"""

    bank = read_bank(BANK.replace("GIVEN", written))

    left = Stage("left", {"en": "left"}, {"event": "Product Added"}, {}, {"event": "Order Completed"})
    stages = (Stage("guide", {"en": "guide"}, {"page": "/guide/*"}), left, Stage("glad", {"en": "glad"}, {}, {"happy": ("4", "5")}))
    assert bank.journeys == (Journey("purchase", {"en": "purchase"}, stages, 30.0, "ordered"),)
    assert bank.barometers == (Barometer("after", {"en": "after"}, "happy", "mean", {"event": "Order Completed"}),)


@pytest.mark.parametrize(
    ("stage", "problem"),
    [
        ("{id: guide, match: {page: /x}}", '"guide" is already the id of stage 1'),
        ("{id: quote}", "says nothing about how it is reached"),
        ("{id: quote, match: {event: A}, stage: abandoned_basket}", "has match, stage"),
        ("{id: quote, match: {evnt: A}}", "is not a field of this"),
        ("{id: quote, stage: abandoned_cart}", "is not one of abandoned_basket, abandoned_checkout"),
        ("{id: quote, answer: {hapy: [4]}}", 'there is no question "hapy"'),
        ("{id: quote, answer: {happy: [6]}}", '"happy" has no answer "6"'),
        ("{id: quote, answer: {age: [30]}}", "number questions have no options"),
        ("{id: quote, match: {event: A}, after_hours: 3}", "says when nothing has followed, and not what"),
        ("{id: quote, stage: abandoned_basket, unless: {event: B}}", "needs an event before it"),
    ],
)
def test_mistakes_in_stages_are_named_with_their_line(stage, problem):
    found = errors(f"journeys: [{{id: purchase, stages: [{STAGES}, {stage}]}}]")
    assert any(problem in error and error.startswith("bank.yaml:8") for error in found), found


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (f"journeys: [{{id: one, stages: [{STAGES}]}}]", "has 1 stage"),
        ("journeys: [{id: one}]", "is missing"),
        (f"journeys: [{{id: one, within_days: 0, stages: [{STAGES}, {{id: b, match: {{event: B}}}}]}}]", "is not more than 0"),
        (f"journeys: [{{id: one, order: some, stages: [{STAGES}, {{id: b, match: {{event: B}}}}]}}]", '"some" is not one of ordered, any'),
        ("barometers: [{id: a, question: age, kind: mean, after: {event: B}}]", '"age" is a number question'),
        ("barometers: [{id: a, question: happy, kind: nps, after: {event: B}}]", "is no scale from 0 to 10"),
        ("barometers: [{id: a, question: sad, kind: mean, after: {event: B}}]", 'there is no question "sad"'),
        ("barometers: [{id: a, question: happy, kind: mean}]", "is missing"),
        ("plays: [{persona: drivr, bot: Hello}]", 'there is no persona "drivr"'),
        ("plays: [{stage: purchase/quote, bot: Hello}]", 'there is no stage "purchase/quote"'),
        ("plays: [{stage: quote, bot: Hello}]", "journey/stage"),
        ("plays: [{persona: driver}]", "says nothing"),
    ],
)
def test_mistakes_around_stages_are_named_with_their_line(given, problem):
    found = errors(given)
    assert any(problem in error and error.startswith("bank.yaml:8") for error in found), found


def test_a_stage_may_be_an_outcome_of_the_crm():
    """An attribute and its values; one from which personas are attributed would predict itself."""
    stages = "journeys: [{id: sale, stages: [STAGES, {id: won, attribute: {deal: [won, closed]}}]}]".replace("STAGES", STAGES)
    bank = read_bank(BANK.replace("GIVEN", stages))
    wrong = errors(f"{stages}\nattribution: {{attributes: {{deal: category}}}}")

    assert bank.journeys[0].stages[1] == Stage("won", {"en": "won"}, attribute={"deal": ("won", "closed")})
    assert len(wrong) == 1
    assert "it would predict itself" in wrong[0]
