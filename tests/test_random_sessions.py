"""Random respondents in random banks: nothing acknowledged is lost or doubled, and every session ends with a reason."""

import pytest

from survey_service.app import create_app
from survey_service.settings import Settings
from tests.survey_service.service import SECRET, Clock
from tests.world.random_sessions import run_session


@pytest.fixture
def client(database_url):
    app = create_app(Settings(database_url=database_url, secret_keys=(SECRET,), limit_per_token=None, limit_per_survey=None), Clock())
    yield app.test_client()
    app.extensions["discern"].store.close()


@pytest.mark.parametrize("first", range(0, 200, 50))
def test_random_sessions_lose_and_double_nothing(client, first):
    """`benchmarks/random_sessions.py` runs ten thousand of them."""
    for seed in range(first, first + 50):
        run_session(client, client.application.extensions["discern"], seed)
