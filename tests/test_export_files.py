"""Exports of survey tools, sheets and statistics programs become the right bank through `discern fit`, or a sentence says what to do."""

import json

import pytest
from click.testing import CliRunner

from question_bank.files.load import read_bank
from survey_service.cli.main import main
from tests.export_files import MAKERS

pytestmark = pytest.mark.slow


def run(*words):
    done = CliRunner().invoke(main, [str(word) for word in words])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_an_export_becomes_its_bank_or_a_sentence(tmp_path, make):
    """The questions, their types and outcomes are right, what was decided is said, and the file is replayed by its column map."""
    expected = make(tmp_path)
    out = tmp_path / "bank.yaml"

    done = run("fit", tmp_path / expected.file, "--label", expected.label, "--out", out, *expected.options)

    assert done.exit_code == expected.code, done.stderr
    for sentence in expected.sentences:
        assert sentence in done.stderr, done.stderr
    if expected.code:
        assert not out.exists()
        return
    text = out.read_text(encoding="utf-8")
    bank = read_bank(text)
    found = {question.id: (question.type, " ".join(question.outcomes)) for question in bank.questions}
    assert found == expected.questions, done.stderr
    for words in expected.never:
        assert words not in text + (tmp_path / "bank.columns.yaml").read_text(encoding="utf-8")
    sheet = [
        word for option, word in zip(expected.options, expected.options[1:], strict=False) for word in (option, word) if option == "--sheet"
    ]
    replayed = run(
        "replay",
        out,
        "--answers",
        tmp_path / expected.file,
        "--label",
        expected.label,
        "--orders",
        "fixed",
        "--steps",
        "0,9",
        "--json",
        *sheet,
    )
    assert replayed.exit_code == 0, replayed.stderr
    none, every = json.loads(replayed.stdout)["orders"]["fixed"]
    assert every["log_score"] > none["log_score"] + 0.05
