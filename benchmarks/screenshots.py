"""Take a picture of every page of the console: desktop and phone, light and dark, English and French, into a folder.

    PYTHONPATH=. .venv/bin/python -P benchmarks/screenshots.py var/screenshots

`--people` says how many of the 793 real questionnaires are answered first, `--only` takes the pages whose names contain a word.
"""

import argparse
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.browser.console_world import SURVEY, ConsoleWorld, serve_console

SIZES = {"desktop": (1280, 900), "phone": (390, 844)}
SCHEMES, LOCALES = ("light", "dark"), {"en": "en-GB", "fr": "fr-FR"}


def pages_of(world: ConsoleWorld) -> Mapping[str, str]:
    """Return the address of every page by the name of its picture."""
    return {
        "welcome": "/",
        "overview": "/console",
        "survey": f"/console/s/{SURVEY}",
        "survey-filtered": f"/console/s/{SURVEY}?lang=fr",
        "survey-empty": "/console/s/website",
        "contacts": "/console/c",
        "contact": f"/console/c/{world.contact}",
        "banks": "/console/b",
        "begin": "/console/new",
        "editor": "/console/b/car-buyers/draft/q/reasons_value",
        "editor-scale": "/console/b/car-buyers/draft/q/satisfaction",
        "text": "/console/b/car-buyers/draft/yaml",
        "review": "/console/b/car-buyers/draft",
        "versions": "/console/b/car-buyers/versions",
        "version": "/console/b/car-buyers/versions/1",
        "deliveries": "/console/d",
        "settings": "/console/settings",
        "missing": "/console/nowhere",
    }


def take(browser: Browser, world: ConsoleWorld, folder: Path, only: str) -> int:
    """Take the pictures, and those of the pages for who is not signed in. Return how many there are."""
    taken = 0
    for language, locale in LOCALES.items():
        for size, (width, height) in SIZES.items():
            for scheme in SCHEMES:
                settings = {"locale": locale, "color_scheme": scheme, "viewport": {"width": width, "height": height}}
                context = browser.new_context(**settings)  # type: ignore[arg-type]
                page = context.new_page()
                link = world.link()
                signed_out = {"sign-in": "/console", "link": link.removeprefix(world.url)}
                for name, address in {**signed_out, **pages_of(world)}.items():
                    if name == "welcome":
                        page.goto(link)
                        page.locator("main button").click()
                    if only in name:
                        page.goto(world.url + address)
                        page.screenshot(path=folder / f"{name}-{language}-{size}-{scheme}.png", full_page=True)
                        taken += 1
                context.close()
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--people", type=int, default=793)
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    program = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as work, serve_console(Path(work), given.people) as world, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        print(f"{take(browser, world, given.folder, given.only)} pictures in {given.folder}")
        browser.close()


if __name__ == "__main__":
    main()
