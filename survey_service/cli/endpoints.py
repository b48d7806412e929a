"""Commands for webhook endpoints."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from survey_service.cli.terminal import print_list, settings_of_environment, store_of

if TYPE_CHECKING:
    from survey_service.store.tables.webhooks import Endpoint

MOST_LISTED = 10_000


@click.group()
def endpoint() -> None:
    """Webhook endpoints."""


@endpoint.command("add")
@click.argument("url")
@click.option("--event", "events", multiple=True, help="Event type; all when left out.")
@click.option("--when", type=click.Choice(["every_answer", "material", "idle", "final"]), default="material", show_default=True)
@click.option("--json", "as_json", is_flag=True)
def add_endpoint(url: str, events: tuple[str, ...], when: str, as_json: bool) -> None:
    """Add an endpoint and show its signing secret, for the only time."""
    from survey_service.web.context import utc_now
    from survey_service.webhooks.endpoints import add

    settings = settings_of_environment()
    with store_of(settings) as store, store.writing() as session:
        made, secret = add(session, settings, url=url, events=list(events), when=when, now=utc_now())
    click.echo(json.dumps({"id": made.id, "secret": secret}) if as_json else f"{made.id} {secret}")


@endpoint.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def list_endpoints(as_json: bool) -> None:
    """Show every endpoint, whether it gets messages, and why not."""
    from survey_service.webhooks import endpoints

    with store_of(settings_of_environment()) as store, store.reading() as session:
        found = [_view(item) for item in endpoints.page(session, None, MOST_LISTED)]
    print_list(found, [_line(row) for row in found], as_json, none="there is no endpoint: discern endpoint add URL adds one")


@endpoint.command("remove")
@click.argument("endpoint_id")
def remove_endpoint(endpoint_id: str) -> None:
    """Remove an endpoint and its secret; messages that wait for it are dropped."""
    from survey_service.web.context import utc_now
    from survey_service.webhooks import endpoints

    with store_of(settings_of_environment()) as store, store.writing() as session:
        endpoints.remove(session, endpoint_id, utc_now())


def _view(item: "Endpoint") -> dict[str, Any]:
    return {name: getattr(item, name) for name in ("id", "url", "description", "when", "state", "disabled_because")}


def _line(row: Mapping[str, Any]) -> str:
    state = f"{row['state']} ({row['disabled_because']})" if row["disabled_because"] else row["state"]
    return f"{row['id']} {row['url']} {row['when']} {state} {row['description'] or ''}".rstrip()
