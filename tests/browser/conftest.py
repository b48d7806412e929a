"""A browser for all tests, and a new profile for each."""

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.browser.world import Visitor, World, run_world

INSTALL = "Chromium is not installed: apt-get install chromium, or put it on the PATH"
LONGEST_WAIT_MS = 30_000
"""What a page shows may take so long while other tests use all processors: a simulation takes a second on an idle one."""
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium. Where it is not installed, tests are skipped, and CI fails."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(INSTALL)
    with sync_playwright() as playwright:
        expect.set_options(timeout=LONGEST_WAIT_MS)
        running = playwright.chromium.launch(executable_path=program, args=list(QUIET))
        yield running
        running.close()


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A service for all tests. Every visitor is a contact of their own."""
    with run_world(tmp_path_factory.mktemp("world")) as world:
        yield world


@pytest.fixture
def new_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Return a function that opens a page with its own viewport, colour scheme and other settings."""
    contexts: list[BrowserContext] = []

    def make(**settings: Any) -> Page:
        contexts.append(browser.new_context(**{"locale": "en-GB", **settings}))
        contexts[-1].set_default_timeout(LONGEST_WAIT_MS)
        return contexts[-1].new_page()

    yield make
    for context in contexts:
        context.close()


@pytest.fixture
def visitor(world: World, new_page: Callable[..., Page]) -> Visitor:
    return Visitor(world, new_page())
