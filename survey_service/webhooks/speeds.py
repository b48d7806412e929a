"""What a worker has seen of its endpoints: how many messages make a batch, and who keeps it waiting. Forgotten with the worker."""

from collections.abc import Collection

FIRST, MOST = 10, 75
"""Messages of the first batch to an endpoint, and of any."""

BATCH_SECONDS = 1.0
"""After this nothing more of a batch is sent. With the one request that may be on its way then, this is far from the end of the lease."""

SLOW_SECONDS = 1.0
"""An endpoint that takes this long for a message, on the average of a batch, is slow."""


class Speeds:
    """Shared by all threads: each call is one read or one write of a dictionary."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}  # for a message, in the last batch

    def most(self, endpoint_id: str) -> int:
        """As many as go in half the time of a batch, so that few are taken in vain."""
        seconds = self._seconds.get(endpoint_id)
        return FIRST if seconds is None else max(1, min(MOST, int(BATCH_SECONDS / 2 / max(seconds, 1e-6))))

    def slow(self) -> Collection[str]:
        """Those that only some of the threads go to, however many they are."""
        return {endpoint_id for endpoint_id, seconds in list(self._seconds.items()) if seconds >= SLOW_SECONDS}

    def note(self, endpoint_id: str, messages: int, seconds: float) -> None:
        """A batch has taken this long."""
        self._seconds[endpoint_id] = seconds / max(messages, 1)
