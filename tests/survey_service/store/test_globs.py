"""Patterns with stars match alike in Python, SQLite and PostgreSQL, and in time proportional to the path."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import String, literal, select

from survey_service.store.globs import glob_matches, matches_glob
from survey_service.store.session import Store

CASES = [
    ("/safety/*", "/safety/crash-test", True),
    ("/safety/*", "/safety", False),
    ("*", "", True),
    ("a*a", "a", False),
    ("a*b*c", "abc", True),
    ("a*b*c", "acb", False),
    ("*b*b", "ab", False),
    ("100%_*", "100%_x", True),
    ("100%_*", "100ab", False),
    ("a\\*", "a\\b", True),
    ("exact", "exact", True),
    ("exact", "exactly", False),
]


@pytest.mark.parametrize(("glob", "text", "expected"), CASES)
def test_a_database_matches_as_python_does(database_url, glob, text, expected):
    store = Store(database_url)
    with store.reading() as session:
        found = session.execute(select(matches_glob(literal(text, String()), glob))).scalar_one()
    store.close()

    assert (bool(found), glob_matches(glob, text)) == (expected, expected)


@settings(max_examples=300)
@given(st.text("ab*", max_size=8), st.text("ab", max_size=10))
def test_stars_stand_for_any_characters(glob, text):
    assert glob_matches(glob, text) == (re.fullmatch(".*".join(map(re.escape, glob.split("*"))), text) is not None)


def test_many_slashes_against_many_stars_end(database_url):
    """SQLite's LIKE takes half a minute for the first of these, and a lifetime for the second."""
    store = Store(database_url)
    with store.reading() as session:
        for stars in (4, 40):
            glob = "*/" * stars + "x"
            assert not session.execute(select(matches_glob(literal("/" * 1000, String()), glob))).scalar_one()
    store.close()
