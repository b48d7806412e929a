"""The command `discern attribute` on files: fit, forecast, apply and sql, in every file format, and how it refuses bad input."""

import csv
import json

import duckdb
import numpy as np
import openpyxl
import pyarrow as pa
import pytest
import sqlglot
from click.testing import CliRunner
from pyarrow import parquet

from adaptive.lookalike.fit import fit_attribution
from adaptive.lookalike.model import score
from survey_service.analysis.attribution_apply import read_model
from survey_service.analysis.attribution_sql import statement
from survey_service.cli.main import main
from tests.adaptive.lookalike.people import PERSONAS, planted

pytestmark = pytest.mark.slow

HEADER = ("external_id", "age", "city", "since", "job", "persona")


def run(*words):
    done = CliRunner().invoke(main, ["attribute", *(str(word) for word in words)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def table(contacts=800, respondents=400, seed=1):
    """Return rows of cells: the first `respondents` have a label."""
    columns, who = planted(contacts, seed)
    return [
        [
            f"c{n}",
            f"{columns['age'][n]:.0f}",
            columns["city"][n] or "",
            str(columns["since"][n]),
            columns["job"][n],
            PERSONAS[who[n]] if n < respondents else "",
        ]
        for n in range(contacts)
    ]


def write_csv(path, rows, header=HEADER, delimiter=",", encoding="utf-8", first=""):
    with path.open("w", newline="", encoding=encoding) as file:
        file.write(first)
        csv.writer(file, delimiter=delimiter).writerows([header, *rows])
    return path


def read_csv(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write_xlsx(path, rows):
    book = openpyxl.Workbook()
    for row in [HEADER, *rows]:
        book.active.append([float(cell) if cell.isdecimal() else cell or None for cell in row])
    book.save(path)
    return path


def write_parquet(path, rows):
    columns = dict(zip(HEADER, zip(*rows, strict=True), strict=True))
    arrays = {name: pa.array([value or None for value in values]) for name, values in columns.items()}
    arrays |= {"age": pa.array([int(age) for age in columns["age"]]), "since": pa.array(np.array(columns["since"], dtype="datetime64[D]"))}
    parquet.write_table(pa.table(arrays), path, row_group_size=300)
    return path


@pytest.fixture(scope="module")
def contacts(tmp_path_factory):
    return write_csv(tmp_path_factory.mktemp("contacts") / "contacts.csv", table())


@pytest.fixture(scope="module")
def model(contacts):
    out = contacts.with_name("model.json")
    done = run("fit", "--contacts", contacts, "--label", "persona", "--out", out)
    assert done.exit_code == 0, done.stderr
    return out


def test_a_fit_reports_its_figures(contacts, tmp_path):
    """As JSON: bits of each attribute, log loss against the prior, calibration, threshold and coverage."""
    done = run("fit", "--contacts", contacts, "--label", "persona", "--out", tmp_path / "m.json", "--json")

    found = json.loads(done.stdout)
    assert (found["labels"], found["contacts"], found["personas"]) == (400, 800, list(PERSONAS))
    assert {row["name"] for row in found["attributes"]} == {"age", "city", "since", "job"}
    assert found["log_loss"] < found["prior_log_loss"] - 0.2
    assert found["calibration_error"] < 0.1
    assert 0 < found["threshold"] < 1
    assert 0 < found["coverage"] <= 1
    assert found["warnings"] == []


def test_contacts_are_scored_in_the_order_of_the_file(contacts, model, tmp_path):
    """Each line has its id, a probability a persona, the top persona, its confidence and whether it is assigned."""
    out = tmp_path / "out.csv"

    done = run("apply", model, "--contacts", contacts, "--out", out, "--json")

    rows = read_csv(out)
    assert list(rows[0]) == ["external_id", "p_driver", "p_family", "p_saver", "top", "confidence", "is_assigned"]
    assert [row["external_id"] for row in rows] == [f"c{n}" for n in range(800)]
    for row in rows:
        shares = {persona: float(row[f"p_{persona}"]) for persona in PERSONAS}
        assert sum(shares.values()) == pytest.approx(1)
        assert float(row["confidence"]) == max(shares.values()) == shares[row["top"]]
        assert row["is_assigned"] == str(float(row["confidence"]) >= read_model(model).threshold).lower()
    found = json.loads(done.stdout)
    assert found["contacts"] == 800
    assert found["assigned"] == sum(row["is_assigned"] == "true" for row in rows)


@pytest.mark.parametrize("kind", ["semicolon", "utf-16", "latin", "excel", "parquet"])
def test_every_format_gives_the_same_scores(contacts, model, tmp_path, kind):
    """Separators, encodings, `sep=`, Excel and Parquet; a Parquet file in, a Parquet file out."""
    rows = table()
    if kind == "excel":
        path = write_xlsx(tmp_path / "c.xlsx", rows)
    elif kind == "parquet":
        path = write_parquet(tmp_path / "c.parquet", rows)
    else:
        encoding = {"semicolon": "utf-8-sig", "utf-16": "utf-16", "latin": "cp1252"}[kind]
        first = "sep=;\n" if kind == "semicolon" else ""
        path = write_csv(tmp_path / "c.csv", [[*row[:-1], "é"] for row in rows], delimiter=";", encoding=encoding, first=first)
    expected, out = tmp_path / "expected.csv", tmp_path / "out.parquet"
    run("apply", model, "--contacts", contacts, "--out", expected)

    done = run("apply", model, "--contacts", path, "--out", out)

    assert done.exit_code == 0, done.stderr
    found = parquet.read_table(out).to_pylist()
    for row, other in zip(read_csv(expected), found, strict=True):
        assert (row["external_id"], row["top"]) == (other["external_id"], other["top"])
        assert [float(row[f"p_{persona}"]) for persona in PERSONAS] == pytest.approx(
            [other[f"p_{persona}"] for persona in PERSONAS], abs=1e-15
        )


def test_decimal_commas_are_numbers(tmp_path):
    """As spreadsheets write them where the separator is a semicolon, at the fit and at the application."""
    rows = [[row[0], f"{float(row[1]) + 0.5}", *row[2:]] for row in table(300, 300)]
    with_commas = [[row[0], row[1].replace(".", ","), *row[2:]] for row in rows]
    points, commas = write_csv(tmp_path / "p.csv", rows), write_csv(tmp_path / "c.csv", with_commas, delimiter=";")

    for path in (points, commas):
        run("fit", "--contacts", path, "--label", "persona", "--out", path.with_suffix(".json"))
        assert run("apply", path.with_suffix(".json"), "--contacts", path, "--out", path.with_suffix(".out.csv")).exit_code == 0

    assert points.with_suffix(".json").read_text() == commas.with_suffix(".json").read_text()
    assert points.with_suffix(".out.csv").read_text() == commas.with_suffix(".out.csv").read_text()


def test_probabilities_are_labels_too(tmp_path):
    """Columns of P(persona), as a survey exports them."""
    rows = [[*row[:-1], *("0.9" if row[-1] == persona else "0.05" for persona in PERSONAS)] for row in table(300, 300)]
    path = write_csv(tmp_path / "c.csv", rows, (*HEADER[:-1], *PERSONAS))

    done = run("fit", "--contacts", path, "--label-probabilities", ",".join(PERSONAS), "--out", tmp_path / "m.json", "--json")

    found = json.loads(done.stdout)
    assert found["personas"] == list(PERSONAS)
    assert found["log_loss"] < found["prior_log_loss"] - 0.1


def test_the_personas_of_a_bank_are_those_of_the_model(tmp_path, contacts):
    """In its order; a label that is none of them is named."""
    bank = tmp_path / "bank.yaml"
    bank.write_text(
        "bank: shop\nlanguages: [en]\npersonas:\n"
        + "".join(
            f"  - {{id: {persona}, name: {persona}, prior: {prior}}}\n"
            for persona, prior in zip(("saver", "driver", "family"), (0.5, 0.3, 0.2), strict=True)
        )
        + "questions:\n  - id: q\n    type: single\n    text: Why?\n    options: [{id: a, text: A}, {id: b, text: B}]\n"
        + "    likelihood: {saver: {a: 0.5, b: 0.5}, driver: {a: 0.4, b: 0.6}, family: {a: 0.9, b: 0.1}}\n",
        encoding="utf-8",
    )
    assert run("fit", bank, "--contacts", contacts, "--label", "persona", "--out", tmp_path / "m.json").exit_code == 0
    assert read_model(tmp_path / "m.json").personas == ("saver", "driver", "family")

    wrong = write_csv(tmp_path / "w.csv", [[*row[:-1], row[-1].replace("saver", "thief")] for row in table()])
    done = run("fit", bank, "--contacts", wrong, "--label", "persona", "--out", tmp_path / "n.json")
    assert done.exit_code == 1
    assert 'w.csv: the label "thief" is not a persona of the bank: it must be one of saver, driver, family' in done.stderr


def test_the_forecast_says_how_many_can_be_assigned(contacts):
    """At several accuracies, in contacts of the file."""
    found = json.loads(run("forecast", "--contacts", contacts, "--label", "persona", "--json").stdout)

    assert [row["accuracy"] for row in found["targets"]] == [0.6, 0.7, 0.8, 0.9]
    assert all(row["contacts"] == round(800 * row["share"]) for row in found["targets"])
    shown = run("forecast", "--contacts", contacts, "--label", "persona").stdout
    assert "from 400 respondents, held out; of 800 contacts if they are like them" in shown


def test_the_report_is_one_page(contacts, tmp_path):
    """Forecast, coverage, reliability, shares, attributes and quality of the data; nothing is fetched from elsewhere."""
    report = tmp_path / "report.html"

    run("fit", "--contacts", contacts, "--label", "persona", "--out", tmp_path / "m.json", "--report", report)

    page = report.read_text(encoding="utf-8")
    for title in (
        "How many can be assigned",
        "Accuracy against coverage",
        "Is the stated confidence true?",
        "How large each persona is",
        "What tells the personas apart",
        "How good the data are",
    ):
        assert title in page
    assert "<script" not in page
    assert 'src="http' not in page


# ---------------------------------------------------------------- bad input


def fit_of(tmp_path, rows, *more, header=HEADER):
    path = write_csv(tmp_path / "c.csv", rows, header)
    return run("fit", "--contacts", path, "--label", "persona", "--out", tmp_path / "m.json", *more)


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (lambda n: "same", 'attribute "extra" is left out: it is the same for everybody'),
        (lambda n: f"u{n}x", 'attribute "extra" is left out: it is another one for every contact'),
        (lambda n: "ab"[n % 2] if n % 5 == 0 else "", 'attribute "extra" is left out: it is missing for 80% of the respondents'),
        (lambda n: f"v{n // 4}", 'attribute "extra" is left out: it is without a value that 11 respondents share'),
    ],
)
def test_useless_attributes_are_named_and_left_out(tmp_path, cell, words):
    """The fit goes on without them."""
    rows = [[*row[:-1], cell(n), row[-1]] for n, row in enumerate(table(300, 300))]

    done = fit_of(tmp_path, rows, header=(*HEADER[:-1], "extra", "persona"))

    assert done.exit_code == 0
    assert f"warning: {words}" in done.stdout
    assert "extra" not in read_model(tmp_path / "m.json").attributes


def test_a_file_that_holds_no_model_is_named(tmp_path):
    """Also one that is nested deeper than a reader of JSON goes."""
    for content in ("{", "[]", "[" * 100_000):
        (tmp_path / "m.json").write_text(content)
        with pytest.raises(ValueError, match=r"^m\.json: "):
            read_model(tmp_path / "m.json")


def test_a_column_copied_from_the_label_is_refused_unless_allowed(tmp_path):
    """It asks whether the column comes from the questionnaire."""
    rows = [[*row[:-1], f"segment {row[-1]}", row[-1]] for row in table(300, 300)]
    header = (*HEADER[:-1], "segment", "persona")

    done = fit_of(tmp_path, rows, header=header)

    assert done.exit_code == 1
    assert 'attribute "segment" explains' in done.stderr
    assert "does it come from the questionnaire? Leave it out with --without segment, or accept it with --allow segment" in done.stderr
    assert not (tmp_path / "m.json").exists()
    assert fit_of(tmp_path, rows, "--allow", "segment", header=header).exit_code == 0
    assert fit_of(tmp_path, rows, "--without", "segment", header=header).exit_code == 0


def test_columns_that_identify_people_are_no_attributes(tmp_path):
    """E-mail addresses and phone numbers are left out under any name, and said; a postcode may describe people."""
    rows = [[f"p{n % 40}@example.org", f"+33 6 00 00 00 {n % 40:02d}", f"1011{n % 5}", *row] for n, row in enumerate(table(120, 120))]

    done = fit_of(tmp_path, rows, header=("Kontakt", "reach", "postcode", *HEADER))

    assert done.exit_code == 0, done.stderr
    assert 'column "Kontakt" is left out: it holds an e-mail address; --type Kontakt=KIND takes it in' in done.stdout
    assert 'column "reach" is left out: it holds a phone number' in done.stdout
    assert "postcode" in read_model(tmp_path / "m.json").attributes


def test_with_too_few_labels_the_model_is_the_prior(tmp_path):
    """It says how many more are needed, and the model still scores contacts."""
    done = fit_of(tmp_path, table(100, 20))

    assert done.exit_code == 0
    assert "too few labels for a fit, the model is its prior only: it needs 10 more labels" in done.stdout
    assert run("apply", tmp_path / "m.json", "--contacts", tmp_path / "c.csv", "--out", tmp_path / "o.csv").exit_code == 0
    assert len({row["p_driver"] for row in read_csv(tmp_path / "o.csv")}) == 1


def test_a_persona_with_too_few_labels_keeps_its_prior(tmp_path):
    """It says how many more are needed; the other personas are fitted."""
    rows = table(200, 120)
    for row in [row for row in rows if row[-1] == "saver"][2:]:
        row[-1] = ""

    done = fit_of(tmp_path, rows)

    assert done.exit_code == 0
    assert "warning: too few labels of some personas, which keep their prior only: it needs 3 more of saver" in done.stdout
    assert run("apply", tmp_path / "m.json", "--contacts", tmp_path / "c.csv", "--out", tmp_path / "o.csv").exit_code == 0
    found = read_csv(tmp_path / "o.csv")
    assert len({row["p_driver"] for row in found}) > 50
    assert max(float(row["p_saver"]) for row in found) < 0.1


def test_a_missing_column_is_named(model, tmp_path):
    """All of them at once, and what the file has."""
    path = write_csv(tmp_path / "c.csv", [[row[0], row[1]] for row in table()], HEADER[:2])

    done = run("apply", model, "--contacts", path, "--out", tmp_path / "o.csv")

    assert done.exit_code == 1
    for name in ("city", "since", "job"):
        assert f'c.csv: there is no column "{name}", which the model needs: the file has external_id, age' in done.stderr
    assert not (tmp_path / "o.csv").exists()


def test_a_file_without_contacts_is_refused(model, tmp_path):
    done = run("apply", model, "--contacts", write_csv(tmp_path / "c.csv", []), "--out", tmp_path / "o.csv")

    assert (done.exit_code, done.stderr) == (1, "c.csv: has no contacts: give a line a contact\n")
    assert not (tmp_path / "o.csv").exists()


def test_an_output_that_cannot_be_written_is_refused(contacts, model, tmp_path):
    done = run("apply", model, "--contacts", contacts, "--out", tmp_path / "nowhere" / "o.csv")

    assert done.exit_code == 1
    assert "--out: " in done.stderr
    assert "cannot be written" in done.stderr


def test_a_column_of_another_type_is_refused(model, tmp_path):
    path = write_csv(tmp_path / "c.csv", [[row[0], "young", *row[2:]] for row in table()])

    done = run("apply", model, "--contacts", path, "--out", tmp_path / "o.csv")

    assert done.exit_code == 1
    assert 'c.csv: column "age": holds no numbers, as at the fit: 800 of 800 cannot be read' in done.stderr
    assert list(tmp_path.glob("o.csv*")) == []


def test_unseen_levels_are_counted_and_warned_about(model, tmp_path):
    """From a fifth of the contacts on."""
    path = write_csv(tmp_path / "c.csv", [[*row[:2], "Atlantis" if n % 2 else row[2], *row[3:]] for n, row in enumerate(table())])

    done = run("apply", model, "--contacts", path, "--out", tmp_path / "o.csv")

    assert done.exit_code == 0
    assert 'warning: attribute "city": 50% of the values were never seen at the fit' in done.stdout


@pytest.mark.parametrize("command", ["fit", "apply"])
def test_ids_that_occur_twice_are_listed(model, tmp_path, command):
    """Each line, with the line of the first; nothing is written."""
    rows = table()
    rows[5][0], rows[700][0], rows[701][0] = "c1", "c2", ""
    path = write_csv(tmp_path / "c.csv", rows)
    out = tmp_path / "out.csv"
    more = ("--label", "persona") if command == "fit" else ()

    done = run(command, *([] if command == "fit" else [model]), "--contacts", path, *more, "--out", out)

    assert done.exit_code == 1
    assert done.stderr.splitlines() == [
        'c.csv:703: column "external_id": is empty: every contact needs an id',
        'c.csv:7: column "external_id": "c1" is on line 3 already: keep one line a contact',
        'c.csv:702: column "external_id": "c2" is on line 4 already: keep one line a contact',
    ]
    assert list(tmp_path.glob("out.csv*")) == []


def test_respondents_who_are_in_the_file_twice_are_warned_about(tmp_path):
    """Without ids, lines that repeat in the same order are found."""
    rows = [row[1:] for row in table(200, 200)]
    path = write_csv(tmp_path / "c.csv", [*rows, *rows[:60]], HEADER[1:])

    done = run("fit", "--contacts", path, "--label", "persona", "--out", tmp_path / "m.json")

    assert done.exit_code == 0
    assert "warning: c.csv:202: 60 lines from here on repeat the lines from 2 on, in the same order" in done.stdout


def test_mixed_dates_are_listed(tmp_path):
    """Each line that cannot be read as the others."""
    rows = table(300, 300)
    rows[3][3], rows[9][3] = "31/12/2020", "2020-02-30"

    done = fit_of(tmp_path, rows)

    assert done.exit_code == 1
    lines = done.stderr.splitlines()
    assert [line.partition(": column")[0] for line in lines] == ["c.csv:5", "c.csv:11"]
    assert '"31/12/2020" is not a date like the others, year-month-day: write it in this order' in lines[0]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--label", "nothing"), 'there is no column "nothing", which --label names'),
        (("--label", "persona", "--without", "nothing"), 'there is no column "nothing", which --without names'),
        (("--label", "persona", "--columns", "age,nothing"), 'there is no column "nothing", which --columns names'),
        (("--label", "persona", "--type", "age=float"), '--type: "float" for age is not one of number, date, category, text, ignore'),
        (("--label", "persona", "--type", "age"), '--type: "age" has no kind: write COLUMN=number, date, category, text or ignore'),
        (("--label", "persona", "--id-column", "nothing"), 'there is no column "nothing", which --id-column names'),
        (("--label-probabilities", "age"), "--label-probabilities: names one persona"),
        (("--label-probabilities", "age,age"), '--label-probabilities: names "age" twice: name each column once'),
    ],
)
def test_options_that_name_nothing_are_refused(contacts, tmp_path, words, message):
    done = run("fit", "--contacts", contacts, *words, "--out", tmp_path / "m.json")

    assert done.exit_code == 1
    assert message in done.stderr


