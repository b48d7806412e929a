"""The command `discern fit`."""

import csv
import json
import re

import numpy as np
import pytest
from click.testing import CliRunner

from survey_service.cli.main import main
from tests.question_bank.planted import planted

pytestmark = pytest.mark.slow

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
    """The summary goes to stderr and nothing to stdout; with the column map beside the bank the file can be replayed."""
    out = tmp_path / "My bank.yaml"

    done = run("fit", answers, *how, "--out", out)

    assert (done.exit_code, done.stdout) == (0, "")
    assert "My bank.yaml: 300 respondents, 2 personas, 9 questions, 1 dependence, evidence weight" in done.stderr
    for line in ("weights by question were left out: they predict held-out labels", "after all questions the stated persona is right for"):
        assert (line in done.stderr) == ("--label" in how)
    assert run("check", out).exit_code == 0
    replayed = json.loads(run("replay", out, "--answers", answers, "--survey", "main", "--steps", "1,5", "--json").stdout)
    assert replayed["respondents"] == 300
    first, fifth = replayed["orders"]["adaptive"]
    assert fifth["agreement"] > first["agreement"] > 0.6
    assert fifth["calibration_error"] < 0.06


def test_the_same_seed_gives_the_same_file(tmp_path, answers):
    """The files are equal to the byte."""
    first, second = tmp_path / "one.yaml", tmp_path / "two.yaml"
    for out in (first, second):
        run("fit", answers, "--personas", 2, "--columns", QUESTIONS, "--seed", 7, "--bank-id", "planted", "--out", out)
    assert first.read_bytes() == second.read_bytes()


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
def test_wrong_input_is_refused_and_leaves_no_file(tmp_path, content, wishes, words):
    """The exit code is 1, without a traceback."""
    answers, out = tmp_path / "a.csv", tmp_path / "bank.yaml"
    answers.write_bytes(content)

    done = run("fit", answers, "--out", out, *(str(wish).replace("{tmp}", str(tmp_path)) for wish in wishes))

    assert done.exit_code == 1
    assert words in done.stderr
    assert done.stdout == ""
    assert not out.exists()


@pytest.mark.parametrize(
    "wishes",
    [
        (),
        ("--personas", 2, "--label", "Who?"),
        ("--personas", 1),
        ("--personas", "8..2"),
        ("--personas", "many"),
        ("--from", "{answers}", "--personas", 2),
        ("--from", "{answers}", "--type", "a=single"),
    ],
)
def test_usage_errors_exit_2(tmp_path, answers, wishes):
    """Personas are given in exactly one way; with --from only options that the bank does not determine are allowed."""
    words = [str(wish).replace("{answers}", str(answers)) for wish in wishes]
    assert run("fit", answers, "--out", tmp_path / "bank.yaml", *words).exit_code == 2


def test_the_number_of_personas_does_not_depend_on_the_number_of_processes(tmp_path, answers):
    """The table has a line per number of personas, the choice, and BIC where it differs; the files are equal to the byte."""
    first, second = tmp_path / "one.yaml", tmp_path / "two.yaml"
    outputs = [
        run("fit", answers, "--personas", "2..3", "--columns", QUESTIONS, "--bank-id", "p", "--jobs", jobs, "--out", out).stderr
        for jobs, out in ((1, first), (2, second))
    ]

    assert outputs[0].replace("one.yaml", "two.yaml") == outputs[1]
    assert first.read_bytes() == second.read_bytes()
    lines = outputs[0].splitlines()
    assert lines[0].split()[:3] == ["personas", "log-likelihood", "parameters"]
    assert [line.split()[0] for line in lines[1:3]] == ["2", "3"]
    chosen, by_bic = int(lines[3][0]), min(lines[1:3], key=lambda line: float(line.split()[3])).split()[0]
    assert lines[3][1:].startswith(" personas: the fewest within one standard error")
    assert (f"BIC alone would choose {by_bic}" in lines) == (chosen != int(by_bic))
    assert first.read_text().count("  - id: persona-") == chosen


def test_a_bank_is_refitted_to_more_answers(tmp_path, answers):
    """The new file has the same columns, with and without labels; the result is replayed on it."""
    first = tmp_path / "first.yaml"
    run("fit", answers, "--label", "Who?", "--out", first)
    fresh = tmp_path / "fresh.csv"
    fresh.write_text(planted(120, seed=9), encoding="utf-8")

    for wish in ((), ("--label", "Who?")):
        out = tmp_path / "next.yaml"
        done = run("fit", fresh, "--from", first, *wish, "--out", out)

        assert (done.exit_code, done.stdout) == (0, "")
        assert "next.yaml: 120 respondents, 2 personas, 9 questions" in done.stderr
        assert "  - id: small-ones" in out.read_text()
        replayed = run("replay", out, "--answers", fresh, "--label", "Who?", "--orders", "adaptive", "--steps", "5", "--json")
        assert json.loads(replayed.stdout)["orders"]["adaptive"][0]["agreement"] > 0.8


