"""The time at which a change is sent to an endpoint, as a table."""

from datetime import UTC, datetime, timedelta

import pytest

from survey_service.outbox.debounce import PendingUpdate, SendWindow, send_window

NOW = datetime(2026, 1, 5, 10, tzinfo=UTC)
PLAIN = {"is_material": True, "at_once": False, "ended": False, "waiting": None}


def after(seconds):
    return NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("wish", "change", "moment"),
    [
        ("every_answer", {"is_material": False}, SendWindow(NOW)),
        ("material", {}, SendWindow(after(10), after(60))),
        ("material", {"is_material": False}, None),
        ("material", {"is_material": False, "waiting": PendingUpdate(after(30))}, SendWindow(after(10), after(30))),
        ("material", {"waiting": PendingUpdate(after(4))}, SendWindow(after(4), after(4))),
        ("material", {"waiting": PendingUpdate(None)}, SendWindow(after(10), after(60))),  # sent a moment ago
        ("material", {"at_once": True, "waiting": PendingUpdate(after(30))}, SendWindow(NOW)),
        ("material", {"ended": True, "is_material": False}, SendWindow(NOW)),
        ("idle", {"is_material": False}, SendWindow(after(1800))),
        ("idle", {"at_once": True}, SendWindow(after(1800))),
        ("idle", {"ended": True}, SendWindow(NOW)),
        ("final", {"at_once": True}, None),
        ("final", {"ended": True}, SendWindow(NOW)),
    ],
)
def test_each_setting_has_its_send_time(wish, change, moment):
    assert send_window(wish, NOW, **{**PLAIN, **change}) == moment