@pytest.mark.parametrize("words", [(), ("--label", "persona", "--label-probabilities", "a,b")])
def test_one_kind_of_label_is_needed(contacts, tmp_path, words):
    done = run("fit", "--contacts", contacts, *words, "--out", tmp_path / "m.json")

    assert done.exit_code == 2
    assert "give one of --label and --label-probabilities" in done.stderr


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "has no contacts"),
        (b"external_id,age\n1,2,3\n2,4\n", "c.csv:2: has 3 cells where the first line names 2 columns"),
        (b"external_id,,age\n1,2,3\n", "column 2 has no name"),
        (b"external_id,age,age\n1,2,3\n", 'column "age" stands there twice'),
        (b"external_id,age\n\x00\x01\x02", "is neither UTF-8, UTF-16 nor Windows-1252 text"),
    ],
)
def test_files_that_cannot_be_read_are_refused(tmp_path, content, words):
    path = tmp_path / "c.csv"
    path.write_bytes(content)

    done = run("fit", "--contacts", path, "--label", "age", "--out", tmp_path / "m.json")

    assert done.exit_code == 1
    assert words in done.stderr


@pytest.mark.parametrize("name", ["c.parquet", "c.xlsx"])
def test_files_that_are_not_what_their_name_says_are_refused(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"external_id,age\n1,2\n")

    done = run("fit", "--contacts", path, "--label", "age", "--out", tmp_path / "m.json")

    assert done.exit_code == 1
    assert f"{name}: is not a readable" in done.stderr


