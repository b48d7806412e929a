"""Commands about contacts."""

import click

from survey_service.terminal import progress, refuse, settings_of_environment, store_of


@click.command()
@click.argument("bank")
def recompute(bank: str) -> None:
    """Believe anew about every contact under the newest version of BANK: after mapping old events, or as evidence fades."""
    from survey_service.contacts import recomputing
    from survey_service.errors import NotFound
    from survey_service.parts import utc_now
    from survey_service.store.banks import Banks

    banks = Banks()
    with store_of(settings_of_environment()) as store:
        try:
            with store.reading() as session:
                contacts = recomputing.how_many(session, banks, bank)
            with progress("recompute", contacts) as watch:
                moved = recomputing.recompute(store, banks, bank, utc_now, watch)
        except NotFound as wrong:
            refuse(wrong.detail)
    click.echo(f"{contacts} contacts, {moved} beliefs moved")
