"""`discern links` turns a file of contacts into a file of links."""

import csv
import io

import openpyxl
import pytest
from click.testing import CliRunner

from question_bank.files.load import read_bank
from survey_service.banks.publishing import publish
from survey_service.cli.main import main
from survey_service.store.session import Store
from survey_service.web.context import utc_now
from tests.survey_service.service import BANK, SECRET


@pytest.fixture
def run(database_url, tmp_path):
    store = Store(database_url)
    with store.writing() as session:
        publish(session, read_bank(BANK), utc_now())
    store.close()

    def command(*arguments, contacts="external_id\nzoe\n"):
        place = {"DISCERN_DATABASE_URL": database_url, "DISCERN_SECRET_KEYS": SECRET, "DISCERN_BASE_URL": "https://ask.example"}
        return CliRunner().invoke(main, ["links", *arguments], input=contacts, env=place)

    return command


def table(text, separator=","):
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=separator))


def test_links_writes_a_row_for_each_contact(run):
    """The row has a URL for each option and the email as HTML and plain text, in the contact's language."""
    done = run("all", contacts="external_id;email;language;city\nzoe;z@example.com;fr;Lyon\nben;b@example.com;;Bonn\n")
    assert done.exit_code == 0, done.output
    zoe, ben = table(done.stdout, ";")
    assert (zoe["external_id"], zoe["email"], zoe["question_id"], zoe["language"]) == ("zoe", "z@example.com", "owns", "fr")
    assert (zoe["question"], zoe["option_1"], ben["option_1"]) == ("Avez-vous une voiture ?", "Oui", "Yes")
    assert zoe["option_1_url"].startswith("https://ask.example/l/")
    assert zoe["option_1_url"] in zoe["html"]
    assert zoe["option_1_url"] in zoe["text"]
    assert ben["option_3_url"] == ben["refused"] == ""
    assert done.stderr.splitlines()[1:] == ["not used: city", "2 links"]


def test_links_reports_every_problem_of_the_file(run):
    """Each problem has its line, and no link is created."""
    wrong = run("all", contacts=f"external_id,email\nzoe,\n,x@example.com\nzoe,\n{'x' * 256},\n")
    assert wrong.exit_code == 1
    assert wrong.stdout == ""
    assert wrong.stderr.splitlines() == [
        "stdin:3: has no external_id: give each contact the id of your CRM",
        'stdin:4: contact "zoe" stands in line 2 already: name each contact once',
        "stdin:5: the external_id has 256 characters: at most 255 are kept",
    ]
    assert 'no column "external_id"' in run("all", contacts="id\nzoe\n").stderr
    for arguments, message in ((("no",), 'no survey "no"'), (("all", "--question", "km"), "use one of owns, happy")):
        refused = run(*arguments)
        assert (refused.exit_code, refused.stdout) == (1, "")
        assert message in refused.stderr


@pytest.mark.parametrize(
    ("mailer", "columns"),
    [
        ("brevo", ["EXT_ID", "EMAIL", "DISCERN_URL", "DISCERN_OPTION_2_URL"]),
        ("mailchimp", ["External ID", "Email Address", "DI_URL", "DI_U2"]),
        ("hubspot", ["External ID", "Email", "discern_url", "discern_option_2_url"]),
    ],
)
def test_links_writes_the_columns_of_an_email_system(run, tmp_path, mailer, columns):
    """The template contains the merge tags of the email system."""
    template = tmp_path / "mail.html"
    arguments = ("all", "--for", mailer, "--question", "owns", "--template", str(template))
    done = run(*arguments, contacts="external_id,email\nzoe,z@example.com\n")
    assert done.exit_code == 0, done.output
    (line,) = table(done.stdout)
    assert set(columns) <= set(line)
    assert "html" not in line
    assert line[columns[-1]].startswith("https://ask.example/l/")
    assert columns[-1] in template.read_text()
    assert run("all", "--template", str(template)).exit_code == 2


def test_links_warns_about_too_many_columns(run, database_url):
    """Mailchimp allows thirty fields; a scale of thirteen points needs more."""
    assert run("all", "--for", "mailchimp").stderr.splitlines()[1:] == ["1 link"]
    store = Store(database_url)
    with store.writing() as session:
        publish(session, read_bank(BANK.replace("max: 5", "max: 13").replace("labels: {1: No, 5: Yes}", "labels: {1: No}")), utc_now())
    store.close()
    assert "32 columns: mailchimp keeps 30 fields" in run("all", "--for", "mailchimp").stderr
    assert run("all", "--for", "mailchimp", "--question", "owns", "--again").stderr.splitlines()[1:] == ["1 link"]


