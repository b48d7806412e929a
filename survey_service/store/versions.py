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


def heads() -> set[str]:
    """The revisions behind which there is no other."""
    found = [pair for file in (scripts() / "versions").glob("*.py") for pair in REVISION.findall(file.read_text(encoding="utf-8"))]
    return {value for name, value in found if name == "revision"} - {value for name, value in found if name == "down_revision"}


def at_head(engine: Engine) -> bool:
    """Whether the database has exactly the tables of this version."""
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return False
        return set(connection.scalars(text("SELECT version_num FROM alembic_version"))) == heads()