@pytest.mark.parametrize("content", ["{}", "[]", "no json", '{"format": 1}'])
def test_a_file_that_is_no_model_is_refused(contacts, tmp_path, content):
    (tmp_path / "m.json").write_text(content)

    for done in (run("apply", tmp_path / "m.json", "--contacts", contacts, "--out", tmp_path / "o.csv"), run("sql", tmp_path / "m.json")):
        assert done.exit_code == 1
        assert "m.json: " in done.stderr


# ---------------------------------------------------------------- SQL


def test_duckdb_gives_the_same_probabilities(contacts, model):
    """To 1e-12, with missing values, unseen levels, words and dates."""
    rows = [
        *table(200, 0, seed=7),
        ["x1", "", "Atlantis", "", "", ""],
        ["x2", "old", "", "soon", "Sales, FARM", ""],
        ["x3", "nan", "Paris", "2020-02-30", "x", ""],
    ]
    database = duckdb.connect()
    database.execute("CREATE TABLE contacts (external_id VARCHAR, age VARCHAR, city VARCHAR, since VARCHAR, job VARCHAR)")
    database.executemany("INSERT INTO contacts VALUES (?, ?, ?, ?, ?)", [row[:5] for row in rows])

    found = database.execute(f"SELECT * FROM ({run('sql', model).stdout}) ORDER BY external_id").fetchall()

    known = read_model(model)
    ordered = sorted(rows)
    vectors = score(known, {name: [row[place] for row in ordered] for place, name in enumerate(HEADER[:5]) if name in known.attributes})
    assert [row[0] for row in found] == [row[0] for row in ordered]
    assert np.array([row[1:4] for row in found]) == pytest.approx(vectors, abs=1e-12)
    assert [row[4] for row in found] == [PERSONAS[k] for k in vectors.argmax(axis=1)]
    assert [row[6] for row in found] == (vectors.max(axis=1) >= known.threshold).tolist()


