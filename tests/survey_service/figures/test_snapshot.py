"""The snapshot of a day: once a day, by one process at a time, and again where a process ended, on both databases."""

from datetime import timedelta

import pytest
from sqlmodel import select

from survey_service.figures import snapshot
from survey_service.figures.snapshot import LEASE, compute_due
from survey_service.outbox.pending_work import is_any_snapshot
from survey_service.store.tables.figures import FigureSnapshot
from tests.survey_service.service import a_service


def due(shop, enough=lambda: False):
    parts = shop.base.service.parts
    return compute_due(parts.store, parts.banks, shop.base.service.clock, enough)


def is_waiting(shop):
    service = shop.base.service
    return is_any_snapshot(service.parts.store, service.clock())


def test_once_a_day(shop):
    """The worker is asked for it when the day (UTC) is another one."""
    assert is_waiting(shop)
    assert due(shop)
    assert not is_waiting(shop)
    assert not due(shop)
    shop.base.service.clock.forward(hours=20)

    assert is_waiting(shop)
    assert due(shop)
    assert shop.report()["snapshot"] == "2026-01-06"


def test_another_process_begins_again_when_the_lease_has_passed(shop, monkeypatch):
    """A process that was killed leaves its lease; while it lasts nobody else computes."""

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(snapshot, "collect", killed)
    with pytest.raises(KeyboardInterrupt):
        due(shop)
    monkeypatch.undo()

    assert not is_waiting(shop)
    assert not due(shop)
    shop.base.service.clock.forward(seconds=LEASE.total_seconds() + 1)
    assert due(shop)
    assert shop.report()["snapshot"] == "2026-01-05"


def test_a_process_that_has_to_end_lets_the_next_one_begin(shop):
    """Nothing is stored of what it has read, and the lease is given back."""
    assert due(shop, enough=lambda: True)
    assert shop.report()["snapshot"] is None
    assert due(shop)
    assert shop.report()["snapshot"] == "2026-01-05"


def test_a_bank_that_nobody_has_answered_has_no_snapshot(database_url):
    """Without answers there is nothing to compute."""
    service = a_service(database_url)
    assert not is_any_snapshot(service.parts.store, service.clock() + timedelta(days=3))
    with service.parts.store.reading() as session:
        assert session.exec(select(FigureSnapshot)).all() == []
    service.parts.store.close()
