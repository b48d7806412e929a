"""The command `discern simulate`."""

import json

import pytest
from click.testing import CliRunner

from question_bank.files.load import read_bank
from survey_service.analysis.simulate import Options, figures, simulate_survey
from survey_service.cli.main import main
from tests.processes import ROOT

EXAMPLE = ROOT / "question_bank" / "examples" / "car-buyers.yaml"

EVERYTHING = """
bank: all
personas: [{id: a, name: A, prior: 0.6}, {id: b, name: B, prior: 0.4}]
questions:
  - {id: one, type: single, text: One, options: [{id: yes, text: Y}, {id: no, text: N}], likelihood: {a: [0.9, 0.1], b: [0.4, 0.6]}}
  - id: many
    type: multiple
    text: Many
    options: [{id: x, text: X}, {id: y, text: Y}]
    likelihood: {a: [0.8, 0.3], b: [0.2, 0.4]}
    ask_if: {one: [yes]}
  - {id: point, type: scale, text: Point, min: 1, max: 3, parent: one,
     likelihood: {a: {yes: [0.7, 0.2, 0.1], no: [0.2, 0.2, 0.6]}, b: {yes: [0.1, 0.2, 0.7], no: [0.3, 0.3, 0.4]}}}
  - {id: size, type: number, text: Size, min: 0, no_answer: {a: 0.1, b: 0.5},
     likelihood: {a: {mean: 10, sd: 3}, b: {median: 20, spread: 1.5}}}
  - {id: words, type: text, text: Words}
surveys: [{id: s, title: S, stop: {at_least: 0}}]
"""


def run(*words):
    done = CliRunner().invoke(main, ["simulate", *map(str, words)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def found(*words):
    done = run(*words, "--json")
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def test_the_figures_are_one_json_object_with_the_documented_keys():
    """The keys are those of docs/simulate.md; shares add up."""
    figures = found(EXAMPLE, "--survey", "website", "--respondents", 400, "--seed", 3)

    assert set(figures) == {
        *("bank", "survey", "respondents", "seed", "skip", "drop_out", "questions", "seconds", "stopped_because", "accuracy"),
        *("confidence", "calibration_error", "reliability", "personas", "asked", "never_asked", "lost"),
    }
    assert (figures["bank"], figures["survey"], figures["respondents"], figures["seed"]) == ("car-buyers", "website", 400, 3)
    distribution = {int(count): share for count, share in figures["questions"]["distribution"].items()}
    assert sum(distribution.values()) == pytest.approx(1, abs=1e-5)
    assert sum(count * share for count, share in distribution.items()) == pytest.approx(figures["questions"]["mean"], abs=1e-4)
    assert sum(figures["stopped_because"].values()) == pytest.approx(1, abs=1e-5)
    recalled = sum(persona["share"] * persona["recall"] for persona in figures["personas"])
    assert recalled == pytest.approx(figures["accuracy"]["mean"], abs=1e-5)
    assert sum(question["share"] for question in figures["asked"]) == pytest.approx(figures["questions"]["mean"], abs=1e-4)
    assert not {question["question"] for question in figures["asked"]} & set(figures["never_asked"])


def test_the_same_seed_gives_the_same_figures_and_table():
    """The table has length, accuracy, reasons, personas, questions asked and questions never asked."""
    first = run(EXAMPLE, "--survey", "website", "--respondents", 300)
    assert first.stdout == run(EXAMPLE, "--survey", "website", "--respondents", 300).stdout
    assert first.stdout != run(EXAMPLE, "--survey", "website", "--respondents", 300, "--seed", 2).stdout
    for words in ("300 respondents", "right persona", "confidence", "devotee", "reasons_value", "never asked: "):
        assert words in first.stdout


def test_questions_of_every_type_are_simulated(tmp_path):
    """Covers multiple choices, numbers, a tree and a condition; a text has no gain and is never asked."""
    bank = tmp_path / "all.yaml"
    bank.write_text(EVERYTHING)
    figures = found(bank, "--respondents", 2000)

    shares = {question["question"]: question["share"] for question in figures["asked"]}
    assert figures["never_asked"] == ["words"]
    assert shares["one"] == shares["point"] == shares["size"] == 1
    assert shares["many"] == pytest.approx(0.6 * 0.9 + 0.4 * 0.4, abs=0.05)
    silent = {question["question"]: question["silent"] for question in figures["asked"]}
    assert silent["size"] == pytest.approx(0.6 * 0.1 + 0.4 * 0.5, abs=0.04)
    assert figures["stopped_because"] == {"exhausted": 1}
    assert figures["calibration_error"] < 0.04


def test_skips_lower_accuracy_and_dropout_loses_respondents():
    """Both can be simulated before publishing."""
    bank = read_bank(EXAMPLE.read_bytes(), EXAMPLE.name)
    good, bad = (figures(simulate_survey(bank, Options("website", 1000, 1, rate, rate))) for rate in (0.0, 0.3))

    assert bad["accuracy"]["mean"] < good["accuracy"]["mean"] - 0.05
    assert good["lost"] == {"share": 0, "after_questions": {}}
    assert bad["lost"]["share"] == pytest.approx(bad["stopped_because"]["respondent"])
    assert sum(bad["lost"]["after_questions"].values()) == pytest.approx(bad["lost"]["share"], abs=1e-5)
    assert bad["lost"]["after_questions"]["1"] == pytest.approx(0.3, abs=0.04)
    assert sum(question["left"] for question in bad["asked"]) == pytest.approx(bad["lost"]["share"], abs=0.02)


@pytest.mark.parametrize(
    ("wishes", "words", "code"),
    [
        ((), "--survey: name one: it has post-purchase, website", 1),
        (("--survey", "none"), '--survey: the bank has no survey "none"', 1),
        (("--respondents", "0"), "--respondents", 2),
        (("--drop-out", "1"), "--drop-out", 2),
        (("--skip", "often"), "--skip", 2),
    ],
)
def test_wrong_options_are_refused(wishes, words, code):
    """Exit 1 for names that the bank does not have, 2 for invalid options; stdout stays empty."""
    done = run(EXAMPLE, *wishes)
    assert done.exit_code == code
    assert words in done.stderr
    assert done.stdout == ""
