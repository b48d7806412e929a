"""Commands on the database of a test."""

from collections.abc import Callable

import pytest
from click import Command
from click.testing import CliRunner, Result

from tests.survey_service.service import SECRET, Service


@pytest.fixture
def commands(service: Service) -> Callable[..., Result]:
    """Run a command with these arguments in the settings of `service`."""
    settings = {"DISCERN_DATABASE_URL": service.parts.settings.database_url, "DISCERN_SECRET_KEYS": SECRET}
    return lambda command, *arguments: run(command, settings, arguments)


def run(command: Command, settings: dict[str, str], arguments: tuple[str, ...]) -> Result:
    return CliRunner().invoke(command, arguments, env=settings)
