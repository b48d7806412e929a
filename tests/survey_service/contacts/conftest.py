"""A world in which messages about contacts are sent to a receiver."""

from collections.abc import Iterator

import pytest

from tests.survey_service.webhooks.world import World, a_world


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    with a_world(database_url) as made:
        yield made