def test_answers_unknown_to_the_bank_are_reported_with_their_cell(tmp_path, answers):
    """Reported are an unknown option, a column of no question, and a label of no persona."""
    first, fresh = tmp_path / "first.yaml", tmp_path / "fresh.csv"
    run("fit", answers, "--label", "Who?", "--out", first)
    lines = planted(30, seed=9).splitlines()
    fresh.write_text("\n".join([lines[0] + ",new", *(f"{line},1" for line in lines[1:]), "maybe,1,,,,,,,,Nobody,1"]), encoding="utf-8")

    done = run("fit", fresh, "--from", first, "--label", "Who?", "--out", tmp_path / "next.yaml")

    assert done.exit_code == 1
    assert 'fresh.csv:1: column "new": no question has this id' in done.stderr
    assert 'fresh.csv:32: column "Q.0": "maybe" is not among the values' in done.stderr
    assert 'fresh.csv:32: column "Who?": "Nobody" is not a persona' in done.stderr


def test_a_column_that_hardly_anybody_answered_is_warned_of(tmp_path):
    """Four answers of 300 make no table; the others are not named."""
    answers = tmp_path / "answers.csv"
    first, *lines = planted().splitlines()
    few = dict(enumerate(("p", "q", "q", "q")))
    answers.write_text("\n".join([f"{first},Rare", *(f"{line},{few.get(n, '')}" for n, line in enumerate(lines))]))

    done = run("fit", answers, "--label", "Who?", "--out", tmp_path / "bank.yaml")

    assert done.exit_code == 0
    assert 'warning: column "Rare": only 4 of 300 respondents answered it, too few for its tables: leave it out' in done.stderr
    assert done.stderr.count("too few for its tables") == 1


def test_an_update_whose_personas_drift_is_warned_of(tmp_path):
    """Six answers tell a mood that has nothing to do with the persona, and one the persona: without labels the mood takes its place."""
    dice = np.random.default_rng(1)
    lines = ["who,car,m1,m2,m3,m4,m5,m6"]
    for _ in range(400):
        persona, mood = dice.integers(0, 2, 2)
        car = persona if dice.random() < 0.7 else 1 - persona
        moods = [mood if dice.random() < 0.9 else 1 - mood for _ in range(6)]
        lines.append(",".join([("driver", "family")[persona], ("fast", "safe")[car], *map(str, moods)]))
    answers, bank = tmp_path / "answers.csv", tmp_path / "bank.yaml"
    answers.write_text("\n".join(lines))
    assert run("fit", answers, "--label", "who", "--out", bank).exit_code == 0

    alone, labelled = tmp_path / "alone.yaml", tmp_path / "labelled.yaml"
    drifted = run("fit", answers, "--from", bank, "--out", alone)
    kept = run("fit", answers, "--from", bank, "--label", "who", "--out", labelled)

    assert "warning: the personas have drifted: " in drifted.stderr
    assert "name the column with their persona by --label, or keep bank as it is" in drifted.stderr
    assert "drifted" not in kept.stderr
    assert re.search(r"shares: (driver|family) \d+\.\d%, now \d+\.\d%, ", kept.stderr)


def test_labels_may_be_probabilities(tmp_path):
    """With a column per persona each respondent counts by its probabilities."""
    answers, out = tmp_path / "a.csv", tmp_path / "bank.yaml"
    lines = [f"{n % 5 + 1},{n // 3 % 4 + 1},{0.9 if n % 5 < 2 else 0.2},{0.1 if n % 5 < 2 else 0.8}" for n in range(60)]
    answers.write_text("\n".join(["q,r,Buyers,Lookers", *lines]))

    done = run("fit", answers, "--label-probabilities", "Buyers,Lookers", "--keep-repeats", "--out", out)

    assert done.exit_code == 0, done.stderr
    assert "support: 29 of 60 respondents\n  - id: buyers" in out.read_text()


def test_informative_missing_answers_are_written_to_bank_and_column_map(tmp_path):
    """Replay then counts an empty cell as the bank does."""
    rng = np.random.default_rng(1)
    who = rng.integers(0, 2, 400)
    cells = [[str(rng.integers(1, 4)) if rng.random() > (0.1, 0.6)[k] else "" for _ in range(6)] + ["ab"[k]] for k in who]
    answers, out = tmp_path / "a.csv", tmp_path / "bank.yaml"
    answers.write_text("\n".join(["q1,q2,q3,q4,q5,q6,who", *(",".join(row) for row in cells)]))

    done = run("fit", answers, "--label", "who", "--out", out)

    assert done.exit_code == 0, done.stderr
    assert "no_answer: {a: 0.1" in out.read_text()
    assert "# no_answer: missing answers differ between personas" in out.read_text()
    replayed = run("replay", out, "--answers", answers, "--label", "who", "--orders", "random", "--steps", "6", "--json")
    assert json.loads(replayed.stdout)["orders"]["random"][0]["agreement"] > 0.85


