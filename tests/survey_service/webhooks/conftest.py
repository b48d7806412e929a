from collections.abc import Iterator
from typing import Any

import pytest

from tests.survey_service.webhooks.calling import ENDPOINT, Caller
from tests.survey_service.webhooks.world import World, a_world


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    with a_world(database_url) as made:
        yield made


@pytest.fixture
def call(world: World) -> Caller:
    return Caller(world)


@pytest.fixture
def made(call: Caller) -> Any:
    """An endpoint as the API tells of it, with its secret."""
    return call("post", "/endpoints", ENDPOINT).json
