"""The `discern` command. Results go to stdout, progress and messages to stderr; exit 0 done, 1 the input is wrong, 2 usage."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from survey_service.cli.analysis import fit, import_bank, refit, replay, simulate
from survey_service.cli.attribution import attribute
from survey_service.cli.contacts import export, kpi, prune, recompute, reviews
from survey_service.cli.integrations import connection, sources
from survey_service.cli.keys import key, login
from survey_service.cli.links import links, preview, qr
from survey_service.cli.terminal import (
    Commands,
    all_settings,
    bank_of,
    folder_of_metrics,
    published_surveys,
    settings_of_environment,
    store_of,
)


@click.group(cls=Commands)
def main() -> None:
    """Discern finds out which persona is answering, with the fewest questions, and updates the CRM."""


COMMANDS = (
    *(simulate, replay, fit, refit, import_bank, attribute, links, recompute, kpi, reviews, prune, export),
    *(key, login, connection, sources, preview, qr),
)
for command in COMMANDS:
    main.add_command(command)


@main.command()
@click.argument("banks", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def check(banks: tuple[Path, ...], as_json: bool) -> None:
    """Report every problem of bank files at once, and survey ids that two of them share or that another bank in the database has."""
    from question_bank.files.load import check_together
    from question_bank.files.problems import count_of

    report = check_together([(bank.name, bank.read_bytes()) for bank in banks], published_surveys())
    if as_json:
        click.echo(
            json.dumps({kind: [_finding(item) for item in getattr(report, kind)] for kind in ("errors", "warnings")}, ensure_ascii=False)
        )
    for error in (*report.errors, *report.warnings):
        click.echo(f"{'' if error in report.errors else 'warning: '}{error}", err=as_json)
    click.echo(f"{count_of(len(report.errors), 'problem')}, {count_of(len(report.warnings), 'warning')}", err=True)
    sys.exit(1 if report.errors else 0)


@main.command()
@click.argument("bank", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def publish(bank: Path) -> None:
    """Publish a bank file as the next version, in the database of the settings."""
    from survey_service.banks.publishing import publish as publish_bank
    from survey_service.web.context import utc_now

    with store_of(settings_of_environment()) as store, store.writing() as session:
        text = bank.read_bytes().decode(errors="replace").removeprefix("\ufeff")
        done = publish_bank(session, bank_of(bank), utc_now(), author="discern publish", text=text)
    click.echo(f"{done.bank} version {done.version}{'' if done.is_new else ' (unchanged)'}")


@main.command()
def migrate() -> None:
    """Migrate the database to the tables of this version."""
    from survey_service.store.migrate import migrate as upgrade
    from survey_service.store.sqlite import name_of

    with store_of(settings_of_environment(), migrated=False, named=False) as store:
        done, database = upgrade(store.engine), name_of(store.engine)
    click.echo(f"the database {database} is at the tables of {'this' if done else 'a later'} version", err=True)


@main.command()
@click.option("--bind", default="127.0.0.1:8000", show_default=True, metavar="HOST:PORT")
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 64))
@click.option("--threads", default=4, show_default=True, type=click.IntRange(1, 64))
@click.option("--access-log", is_flag=True, help="A line a request on stdout: when, which route, how it went. No IP address, no token.")
def serve(bind: str, workers: int, threads: int, access_log: bool) -> None:
    """Serve surveys and the API with gunicorn."""
    folder = folder_of_metrics()
    from survey_service.app import create_app
    from survey_service.server.gunicorn_app import serve as run

    settings = settings_of_environment()
    with store_of(settings, named=False):  # what follows on stderr is a log
        pass
    run(create_app, replace(settings, metrics_folder=folder), bind, workers, threads, access_log=access_log)


@main.command()
def restored() -> None:
    """After a restore: continue the sequences above those that CRMs have, and send every endpoint the present state."""
    from question_bank.files.problems import count_of
    from survey_service.clock import utc_now
    from survey_service.outbox.resync import resume_after_restore

    with store_of(settings_of_environment()) as store, store.writing() as session:
        endpoints = resume_after_restore(session, utc_now())
    are = "is" if endpoints == 1 else "are"
    click.echo(f"{count_of(endpoints, 'endpoint')} {are} told the present state by the worker")


@main.command()
def doctor() -> None:
    """Check this installation, and say what to do where something is wrong."""
    from survey_service.ops.doctor import diagnose
    from survey_service.web.context import utc_now

    findings = list(diagnose(all_settings(), utc_now))
    for finding in findings:
        click.echo(str(finding))
    sys.exit(0 if all(finding.is_well for finding in findings) else 1)


@main.command()
@click.option("--once", is_flag=True, help="Deliver what is due and stop.")
def worker(once: bool) -> None:
    """Deliver webhooks."""
    from survey_service.worker.process import run

    settings = settings_of_environment()
    with store_of(settings, named=False):  # what follows on stderr is a log
        pass
    run(settings, once=once)


@main.group()
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


@main.command()
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
def demo(port: int) -> None:
    """Start everything on this machine, with a demo shop page."""
    from survey_service.demo.run import run

    run(port)


def _finding(item: Any) -> dict[str, Any]:
    return {"file": item.file, "line": item.line, "where": item.where, "wrong": item.wrong, "todo": item.todo, "path": item.path}


if __name__ == "__main__":
    main()