def test_parquet_and_semicolons_are_fitted_and_replayed_alike(tmp_path, answers):
    """The same answers from three files give the same bank and the same metrics."""
    import pyarrow
    from pyarrow import parquet

    header, *rows = csv.reader(answers.read_text(encoding="utf-8").splitlines())
    columns = {name: [row[place] or None for row in rows] for place, name in enumerate(header)}
    whole = {name: values if name != "Q.1" else [value and int(value) for value in values] for name, values in columns.items()}
    parquet.write_table(pyarrow.table(whole), tmp_path / "answers.parquet")
    with (tmp_path / "excel.csv").open("w", encoding="cp1252", newline="") as file:
        csv.writer(file, delimiter=";").writerows([header, *rows])
    outputs = []
    for path in (answers, tmp_path / "answers.parquet", tmp_path / "excel.csv"):
        out = tmp_path / f"{path.name}.yaml"
        assert run("fit", path, "--label", "Who?", "--bank-id", "planted", "--out", out).exit_code == 0
        replayed = run("replay", out, "--answers", path, "--label", "Who?", "--steps", "3", "--orders", "adaptive", "--json").stdout
        outputs.append((out.read_text(), replayed))
    assert outputs[0] == outputs[1] == outputs[2]


def test_replay_refuses_a_file_with_repeated_lines(tmp_path, answers):
    """The error names the line, as that of fit does."""
    first, twice = tmp_path / "first.yaml", tmp_path / "twice.csv"
    run("fit", answers, "--label", "Who?", "--out", first)
    header, *lines = answers.read_text(encoding="utf-8").splitlines()
    twice.write_text("\n".join([header, *lines, *lines]), encoding="utf-8")

    for words in (("fit", twice, "--label", "Who?", "--out", tmp_path / "b.yaml"), ("replay", first, "--answers", twice)):
        done = run(*words)
        assert done.exit_code == 1
        assert "twice.csv:302: 300 lines from here on repeat the lines from 2 on" in done.stderr


def test_replay_goes_on_without_what_file_or_bank_do_not_know(tmp_path, answers):
    """Columns, cells and labels that are unknown are left out and said, and questions that have no column."""
    bank, fewer = tmp_path / "bank.yaml", tmp_path / "fewer.csv"
    run("fit", answers, "--label", "Who?", "--out", bank)
    header, *rows = csv.reader(answers.read_text(encoding="utf-8").splitlines())
    lines = [[*row[:4], row[-1], "1"] for row in rows]
    lines[0][0], lines[1][-2] = "perhaps", "Nobody"
    with fewer.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([[*header[:4], header[-1], "new"], *lines])

    done = run("replay", bank, "--answers", fewer, "--label", "Who?", "--orders", "fixed", "--steps", "4", "--json")

    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["respondents"] == 299
    assert "left out, because no question has their name: new" in done.stderr
    assert "5 of 9 questions have no column: q-4, q-5, q-6, q-7, q-8" in done.stderr
    assert 'column "Q.0": left out, because the bank does not know them: "perhaps" (1)' in done.stderr
    assert 'column "Who?": left out, because the bank does not know them: "Nobody" (1)' in done.stderr


def test_a_file_of_other_questions_is_not_replayed(tmp_path, answers):
    """The error lists its columns."""
    bank, other = tmp_path / "bank.yaml", tmp_path / "other.csv"
    run("fit", answers, "--label", "Who?", "--out", bank)
    other.write_text("a,b\n1,2\n2,1\n")

    done = run("replay", bank, "--answers", other)

    assert done.exit_code == 1
    assert "other.csv: no column is a question of the bank: the columns are a, b" in done.stderr


def test_texts_are_in_the_language_of_the_file_and_of_the_report(tmp_path):
    """fit --language names it, the report shows the bank's texts in the wanted language, and its path is printed."""
    from tests.export_files import google_forms_french

    expected = google_forms_french(tmp_path)
    bank, report = tmp_path / "bank.yaml", tmp_path / "report.html"
    run("fit", tmp_path / expected.file, "--label", "segment", "--language", "fr", "--out", bank)
    text = bank.read_text(encoding="utf-8")
    assert "languages: [fr]" in text
    two = tmp_path / "two.yaml"
    two.write_text(
        text.replace("languages: [fr]", "languages: [fr, en]").replace("{fr: Usages}", "{fr: Usages, en: Uses}"), encoding="utf-8"
    )

    words = ("replay", two, "--answers", tmp_path / expected.file, "--columns", tmp_path / "bank.columns.yaml", "--orders", "adaptive")
    done = run(*words, "--steps", "1", "--language", "en", "--report", report)

    assert done.exit_code == 0, done.stderr
    assert f"report: {report}" in done.stderr
    assert "Uses" in report.read_text(encoding="utf-8")
    assert "--language: the bank has no texts in ja" in run(*words, "--steps", "1", "--language", "ja").stderr
    assert run(*words, "--language", "not a code").exit_code == 2
