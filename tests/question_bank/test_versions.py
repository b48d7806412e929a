"""Fingerprints of bank versions, and answers that stay valid in the next version."""

import json
from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given

from question_bank.definitions import OUTLIERS, Option, Question
from question_bank.files.load import load_stored, read_bank
from question_bank.files.write import write_bank
from question_bank.versions import fingerprint, survives, to_plain
from tests.question_bank.a_bank import GOOD, changed
from tests.question_bank.files.test_write import invented
from tests.question_bank.strategies import banks


@pytest.mark.slow
@invented
@given(banks())
def test_the_plain_form_is_json_and_reads_back_as_the_bank(bank):
    """Nothing is lost or changed in repeated round trips."""
    text = json.dumps(to_plain(bank), allow_nan=False)

    again = read_bank(text)

    assert again == bank
    assert fingerprint(again) == fingerprint(bank)


def reversed_keys(data):
    """The same data with every map the other way round."""
    if isinstance(data, dict):
        return {key: reversed_keys(value) for key, value in reversed(data.items())}
    return [reversed_keys(item) for item in data] if isinstance(data, list) else data


def test_the_fingerprint_ignores_format_and_defaults():
    """Format, order of keys, comments, and defaults written out make no difference."""
    bank = read_bank(json.dumps(GOOD))
    explicit = changed("questions.0.seconds", 5)

    same = [write_bank(bank, {"": "A comment."}), json.dumps(reversed_keys(GOOD), indent=3), json.dumps(explicit)]

    assert {fingerprint(read_bank(text)) for text in same} == {fingerprint(bank)}


def test_a_bank_without_styles_keeps_its_earlier_fingerprint():
    """Stored answers belong to a fingerprint: fields that are not used are not written. Only a bank with numbers has their outliers."""
    plain = to_plain(read_bank(json.dumps(GOOD)))

    assert all("styles" not in persona for persona in plain["personas"])
    assert plain.pop("outliers") == OUTLIERS
    earlier = json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()
    assert sha256(earlier).hexdigest() == "52a85c3ed6ff69c22b907b901f826268e230fa391240e8c2a83e3ca31490b8c9"


def test_a_version_that_was_published_without_outliers_keeps_its_beliefs():
    """Banks have outliers by default since then; a stored version is compiled as it was."""
    plain = to_plain(read_bank(json.dumps(GOOD)))
    again = load_stored(json.dumps(plain))
    earlier = load_stored(json.dumps({name: value for name, value in plain.items() if name != "outliers"}))

    assert (again.outliers, earlier.outliers) == (OUTLIERS, 0)


SHORT = {"id": "short", "title": "Short", "questions": ["owns"], "stop": {"at_most": 4}}


@pytest.mark.parametrize(
    ("survey", "endgame"),
    [
        (SHORT, "accuracy"),
        ({**SHORT, "stop": {"at_most": 4, "endgame": "none"}}, "none"),
        ({**SHORT, "stop": {"confidence": 0.9}}, "none"),
        ({"id": "short", "title": "Short", "questions": ["owns"]}, "accuracy"),
        ({**SHORT, "objective": "value", "actions": {"call": {"driver": -5, "family": 40}}}, "none"),
    ],
)
def test_the_last_two_questions_of_a_known_length_are_chosen_for_accuracy(survey, endgame):
    """It is the default, but where actions have a value, and stays as it is in the published version."""
    bank = read_bank(json.dumps(changed("surveys.1", survey)))
    again = load_stored(json.dumps(to_plain(bank)))

    assert [each.surveys[1].stop.endgame for each in (bank, again)] == [endgame, endgame]


def test_a_version_that_was_published_without_an_endgame_chooses_as_before():
    """Such a version knows no endgame, and its surveys would ask other questions with the default of today."""
    plain = to_plain(read_bank(json.dumps(changed("surveys.1", SHORT))))
    del plain["surveys"][1]["stop"]["endgame"]

    assert load_stored(json.dumps(plain)).surveys[1].stop.endgame == "none"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("title.fr", "Autos"),
        ("personas.0.prior", 0.31),
        ("personas.0.styles", [{"id": "calm"}, {"id": "sporty"}]),
        ("questions.0.likelihood.driver", [0.8, 0.2]),
        ("questions.0.required", True),
        ("questions.1.evidence_weight", 0.7),
        ("answer_correlation", 0.1),
        ("questions.1.no_answer.driver", 0.11),
        ("questions.2.likelihood.driver.no.sd", 1.1),
        ("surveys.0.stop.at_least", 2),
        ("surveys.0.consent.required", False),
        ("evidence_weight", 0.9),
    ],
)
def test_the_fingerprint_changes_with_any_content(path, value):
    """Down to the last number."""
    assert fingerprint(read_bank(json.dumps(changed(path, value)))) != fingerprint(read_bank(json.dumps(GOOD)))


TEXT = {"en": "?"}
AB = tuple(Option(name, TEXT) for name in "ab")
SINGLE = Question("q", "single", TEXT, options=AB)
MULTIPLE = replace(SINGLE, type="multiple")
SCALE = Question("q", "scale", TEXT, minimum=1, maximum=5)
NUMBER = Question("q", "number", TEXT, minimum=0, maximum=100, unit="km")
WORDS = Question("q", "text", TEXT)


@pytest.mark.parametrize(
    ("question", "value", "kept"),
    [
        (SINGLE, "a", True),
        (SINGLE, "c", False),
        (SINGLE, ["a"], False),
        (MULTIPLE, ["a", "b"], True),
        (MULTIPLE, [], True),
        (MULTIPLE, ["a", "c"], False),
        (MULTIPLE, "ab", False),
        (MULTIPLE, {"ticked": ["a"], "seen": ["a", "b"]}, True),
        (MULTIPLE, {"ticked": ["a"], "seen": ["a", "c"]}, False),
        (SCALE, 5, True),
        (SCALE, 6, False),
        (SCALE, 1.5, False),
        (SCALE, True, False),
        (NUMBER, 100, True),
        (NUMBER, 100.5, False),
        (NUMBER, "5", False),
        (NUMBER, {"from": 20, "to": 40}, True),
        (NUMBER, {"from": 20, "to": None}, True),
        (NUMBER, {"to": 140}, False),
        (NUMBER, {"from": None, "to": None}, False),
        (replace(NUMBER, maximum=None), 1e9, True),
        (WORDS, "anything", True),
        (WORDS, 3, False),
    ],
)
def test_an_answer_stays_valid_while_all_it_names_exists(question, value, kept):
    """Another wording of the question changes nothing."""
    assert survives(replace(question, text={"en": "Another wording?"}), question, value) is kept


def test_an_answer_is_invalid_without_its_question():
    """Or with another type or unit."""
    assert not survives(None, SINGLE, "a")
    assert not survives(SINGLE, None, "a")
    assert not survives(MULTIPLE, SINGLE, "a")
    assert not survives(replace(NUMBER, unit="miles"), NUMBER, 5)
