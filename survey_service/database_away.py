"""What the log says while the database is away: one line a second, not one for each of the thousands who are asked to come back."""

import logging
import time
from threading import Lock

from sqlalchemy.exc import DBAPIError

SECONDS = 1.0

log = logging.getLogger(__name__)


class Seldom:
    """Once in so many seconds; in between it counts."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds, self._lock = seconds, Lock()
        self._last, self._since = -seconds, 0

    def turn(self, now: float) -> int:
        """How many there were since the last time; 0 where it is too early to speak of them."""
        with self._lock:
            self._since += 1
            if now - self._last < self._seconds:
                return 0
            counted, self._last, self._since = self._since, now, 0
            return counted


_seldom = Seldom()


def note(error: DBAPIError) -> None:
    """One more request was refused because of this."""
    if refused := _seldom.turn(time.monotonic()):
        log.warning("the database did not answer", extra={"problem": str(error.orig).partition("\n")[0], "refused": refused})
