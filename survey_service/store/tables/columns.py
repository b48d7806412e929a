"""The types of columns, the same on SQLite and PostgreSQL."""

import secrets
import time
from base64 import b32encode
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, DateTime, Dialect, Integer, TypeDecorator
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

BigId = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows by itself only in an INTEGER key
Json = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


class UtcDateTime(TypeDecorator[datetime]):
    """A timezone-aware time in UTC, also from SQLite, which stores text without a zone. Sessions of PostgreSQL are in UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any] | None:
        """Return what converts a time for the driver: an answer has dozens, and SQLAlchemy's own way takes several times as long."""
        if dialect.name != "sqlite":
            return None
        return lambda time: None if time is None else time.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any] | None:
        if dialect.name != "sqlite":
            return None
        return lambda text: None if text is None else datetime.fromisoformat(text).replace(tzinfo=UTC)


BASE32, ASCENDING = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", "234567ABCDEFGHIJKLMNOPQRSTUVWXYZ"
SORTED = str.maketrans(BASE32, ASCENDING)
TIME = 10
"""Characters of an id that hold the milliseconds, and two random bits."""
AFTER_BASE32 = ASCENDING.index("B") << 43
"""Ids of before had their time in Base32 and begin with "a"; these begin with "b". Milliseconds reach so far in the year 2248."""


def new_id(prefix: str) -> str:
    """Return a public id: prefix, milliseconds since 1970 and 80 random bits. Ids sort by age and cannot be guessed.

    Base32 (RFC 4648) gives its digits the largest values, but they sort before letters: the time has its characters in ascending order.
    """
    moment = (AFTER_BASE32 | int(time.time() * 1000)).to_bytes(6, "big")
    text = b32encode(moment + secrets.token_bytes(10)).decode().rstrip("=")
    return f"{prefix}_{text[:TIME].translate(SORTED)}{text[TIME:]}".lower()


def moment(*, nullable: bool = False, index: bool = False) -> Any:
    return Field(default=None, sa_column=Column(UtcDateTime(), nullable=nullable, index=index))


def json_column(default: Any = None, *, nullable: bool = False) -> Any:
    factory = {"default_factory": default} if callable(default) else {"default": default}
    return Field(**factory, sa_column=Column(Json, nullable=nullable))
