"""What every `discern` command shares: the settings, the database, a bank, and how it refuses wrong input."""

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any, NoReturn

import click

from survey_service.errors import DiscernError
from survey_service.settings import Settings, SettingsInvalid

if TYPE_CHECKING:
    from marshmallow import Schema

    from question_bank.definitions import Bank
    from survey_service.store.session import Store

READABLE = click.Path(exists=True, dir_okay=False, path_type=Path)
WRITABLE = click.Path(dir_okay=False, path_type=Path)
REPORT = click.option("--report", type=WRITABLE, metavar="OUT.html", help="Write a report with pictures: one HTML file.")


class Commands(click.Group):
    """A command group that prints the service's own error messages on stderr and exits with 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except DiscernError as wrong:
            refuse(_message_of(wrong))


def settings_of_environment() -> Settings:
    """Return the settings. Exits with every problem of them."""
    try:
        return Settings.from_env(os.environ)
    except SettingsInvalid as wrong:
        refuse("\n".join(wrong.problems))


def all_settings() -> Mapping[str, str]:
    """Return the settings as they are written, for messages about them."""
    return os.environ


def folder_of_metrics() -> str:
    """Return the folder in which the processes of one server add up their counters.

    Call it before anything imports the client library of Prometheus, which reads the folder at import and only then.
    """
    return os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", mkdtemp(prefix="discern-metrics-"))


@contextmanager
def store_of(settings: Settings, *, migrated: bool = True, named: bool = True) -> Iterator["Store"]:
    """Open the database of the settings. It must have the tables of this version, unless the command is to migrate it.

    Afterwards it is named on stderr, whether the command did or refused something: in another folder it might have been another one.
    """
    from sqlalchemy.exc import OperationalError

    from survey_service.store.session import Store
    from survey_service.store.sqlite import name_of
    from survey_service.store.versions import is_usable

    store = Store(settings.database_url)
    try:
        if migrated and not is_usable(store.engine):
            refuse(f"the database {name_of(store.engine)} does not have the tables of this version: run discern migrate")
        with _named(f"in the database {name_of(store.engine)}") if named else nullcontext():
            yield store
    except OperationalError as wrong:
        refuse(f"DISCERN_DATABASE_URL: the database {name_of(store.engine)} does not answer: {wrong.orig}")
    finally:
        store.close()


@contextmanager
def _named(where: str) -> Iterator[None]:
    """Print where something was done or refused, after what the block prints."""
    try:
        yield
    except DiscernError as wrong:
        refuse(f"{_message_of(wrong)}\n{where}")
    except SystemExit:
        click.echo(where, err=True)
        raise
    click.echo(where, err=True)


def published_surveys() -> dict[str, str]:
    """Return the bank of each survey in the database, by survey id; nothing where there is no database yet, or none that answers."""
    from sqlalchemy.exc import OperationalError

    from survey_service.banks.publishing import survey_banks
    from survey_service.store.session import Store
    from survey_service.store.versions import is_usable

    try:
        with closing(Store(Settings.database_of(os.environ))) as store:
            if not is_usable(store.engine):
                return {}
            with store.reading() as session:
                return survey_banks(session)
    except (SettingsInvalid, OperationalError):
        return {}


def bank_of(path: Path) -> "Bank":
    """Return the bank of a file. Exits with every problem of it."""
    from question_bank.files.load import check_bank

    report = check_bank(path.read_bytes(), path.name)
    if report.bank is None:
        refuse("\n".join(str(error) for error in report.errors))
    return report.bank


def given_in(file: Path, schema: "Schema") -> Any:
    """Return the content of a JSON file, validated as the API would. Exits with every problem of it."""
    from marshmallow import ValidationError

    try:
        return schema.load(json.loads(file.read_text(encoding="utf-8")))
    except ValidationError as wrong:
        refuse("\n".join(f"{path}: {message}" for path, message in wrong.normalized_messages().items()))
    except (ValueError, RecursionError) as wrong:
        refuse(f"{file}: is not readable JSON: {wrong}")


def print_list(found: Sequence[Mapping[str, Any]], lines: Sequence[str], as_json: bool, none: str = "") -> None:
    """Print a list as JSON or line by line; where it is empty, say on stderr how to begin."""
    if as_json:
        click.echo(json.dumps({"items": found}, ensure_ascii=False))
    elif lines:
        click.echo("\n".join(lines))
    elif none:
        click.echo(none, err=True)


def _message_of(wrong: DiscernError) -> str:
    return "\n".join([wrong.detail, *(f"{error['path']}: {error['message']}" for error in wrong.errors)])


def refuse(message: str) -> NoReturn:
    """Print what is wrong on stderr and exit with 1."""
    click.echo(message, err=True)
    sys.exit(1)
