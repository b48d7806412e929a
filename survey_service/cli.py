"""The `discern` command. Results go to stdout, progress and messages to stderr; exit 0 done, 1 the input is wrong, 2 usage."""

import json
import sys
from pathlib import Path
from typing import Any

import click

from question_bank.loading import check_bank
from survey_service.cli_analysis import refit, replay, simulate
from survey_service.terminal import Commands, bank_of, refuse, settings_of_environment, store_of


class Span(click.ParamType[tuple[int, int]]):
    """A whole number, or the first and last of several: 4 or 2..8."""

    name = "K or FROM..TO"

    def __init__(self, least: int, most: int) -> None:
        self.least, self.most = least, most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        first, _, last = str(value).partition("..")
        if not (first.isdecimal() and (last or first).isdecimal()):
            self.fail(f"{value!r} is not a whole number or a range such as 2..8", param, ctx)
        low, high = int(first), int(last or first)
        if not self.least <= low <= high <= self.most:
            self.fail(f"{value} is not in the range {self.least}..{self.most}", param, ctx)
        return low, high


@click.group(cls=Commands)
def main() -> None:
    """Discern finds out which persona is answering, with the fewest questions, and tells the CRM."""


for analysis in (simulate, replay, refit):
    main.add_command(analysis)


@main.command()
@click.argument("bank", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def check(bank: Path, as_json: bool) -> None:
    """Report every problem of a bank file at once."""
    report = check_bank(bank.read_bytes(), bank.name)
    if as_json:
        click.echo(json.dumps({kind: [_told(one) for one in getattr(report, kind)] for kind in ("errors", "warnings")}, ensure_ascii=False))
    for one in (*report.errors, *report.warnings):
        click.echo(f"{'' if one in report.errors else 'warning: '}{one}", err=as_json)
    click.echo(f"{len(report.errors)} problems, {len(report.warnings)} warnings", err=True)
    sys.exit(1 if report.errors else 0)


@main.command()
@click.argument("bank", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def publish(bank: Path) -> None:
    """Publish a bank file as the next version, in the database of the settings."""
    from survey_service.authoring.publishing import publish as publish_bank
    from survey_service.parts import utc_now

    with store_of(settings_of_environment()) as store, store.writing() as session:
        done = publish_bank(session, bank_of(bank), utc_now())
    click.echo(f"{done.bank} version {done.version}{'' if done.is_new else ' (unchanged)'}")


@main.command()
def migrate() -> None:
    """Bring the database to the tables of this version."""
    from survey_service.store.migrating import migrate as upgrade

    with store_of(settings_of_environment(), migrated=False) as store:
        upgrade(store.engine)
    click.echo("the database is at the tables of this version", err=True)


@main.command()
@click.argument("answers", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--personas", type=Span(2, 50), help="Find so many personas in the answers; 2..8 chooses how many.")
@click.option("--label", metavar="COLUMN", help="Or learn the personas that this column names.")
@click.option("--label-probabilities", metavar="NAMES", help="Or learn them from these columns of P(persona).")
@click.option(
    "--from",
    "before",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Go on from this bank: its tables count as earlier answers.",
)
@click.option("--columns", metavar="NAMES", help="Only these columns are questions, with commas between; default all.")
@click.option("--without", metavar="NAMES", multiple=True, help="These columns are no questions.")
@click.option("--type", "types", metavar="COLUMN=KIND", multiple=True, help="single, multiple, scale, number or ignore; repeatable.")
@click.option("--keep-repeats", is_flag=True, help="Equal lines are different respondents.")
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The bank; OUT.columns.yaml goes beside it.")
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0))
@click.option("--bank-id", metavar="SLUG", help="Default the name of the file.")
@click.option("--jobs", default=lambda: os.cpu_count() or 1, show_default="one a processor", type=click.IntRange(1, 64), help="Processes.")
def fit(answers: Path, out: Path, before: Path | None, personas: tuple[int, int] | None, **more: Any) -> None:
    """Make a bank from a file of answers (CSV or Parquet), one column a question."""
    from question_bank.answer_files import ColumnMap, read_column_map
    from survey_service.fitting import Wish, columns_wanted, fit_file, refit_file

    given = sum(given is not None for given in (personas, more["label"], more["label_probabilities"]))
    if before is None and given != 1:
        raise click.UsageError("give one of --personas, --label and --label-probabilities")
    if before is not None and (given > (more["label"] is not None) or more["columns"] or more["types"]):
        raise click.UsageError(
            "--from takes personas, columns and types from the bank: of these options give at most --label and --without"
        )
    try:
        wish = Wish(personas, more["bank_id"], more["seed"], columns_wanted(more), more["jobs"])
        if before is None:
            click.echo(fit_file(answers, out, wish), err=True)
            return
        names = before.with_suffix(".columns.yaml")
        known = read_column_map(names.read_text(encoding="utf-8"), names.name) if names.exists() else ColumnMap()
        click.echo(refit_file(answers, out, _bank(before), known, wish), err=True)
    except ValueError as wrong:
        refuse(str(wrong))


@main.command()
@click.option("--bind", default="127.0.0.1:8000", show_default=True, metavar="HOST:PORT")
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 64))
@click.option("--threads", default=4, show_default=True, type=click.IntRange(1, 64))
def serve(bind: str, workers: int, threads: int) -> None:
    """Serve surveys and the API with gunicorn."""
    from survey_service.serving import serve as run

    settings = settings_of_environment()
    with store_of(settings):
        pass
    run(settings, bind, workers, threads)


