"""Words of free text: folded, by word or stem, in the bank file and in beliefs."""

import pytest

from question_bank.files.load import check_bank, read_bank
from question_bank.keywords import LONGEST_TEXT, finder, tokens_of

BANK = """
bank: cars
personas: [{id: driver}, {id: family}]
questions:
  - {id: why, type: text, text: Why?}
  - {id: age, type: number, text: How old are you?, likelihood: {driver: {mean: 30, sd: 8}, family: {mean: 42, sd: 9}}}
signals:
  - id: children
    match: MATCH
    likelihood: {driver: 0.05, family: 0.3}
surveys: [{id: buyers}]
"""


@pytest.mark.parametrize(
    ("word", "text", "found"),
    [
        ("siège", "UN SIEGE AUTO", True),
        ("siège", "des sièges", False),
        ("siège*", "des SIÈGES", True),
        ("child seat", "two child-seats", False),
        ("child seat*", "two Child-Seats!", True),
        ("child seat", "a child. The seat", False),
        ("cœur", "le coeur", True),
        ("attente", "l'attente est longue", True),
        ("car", "scar carpet", False),
        ("c++ ", "c", True),
        ("n°5", "n 5", True),
        ("end", "x " * LONGEST_TEXT + "end", False),
    ],
)
def test_what_a_word_matches(word, text, found):
    """Capitals, accents, ligatures and punctuation make no difference; the beginning of a word only with an asterisk."""
    assert bool(finder(["zzz", word]).search(tokens_of(text))) is found


def test_words_are_read_and_written_back():
    """With or without a question."""
    [signal] = read_bank(BANK.replace("MATCH", '{words: [child seat, "sièg*"], question: why}')).signals
    assert (signal.match, signal.words, signal.question) == ({}, ("child seat", "sièg*"), "why")


@pytest.mark.parametrize(
    ("match", "problem"),
    [
        ("{words: []}", "is not a list of words"),
        ("{words: [seats, '!']}", "is no word of up to 60 characters"),
        ("{words: ['se*']}", "has an asterisk that would match too much"),
        ("{words: ['se*ts']}", "has an asterisk that would match too much"),
        ("{words: [seats], question: age}", "age is not a text question of this bank"),
        ("{question: why}", "has a question and no words"),
        ("{words: [seats], event: Search}", "has words and event"),
        ("{words: [true]}", "is no word"),
    ],
)
def test_wrong_words_are_named_with_their_line(match, problem):
    """Each with what to do."""
    [error] = check_bank(BANK.replace("MATCH", match).encode(), "bank.yaml").errors

    assert str(error).startswith('bank.yaml:9: signal "children" > match')
    assert problem in str(error)
