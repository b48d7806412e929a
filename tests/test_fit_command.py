"""`discern fit`, as a person or a script meets it."""

import json

import pytest
from click.testing import CliRunner

from survey_service.cli import main
from tests.question_bank.planted import planted

QUESTIONS = ",".join(f"Q.{n}" for n in range(9))


@pytest.fixture
def answers(tmp_path):
    path = tmp_path / "answers.csv"
    path.write_text(planted(), encoding="utf-8")
    return path


def run(*words):
    done = CliRunner().invoke(main, [str(word) for word in words])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


@pytest.mark.parametrize("how", [("--personas", 2, "--columns", QUESTIONS), ("--label", "Who?")])
def test_a_fitted_bank_is_checked_and_replayed_on_its_own_answers(tmp_path, answers, how):
    """Nothing on stdout, a summary on stderr; the column map beside the bank lets the file be read again."""
    out = tmp_path / "My bank.yaml"

    done = run("fit", answers, *how, "--out", out)

    assert (done.exit_code, done.stdout) == (0, "")
    assert "My bank.yaml: 300 respondents, 2 personas, 9 questions, 1 dependences, evidence weight" in done.stderr
    assert run("check", out).exit_code == 0
    replayed = json.loads(run("replay", out, "--answers", answers, "--survey", "main", "--steps", "1,5", "--json").stdout)
    assert replayed["respondents"] == 300
    first, fifth = replayed["orders"]["adaptive"]
    assert fifth["agreement"] > first["agreement"] > 0.6
    assert fifth["calibration_error"] < 0.06


def test_the_same_seed_gives_the_same_file(tmp_path, answers):
    """To the byte."""
    one, two = tmp_path / "one.yaml", tmp_path / "two.yaml"
    for out in (one, two):
        run("fit", answers, "--personas", 2, "--columns", QUESTIONS, "--seed", 7, "--bank-id", "planted", "--out", out)
    assert one.read_bytes() == two.read_bytes()


@pytest.mark.parametrize(
    ("content", "wishes", "words"),
    [
        (b"q,r\n\xff\x81,1\n", ("--personas", 2), "is neither UTF-8, UTF-16 nor Windows-1252 text"),
        (b"", ("--personas", 2), "has no answers"),
        (b"q,r\n1,1\n", ("--personas", 2), "has one respondent"),
        (b"q,r\n1,1\n1,2\n", ("--personas", 2), "everybody answered"),
        (b"q,r\n1,1\n0,2\n", ("--personas", 3), "more than the 2 different respondents"),
        (b"q,r\n1,1\n0,2\n", ("--personas", 2, "--columns", "q"), "one question alone"),
        (b"q,r\n1,1\n0,2\n", ("--personas", 2, "--columns", "q,z"), 'there is no column "z"'),
        (b"q,r\n1,1\n0,2\n", ("--label", "z"), 'there is no column "z"'),
        (b"q,r\n1,a\n0,a\n", ("--label", "r"), 'holds only "a"'),
        (b"q,r\n1,1\n0,2\n", ("--personas", 2, "--bank-id", "No Slug"), '"No Slug" is not an id'),
        (b"q,r\n1,1\n0,2\n", ("--personas", 2, "--out", "{tmp}/none/bank.yaml"), "cannot be written"),
    ],
)
def test_wrong_input_is_told_and_leaves_no_file(tmp_path, content, wishes, words):
    """Exit 1, no traceback."""
    answers, out = tmp_path / "a.csv", tmp_path / "bank.yaml"
    answers.write_bytes(content)

    done = run("fit", answers, "--out", out, *(str(wish).replace("{tmp}", str(tmp_path)) for wish in wishes))

    assert done.exit_code == 1
    assert words in done.stderr
    assert done.stdout == ""
    assert not out.exists()


@pytest.mark.parametrize("wishes", [(), ("--personas", 2, "--label", "Who?"), ("--personas", 1)])
def test_usage_errors_exit_2(tmp_path, answers, wishes):
    """One way to personas, not none and not two."""
    assert run("fit", answers, "--out", tmp_path / "bank.yaml", *wishes).exit_code == 2