@main.command()
@click.option("--once", is_flag=True, help="Deliver what is due and stop.")
def worker(once: bool) -> None:
    """Deliver webhooks."""
    from survey_service.webhooks.worker import run

    settings = settings_of_environment()
    with store_of(settings):
        pass
    run(settings, once=once)


@main.group()
def key() -> None:
    """API keys."""


@key.command("create")
@click.option("--scope", type=click.Choice(["read", "write", "admin"]), required=True)
@click.option("--name", default="", help="What it is for.")
@click.option("--json", "as_json", is_flag=True)
def create_key(scope: str, name: str, as_json: bool) -> None:
    """Make an API key and show it, for the only time."""
    from survey_service.authoring.keys import create_key as make
    from survey_service.keyring import Keyring
    from survey_service.parts import utc_now

    settings = settings_of_environment()
    with store_of(settings) as store, store.writing() as session:
        made = make(session, Keyring(settings.secret_keys), scope, name, utc_now())
    click.echo(json.dumps({"key": made}) if as_json else made)


@key.command("list")
def list_keys() -> None:
    """Show every API key by its beginning."""
    from survey_service.authoring.keys import all_keys

    with store_of(settings_of_environment()) as store, store.reading() as session:
        for one in all_keys(session):
            click.echo(f"{one.id} {one.prefix}... {one.scope} {'revoked' if one.revoked_at else 'active'} {one.name}".rstrip())


@key.command("revoke")
@click.argument("key_id")
def revoke_key(key_id: str) -> None:
    """Let nobody in with this key any more."""
    from survey_service.authoring.keys import revoke_key as revoke
    from survey_service.parts import utc_now

    with store_of(settings_of_environment()) as store, store.writing() as session:
        done = revoke(session, key_id, utc_now())
    if not done:
        refuse(f"there is no active key {key_id}: see discern key list")


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
    from survey_service.parts import utc_now
    from survey_service.webhooks.endpoints import add

    settings = settings_of_environment()
    with store_of(settings) as store, store.writing() as session:
        made, secret = add(session, settings, url=url, events=list(events), when=when, now=utc_now())
    click.echo(json.dumps({"id": made.id, "secret": secret}) if as_json else f"{made.id} {secret}")


@main.command()
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
def demo(port: int) -> None:
    """Everything at once on this machine, with a demo shop page: for a first look."""
    from survey_service.demo import run

    run(port)


def _told(one: Any) -> dict[str, Any]:
    return {"file": one.file, "line": one.line, "where": one.where, "wrong": one.wrong, "todo": one.todo, "path": one.path}


if __name__ == "__main__":
    main()
