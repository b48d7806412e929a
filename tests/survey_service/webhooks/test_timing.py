"""When an endpoint hears of a change, as a table."""

from datetime import UTC, datetime, timedelta

import pytest

from survey_service.outbox.debounce import Moment, Waiting, moment_of

NOW = datetime(2026, 1, 5, 10, tzinfo=UTC)
PLAIN = {"is_material": True, "at_once": False, "ended": False, "waiting": None}


def after(seconds):
    return NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("wish", "change", "moment"),
    [
        ("every_answer", {"is_material": False}, Moment(NOW)),
        ("material", {}, Moment(after(10), after(60))),
        ("material", {"is_material": False}, None),
        ("material", {"is_material": False, "waiting": Waiting(after(30))}, Moment(after(10), after(30))),
        ("material", {"waiting": Waiting(after(4))}, Moment(after(4), after(4))),
        ("material", {"waiting": Waiting(None)}, Moment(after(10), after(60))),  # flushed a moment ago
        ("material", {"at_once": True, "waiting": Waiting(after(30))}, Moment(NOW)),
        ("material", {"ended": True, "is_material": False}, Moment(NOW)),
        ("idle", {"is_material": False}, Moment(after(1800))),
        ("idle", {"at_once": True}, Moment(after(1800))),
        ("idle", {"ended": True}, Moment(NOW)),
        ("final", {"at_once": True}, None),
        ("final", {"ended": True}, Moment(NOW)),
    ],
)
def test_each_wish_has_its_moment(wish, change, moment):
    assert moment_of(wish, NOW, **{**PLAIN, **change}) == moment
