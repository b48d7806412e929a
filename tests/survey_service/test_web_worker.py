"""A request has a time to arrive; one that takes longer is not read any more, and what is being answered still arrives."""

import socket
from dataclasses import dataclass

from survey_service.web_worker import Patience


@dataclass(eq=False)
class Connected:
    sock: socket.socket


def test_who_sends_a_byte_now_and_then_comes_to_an_end():
    """The reader meets the end of the input; the writer can still say why. Who began later goes on."""
    ours, theirs = socket.socketpair()
    other, its_client = socket.socketpair()
    slow, quick, patience = Connected(ours), Connected(other), Patience(60)
    with ours, theirs, other, its_client:
        patience.begin(slow, 0.0)
        patience.begin(quick, 30.0)
        patience.lose(60.0)
        its_client.sendall(b"x")
        theirs.sendall(b"a")
        assert (ours.recv(1), other.recv(1)) == (b"a", b"x")

        patience.lose(60.5)

        assert ours.recv(1) == b""
        ours.sendall(b"too slow")
        assert theirs.recv(8) == b"too slow"
        its_client.sendall(b"y")
        assert other.recv(1) == b"y"


def test_who_has_finished_is_left_alone():
    """And a connection that has gone by itself breaks nothing."""
    ours, theirs = socket.socketpair()
    done, gone, patience = Connected(ours), Connected(socket.socket()), Patience(60)
    with ours, theirs:
        patience.begin(done, 0.0)
        patience.begin(gone, 0.0)
        gone.sock.close()
        patience.end(done)
        patience.lose(1000.0)
        theirs.sendall(b"a")
        assert ours.recv(1) == b"a"
