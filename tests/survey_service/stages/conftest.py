"""A shop of 400 contacts, 160 of whom have answered."""

from collections.abc import Iterator

import pytest

from tests.survey_service.attribution.base import Base
from tests.survey_service.figures.shop import Shop, bank_with_journeys
from tests.survey_service.service import a_service

CONTACTS, ANSWERED = 400, 160


@pytest.fixture
def shop(database_url: str) -> Iterator[Shop]:
    base = Base(a_service(database_url, bank_with_journeys()))
    base.add(CONTACTS, consent={})
    base.answer(ANSWERED)
    yield Shop(base)
    base.service.parts.store.close()
