"""Progress bars for long analyses."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click


@contextmanager
def progress(label: str, length: int) -> Iterator[Callable[[int], None]]:
    """A progress bar on a terminal, to be told how much more is done; silence elsewhere."""
    screen = sys.stderr
    if not screen.isatty():
        yield lambda _: None
        return
    with click.progressbar(length=length, label=label, file=screen) as bar:
        yield bar.update
