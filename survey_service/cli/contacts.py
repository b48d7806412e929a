"""Commands about contacts."""

import json
from typing import IO

import click

from survey_service.analysis.progress import progress
from survey_service.cli.terminal import refuse, settings_of_environment, store_of


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
