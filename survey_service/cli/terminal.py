"""What every `discern` command needs: the settings, the database, a bank, a way to refuse, a progress bar."""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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
    """What the service refuses, it refuses here with the same words: on stderr, exit 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except DiscernError as wrong:
            refuse("\n".join([wrong.detail, *(f"{error['path']}: {error['message']}" for error in wrong.errors)]))


def settings_of_environment() -> Settings:
    """The settings; refuses with every problem of them."""
    try:
        return Settings.from_env(os.environ)
    except SettingsInvalid as wrong:
        refuse("\n".join(wrong.problems))


def all_settings() -> Mapping[str, str]:
    """The settings as they are written, for whoever says what is wrong with them."""
    return os.environ


def folder_of_metrics() -> str:
    """Where the processes of one server count together.

    To be called before anything imports the client library of Prometheus, which looks for it then and only then.
    """
    return os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", mkdtemp(prefix="discern-metrics-"))


@contextmanager
def store_of(settings: Settings, *, migrated: bool = True) -> Iterator["Store"]:
    """The database of the settings, with the tables of this version unless it is to get them now."""
    from sqlalchemy.exc import OperationalError

    from survey_service.store.session import Store
    from survey_service.store.versions import is_usable

    store = Store(settings.database_url)
    try:
        if migrated and not is_usable(store.engine):
            refuse("the database does not have the tables of this version: run discern migrate")
        yield store
    except OperationalError as wrong:
        refuse(f"DISCERN_DATABASE_URL: the database does not answer: {wrong.orig}")
    finally:
        store.close()


def bank_of(path: Path) -> "Bank":
    """The bank of a file; refuses with every problem of it."""
    from question_bank.files.load import check_bank

    report = check_bank(path.read_bytes(), path.name)
    if report.bank is None:
        refuse("\n".join(str(error) for error in report.errors))
    return report.bank


def given_in(file: Path, schema: "Schema") -> Any:
    """What a JSON file asks for, as the API would read it; exits with every problem of it."""
    from marshmallow import ValidationError

    try:
        return schema.load(json.loads(file.read_text(encoding="utf-8")))
    except ValidationError as wrong:
        refuse("\n".join(f"{path}: {message}" for path, message in wrong.normalized_messages().items()))
    except ValueError as wrong:
        refuse(f"{file}: is not readable JSON: {wrong}")


def refuse(message: str) -> NoReturn:
    """Say on stderr what is wrong, exit 1."""
    click.echo(message, err=True)
    sys.exit(1)
