"""Which tables the database has, and which this version needs. Without the library that makes them: every process asks this once."""

import re
from pathlib import Path

from sqlalchemy import Engine, inspect, text

PACKAGE = Path(__file__).resolve().parent.parent
REVISION = re.compile(r'^(revision|down_revision)\b.*= "(.+)"$', re.MULTILINE)


def scripts() -> Path:
    """Where the migrations are: inside the installed package, or beside it in a checkout."""
    installed = PACKAGE / "migrations"
    return installed if installed.is_dir() else PACKAGE.parent / "migrations"


def head() -> str:
    """The last revision. They are numbers in one line."""
    found = [pair for file in (scripts() / "versions").glob("*.py") for pair in REVISION.findall(file.read_text(encoding="utf-8"))]
    return max(value for name, value in found if name == "revision")


def revision_of(engine: Engine) -> str | None:
    """The revision that the database has come to, None where it has no tables."""
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.scalar(text("SELECT version_num FROM alembic_version"))


def is_usable(engine: Engine) -> bool:
    """Whether the database has the tables of this version, or of a later one: the next version takes nothing away that this one needs,
    and servers are exchanged one by one."""
    revision = revision_of(engine)
    return revision is not None and revision >= head()


def is_later(engine: Engine) -> bool:
    """Whether a later version of the service has migrated the database."""
    revision = revision_of(engine)
    return revision is not None and revision > head()
