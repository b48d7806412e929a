"""Public ids sort by age, after those of before, and stand in the tokens of links."""

from base64 import b32encode
from datetime import UTC, datetime
from random import Random

import pytest

from survey_service.crypto import Keyring
from survey_service.links.tokens import LANDING, LinkTokens
from survey_service.store.tables import columns
from survey_service.store.tables.columns import new_id

STEPS = (0.0011, 0.008, 0.3, 1, 33, 1000, 40_000, 1_000_000)


@pytest.fixture
def clock(monkeypatch):
    """A clock that goes forward by steps of every size, for which each character of the time changes."""
    dice, now = Random(1), [datetime(2026, 11, 30, tzinfo=UTC).timestamp()]

    class Time:
        @staticmethod
        def time() -> float:
            now[0] += dice.choice(STEPS)
            return now[0]

    monkeypatch.setattr(columns, "time", Time)


def test_ids_sort_by_age(clock):
    """For every step of the clock of a millisecond and more."""
    ids = [new_id("atr") for _ in range(5000)]
    assert ids == sorted(ids)
    assert {len(made) for made in ids} == {len("atr_") + 26}


def test_ids_sort_after_those_of_before(clock):
    """Rows of the version before stay older than new ones, until the year 2200."""
    latest = int(datetime(2200, 1, 1, tzinfo=UTC).timestamp() * 1000).to_bytes(6, "big")
    text = b32encode(latest + bytes([255]) * 10).decode()
    before = f"atr_{text.rstrip('=').lower()}"
    assert before < new_id("atr")


def test_tokens_of_links_hold_any_id(clock):
    """A token leads back to the id that it was written for, whose time is not Base32."""
    tokens = LinkTokens(Keyring(("a key that is long enough for tests",)))
    for _ in range(200):
        made = new_id("lnk")
        assert tokens.read(tokens.write(made, LANDING)) == (made, LANDING)
