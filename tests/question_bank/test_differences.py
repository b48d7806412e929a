"""Differences of two versions of a bank, in meaning and in words."""

from question_bank.differences import Change, differences
from question_bank.files.load import read_bank
from tests.survey_service.service import BANK


def test_a_likelihood_is_a_change_of_meaning_and_a_wording_one_of_words():
    """Paths lead by ids and outcomes; what did not change is not listed."""
    new = read_bank(BANK.replace("driver: [0.2, 0.8, 0.3]", "driver: [0.25, 0.8, 0.3]").replace("Why that one?", "Why this one?"))

    assert differences(read_bank(BANK), new) == [
        Change("words", ("questions", "reasons", "text", "en"), "Why that one?", "Why this one?"),
        Change("meaning", ("questions", "reasons", "likelihood", "driver", "safety"), 0.2, 0.25),
    ]
    assert differences(new, new) == []


def test_what_is_added_or_removed_has_one_side():
    """A removed question, a new option, and a bank without a version before."""
    old, new = read_bank(BANK), read_bank(BANK.split("  - id: why")[0] + "surveys:\n  - {id: all, title: Everything, stop: {at_most: 5}}\n")

    changes = {change.path: (change.before, change.after) for change in differences(old, new)}

    assert changes["questions", "why"][1] is None
    assert changes["surveys", "short"][1] is None
    assert changes["surveys", "all", "origins"] == (["https://shop.example"], None)
    assert {change.path[0]: change.before for change in differences(None, new)}["questions"] is None
