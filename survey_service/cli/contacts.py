"""Commands about contacts, one by one and in figures."""

import json
from datetime import datetime
from pathlib import Path
from typing import IO

import click

from survey_service.analysis.progress import progress
from survey_service.cli.terminal import READABLE, REPORT, refuse, settings_of_environment, store_of

AS_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")

NEWEST_QUOTES = 2000
"""Among which a report looks for those that show what a persona writes."""


@click.command()
@click.argument("bank")
def recompute(bank: str) -> None:
    """Recompute the belief about every contact under the newest version of BANK: after mapping old events, or as evidence fades."""
    from question_bank.files.problems import count_of
    from survey_service.contacts import recompute_all
    from survey_service.errors import NotFound
    from survey_service.store.banks import Banks
    from survey_service.web.context import utc_now

    banks = Banks()
    with store_of(settings_of_environment()) as store:
        try:
            with store.reading() as session:
                contacts = recompute_all.count_contacts(session, banks, bank)
            with progress("recompute", contacts) as watch:
                moved = recompute_all.recompute(store, banks, bank, utc_now, watch)
        except NotFound as wrong:
            refuse(wrong.detail)
    click.echo(f"{count_of(contacts, 'contact')}, {count_of(moved, 'belief')} moved")


@click.command()
@click.option("--days", type=click.IntRange(1, 36_500), help="Instead of DISCERN_RETENTION_DAYS.")
def prune(days: int | None) -> None:
    """Delete what is older than the retention: surveys, events, links, messages, and anonymous contacts without any data."""
    from survey_service.contacts import retention
    from survey_service.store.banks import Banks
    from survey_service.web.context import utc_now

    settings = settings_of_environment()
    days = days or settings.retention_days
    if days is None:
        refuse("nothing is ever too old: set DISCERN_RETENTION_DAYS, or say --days")
    with store_of(settings) as store:
        click.echo(str(retention.prune(store, Banks(), days, utc_now)))


@click.command()
@click.option("--contact", help="Only this one, by the id that the CRM gives it.")
@click.option("--out", type=click.File("w", encoding="utf-8", lazy=True), default="-", help="One JSON object a line; stdout if left out.")
def export(contact: str | None, out: IO[str]) -> None:
    """Write all stored data, contact by contact."""
    from survey_service.contacts import views
    from survey_service.errors import NotFound
    from survey_service.store.banks import Banks
    from survey_service.store.tables.core import OWN_SYSTEM
    from survey_service.web.context import utc_now

    banks = Banks()
    with store_of(settings_of_environment()) as store, store.reading() as session:
        try:
            chosen = [views.get_contact(session, contact, OWN_SYSTEM)] if contact else views.iter_contacts(session)
            for item in chosen:
                out.write(json.dumps(views.export(session, banks, item, utc_now()), ensure_ascii=False) + "\n")
        except NotFound as wrong:
            refuse(wrong.detail)


@click.command()
@click.argument("bank")
@click.option("--journey", metavar="JOURNEY", help="Only this one; default all of the bank.")
@click.option("--from", "first", type=click.DateTime(["%Y-%m-%d"]), metavar="D", help="A Monday: figures are of whole weeks.")
@click.option("--to", "last", type=click.DateTime(["%Y-%m-%d"]), metavar="D", help="A Sunday, included.")
@click.option("--channel", metavar="CHANNEL", help="Only entries that began in this one.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@REPORT
def kpi(
    bank: str, journey: str | None, first: datetime | None, last: datetime | None, channel: str | None, as_json: bool, report: Path | None
) -> None:
    """Compute rates, times, values and scores per persona of BANK, with their intervals, from all contacts as they are now."""
    from survey_service.contacts.recompute_all import count_contacts
    from survey_service.figures.kpi import kpi_report
    from survey_service.figures.kpi_text import kpi_text
    from survey_service.figures.snapshot import collect
    from survey_service.figures.sums import KpiQuery, check_journey, check_query, snapshot_of
    from survey_service.store.banks import Banks
    from survey_service.web.context import utc_now

    banks = Banks()
    query = KpiQuery(journey, first and first.date(), last and last.date(), channel)
    check_query(query)
    with store_of(settings_of_environment()) as store:
        with store.reading() as session:
            compiled, _ = banks.latest(session, bank)
            check_journey(compiled.bank, journey)
            contacts = count_contacts(session, banks, bank)
        with progress("kpi", contacts) as watch:
            found = collect(store, banks, bank, utc_now(), watch)
    figures = kpi_report(snapshot_of(found.row, found.bank, found.cells), query)
    if report is not None:
        from survey_service.analysis.reports.personas import report_kpi
        from survey_service.reviews.quotes import QuotesQuery, quotes_page

        with store_of(settings_of_environment(), named=False) as store, store.reading() as session:
            quotes, _ = quotes_page(session, banks, QuotesQuery(bank, limit=NEWEST_QUOTES))
        try:
            report_kpi(figures, found.bank, report, quotes)
        except ValueError as wrong:
            refuse(str(wrong))
    click.echo(json.dumps(figures, ensure_ascii=False) if as_json else kpi_text(figures, found.bank))


@click.group()
def reviews() -> None:
    """What people write elsewhere."""


@reviews.command("import")
@click.argument("bank")
@click.argument("file", type=READABLE)
@click.option("--id-column", metavar="COLUMN", help="With the CRM's id of who wrote it; default external_id, if there is such a column.")
@AS_JSON
def import_file(bank: str, file: Path, id_column: str | None, as_json: bool) -> None:
    """Import the reviews of a CSV FILE with the columns text and date for BANK. A review that was imported before is left out."""
    from survey_service.analysis.answer_files import read_cells
    from survey_service.reviews.import_file import import_reviews, read_reviews
    from survey_service.store.banks import Banks
    from survey_service.web.context import utc_now

    with store_of(settings_of_environment()) as store:
        with store.reading() as session:
            Banks().latest(session, bank)
        try:
            cells = read_cells(file)
            for note in cells.notes:
                click.echo(note, err=True)
            given = read_reviews(cells, id_column, utc_now().date())
            with store.writing() as session:
                done = import_reviews(session, bank, given, cells, utc_now())
        except ValueError as wrong:
            refuse(str(wrong))
    words = f"{done.new} new, {done.of_contacts} of them of a contact; {done.known} imported before"
    click.echo(json.dumps(vars(done)) if as_json else words)
