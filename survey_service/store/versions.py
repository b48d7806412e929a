"""Which revision the database has, and which this version needs. Loads no Alembic, because every process asks this once."""

import re
from pathlib import Path

from sqlalchemy import Engine, inspect, text

PACKAGE = Path(__file__).resolve().parent.parent
REVISION = re.compile(r'^(revision|down_revision)\b.*= "(.+)"$', re.MULTILINE)


def scripts() -> Path:
    """Return the folder of the migrations: inside the installed package, or beside it in a checkout."""
    installed = PACKAGE / "migrations"
    return installed if installed.is_dir() else PACKAGE.parent / "migrations"


def head() -> str:
    """Return the last revision. Revisions are numbers in one line."""
    found = [pair for file in (scripts() / "versions").glob("*.py") for pair in REVISION.findall(file.read_text(encoding="utf-8"))]
    return str(max(value for name, value in found if name == "revision"))


def revision_of(engine: Engine) -> str | None:
    """Return the revision of the database, None where it has no tables."""
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return revision


def is_usable(engine: Engine) -> bool:
    """Whether the database has the tables of this version or of a later one. A later version only adds, so that servers can be exchanged
    one by one.
    """
    revision = revision_of(engine)
    return revision is not None and revision >= head()


def is_later(engine: Engine) -> bool:
    """Whether a later version of the service has migrated the database."""
    revision = revision_of(engine)
    return revision is not None and revision > head()
