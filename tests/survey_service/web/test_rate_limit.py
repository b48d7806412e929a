"""Requests over the limit get the time to retry; all processes share one count."""

import json
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlmodel import select

from question_bank.files.load import read_bank
from survey_service.banks.publishing import publish
from survey_service.settings import Limit
from survey_service.store.session import Store
from survey_service.store.tables.core import RateLimit
from survey_service.web.context import utc_now
from survey_service.web.rate_limit import PRUNED_EVERY, Charge, Limits, TooManyRequests
from survey_service.web.rate_limit_guard import client_network
from tests.processes import environment, web_server
from tests.survey_service.service import BANK, START

VISITOR = "93.184.216.34"


@pytest.fixture
def store(database_url):
    opened = Store(database_url)
    yield opened
    opened.close()


def test_setting_the_clock_back_refuses_no_request(store):
    """Admissions dated in the future do not count, and clocks that differ by seconds admit no additional requests."""
    limits, charges = Limits(store, [Limit(3, 1.0)]), [Charge("one", Limit(3, 1.0))]
    later = START + timedelta(hours=1)
    assert admitted(limits, charges, later, 5) == 3

    assert admitted(limits, charges, later - timedelta(seconds=5), 5) == 0
    assert admitted(limits, charges, START, 5) == 3
    assert admitted(limits, charges, later, 5) == 3


def admitted(limits: Limits, charges: list[Charge], now, times: int = 1) -> int:
    taken = 0
    for _ in range(times):
        try:
            limits.admit(charges, now)
        except TooManyRequests:
            continue
        taken += 1
    return taken


def by_hand(limit: Limit, moments: list[float]) -> list[bool]:
    """Return the verdicts of ITU-T I.371, virtual scheduling, as in the standard: theoretical arrival time, increment, tolerance."""
    arrival, increment, tolerance = None, 1 / limit.rate, (limit.burst - 1) / limit.rate
    verdicts = []
    for now in moments:
        late = arrival is None or arrival - tolerance <= now
        verdicts.append(late)
        if late:
            arrival = max(now, arrival if arrival is not None else now) + increment
    return verdicts


def test_a_burst_and_then_the_rate(store):
    """Five at once, then one every two seconds, after a rest five at once again; Retry-After is never longer than two seconds."""
    limit = Limit(5, 0.5)
    limits, key = Limits(store, [limit]), [Charge("k", limit)]
    assert admitted(limits, key, START, 9) == 5
    with pytest.raises(TooManyRequests) as refused:
        limits.admit(key, START)
    assert refused.value.headers == {"Retry-After": "2"}
    assert [admitted(limits, key, START + timedelta(seconds=s), 3) for s in (1, 2, 3, 4)] == [0, 1, 0, 1]
    assert admitted(limits, key, START + timedelta(seconds=60), 9) == 5


@settings(deadline=None)
@given(burst=st.integers(1, 4), rate=st.sampled_from([0.25, 1, 8]), waits=st.lists(st.sampled_from([0, 0.125, 1, 3, 20]), max_size=25))
def test_the_statement_follows_the_standard(sqlite_template, tmp_path_factory, burst, rate, waits):
    """Any sequence of arrivals gets the same verdicts as from the standard's algorithm in its other notation."""
    from tests.survey_service.databases import sqlite_copy

    opened = Store(sqlite_copy(sqlite_template, tmp_path_factory.mktemp("one")))
    limit, moments, at = Limit(burst, rate), [], START.timestamp()
    for wait in waits:
        moments.append(at := at + wait)
    limits = Limits(opened, [limit])
    found = [admitted(limits, [Charge("k", limit)], START + timedelta(seconds=moment - START.timestamp())) == 1 for moment in moments]
    opened.close()
    assert found == by_hand(limit, moments)


def test_a_refused_request_charges_no_key(store):
    """A flood from one address does not use up the survey's limit for others."""
    address, survey = Limit(2, 0.01), Limit(4, 0.01)
    limits = Limits(store, [address, survey])
    assert admitted(limits, [Charge("address/a", address), Charge("survey/s", survey)], START, 50) == 2
    assert admitted(limits, [Charge("address/b", address), Charge("survey/s", survey)], START, 50) == 2
    assert admitted(limits, [Charge("address/c", address), Charge("survey/s", survey)], START, 50) == 0
    assert admitted(limits, [Charge("address/c", address)], START, 50) == 2


def test_concurrent_requests_are_admitted_up_to_the_limit_exactly(store):
    """Sixteen threads use two keys in both orders: none exceeds the limit and none deadlocks."""
    limit = Limit(40, 0.001)
    limits = Limits(store, [limit])
    two = [Charge("a", limit), Charge("b", limit)]
    with ThreadPoolExecutor(16) as pool:
        taken = sum(pool.map(lambda n: admitted(limits, two if n % 2 else two[::-1], START, 5), range(24)))
    assert taken == 40


