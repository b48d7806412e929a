"""`discern fit --styles`: styles are kept only if they predict new respondents better."""

import json

import pytest
from click.testing import CliRunner

from question_bank.compile import compile_bank
from question_bank.files.load import read_bank
from survey_service.cli.main import main
from tests.question_bank.styled_world import answers

LABEL = ("--label", "who", "--bank-id", "made")


def run(*words):
    done = CliRunner().invoke(main, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done


def written(folder, name, styles, seed):
    path = folder / name
    path.write_text(answers(styles, 1000, seed), encoding="utf-8")
    return path


def right_after_eight(bank, people):
    words = ("--label", "who", "--columns", bank.with_suffix(".columns.yaml"), "--orders", "adaptive", "--steps", "8", "--json")
    return json.loads(run("replay", bank, "--answers", people, *words).stdout)["orders"]["adaptive"][0]


@pytest.fixture(scope="module")
def styled(tmp_path_factory):
    """Fit a bank with styles to respondents who have them. Return the bank's path and the summary of the fit."""
    folder = tmp_path_factory.mktemp("styles")
    training, out = written(folder, "teach.csv", 2, 1), folder / "styled.yaml"
    summary = run("fit", training, *LABEL, "--styles", "--out", out).stderr
    return out, summary


def test_planted_styles_improve_accuracy_on_new_respondents(tmp_path, styled):
    """With two styles in each persona, accuracy at eight questions rises by at least three points over one table per persona."""
    bank, summary = styled
    assert "styles: 2, 2, 2, 2 of the personas in their order" in summary
    assert [len(persona.styles) for persona in read_bank(bank.read_text()).personas] == [2] * 4
    one_table, people = tmp_path / "plain.yaml", written(tmp_path, "new.csv", 2, 2)
    run("fit", bank.parent / "teach.csv", *LABEL, "--out", one_table)

    with_styles, without = right_after_eight(bank, people), right_after_eight(one_table, people)

    assert with_styles["agreement"] >= without["agreement"] + 0.03
    assert with_styles["log_score"] > without["log_score"]
    assert with_styles["calibration_error"] < 0.04


def test_personas_without_styles_get_none(tmp_path):
    """The bank equals, to the byte, the one fitted without --styles."""
    training, asked, plain = written(tmp_path, "teach.csv", 1, 1), tmp_path / "asked.yaml", tmp_path / "plain.yaml"

    summary = run("fit", training, *LABEL, "--styles", "--out", asked).stderr
    run("fit", training, *LABEL, "--out", plain)

    assert "styles: none, because one table per persona predicts held-out personas as well" in summary
    assert asked.read_bytes() == plain.read_bytes()


def test_the_same_seed_gives_the_same_styles(tmp_path, styled):
    """The files are equal to the byte, with one process or two."""
    again = tmp_path / "again.yaml"
    run("fit", styled[0].parent / "teach.csv", *LABEL, "--styles", "--jobs", 2, "--out", again)

    assert again.read_bytes() == styled[0].read_bytes()


@pytest.mark.parametrize("how", [("--label", "who"), ("--without", "who")])
def test_a_bank_with_styles_is_refitted_to_more_answers(tmp_path, styled, how):
    """With and without labels the styles stay, their shares and tables change, and accuracy on new respondents does not fall."""
    before, out = styled[0], tmp_path / "next.yaml"
    more, people = written(tmp_path, "more.csv", 2, 3), written(tmp_path, "new.csv", 2, 2)

    run("fit", more, "--from", before, *how, "--out", out)

    old, new = read_bank(before.read_text()), read_bank(out.read_text())
    assert new.keys == old.keys
    assert new.shares != old.shares
    assert compile_bank(new).tables.classes == 8
    assert right_after_eight(out, people)["log_score"] > right_after_eight(before, people)["log_score"] - 0.01


def test_styles_cannot_be_combined_with_from(styled):
    """The exit code is 2, because --from keeps the styles of the bank."""
    done = CliRunner().invoke(main, ["fit", "a.csv", "--from", str(styled[0]), "--styles", "--out", "b.yaml"])

    assert done.exit_code == 2
