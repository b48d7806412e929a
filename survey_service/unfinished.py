"""Requests that have not arrived yet wait in the kernel, where they cost a connection and no thread."""

import socket
import time
from weakref import WeakKeyDictionary

ENOUGH = 32 * 1024
"""Bytes of a request with which a thread begins to read although more is to come: about what a socket holds for us."""


class Unfinished:
    """The connections whose request is still to come: since when, and how much of it was there the last time."""

    def __init__(self) -> None:
        self._known: WeakKeyDictionary[object, tuple[float, int]] = WeakKeyDictionary()

    def __contains__(self, connection: object) -> bool:
        return connection in self._known

    def since(self, connection: object) -> float:
        """When it was first waited for, or now."""
        return self._known.get(connection, (time.monotonic(), 0))[0]

    def must_wait(self, connection: object, sock: socket.socket, patience: float) -> bool:
        """Whether a thread would only wait for the rest. The socket then becomes readable when there is more, or no more to come."""
        since, before = self._known.get(connection, (time.monotonic(), 0))
        try:
            sock.setblocking(False)
            here = sock.recv(2 * ENOUGH, socket.MSG_PEEK)
        except BlockingIOError:  # not a byte yet
            self._known[connection] = since, 0
            return True
        except OSError:  # nobody is there any more: who reads learns of it
            return False
        if not here or len(here) == before or is_whole(here) or time.monotonic() - since > patience:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
            return False
        self._known[connection] = since, len(here)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, len(here) + 1)
        return True

    def forget(self, connection: object) -> None:
        self._known.pop(connection, None)


def is_whole(here: bytes) -> bool:
    """Whether a request can be read to its end, or to where it is certainly refused, from these first bytes of it.

    >>> is_whole(b"GET / HTTP/1.1"), is_whole(b"GET / HTTP/1.1\\r\\n\\r\\n")
    (False, True)
    >>> is_whole(b"POST / HTTP/1.1\\r\\nContent-Length: 2\\r\\n\\r\\n{")
    False
    """
    head, end, body = here.partition(b"\r\n\r\n")
    if not end:
        return len(here) >= ENOUGH
    fields = dict(line.partition(b":")[::2] for line in head.lower().split(b"\r\n")[1:])
    if b"expect" in fields:  # it waits for us
        return True
    if b"transfer-encoding" in fields:
        return body.endswith(b"0\r\n\r\n") or len(body) >= ENOUGH
    length = fields.get(b"content-length", b"0").strip()
    return not length.isdigit() or len(body) >= min(int(length[:9]), ENOUGH)
