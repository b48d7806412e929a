"""Firefox and WebKit behind one small interface: Firefox over WebDriver BiDi, WebKit over WebDriver, both as Debian packages them.

A script is an expression of JavaScript. For `click` and `type` it has an element as its value, which may lie in a shadow root.
"""

import json
import os
import shutil
import subprocess
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest
from selenium import webdriver
from selenium.common.exceptions import WebDriverException

from tests.processes import ROOT

FIND = """
  const hosts = (root) => [...root.querySelectorAll("*")].filter((node) => node.shadowRoot);
  const roots = (root) => [root, ...hosts(root).flatMap((host) => roots(host.shadowRoot))];
  const found = (selector) => roots(document).flatMap((root) => [...root.querySelectorAll(selector)]);
  const all = (selector) => found(selector).filter((node) => node.checkVisibility());
"""
"""`all(selector)` returns the visible elements of the page and of all its shadow roots."""


class Engine(Protocol):
    """A browser with one page."""

    def open(self, url: str) -> None: ...
    def back(self) -> None: ...
    def reload(self) -> None: ...
    def run(self, script: str) -> Any: ...
    def click(self, script: str) -> None: ...
    def type(self, script: str, text: str) -> None: ...


class Firefox:
    """Firefox, driven by puppeteer-core in a process of its own."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def _do(self, command: str, **more: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"command": command, **more}) + "\n")
        self._process.stdin.flush()
        reply = json.loads(self._process.stdout.readline())
        assert "error" not in reply, reply
        return reply["result"]

    def open(self, url: str) -> None:
        self._do("open", url=url)

    def back(self) -> None:
        self._do("back")

    def reload(self) -> None:
        self._do("reload")

    def run(self, script: str) -> Any:
        return self._do("run", script=f"(() => {{ {FIND} return {script} }})()")

    def click(self, script: str) -> None:
        self._do("click", script=f"(() => {{ {FIND} return {script} }})()")

    def type(self, script: str, text: str) -> None:
        self._do("type", script=f"(() => {{ {FIND} return {script} }})()", text=text)


class WebKit:
    """WebKitGTK's MiniBrowser, driven by selenium."""

    def __init__(self, driver: Any) -> None:
        self._driver = driver

    def open(self, url: str) -> None:
        self._driver.get(url)

    def back(self) -> None:
        self._driver.back()

    def reload(self) -> None:
        self._driver.refresh()

    def run(self, script: str) -> Any:
        return self._driver.execute_script(f"{FIND} return {script}")

    def click(self, script: str) -> None:
        self.run(script).click()

    def type(self, script: str, text: str) -> None:
        self.run(script).send_keys(text)


@contextmanager
def firefox() -> Iterator[Engine]:
    """Run Firefox without a window."""
    program = _require("Firefox", shutil.which("firefox-esr") or shutil.which("firefox"))
    node = _require("Node", shutil.which("node"))
    command = [node, "tests/node/firefox.mjs", program]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Firefox(process)
        assert process.stdin is not None
        process.stdin.close()


@contextmanager
def webkit() -> Iterator[Engine]:
    """Run WebKit in a display of its own."""
    browser = _require("WebKit", next((str(file) for file in Path("/usr/lib").glob("*/webkit2gtk-4.*/MiniBrowser")), None))
    server = _require("WebKitWebDriver", shutil.which("WebKitWebDriver"))
    display = _require("Xvfb", shutil.which("Xvfb"))
    with ExitStack() as stack:
        screen = stack.enter_context(
            subprocess.Popen([display, "-displayfd", "1", "-screen", "0", "1280x1024x24"], stdout=subprocess.PIPE, text=True)
        )
        stack.callback(screen.terminate)
        assert screen.stdout is not None
        number = screen.stdout.readline().strip()
        options = webdriver.WebKitGTKOptions()
        options.binary_location = browser
        options.add_argument("--automation")
        environment = {**os.environ, "DISPLAY": f":{number}", "WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS": "1"}
        service = webdriver.WebKitGTKService(server, env=environment)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # selenium's own driver of WebKit sets what selenium has deprecated
            driver = webdriver.WebKitGTK(options=options, service=service)
        stack.callback(driver.quit)
        yield WebKit(driver)


def _require(name: str, program: str | None) -> str:
    """Return the program. Without it tests are skipped on a developer's machine and fail in CI."""
    if program is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{name} is not installed: see requirements/test-machine.sh")
    return str(program)


def eventually(engine: Engine, script: str, holds: Callable[[Any], bool] = bool) -> Any:
    """Wait until the value of a script satisfies a condition, and return it. A page that is being replaced has no value yet."""
    until, value = time.monotonic() + 20, None
    while True:
        try:
            value = engine.run(script)
            if holds(value):
                return value
        except (AssertionError, WebDriverException) as changing:
            value = changing
        assert time.monotonic() < until, f"{script}: {value}"
        threading.Event().wait(0.05)
