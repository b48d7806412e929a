"""The `discern` command. Results go to stdout, progress and messages to stderr; exit 0 done, 1 the input is wrong, 2 usage."""

import sys
from dataclasses import replace
from pathlib import Path

import click

from survey_service.cli.analysis import fit, import_bank, refit, replay, simulate
from survey_service.cli.attribution import attribute
from survey_service.cli.banks import bank, survey
from survey_service.cli.check import check
from survey_service.cli.contacts import export, kpi, prune, recompute, reviews
from survey_service.cli.endpoints import endpoint
from survey_service.cli.integrations import connection, sources
from survey_service.cli.keys import key, login
from survey_service.cli.links import links, poster, preview, qr
from survey_service.cli.new import new
from survey_service.cli.terminal import (
    Commands,
    all_settings,
    bank_of,
    folder_of_metrics,
    settings_of_environment,
    store_of,
)


@click.group(cls=Commands)
def main() -> None:
    """Discern finds out which persona is answering, with the fewest questions, and updates the CRM."""


COMMANDS = (
    *(new, check, simulate, replay, fit, refit, import_bank, attribute, links, recompute, kpi, reviews, prune, export),
    *(bank, survey, key, login, endpoint, connection, sources, preview, qr, poster),
)
for command in COMMANDS:
    main.add_command(command)


@main.command()
@click.argument("file", metavar="BANK", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def publish(file: Path) -> None:
    """Publish a bank file as the next version, in the database of the settings."""
    from survey_service.banks.publishing import publish as publish_bank
    from survey_service.web.context import utc_now

    with store_of(settings_of_environment()) as store, store.writing() as session:
        done = publish_bank(session, bank_of(file), utc_now(), author="discern publish", text=_text_of(file))
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


@main.command()
@click.argument("banks", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
def demo(banks: tuple[Path, ...], port: int) -> None:
    """Start everything on this machine, with a demo shop page. BANKS, files of yours, are published there too."""
    from survey_service.demo.run import run

    run(port, [(bank_of(file), _text_of(file)) for file in banks])


def _text_of(file: Path) -> str:
    return file.read_bytes().decode(errors="replace").removeprefix("\ufeff")


if __name__ == "__main__":
    main()
