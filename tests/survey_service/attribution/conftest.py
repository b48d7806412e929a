"""Bases of contacts: empty ones, and one of 400 contacts of whom a quarter has answered."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.survey_service.attribution.base import Base, bank
from tests.survey_service.service import a_service

CONTACTS, ANSWERED = 400, 100


@pytest.fixture
def make_base(database_url: str) -> Iterator[Callable[..., Base]]:
    """Return a function that makes an empty base under a rule of consent."""
    with ExitStack() as stack:

        def make(consent: str = "required") -> Base:
            base = Base(a_service(database_url, bank(consent)))
            stack.callback(base.service.parts.store.close)
            return base

        yield make


@pytest.fixture
def base(make_base: Callable[..., Base]) -> Base:
    made = make_base()
    made.add(CONTACTS)
    made.answer(ANSWERED)
    return made
