"""Take a picture of every page and state that respondents see: desktop and phone, light and dark, English, French and Arabic.

    PYTHONPATH=. .venv/bin/python -P benchmarks/screenshots_pages.py var/screenshots [--only NAME]

The widget in a page, in a dialog and in the corner; the hosted page with its error and its end; the markup of an email and its page; the
preview; the demo.
"""

import argparse
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from survey_service.email_links.create import LIFETIME, Recipient, create_links, prepare_mailing
from survey_service.email_links.rendering import Drafts, render_html
from survey_service.links.tokens import LinkTokens
from survey_service.preview.tokens import preview_address
from survey_service.web.context import utc_now
from tests.browser.test_demo import running_demo
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


def states_of_emails(world: World, page: Page, language: str) -> Iterator[str]:
    """Show the markup of an email, and the page behind one of its links."""
    with world.parts.store.writing() as session:
        for question in ("colour", "mood"):
            mailing = prepare_mailing(session, world.parts.banks, "every-type", question, LIFETIME)
            (created,) = create_links(
                session, world.parts.keys, mailing, [Recipient(f"picture-{question}-{language}", language)], utc_now()
            )
            draft = Drafts(LinkTokens(world.parts.keys), world.service, mailing.bank).of(created)
            page.set_content(f'<html lang="{language}"><body style="margin:16px;background:#fff">{render_html(draft)}')
            yield f"email-{question}"
    page.goto(draft.options[1].url)
    yield "landing"


def states_of_preview(world: World, page: Page, language: str) -> Iterator[str]:
    """Show the preview with all its frames."""
    address = preview_address(world.service, world.parts.keys, "every-type")
    page.goto(f"{address}&lang={language}")
    page.wait_for_load_state("networkidle")
    yield "preview"


def states_of_demo(address: str, page: Page, language: str) -> Iterator[str]:
    """Show the demo after two answers."""
    page.goto(f"{address}?lang={language}")
    for answered in (1, 2):
        page.locator("persona-survey label").first.wait_for()
        page.locator("persona-survey label").nth(1).click()
        page.locator("persona-survey [value=continue]").click()
        page.locator("#answers li").nth(answered - 1).wait_for()
    page.locator("#messages:not([hidden])").wait_for()
    yield "demo"


STATES: tuple[Callable[[World, Page, str], Iterator[str]], ...] = (
    states_of_widget,
    states_of_page,
    states_of_overlays,
    states_of_emails,
    states_of_preview,
)


def take(browser: Browser, world: World, demo: str, folder: Path, only: str) -> int:
    """Take the pictures whose names contain `only`. Return how many there are."""
    taken = 0
    for language in LANGUAGES:
        for size, (width, height) in SIZES.items():
            for scheme in SCHEMES:
                settings: Mapping[str, Any] = {"color_scheme": scheme, "viewport": {"width": width, "height": height}}
                context = browser.new_context(**settings)
                page = context.new_page()
                for states in (*(partial(states, world) for states in STATES), partial(states_of_demo, demo)):
                    for name in states(page, language):
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
    with (
        tempfile.TemporaryDirectory() as work,
        tempfile.TemporaryDirectory() as beside,
        run_world(Path(work)) as world,
        running_demo(Path(beside)) as demo,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        print(f"{take(browser, world, demo, given.folder, given.only)} pictures in {given.folder}")
        browser.close()


if __name__ == "__main__":
    main()
