"""`discern new`: a first bank by an interview on the terminal, or from a starter."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from question_bank.files.load import check_bank
from survey_service.cli.main import main

PERSONAS = ["The driver: long motorway days", "The family", ""]
TELLING_QUESTION = ["What made you choose it?", "Safety, Power, Price", "-- ++ 0", "++ - 0", ""]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def interview(*lines: str, arguments: tuple[str, ...] = ()):
    return CliRunner().invoke(main, ["new", *arguments], input="\n".join(lines) + "\n")


def test_an_interview_makes_a_bank_that_passes_all_checks():
    """Its file is named after it; what the simulation says, and the next commands, follow."""
    done = interview("cars", "fr", "Votre voiture", "https://shop.example/x", *PERSONAS, *TELLING_QUESTION)

    assert (done.exit_code, done.stdout) == (0, "cars.yaml\n"), done.output
    assert "discern publish cars.yaml" in done.stderr
    report = check_bank(Path("cars.yaml").read_text(encoding="utf-8"))
    assert (report.errors, report.warnings) == ((), ())
    assert report.bank is not None
    assert [persona.id for persona in report.bank.personas] == ["the-driver", "the-family"]
    assert report.bank.languages == ("fr",)
    assert report.bank.surveys[0].origins == ("https://shop.example",)


def test_what_cannot_be_read_is_asked_again():
    """Each refusal says what is expected; what was given before stays."""
    done = interview(
        *("Cars!", "cars", "english", "en", "", "Your car", "shop", ""),
        *("", "The driver", "The driver", "The family", ""),
        *("", "Why?", "Safety", "Safety; safety", "Safety, Power", "++", "++ x", "++ −", "-, +", ""),
    )

    assert done.exit_code == 0, done.output
    for expected in (
        *("is not an id", "write a code such as en", "this is needed", "at least 2 are needed", 'there is a "The driver" already'),
        *("write the address of a site", "one is needed", "write 2 to 20 answers", "each answer once", "write 2 of ++ + 0 - --"),
    ):
        assert expected in done.stderr
    bank = check_bank(Path("cars.yaml").read_text(encoding="utf-8")).bank
    assert bank is not None
    assert len(bank.questions) == 1


def test_personas_that_no_question_tells_apart_get_another_question():
    """The interview goes on until the checks have no warning."""
    three = ["The driver", "The family", "The devotee", ""]
    alike, of_two = ["Why?", "Safety, Power", "+ +", "0 0", "- -"], ["Really?", "Safety, Power", "++ 0", "0 ++", "0 ++", ""]
    done = interview("cars", "en", "Your car", "", *three, *alike, *of_two, "What for?", "Work, Home", "0 0", "+ -", "- +", "")

    assert done.exit_code == 0, done.output
    assert "All of them answer this alike" in done.stderr
    assert 'no question can tell "the-family", "the-devotee" apart' in done.stderr
    bank = check_bank(Path("cars.yaml").read_text(encoding="utf-8")).bank
    assert bank is not None
    assert [question.id for question in bank.questions] == ["really", "what-for"]


def test_a_starter_gets_the_name_of_its_file():
    """An existing file stays, unless it is to be replaced."""
    assert CliRunner().invoke(main, ["new", "my-shop.yaml", "--starter", "retail", "--origin", "https://shop.example"]).exit_code == 0
    bank = check_bank(Path("my-shop.yaml").read_text(encoding="utf-8")).bank
    assert bank is not None
    assert (bank.id, {survey.origins for survey in bank.surveys}) == ("my-shop", {("https://shop.example",)})

    refused = CliRunner().invoke(main, ["new", "my-shop.yaml", "--starter", "travel"])
    unknown = CliRunner().invoke(main, ["new", "--starter", "banks"])
    named = CliRunner().invoke(main, ["new", "My Shop.yaml", "--starter", "travel"])
    lost = CliRunner().invoke(main, ["new", "nowhere/shop.yaml", "--starter", "travel"])

    assert [done.exit_code for done in (refused, unknown, named, lost)] == [1, 1, 1, 1]
    assert "my-shop.yaml exists" in refused.stderr
    assert "b2b-software, insurance, retail, travel" in unknown.stderr
    assert 'and "My Shop" is not an id' in named.stderr
    assert "nowhere/shop.yaml cannot be written" in lost.stderr
    assert CliRunner().invoke(main, ["new", "my-shop.yaml", "--starter", "travel", "--force"]).exit_code == 0


def test_an_interview_that_is_broken_off_writes_nothing():
    """The end of the input counts as Ctrl-C."""
    done = CliRunner().invoke(main, ["new", "cars.yaml"], input="en\nYour car\n")

    assert done.exit_code == 1
    assert not Path("cars.yaml").exists()
