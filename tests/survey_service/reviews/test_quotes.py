"""Reviews come from a file once, and texts are quoted with consent and approval only, on both databases."""

from datetime import date

import pytest
from click.testing import CliRunner
from sqlmodel import select

from question_bank.exports.table_files import AnswersInvalid, parse_csv
from survey_service.cli.main import main
from survey_service.contacts.retention import prune
from survey_service.reviews.import_file import import_reviews, read_reviews
from survey_service.store.tables.reviews import QuoteApproval, Review
from tests.survey_service.service import SECRET

FILE = """text;date;client
The waiting time was awful;2026-01-02;zoe
Nice colours;2026-01-03;ben
Nobody knows who wrote this;2026-01-03;
"""

ON_ONE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""Where storage is as in the tests beside it, one database is enough."""


def load(service, text=FILE, column="client"):
    cells = parse_csv(text, "reviews.csv")
    with service.parts.store.writing() as session:
        return import_reviews(session, "cars", read_reviews(cells, column, date(2026, 1, 5)), cells, service.clock())


@pytest.fixture
def people(service):
    """Zoe, who may be quoted, and Ben, who has not said so."""
    service.call("PUT", "/api/v1/contacts/zoe", {"consent": {"profiling": True, "quoting": True}})
    service.call("PUT", "/api/v1/contacts/ben", {"consent": {"profiling": True}})
    return service


def quotes(service, state="approved", more=""):
    response = service.call("GET", f"/api/v1/quotes?bank=cars&state={state}{more}")
    assert response.status_code == 200, response.text
    return response.json["items"]


def rows(service, table):
    with service.parts.store.reading() as session:
        return list(session.exec(select(table)))


def test_a_file_is_imported_once(people):
    """Also where it is sent again in another order, with a review more."""
    first, again = load(people), load(people, FILE + "Too slow;2026-01-04;zoe\n")

    assert (first.new, first.known, first.of_contacts) == (3, 0, 2)
    assert (again.new, again.known) == (1, 3)
    assert len(rows(people, Review)) == 4


@ON_ONE
def test_the_command_imports_a_file(people, tmp_path):
    """It says how many are new; a wrong file ends with 1."""
    (tmp_path / "reviews.csv").write_text(FILE)
    place = {"DISCERN_DATABASE_URL": people.parts.settings.database_url, "DISCERN_SECRET_KEYS": SECRET}
    options = ["reviews", "import", "cars", str(tmp_path / "reviews.csv")]
    done, wrong = (
        CliRunner().invoke(main, [*options, "--id-column", "client"], env=place),
        CliRunner().invoke(main, [*options, "--id-column", "x"], env=place),
    )

    assert (done.exit_code, done.stdout) == (0, "3 new, 2 of them of a contact; 0 imported before\n")
    assert (wrong.exit_code, wrong.stderr.splitlines()[0]) == (1, 'reviews.csv:1: has no column "x": it has text, date, client')


@ON_ONE
def test_every_problem_of_a_file_has_its_line(people):
    """Nothing is stored."""
    with pytest.raises(AnswersInvalid) as wrong:
        load(people, "text;date;client\n;2026-01-02;\nGood;02/01/2026;\nGood;2026-02-01;\n")
    with pytest.raises(AnswersInvalid) as stranger:
        load(people, "text;date;client\nGood;2026-01-02;max\n")
    with pytest.raises(AnswersInvalid) as column:
        load(people, column="author")

    assert wrong.value.problems == [
        "reviews.csv:2: has no text: write it, or delete the line",
        'reviews.csv:3: the date "02/01/2026" cannot be read: write it as 2026-03-31',
        "reviews.csv:4: the date 2026-02-01 is in the future: write the day of the review",
    ]
    assert stranger.value.problems == ['reviews.csv:2: there is no contact "max": create it first, or leave the cell empty']
    assert column.value.problems == ['reviews.csv:1: has no column "author": it has text, date, client']
    assert rows(people, Review) == []


def test_a_text_is_quoted_with_consent_and_approval(people):
    """Without either it is not shown, and a consent that ends hides it at once."""
    load(people)
    [waiting] = quotes(people, "pending")
    before = quotes(people)
    approved = people.call("POST", f"/api/v1/quotes/{waiting['id']}/approve")
    again = people.call("POST", f"/api/v1/quotes/{waiting['id']}/approve")
    refused = people.call("POST", f"/api/v1/quotes/review-{next(row.id for row in rows(people, Review) if 'colours' in row.text)}/approve")

    assert before == []
    assert (approved.status_code, approved.json["text"], again.json) == (200, "The waiting time was awful", approved.json)
    assert (refused.status_code, refused.json["code"]) == (409, "no_quoting_consent")
    assert [quote["text"] for quote in quotes(people)] == ["The waiting time was awful"]
    assert quotes(people, "pending") == []
    people.call("PUT", "/api/v1/contacts/zoe", {"consent": {"profiling": True}})
    assert quotes(people) == []
    people.call("PUT", "/api/v1/contacts/zoe", {"consent": {"profiling": True, "quoting": True}})
    assert people.call("DELETE", f"/api/v1/quotes/{waiting['id']}/approve").status_code == 204
    assert quotes(people) == []


def test_answers_are_quoted_beside_reviews(people):
    """Page by page, answers first; only texts; a foreign id and a made-up cursor are refused."""
    identity = people.call("POST", "/api/v1/contacts/zoe/identity").json["identity"]
    respondent = people.start(identity=identity)
    assert respondent.answer("why", "Because of the seats").status_code == 200
    respondent.answer("owns", "yes")
    load(people, "text;date;client\nFirst;2026-01-01;zoe\nSecond;2026-01-02;zoe\n")
    pages, after = [], ""
    for _ in range(3):
        page = people.call("GET", f"/api/v1/quotes?bank=cars&state=pending&limit=1{after}").json
        pages += page["items"]
        after = f"&after={page['next']}"

    assert [quote["text"] for quote in pages] == ["Because of the seats", "Second", "First"]
    assert (page["next"], pages[0]["question"], pages[1]["question"]) == (None, "why", None)
    assert {quote["persona"] for quote in quotes(people, "pending", "&persona=driver")} <= {"driver"}
    assert people.call("POST", f"/api/v1/quotes/{pages[0]['id']}/approve").status_code == 200
    for name in ("answer-999", "review-x", "x", "answer-" + "9" * 40):
        assert people.call("POST", f"/api/v1/quotes/{name}/approve").status_code == 404
    assert people.call("GET", "/api/v1/quotes?bank=cars&after=eAp5").status_code == 422


def test_reviews_follow_the_contact(people):
    """Merged, exported, erased, and deleted after the retention."""
    load(people)
    [waiting] = quotes(people, "pending")
    people.call("POST", f"/api/v1/quotes/{waiting['id']}/approve")
    people.call("POST", "/api/v1/contacts/merge", {"from": {"external_id": "zoe"}, "into": {"external_id": "ben"}})
    export = people.call("GET", "/api/v1/contacts/ben/export").json
    assert sorted(row["text"] for row in export["reviews"]) == ["Nice colours", "The waiting time was awful"]
    assert len(export["quote_approvals"]) == 1
    people.call("DELETE", "/api/v1/contacts/ben")
    assert ([row.text for row in rows(people, Review)], rows(people, QuoteApproval)) == (["Nobody knows who wrote this"], [])
    people.clock.forward(days=40)
    prune(people.parts.store, people.parts.banks, 30, people.clock)
    assert rows(people, Review) == []
