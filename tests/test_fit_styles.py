"""`discern fit --styles`: kept where they make new respondents known better, and only there."""

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
    """A bank fitted with styles to people who have them; what the fit said stands beside it."""
    folder = tmp_path_factory.mktemp("styles")
    teach, out = written(folder, "teach.csv", 2, 1), folder / "styled.yaml"
    told = run("fit", teach, *LABEL, "--styles", "--out", out).stderr
    return out, told


def test_styles_that_are_there_make_new_people_known_better(tmp_path, styled):
    """Two styles inside each persona: right at eight questions for at least three in a hundred more than with one table a persona."""
    bank, told = styled
    assert "styles: 2, 2, 2, 2 of the personas in their order" in told
    assert [len(persona.styles) for persona in read_bank(bank.read_text()).personas] == [2] * 4
    one_table, people = tmp_path / "plain.yaml", written(tmp_path, "new.csv", 2, 2)
    run("fit", bank.parent / "teach.csv", *LABEL, "--out", one_table)

    with_styles, without = right_after_eight(bank, people), right_after_eight(one_table, people)

    assert with_styles["agreement"] >= without["agreement"] + 0.03
    assert with_styles["log_score"] > without["log_score"]
    assert with_styles["calibration_error"] < 0.04


def test_personas_of_one_style_get_none(tmp_path):
    """The bank is, to the byte, the one that is fitted without asking for styles."""
    teach, asked, plain = written(tmp_path, "teach.csv", 1, 1), tmp_path / "asked.yaml", tmp_path / "plain.yaml"

    told = run("fit", teach, *LABEL, "--styles", "--out", asked).stderr
    run("fit", teach, *LABEL, "--out", plain)

    assert "styles: none, because one table a persona foretells held-out personas as well" in told
    assert asked.read_bytes() == plain.read_bytes()


def test_the_same_seed_gives_the_same_styles(tmp_path, styled):
    """To the byte, whether one process works on it or two."""
    again = tmp_path / "again.yaml"
    run("fit", styled[0].parent / "teach.csv", *LABEL, "--styles", "--jobs", 2, "--out", again)

    assert again.read_bytes() == styled[0].read_bytes()


@pytest.mark.parametrize("how", [("--label", "who"), ("--without", "who")])
def test_a_bank_with_styles_learns_from_more_answers(tmp_path, styled, how):
    """With labels and without: its styles are kept, their shares and tables move, and it knows new people no worse."""
    before, out = styled[0], tmp_path / "next.yaml"
    more, people = written(tmp_path, "more.csv", 2, 3), written(tmp_path, "new.csv", 2, 2)

    run("fit", more, "--from", before, *how, "--out", out)

    old, new = read_bank(before.read_text()), read_bank(out.read_text())
    assert new.keys == old.keys
    assert new.shares != old.shares
    assert compile_bank(new).tables.classes == 8
    assert right_after_eight(out, people)["log_score"] > right_after_eight(before, people)["log_score"] - 0.01


def test_styles_of_a_bank_are_not_sought_again(styled):
    """Exit 2: --from keeps them."""
    done = CliRunner().invoke(main, ["fit", "a.csv", "--from", str(styled[0]), "--styles", "--out", "b.yaml"])

    assert done.exit_code == 2