def test_keys_that_limit_nothing_are_deleted(store):
    """A key is deleted once it would admit a full burst again, and not before."""
    limit = Limit(10, 0.01)
    limits = Limits(store, [limit])
    assert admitted(limits, [Charge("old", limit)], START, 11) == 10
    assert admitted(limits, [Charge("new", limit)], START + PRUNED_EVERY, 8) == 8
    with store.reading() as session:
        assert {row.key for row in session.exec(select(RateLimit))} == {"old", "new"}
    limits.admit([Charge("last", limit)], START + PRUNED_EVERY * 2)
    with store.reading() as session:
        assert {row.key for row in session.exec(select(RateLimit))} == {"new", "last"}


def test_one_request_costs_one_statement(store, monkeypatch):
    """Three keys cost one statement, admitted or refused; only the deletion every ten minutes is another one."""
    limit = Limit(2, 0.01)
    limits = Limits(store, [limit])
    three = [Charge("a", limit), Charge("b", limit), Charge("survey/", limit, session="ses_x")]
    limits.admit(three, START)
    statements, run = [], store.execute_fast
    monkeypatch.setattr(store, "execute_fast", lambda statement, values: statements.append(statement) or run(statement, values))
    monkeypatch.setattr(store, "fast_connection", None)
    assert admitted(limits, three, START, 3) == 1
    assert len(statements) == 3


@pytest.mark.parametrize(
    ("address", "counts_as"),
    [
        ("192.0.2.7", "192.0.2.7/32"),
        ("::ffff:192.0.2.7", "192.0.2.7/32"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("", None),
        (None, None),
        ("unix:", None),
        ("93.184.216.34:4711", "93.184.216.34/32"),
        ("93.184.216.34:", "93.184.216.34/32"),
        ("[2001:db8:1:2:3:4:5:6]", "2001:db8:1:2::/64"),
        ("[2001:db8:1:2:3:4:5:6]:4711", "2001:db8:1:2::/64"),
        ("[::ffff:93.184.216.34]:4711", "93.184.216.34/32"),
        ("::FFFF:5DB8:D822", "93.184.216.34/32"),
        ("::ffff:127.0.0.1", None),
        ("127.0.0.1:4711", None),
        ("2001:db8:1:2:3:4:5:6%eth0", "2001:db8:1:2::/64"),
        ("unknown", "unreadable"),
        ("_hidden:4711", "unreadable"),
        ("93.184.216.34:4711:4712", "unreadable"),
    ],
)
def test_an_address_counts_by_its_network(address, counts_as):
    """An IPv6 customer counts by its /64; an IPv4 address may be written as IPv6, and both with a port. Nothing that is written escapes."""
    assert client_network(address) == counts_as


def start(url: str, address: str) -> Any:
    """Start a session as a visitor behind the operator's proxy. Return the status."""
    asked = urllib.request.Request(f"{url}/api/v1/surveys/short/sessions", b"{}", {"X-Forwarded-For": f"1.1.1.1, {address}"})
    try:
        with urllib.request.urlopen(asked, timeout=20) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as refused:
        with refused:
            shown = json.load(refused)["code"], refused.headers["Retry-After"], refused.headers["Content-Type"]
            return refused.code if shown == ("too_many_requests", "3600", "application/problem+json") else shown


def test_two_processes_count_together(database_url, monkeypatch):
    """With two web servers on one database a visitor gets in twelve times in all, and another visitor is unaffected."""
    own = environment(database_url)
    limits = {"DISCERN_LIMIT_PER_ADDRESS": "1/h 12", "DISCERN_TRUSTED_PROXIES": "1", "DISCERN_LOG_LEVEL": "ERROR"}
    monkeypatch.setattr("tests.processes.environment", lambda _: {**own, **limits})
    opened = Store(database_url)
    with opened.writing() as session:
        publish(session, read_bank(BANK), utc_now())
    with ExitStack() as stack:
        webs = [stack.enter_context(web_server(database_url))[0] for _ in range(2)]
        with ThreadPoolExecutor(8) as pool:
            statuses = list(pool.map(lambda n: start(webs[n % 2].url, VISITOR), range(40)))
        assert [statuses.count(status) for status in (201, 429)] == [12, 28]
        assert [start(web.url, "8.8.8.8") for web in webs] == [201, 201]
    with opened.reading() as session:
        keys = " ".join(row.key for row in session.exec(select(RateLimit)))
    opened.close()
    assert VISITOR not in keys
    assert "survey/short" in keys
