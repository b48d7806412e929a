"""The commands about sources: systems that may send us their events."""

import json
from pathlib import Path

import click

from survey_service.terminal import READABLE, given_in, settings_of_environment, store_of

AS_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")


@click.group()
def sources() -> None:
    """Systems that may send us their events: HubSpot, Shopify, your own."""


@sources.command("add")
@click.argument("file", type=READABLE)
@AS_JSON
def add(file: Path, as_json: bool) -> None:
    """Add the source of a JSON FILE, with the fields of POST /api/v1/sources; show its id, its address and, made here, its secret."""
    from survey_service.keyring import Keyring
    from survey_service.parts import utc_now
    from survey_service.sources import registry
    from survey_service.sources.schemas import SourcePostSchema
    from survey_service.store.banks import Banks

    settings = settings_of_environment()
    given = given_in(file, SourcePostSchema())
    with store_of(settings) as store, store.writing() as session:
        source, secret = registry.add(session, Keyring(settings.secret_keys), Banks(), given, utc_now())
    made = {"id": source.id, "url": registry.address(source.id, settings.base_url), **({"secret": secret} if secret else {})}
    click.echo(json.dumps(made) if as_json else " ".join(made.values()))


@sources.command("list")
@AS_JSON
def list_sources(as_json: bool) -> None:
    """Show every source, and where it sends its events."""
    from survey_service.sources import registry

    settings = settings_of_environment()
    with store_of(settings) as store, store.reading() as session:
        found = [registry.view(one, settings.base_url) for one in registry.every(session)]
    if as_json:
        click.echo(json.dumps({"items": found}, ensure_ascii=False))
        return
    for one in found:
        click.echo(f"{one['id']} {one['kind']} {one['url']}")


@sources.command("remove")
@click.argument("source_id")
def remove(source_id: str) -> None:
    """Take nothing more from a source, and forget its secret."""
    from survey_service.parts import utc_now
    from survey_service.sources import registry

    with store_of(settings_of_environment()) as store, store.writing() as session:
        registry.remove(session, source_id, utc_now())