def test_duckdb_reads_nan_of_a_parquet_file_as_missing(tmp_path):
    """Although the statistics of the file, which leave NaN out, say that there is none."""
    columns, who = planted(300)
    model = fit_attribution({"age": columns["age"]}, {"age": "number"}, np.eye(3)[who], PERSONAS).model
    ages = [30.0, float("nan"), 60.0]
    parquet.write_table(pa.table({"external_id": ["a", "b", "c"], "age": ages}), tmp_path / "c.parquet")

    select = statement(model, "duckdb", f"'{tmp_path / 'c.parquet'}'", "external_id")

    found = np.array([row[1:4] for row in duckdb.sql(f"SELECT * FROM ({select}) ORDER BY external_id").fetchall()])
    assert found == pytest.approx(score(model, {"age": ages}), abs=1e-12)


@pytest.mark.parametrize("dialect", ["duckdb", "bigquery", "snowflake"])
def test_every_dialect_is_valid(model, dialect):
    """As sqlglot reads it."""
    statement = run("sql", model, "--dialect", dialect, "--table", "crm.people", "--id-column", "key").stdout

    parsed = sqlglot.parse_one(statement, dialect=dialect)

    assert [column.alias_or_name for column in parsed.selects] == [
        "external_id",
        "p_driver",
        "p_family",
        "p_saver",
        "top",
        "confidence",
        "is_assigned",
    ]


@pytest.mark.parametrize("dialect", ["duckdb", "bigquery", "snowflake"])
def test_quotes_in_levels_do_not_end_the_string(contacts, model, tmp_path, dialect):
    """A level may hold quotes and backslashes; a name that cannot be quoted is refused."""
    known = json.loads(model.read_text())
    evil = "O'Brien\\' OR 1=1 --"
    known["attributes"][1]["levels"][0] = evil
    (tmp_path / "m.json").write_text(json.dumps(known))

    parsed = sqlglot.parse_one(run("sql", tmp_path / "m.json", "--dialect", dialect).stdout, dialect=dialect)

    assert evil in {literal.this for literal in parsed.find_all(sqlglot.exp.Literal)}
    known["attributes"][0]["name"] = 'a"b`c'
    (tmp_path / "m.json").write_text(json.dumps(known))
    done = run("sql", tmp_path / "m.json", "--dialect", dialect)
    assert (done.exit_code, "cannot be written in this dialect" in done.stderr) == (1, True)
