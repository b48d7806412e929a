from collections.abc import Iterator

import pytest

from tests.survey_service.crm.connected import Connected
from tests.survey_service.crm.fake_crm import crm, hubspot
from tests.survey_service.webhooks.world import World, a_world


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    with a_world(database_url) as made:
        made.publish()
        yield made


@pytest.fixture
def there(world: World) -> Iterator[Connected]:
    """A world that is connected to a HubSpot on loopback."""
    with crm(hubspot) as made:
        yield Connected(world, made)
