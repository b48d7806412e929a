"""From `make run` to a published bank of one's own that is embedded in a page: in the console alone, with at most 25 clicks."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from playwright.sync_api import Locator, Page, expect

from tests.browser.test_demo import demo_process
from tests.processes import free_port

MOST_CLICKS = 25


@dataclass
class Newcomer:
    """Somebody who counts clicks. Going into a field and choosing from a list are clicks too."""

    page: Page
    clicks: int = 0

    def click(self, what: Locator) -> None:
        self.clicks += 1
        what.click()

    def fill(self, label: str, text: str) -> None:
        self.clicks += 1
        self.page.get_by_label(label).first.fill(text)

    def choose(self, label: str, value: str) -> None:
        self.clicks += 2
        self.page.get_by_label(label).select_option(value)


@contextmanager
def shop(tags: list[str]) -> Iterator[str]:
    """Serve a page with these tags in its body on a site of its own. Yield the site."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = f'<!doctype html><html lang="en"><title>Shop</title>{"".join(tags)}'.encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_a_newcomer_publishes_and_embeds_a_bank(new_page, tmp_path):
    """Without documentation: what the console shows is enough, down to the two tags that are pasted into a page."""
    page, tags = new_page(), []
    newcomer = Newcomer(page)
    with demo_process(tmp_path, free_port()) as (process, _, _), shop(tags) as site:
        link = next(match[0] for line in process.stdout if (match := re.search(r"http://\S+/sign-in/\S+", line)))
        page.goto(link)
        newcomer.click(page.locator("main button"))
        newcomer.click(page.get_by_role("link", name="Banks").first)
        newcomer.click(page.get_by_role("link", name="Begin with your personas"))
        newcomer.fill("Your personas", "The reader: lives in books\nThe listener: hears them on the way")
        newcomer.fill("Question 1", "How do you like stories best?")
        newcomer.fill("Its answers, separated by commas", "On paper, As audio")
        newcomer.fill("Title of the survey", "Your books")
        newcomer.fill("Short name", "books")
        newcomer.fill("Site that will show it", site)
        newcomer.click(page.get_by_role("button", name="Go on"))
        for cell, sign in (("The reader, On paper", "++"), ("The listener, As audio", "++")):
            newcomer.choose(cell, sign)
        newcomer.click(page.get_by_role("button", name="Make the bank"))
        newcomer.click(page.get_by_role("link", name="What it changes").first)
        newcomer.click(page.get_by_role("button", name=re.compile("Publish")).first)
        newcomer.click(page.get_by_role("link", name="Surveys").first)
        newcomer.click(page.get_by_role("link", name="Your books"))
        tags.append(page.locator("pre").inner_text())

        page.goto(site)
        expect(page.locator("persona-survey").get_by_role("group", name="How do you like stories best?")).to_be_visible()
        page.locator("persona-survey").get_by_label("As audio").check()
        page.locator("persona-survey").get_by_role("button", name="Continue").click()
        expect(page.locator("persona-survey").get_by_text("Thank you.")).to_be_visible()

    assert newcomer.clicks <= MOST_CLICKS
