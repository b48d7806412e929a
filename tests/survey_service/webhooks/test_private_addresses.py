"""Every way to write a private address is refused at save and at send, and a listener there gets no connection."""

from datetime import UTC, datetime

import pytest
from sqlmodel import select, update

from survey_service.egress.addresses import AddressRefused, Policy
from survey_service.egress.client import deliver
from survey_service.settings import Settings
from survey_service.store.tables.webhooks import Endpoint
from survey_service.webhooks import dispatch, endpoints
from tests.survey_service.egress.hostile_receiver import LOOPBACK, Receiver, answers
from tests.survey_service.egress.test_addresses import MUST_BLOCK, NOT_AN_ADDRESS, as_url
from tests.survey_service.webhooks.world import KEY

SPELLINGS = (
    *("127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.000.000.001", "127.0.0.1."),
    *("0", "0.0.0.0", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::7f00:1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]"),
    *("[::1%25lo]", "[127.0.0.1]", "127。0。0。1", "１２７.0.0.1", "127%2e0.0.1", "%31%32%37.0.0.1", "loc\talhost", "localhost."),
    *("user@127.0.0.1", "evil.example\\@127.0.0.1", "evil.example#@127.0.0.1", "evil.example:443@127.0.0.1", "127.0.0.1\\.evil.example"),
)
"""Ways to write the address of the listener that parsers accept."""


def spellings(port):
    """Return blocked addresses, parser tricks, and every spelling of the listener, over http and https."""
    spelled = [f"{scheme}://{host}:{port}/hook" for host in SPELLINGS for scheme in ("http", "https")]
    return [*map(as_url, MUST_BLOCK.split()), *NOT_AN_ADDRESS.values(), *spelled]


def outcomes(world, ports):
    """Return the outcome that a worker records for the pending message."""
    outcomes = []

    def attempt(*given):
        outcomes.append(deliver(*given))
        return outcomes[-1]

    dispatch.step(dispatch.Sender(world.store, world.keys, Policy(ports=ports), world.clock, attempt))
    return outcomes


def test_private_addresses_are_refused_at_save_and_at_send(world):
    """URLs that were stored earlier are refused at send. With an allowed network the same listener is reached, which shows that it was
    up.
    """
    settings = Settings(world.settings.database_url, (KEY,))
    made, _ = world.endpoint(url="http://127.0.0.1:9/hook")
    with Receiver(answers()) as inside:
        urls = spellings(inside.port)
        for url in urls:
            with pytest.raises(AddressRefused), world.store.writing() as session:
                endpoints.add(session, settings, url=url, events=[], when="material", now=datetime.now(UTC))
        world.store_belief(world.contact(), 0.5)
        for url in (url for url in urls if "\0" not in url):  # PostgreSQL stores no NUL
            with world.store.writing() as session:
                session.execute(update(Endpoint).values(url=url, failures=0, tripped_at=None, probe_at=None, failing_since=None))
            [outcome] = outcomes(world, frozenset({443, inside.port}))
            assert (outcome.problem, outcome.status) == ("ssrf_blocked", None), url
            world.forward(days=2)
            _make_due(world)
        assert (inside.connections, inside.requests) == (0, [])

        world.change(made, url=inside.url())
        dispatch.step(dispatch.Sender(world.store, world.keys, LOOPBACK, world.clock))
        assert inside.connections == 1
    assert len(MUST_BLOCK.split()) >= 41


def _make_due(world):
    """Make the message due again, whatever its state."""
    with world.store.writing() as session:
        row = session.exec(select(world.deliveries[0].__class__)).one()
        row.state, row.settled_at, row.due, row.attempt, row.uncounted = "pending", None, world.now, row.attempt, row.attempt
        session.add(row)