def test_links_holds_contacts_out_by_lot(run):
    """The file says who was held out; the same command holds the same contacts out; what belongs together is asked for together."""
    contacts = "external_id\n" + "\n".join(f"c{number}" for number in range(40))
    options = ("all", "--campaign", "spring", "--hold-out", "0.5", "--cost", "0.1", "--currency", "EUR")
    first, again = (table(run(*options, contacts=contacts).stdout) for _ in range(2))
    held_out = [row["external_id"] for row in first if row["refused"] == "held_out"]
    assert 5 < len(held_out) < 35
    assert held_out == [row["external_id"] for row in again if row["refused"] == "held_out"]
    assert all(bool(row["url"]) != (row["refused"] == "held_out") for row in first)
    assert run("all", "--campaign", "spring").exit_code == 2
    changed = run("all", "--campaign", "spring", "--hold-out", "0.2")
    assert (changed.exit_code, "another survey, share or cost" in changed.output) == (1, True)


def test_the_column_of_ids_may_have_any_name(run):
    """Without it the columns are listed, and the likely one is proposed; email and language are found by their usual names."""
    contacts = "Contact ID,E-Mail,Langue,city\nzoe,z@example.com,fr,Lyon\n"

    refused = run("all", contacts=contacts)
    done = run("all", "--id-column", "Contact ID", contacts=contacts)

    assert refused.exit_code == 1
    assert '--id-column "Contact ID"; the columns are Contact ID, E-Mail, Langue, city' in refused.stderr
    (zoe,) = table(done.stdout)
    assert (zoe["external_id"], zoe["email"], zoe["language"]) == ("zoe", "z@example.com", "fr")
    assert done.stderr.splitlines()[1:] == ["not used: city", "1 link"]


def test_a_second_run_makes_no_second_links(run):
    """A contact who did not answer keeps its link, with the same addresses; --again makes a new one."""
    first, second, again = (run("all", *more) for more in ((), (), ("--again",)))

    urls = [table(done.stdout)[0]["url"] for done in (first, second, again)]
    assert urls[0] == urls[1] != urls[2]
    assert second.stderr.splitlines()[1:] == ["0 links, 1 made before and not yet answered: --again makes new ones"]
    assert again.stderr.splitlines()[1:] == ["1 link"]


@pytest.mark.parametrize(("separator", "encoding"), [(";", "cp1252"), ("\t", "utf-16"), (",", "utf-8-sig"), (",", "utf-8")])
def test_the_file_of_links_is_written_as_the_file_of_contacts(run, tmp_path, separator, encoding):
    """Separator, encoding and byte order mark are those of the input."""
    contacts, out = tmp_path / "contacts.csv", tmp_path / "links.csv"
    contacts.write_bytes(f"external_id{separator}email\nzoë{separator}z@example.com\n".encode(encoding))

    done = run("all", str(contacts), "--out", str(out))

    assert done.exit_code == 0, done.output
    assert out.read_bytes()[:3] == "external_id".encode(encoding)[:3]
    assert table(out.read_bytes().decode(encoding), separator)[0]["external_id"] == "zoë"


def test_links_says_what_it_left_out_of_the_file(run):
    """A title above the names of the columns, and a note below the contacts."""
    done = run("all", contacts="Contacts of May,,\nexternal_id,email,city\nzoe,z@example.com,Lyon\nSource: our CRM on 1 May,,\n")

    assert done.exit_code == 0, done.output
    assert [row["external_id"] for row in table(done.stdout)] == ["zoe"]
    assert "stdin: line 1 above the names of the columns left out" in done.stderr
    assert 'stdin: line 4 below the answers left out: "Source: our CRM on 1 May"' in done.stderr


def test_links_are_written_to_a_workbook(run, tmp_path):
    """Every cell is text."""
    out = tmp_path / "links.xlsx"

    done = run("all", "--out", str(out), contacts="external_id\n007\n")

    assert done.exit_code == 0, done.output
    header, row = openpyxl.load_workbook(out).active.values
    assert (header[0], row[0]) == ("external_id", "007")
