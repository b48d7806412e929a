"""A database for one run: the one that is named, a PostgreSQL of our own, or a SQLite file."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from tests.survey_service.databases import clone, postgres


@contextmanager
def database(url: str | None, *, postgresql: bool) -> Iterator[str]:
    """Its address; what we made ourselves ends with the run."""
    if url is not None:
        yield url
    elif postgresql:
        with postgres() as server, clone(server) as made:
            yield made
    else:
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite:///{folder}/benchmark.db"
