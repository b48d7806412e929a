"""A bank is removed with its surveys; what was answered under it only on request, and then all of it."""

import pytest
from sqlmodel import select

from survey_service.banks.removal import BankInUse, remove_bank
from survey_service.cli.main import main
from survey_service.errors import NotFound
from survey_service.store.tables.core import Answer, BankVersion, Belief, SurveySession
from survey_service.worker.maintenance import Maintenance
from tests.survey_service.contacts.people import everything, respondent
from tests.survey_service.email_links.mailbox import Mail
from tests.survey_service.service import BANK

MINE = "# mine\n" + BANK.replace("Happy?", "Are you happy?")
OTHER = BANK.replace("bank: cars", "bank: bikes").replace("id: all", "id: all-bikes").replace("id: short", "id: short-bikes")


def rows(service, *tables):
    with service.parts.store.reading() as session:
        return [row for table in tables for row in session.exec(select(table).where(table.bank == "cars"))]


def test_a_bank_that_nobody_has_answered_is_removed(service):
    """Its id continues after the last version, since processes keep compiled versions by their number."""
    service.call("PUT", "/api/v1/banks/cars/draft", data=BANK)
    service.client.get("/s/all")

    remove_bank(service.parts.store, "cars")

    assert service.call("GET", "/api/v1/banks").json["items"] == []
    assert service.client.get("/s/all").status_code == 404
    assert service.call("GET", "/api/v1/banks/cars/draft").status_code == 404
    published = service.call("POST", "/api/v1/banks", data=BANK.replace("?", " please?"))
    assert (published.status_code, published.json["version"]) == (201, 2)
    assert " please?" in service.client.get("/s/all").text
    with pytest.raises(NotFound):
        remove_bank(service.parts.store, "boats")


def test_what_was_answered_is_deleted_only_on_request(service):
    """Of the bank and of no other; the contact stays, without a belief under it."""
    service.call("POST", "/api/v1/banks", data=OTHER)
    Mail.to(service, "zoe").open("yes")
    person = respondent(service, "zoe", owns="yes", why="because my aunt Petronella said so", km=9_000)
    service.start("all-bikes").answer("owns", "no")
    service.clock.forward(minutes=40)
    p = service.parts
    Maintenance(p.settings, p.store, service.clock, p.banks).do()  # reports of days, figures

    with pytest.raises(BankInUse, match=r'The bank "cars" is in use: 1 session, 1 link, 1 belief\. Pause'):
        remove_bank(p.store, "cars")
    assert len(rows(service, Answer)) == 3
    remove_bank(p.store, "cars", with_answers=True)

    assert not rows(service, Answer, Belief, SurveySession, BankVersion)
    assert "Petronella" not in everything(service)
    assert person.answer("happy", 3).status_code == 404
    assert service.call("GET", "/api/v1/contacts/zoe").json["beliefs"] == {}
    assert service.client.get("/s/all-bikes").status_code == 200
    assert len(service.call("GET", "/api/v1/sessions?survey=all-bikes").json["items"]) == 1


def test_a_bank_that_a_connection_reads_is_kept(one_service):
    """The error names what to remove first."""
    given = {"kind": "hubspot", "bank": "cars", "url": "https://crm.invalid", "credentials": {"token": "x"}}
    one_service.call("POST", "/api/v1/connections", given)

    with pytest.raises(BankInUse, match="connection remove"):
        remove_bank(one_service.parts.store, "cars", with_answers=True)
    assert one_service.client.get("/s/all").status_code == 200


def test_a_survey_with_figures_leaves_with_its_version(service):
    """A new version without it is published although its report is stored."""
    service.start("short").answer("happy", 3)
    service.clock.forward(minutes=40)
    p = service.parts
    Maintenance(p.settings, p.store, service.clock, p.banks).do()
    shorter = BANK[: BANK.index("  - {id: short")]

    assert service.call("POST", "/api/v1/banks", data=shorter).status_code == 201
    assert service.client.get("/s/short").status_code == 404


def test_the_commands_of_banks(service, commands):
    """`bank show` prints the text with its comments; a bank that is in use is named with its counts."""
    service.call("POST", "/api/v1/banks", data=MINE)
    service.start().answer("owns", "no")
    assert commands(main, "bank", "list").stdout == "cars version 2 2026-01-05 API key tests\n"
    assert commands(main, "bank", "show", "cars").stdout == MINE
    assert commands(main, "bank", "show", "cars", "--version", "1").stdout.startswith("bank: cars")
    refused = commands(main, "bank", "remove", "cars")
    assert (refused.exit_code, "1 session" in refused.stderr) == (1, True)
    assert commands(main, "bank", "remove", "cars", "--with-answers").exit_code == 0
    empty = commands(main, "bank", "list")
    assert (empty.stdout, "discern publish" in empty.stderr) == ("", True)


def test_the_commands_of_endpoints(service, commands):
    """A list shows where messages go and why not; a removed endpoint is on it no more."""
    made = service.call("POST", "/api/v1/endpoints", {"url": "https://crm.example.com/hook", "description": "our CRM"}).json
    assert commands(main, "endpoint", "list").stdout == f"{made['id']} https://crm.example.com/hook material active our CRM\n"
    assert commands(main, "endpoint", "remove", made["id"]).exit_code == 0
    gone = commands(main, "endpoint", "list")
    assert (gone.stdout, "discern endpoint add" in gone.stderr) == ("", True)
