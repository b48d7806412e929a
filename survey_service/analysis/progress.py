"""Progress bars for long analyses."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click


@contextmanager
def progress(label: str, length: int) -> Iterator[Callable[[int], None]]:
    """Show a progress bar on a terminal and yield its update function; elsewhere a function that does nothing."""
    screen = sys.stderr
    if not screen.isatty():
        yield lambda _: None
        return
    with click.progressbar(length=length, label=label, file=screen) as bar:
        yield bar.update
