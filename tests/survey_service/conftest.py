"""The application on each of the two databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.survey_service.service import Service
    from tests.survey_service.webhooks.api_clients import Caller
    from tests.survey_service.webhooks.world import World


@pytest.fixture(scope="session", autouse=True)
def builders_compiled_once() -> Iterator[None]:
    """Compile the functions that build URLs once for all applications: for every one of them it takes half of the time of its creation.

    They depend on the rule alone.
    """
    from werkzeug.routing import Rule

    compile_builder, known = Rule._compile_builder, {}

    def compiled_once(rule: Rule, append_unknown: bool = True) -> Any:
        key = (rule.rule, rule.subdomain, tuple((rule.defaults or {}).items()), append_unknown)
        if key not in known:
            known[key] = compile_builder(rule, append_unknown)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rule, "_compile_builder", compiled_once)
        yield


@pytest.fixture
def service(database_url: str) -> Iterator[Service]:
    """A service for each test."""
    from tests.survey_service.service import a_service

    made = a_service(database_url)
    yield made
    made.parts.store.close()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def one_service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service for all tests of a file that leave no state which affects another."""
    from tests.survey_service.databases import clone, sqlite_copy
    from tests.survey_service.service import a_service

    if request.param == "sqlite":
        folder: Path = tmp_path_factory.mktemp("one")
        made = a_service(sqlite_copy(request.getfixturevalue("sqlite_template"), folder))
        yield made
        made.parts.store.close()
    else:
        with clone(request.getfixturevalue("postgres_server")) as url:
            made = a_service(url)
            yield made
            made.parts.store.close()


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    """A bank, some contacts, and receivers of messages."""
    from tests.survey_service.webhooks.world import a_world

    with a_world(database_url) as made:
        yield made


@pytest.fixture
def call(world: World) -> Caller:
    """The API of the world, called with a key of each scope."""
    from tests.survey_service.webhooks.api_clients import Caller

    return Caller(world)


@pytest.fixture
def made(call: Caller) -> Any:
    """A new endpoint as the API returns it, with its secret."""
    from tests.survey_service.webhooks.api_clients import ENDPOINT

    return call("post", "/endpoints", ENDPOINT).json
