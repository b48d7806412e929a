"""Commands for connections to CRMs and for inbound sources."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from survey_service.cli.terminal import READABLE, given_in, print_list, refuse, settings_of_environment, store_of

if TYPE_CHECKING:
    from survey_service.crm.dry_run import Ask
    from survey_service.settings import Settings


AS_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")


@click.group()
def sources() -> None:
    """Systems that may send events: HubSpot, Shopify, your own."""


@sources.command("add")
@click.argument("file", type=READABLE)
@AS_JSON
def add_source(file: Path, as_json: bool) -> None:
    """Add the source of a JSON FILE, with the fields of POST /api/v1/sources; show its id, its URL and, where it was made here, its
    secret.
    """
    from survey_service.crypto import Keyring
    from survey_service.inbound import sources
    from survey_service.inbound.schemas import SourcePostSchema
    from survey_service.store.banks import Banks
    from survey_service.web.context import utc_now

    settings = settings_of_environment()
    given = given_in(file, SourcePostSchema())
    with store_of(settings) as store, store.writing() as session:
        source, secret = sources.add(session, Keyring(settings.secret_keys), Banks(), given, utc_now())
    made = {"id": source.id, "url": sources.source_url(source.id, settings.base_url), **({"secret": secret} if secret else {})}
    click.echo(json.dumps(made) if as_json else " ".join(made.values()))


@sources.command("list")
@AS_JSON
def list_sources(as_json: bool) -> None:
    """Show every source with the URL for its events."""
    from survey_service.inbound import sources

    settings = settings_of_environment()
    with store_of(settings) as store, store.reading() as session:
        found = [sources.view(item, settings.base_url) for item in sources.list_all(session)]
    print_list(found, [f"{row['id']} {row['kind']} {row['url']}" for row in found], as_json)


@sources.command("remove")
@click.argument("source_id")
def remove_source(source_id: str) -> None:
    """Remove a source and its secret."""
    from survey_service.inbound import sources
    from survey_service.web.context import utc_now

    with store_of(settings_of_environment()) as store, store.writing() as session:
        sources.remove(session, source_id, utc_now())


@click.group()
def connection() -> None:
    """Connections to CRMs, through their own APIs."""


@connection.command("add")
@click.argument("file", type=READABLE)
def add_connection(file: Path) -> None:
    """Add the connection of a JSON FILE, with the fields of POST /api/v1/connections; show its id. It starts disabled."""
    from survey_service.crm import connections
    from survey_service.crm.schemas import ConnectionPostSchema
    from survey_service.store.banks import Banks
    from survey_service.web.context import utc_now

    settings = settings_of_environment()
    given = given_in(file, ConnectionPostSchema())
    with store_of(settings) as store, store.writing() as session:
        endpoint, _ = connections.add(session, settings, Banks(), given, utc_now())
    click.echo(endpoint.id)


@connection.command("list")
@AS_JSON
def list_connections(as_json: bool) -> None:
    """Show every connection."""
    from survey_service.crm import connections

    with store_of(settings_of_environment()) as store, store.reading() as session:
        found = connections.views(session, connections.page(session, None, 1000))
    print_list(found, [_line(row) for row in found], as_json)


def _line(row: Mapping[str, Any]) -> str:
    state = row["paused_because"] or row["state"]
    waiting = ", ".join(f"{count} waiting: {problem}" for problem, count in row["waiting"].items())
    return " ".join(filter(None, (row["id"], row["kind"], row["bank"], state, row["description"], waiting and f"({waiting})")))


@connection.command("test")
@click.argument("connection_id")
@AS_JSON
def test(connection_id: str, as_json: bool) -> None:
    """Name what is missing in the CRM; exit 1 when something is. Sends no data about anybody."""
    from survey_service.crm import dry_run

    settings = settings_of_environment()
    problems = dry_run.missing(*_config_of(settings, connection_id), ask=_ask(settings))
    if as_json:
        click.echo(json.dumps({"ok": not problems, "problems": problems}, ensure_ascii=False))
    if problems:
        refuse("\n".join(problems))
    click.echo("nothing is missing", err=True)


@connection.command("enable")
@click.argument("connection_id")
def enable(connection_id: str) -> None:
    """Test a connection and turn it on; exit 1 and name what is missing in the CRM when something is."""
    from survey_service.crm import dry_run
    from survey_service.store.banks import Banks
    from survey_service.web.context import utc_now

    settings = settings_of_environment()
    with store_of(settings) as store:
        dry_run.change(store, settings, Banks(), connection_id, {"state": "active"}, _ask(settings), utc_now())
    click.echo(f"{connection_id} is active", err=True)


@connection.command("set-up")
@click.argument("connection_id")
def set_up(connection_id: str) -> None:
    """Create the fields that are missing in the CRM (HubSpot)."""
    from survey_service.crm import dry_run

    settings = settings_of_environment()
    for line in dry_run.set_up(*_config_of(settings, connection_id), ask=_ask(settings)):
        click.echo(line)


@connection.command("dry-run")
@click.argument("connection_id")
@click.argument("contacts", nargs=-1)
@click.option("--limit", default=3, show_default=True, type=click.IntRange(1, 100), help="How many, when no contacts are named.")
def dry_run(connection_id: str, contacts: tuple[str, ...], limit: int) -> None:
    """Print the exact requests for CONTACTS (ids of your CRM), or for those who changed last. Sends nothing."""
    from survey_service.crm import dry_run
    from survey_service.crypto import Keyring
    from survey_service.store.banks import Banks
    from survey_service.web.context import utc_now

    settings = settings_of_environment()
    with store_of(settings) as store, store.reading() as session:
        shown = dry_run.dry_run(session, Banks(), Keyring(settings.secret_keys), connection_id, contacts, limit, utc_now)
    click.echo(json.dumps(shown, ensure_ascii=False, indent=2))


@connection.command("remove")
@click.argument("connection_id")
def remove_connection(connection_id: str) -> None:
    """Remove a connection and its credentials."""
    from survey_service.crm import connections
    from survey_service.web.context import utc_now

    with store_of(settings_of_environment()) as store, store.writing() as session:
        connections.remove(session, connection_id, utc_now())


def _config_of(settings: "Settings", connection_id: str) -> tuple[str, Any]:
    from survey_service.crm import dry_run
    from survey_service.crypto import Keyring
    from survey_service.store.banks import Banks

    with store_of(settings) as store, store.reading() as session:
        return dry_run.config(session, Banks(), Keyring(settings.secret_keys), connection_id)


def _ask(settings: "Settings") -> "Ask":
    from survey_service.crm.adapters.client import call
    from survey_service.egress.addresses import Policy

    return lambda request: call(request, Policy(settings.allow_private_targets))
