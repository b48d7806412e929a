"""The name of a database in messages holds no password and is complete."""

import pytest
from sqlalchemy import create_engine

from survey_service.store.sqlite import name_of


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("postgresql+psycopg://discern:secret@db/discern", "postgresql+psycopg://discern:***@db/discern"),
        ("postgresql+psycopg://discern@db/discern?password=secret", "postgresql+psycopg://discern@db/discern?password=***"),
        (
            "postgresql+psycopg://db/discern?sslpassword=secret&sslmode=require",
            "postgresql+psycopg://db/discern?sslmode=require&sslpassword=***",
        ),
        ("sqlite:////srv/discern.db", "sqlite:////srv/discern.db"),
    ],
)
def test_a_database_is_named_without_its_passwords(url, name):
    """A password may stand before the host or among the parameters."""
    assert name_of(create_engine(url)) == name
