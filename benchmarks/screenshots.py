"""Take a picture of every page of the console: desktop and phone, light and dark, English and French, into a folder.

    PYTHONPATH=. .venv/bin/python -P benchmarks/screenshots.py var/screenshots

`--people` says how many of the 793 real questionnaires are answered first, `--only` takes the pages whose names contain a word. `--docs`
makes the pictures of the documentation instead, small ones:

    PYTHONPATH=. .venv/bin/python -P benchmarks/screenshots.py --docs docs/images
"""

import argparse
import shutil
import tempfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from tests.browser.console_world import SURVEY, ConsoleWorld, serve_console

SIZES = {"desktop": (1280, 900), "phone": (390, 844)}
COLOURS = 64
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
        "personas": "/console/p/car-buyers",
        "poster": "/console/p/car-buyers/keeper/poster",
        "booklet": "/console/p/car-buyers/booklet",
        "journeys": "/console/j/car-buyers",
        "base": "/console/a/car-buyers",
        "banks": "/console/b",
        "begin": "/console/new",
        "editor": "/console/b/car-buyers/draft/q/reasons_value",
        "editor-scale": "/console/b/car-buyers/draft/q/satisfaction",
        "editor-words": "/console/b/car-buyers/draft/q/reasons_value?as=words",
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


def take_for_docs(browser: Browser, world: ConsoleWorld, folder: Path) -> int:
    """Take the pictures of the README, with few colours. Return how many there are."""
    wanted = {"console": (f"/console/s/{SURVEY}", "body", "en-GB"), "poster": ("/console/p/car-buyers/keeper/poster", ".sheet", "fr-FR")}
    for name, (address, part, locale) in wanted.items():
        context = browser.new_context(locale=locale, color_scheme="light", viewport={"width": SIZES["desktop"][0], "height": 900})
        page = context.new_page()
        page.goto(world.link())
        page.locator("main button").click()
        page.goto(world.url + address)
        page.evaluate("document.fonts.ready")
        picture = Image.open(BytesIO(page.locator(part).first.screenshot()))
        picture.quantize(COLOURS).save(folder / f"{name}.png", optimize=True)
        context.close()
    return len(wanted)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("var/screenshots"))
    parser.add_argument("--docs", type=Path, metavar="FOLDER")
    parser.add_argument("--people", type=int, default=793)
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    folder = given.docs or given.folder
    folder.mkdir(parents=True, exist_ok=True)
    program = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as work, serve_console(Path(work), given.people) as world, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        taken = take_for_docs(browser, world, folder) if given.docs else take(browser, world, folder, given.only)
        print(f"{taken} pictures in {folder}")
        browser.close()


if __name__ == "__main__":
    main()
