"""Writing a bank for people, so that it reads back equal."""

import json

import pytest
import yaml
from hypothesis import HealthCheck, given, settings

from question_bank.files.load import read_bank
from question_bank.files.write import write_bank
from question_bank.versions import to_plain
from tests.question_bank.a_bank import GOOD, changed
from tests.question_bank.strategies import banks

invented = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@pytest.mark.slow
@invented
@given(banks())
def test_a_written_bank_reads_back_equal(bank):
    """For any texts, ids and numbers."""
    assert read_bank(write_bank(bank)) == bank


@pytest.mark.slow
@invented
@given(banks())
def test_other_yaml_parsers_read_the_same_strings(bank):
    """PyYAML's own loader, which takes yes for true, finds the same data; only keys of digits become numbers there."""
    plain = yaml.safe_load(write_bank(bank))

    assert plain["title"] == to_plain(bank)["title"]
    assert [question["text"] for question in plain["questions"]] == [question["text"] for question in to_plain(bank)["questions"]]


def test_a_written_bank_is_formatted_for_people():
    """One field per line, rows and texts on one line, strings without quotes where YAML allows."""
    lines = write_bank(read_bank(json.dumps(GOOD))).splitlines()

    assert lines[:5] == ["bank: cars", "title: {en: Cars, fr: Voitures}", "languages: [en, fr]", "personas:", "  - id: driver"]
    assert '    likelihood: {driver: {"yes": 0.9, "no": 0.1}, family: {"yes": 0.5, "no": 0.5}}' in lines
    assert '      family: {safety: "++", power: "0"}' in lines
    assert '      - {id: "yes", text: {en: "Yes"}}' in lines
    assert max(map(len, lines)) <= 100


def test_long_rows_are_wrapped():
    """Forty options stay below the width, and read back."""
    names = [f"option-number-{number}" for number in range(40)]
    bank = changed("questions.5.options", [{"id": name, "text": "x"} for name in names])
    bank["questions"][5].update(pilot=False, likelihood=dict.fromkeys(["driver", "family"], dict.fromkeys(names, 1 / 40)))
    read = read_bank(json.dumps(bank))

    text = write_bank(read)

    assert max(map(len, text.splitlines())) <= 101
    assert read_bank(text) == read


def test_notes_are_written_above_their_path():
    """The fit writes the support above each table."""
    bank = read_bank(json.dumps(GOOD))

    text = write_bank(
        bank, {"": "Fitted.", "questions.1": "Kept.", "questions.1.likelihood.driver": "n = 20\nfew", "questions.0.id": "First."}
    )

    assert text.startswith("# Fitted.\nbank: cars\n")
    assert "\n  # Kept.\n  - id: reasons\n" in text
    assert "    likelihood:\n      # n = 20\n      # few\n      driver: {counts: {safety: 1, power: 9}, of: 10}\n" in text
    assert "  -\n    # First.\n    id: owns\n" in text
    assert read_bank(text) == bank
