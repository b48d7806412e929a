"""Commands for published banks and their surveys."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from survey_service.cli.terminal import print_list, refuse, settings_of_environment, store_of

if TYPE_CHECKING:
    from survey_service.store.tables.core import SurveyRow

AS_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
MOST_LISTED = 10_000


@click.group()
def bank() -> None:
    """Published banks."""


@bank.command("list")
@AS_JSON
def list_banks(as_json: bool) -> None:
    """Show every bank with its newest version, when it was published and by whom."""
    from survey_service.banks.publishing import newest_versions

    with store_of(settings_of_environment()) as store, store.reading() as session:
        found: list[dict[str, Any]] = [
            {"bank": row.bank, "version": row.version, "published_at": row.published_at.isoformat(), "author": row.author}
            for row in newest_versions(session, None, MOST_LISTED)
        ]
    lines = [f"{row['bank']} version {row['version']} {_day(row['published_at'])} {row['author'] or ''}".rstrip() for row in found]
    print_list(found, lines, as_json, none="no bank is published: discern publish BANK.yaml publishes one")


@bank.command("show")
@click.argument("bank_id", metavar="BANK")
@click.option("--version", "number", type=click.IntRange(1), help="Default the newest.")
def show_bank(bank_id: str, number: int | None) -> None:
    """Print a version of BANK as its author wrote it: `discern bank show BANK > BANK.yaml` brings the file back."""
    from survey_service.banks.drafts import text_of
    from survey_service.banks.publishing import get_version, latest_version

    with store_of(settings_of_environment(), named=False) as store, store.reading() as session:
        row = latest_version(session, bank_id) if number is None else get_version(session, bank_id, number)
        if row is None:
            refuse(f'there is no bank "{bank_id}": discern bank list shows those there are')
        click.echo(text_of(row).rstrip("\n"))


@bank.command("remove")
@click.argument("bank_id", metavar="BANK")
@click.option("--with-answers", is_flag=True, help="Also delete its sessions, answers, links and what is believed about contacts.")
def remove(bank_id: str, with_answers: bool) -> None:
    """Remove BANK with its surveys. What was answered is deleted only with --with-answers. CRMs keep what was sent to them last."""
    from survey_service.banks.removal import remove_bank

    with store_of(settings_of_environment()) as store:
        remove_bank(store, bank_id, with_answers=with_answers)
    click.echo(f"{bank_id} is removed", err=True)


@click.group()
def survey() -> None:
    """Published surveys."""


@survey.command("list")
@AS_JSON
def list_surveys(as_json: bool) -> None:
    """Show every survey with its bank, and whether it is paused."""
    from survey_service.banks.publishing import published_surveys

    with store_of(settings_of_environment()) as store, store.reading() as session:
        found = [_view(row) for row in published_surveys(session, None, MOST_LISTED)]
    lines = [f"{row['survey']} {row['bank']} version {row['version']} {row['state']}" for row in found]
    print_list(found, lines, as_json, none="no survey is published: discern publish BANK.yaml publishes those of a bank")


@survey.command("pause")
@click.argument("survey_id", metavar="SURVEY")
def pause(survey_id: str) -> None:
    """Begin no more sessions of SURVEY: pages say so, the widget stays away, no email goes out. Open sessions go on."""
    from survey_service.banks.publishing import pause_survey
    from survey_service.clock import utc_now

    with store_of(settings_of_environment()) as store, store.writing() as session:
        pause_survey(session, survey_id, utc_now())
    click.echo(f"{survey_id} is paused", err=True)


@survey.command("resume")
@click.argument("survey_id", metavar="SURVEY")
def resume(survey_id: str) -> None:
    """Begin sessions of a paused SURVEY again."""
    from survey_service.banks.publishing import resume_survey

    with store_of(settings_of_environment()) as store, store.writing() as session:
        resume_survey(session, survey_id)
    click.echo(f"{survey_id} is active", err=True)


def _view(row: "SurveyRow") -> dict[str, Any]:
    return {"survey": row.id, "bank": row.bank, "version": row.version, "state": row.state}


def _day(moment: str) -> str:
    return datetime.fromisoformat(moment).date().isoformat()
