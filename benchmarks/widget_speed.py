"""The delay until the widget shows the next question when the server is slow: `python benchmarks/widget_speed.py`.

The browser delays every response by two seconds. Twenty people answer a choice and a scale and skip the rest, each 2.5 seconds after the
question appeared. Measured inside the page, from the click to the frame in which the next question is drawn. The design promises at most
50 ms in at least 95 % of the steps.
"""

import shutil
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.browser.conftest import QUIET
from tests.browser.world import QUESTIONS, WATCH, Visitor, World, run_world

PEOPLE, SLOW, THINKS, PROMISE = 20, 2000, 2.5, 50.0
DRAWN = WATCH.replace("step.shown = performance.now();", "requestAnimationFrame(() => (step.shown = performance.now()));")


def arrive(world: World, page: Page) -> Visitor:
    visitor = Visitor(world, page).visit()
    visitor.expect_question(QUESTIONS[0])
    page.evaluate(DRAWN)
    conditions = {"offline": False, "latency": SLOW, "downloadThroughput": -1, "uploadThroughput": -1}
    page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", conditions)
    return visitor


def step(visitor: Visitor, question: str) -> None:
    """Answer with a choice, a point of a scale, or a skip."""
    if question in QUESTIONS[:2]:
        visitor.survey.get_by_role("radio").last.check()
    visitor.button("Continue" if question in QUESTIONS[:2] else "Skip").click()


def main() -> None:
    program = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as folder, run_world(Path(folder)) as world, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(QUIET))
        people = [arrive(world, browser.new_context(locale="en-GB").new_page()) for _ in range(PEOPLE)]
        for question in QUESTIONS[:-1]:
            for visitor in people:
                step(visitor, question)
            time.sleep(THINKS)
        waits = sorted(
            wait for person in people for wait in person.page.evaluate("steps.map((step) => (step.shown ?? Infinity) - step.clicked)")
        )
        browser.close()
    soon = sum(wait <= PROMISE for wait in waits) / len(waits)
    print(f"{len(waits)} steps, server {SLOW / 1000:.0f} s: {soon:.0%} within {PROMISE:.0f} ms")
    print(f"median {waits[len(waits) // 2]:.1f} ms, 95 % {waits[int(len(waits) * 0.95)]:.1f} ms, longest {waits[-1]:.1f} ms")


if __name__ == "__main__":
    main()
