"""The demo holds its ports from the moment it chooses them."""

import socket
from contextlib import ExitStack

import pytest

from survey_service.demo.run import PORTS_TRIED, listen_from


def test_a_chosen_port_is_taken_at_once_and_a_taken_one_is_left_out():
    """Nothing else can bind a port of the demo while its processes start, and two demos have different ports."""
    with ExitStack() as stack:
        first = [stack.enter_context(listener) for listener in listen_from(20_000, 2)]
        second = [stack.enter_context(listener) for listener in listen_from(20_000, 2)]
        ports = [listener.getsockname()[1] for listener in first + second]

        assert len(set(ports)) == 4
        assert all(20_000 <= port < 20_000 + PORTS_TRIED for port in ports)
        for port in ports:
            with pytest.raises(OSError, match="in use"), socket.socket() as other:
                other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                other.bind(("127.0.0.1", port))


def test_too_few_free_ports_are_an_error_with_a_hint():
    with pytest.raises(SystemExit, match="discern demo --port"):
        listen_from(65_535, 2)
