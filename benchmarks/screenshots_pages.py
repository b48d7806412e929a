"""Take a picture of every page and state that respondents see: desktop and phone, light and dark, English, French and Arabic.

    PYTHONPATH=. .venv/bin/python -P benchmarks/screenshots_pages.py var/screenshots [--only NAME]

The widget in a page, in a dialog and in the corner; the hosted page with its error and its end; the landing page of an email; the preview.
"""

import argparse
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.world import World, run_world

SIZES = {"desktop": (1280, 900), "phone": (390, 844), "narrow": (320, 640)}
SCHEMES, LANGUAGES = ("light", "dark"), ("en", "fr", "ar")
CARD = "<style>:root{color-scheme:light dark}body{max-width:30rem;margin:2rem auto}</style>"
TYPES = 5


def widget(world: World, language: str, attributes: str = "") -> str:
    """Return the address of a page with the widget in a language."""
    script = f'<script type="module" src="{world.service}/embed/v1/widget.js"></script>'
    body = f'<persona-survey survey="every-type" lang="{language}" {attributes}><button>Open</button></persona-survey>'
    return world.put(body, head=CARD + script)


def states_of_widget(world: World, page: Page, language: str) -> Iterator[str]:
    """Show the widget question by question, with an answer chosen where there is one to choose, and yield the name of each state."""
    page.goto(widget(world, language))
    for number in range(1, TYPES + 1):
        page.locator("persona-survey legend").wait_for()
        choices = page.locator("persona-survey label")
        field = page.locator("persona-survey [part=input]")
        if number == 1:
            page.locator("persona-survey [value=continue]").click()
            yield "widget-error"
        if choices.count():
            choices.nth(min(1, choices.count() - 1)).click()
        elif number == TYPES - 1:
            field.fill("12,3,4")
            page.locator("persona-survey [value=continue]").click()
            page.locator("persona-survey [part=status]:not(:empty)").wait_for()
            yield "widget-number-error"
            field.fill("34")
        else:
            field.fill("…")
        yield f"widget-{number}"
        before = page.locator("persona-survey legend").inner_text()
        page.locator("persona-survey [value=continue]").click()
        page.wait_for_function(
            "before => document.querySelector('persona-survey').shadowRoot.querySelector('legend').innerText != before", arg=before
        )
    yield "widget-end"


def states_of_page(world: World, page: Page, language: str) -> Iterator[str]:
    """Show the hosted page question by question, then its error and its end."""
    page.goto(f"{world.service}/s/every-type?lang={language}")
    for number in range(1, TYPES + 1):
        choices, field = page.locator("fieldset label"), page.locator("fieldset input[inputmode], fieldset textarea")
        if number == TYPES - 1:
            field.fill("12,3,4")
            page.locator("[value=answer]").click()
            yield "page-error"
        if choices.count():
            choices.nth(min(1, choices.count() - 1)).click()
        else:
            field.fill("34")
        yield f"page-{number}"
        page.locator("[value=answer]").click()
    yield "page-end"


def states_of_overlays(world: World, page: Page, language: str) -> Iterator[str]:
    """Show the widget in a dialog and in the corner."""
    page.goto(widget(world, language, 'mode="modal"'))
    page.locator("persona-survey button").first.click()
    page.locator("persona-survey label").first.wait_for()
    yield "widget-modal"
    page.goto(widget(world, language, 'mode="corner" delay="0"'))
    page.locator("persona-survey label").first.wait_for()
    yield "widget-corner"


STATES: tuple[Callable[[World, Page, str], Iterator[str]], ...] = (states_of_widget, states_of_page, states_of_overlays)


def take(browser: Browser, world: World, folder: Path, only: str) -> int:
    """Take the pictures whose names contain `only`. Return how many there are."""
    taken = 0
    for language in LANGUAGES:
        for size, (width, height) in SIZES.items():
            for scheme in SCHEMES:
                settings: Mapping[str, Any] = {"color_scheme": scheme, "viewport": {"width": width, "height": height}}
                context = browser.new_context(**settings)
                page = context.new_page()
                for states in STATES:
                    for name in states(world, page, language):
                        if only in f"{name}-{language}-{size}-{scheme}":
                            page.screenshot(path=folder / f"{name}-{language}-{size}-{scheme}.png", full_page="corner" not in name)
                            taken += 1
                context.close()
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    program = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as work, run_world(Path(work)) as world, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        print(f"{take(browser, world, given.folder, given.only)} pictures in {given.folder}")
        browser.close()


if __name__ == "__main__":
    main()
