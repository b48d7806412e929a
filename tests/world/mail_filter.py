"""A mail filter: a machine that looks at every link of a message before, while and after the recipient reads it.

It sends what such programs and browsers send over HTTP, and never submits a form.

    filter = MailFilter()
    filter.look("http://127.0.0.1:8000/l/TOKEN")                    # GET, HEAD, prefetch and prerender
    filter.look_with_browser(browser, "http://127.0.0.1:8000/l/T")  # runs the scripts of the page, without any input
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.request import Request, urlopen

LOOKS: Sequence[tuple[str, dict[str, str]]] = (
    ("HEAD", {}),
    ("GET", {}),
    ("GET", {"Sec-Purpose": "prefetch"}),
    ("GET", {"Sec-Purpose": "prefetch;prerender"}),
    ("GET", {"Purpose": "prefetch"}),
    ("GET", {"X-Moz": "prefetch"}),
)
"""Method and headers of each request: a link checker, a scanner, and the early loads of browsers."""


@dataclass
class MailFilter:
    """Looks at links and counts its requests in `looks`."""

    timeout: float = 10.0
    looks: int = field(default=0, init=False)

    def look(self, *urls: str) -> None:
        """Send each request of LOOKS to each URL. Raises urllib.error.HTTPError where one is refused."""
        for url in urls:
            for method, headers in LOOKS:
                with urlopen(Request(url, method=method, headers=headers), timeout=self.timeout) as response:
                    response.read()
                self.looks += 1

    def look_with_browser(self, browser: Any, url: str) -> None:
        """Open a URL in a Playwright browser that runs its scripts, and close it when the network is quiet. Nothing is clicked."""
        context = browser.new_context()
        try:
            context.new_page().goto(url, wait_until="networkidle")
        finally:
            context.close()
        self.looks += 1
