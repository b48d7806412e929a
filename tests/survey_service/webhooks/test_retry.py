"""The decision after a failed attempt, as tables: no clock, no network."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from survey_service.egress.retry_after import LONGEST, retry_after_of
from survey_service.webhooks.retry import JITTER, LEASE, LONGEST_RETRY_AFTER, SCHEDULE, next_attempt

NOW = datetime(2026, 1, 5, 10, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


@dataclass(frozen=True)
class Failed:
    retry_after: timedelta | None = None
    permanent: bool = False


@pytest.mark.parametrize(
    ("attempt", "wait"),
    [
        (1, 5 * SECOND),
        (2, 30 * SECOND),
        (3, 2 * MINUTE),
        (4, 10 * MINUTE),
        (5, 30 * MINUTE),
        (6, 2 * HOUR),
        (7, 5 * HOUR),
        (8, 10 * HOUR),
        (9, 14 * HOUR),
        (10, 20 * HOUR),
        (11, 24 * HOUR),
        (12, None),
        (13, None),
    ],
)
def test_twelve_attempts_within_three_days(attempt, wait):
    """The first attempt is immediate, and there is no thirteenth."""
    assert next_attempt(attempt, Failed()) == wait


def test_the_schedule_spans_a_long_weekend():
    """A receiver that breaks on Friday evening and is repaired on Monday still gets its messages."""
    assert sum(SCHEDULE, timedelta()) / HOUR == pytest.approx(75.7, abs=0.05)


def test_a_permanent_failure_is_the_last():
    """A permanent failure ends the schedule even when the response has a Retry-After."""
    assert next_attempt(1, Failed(retry_after=MINUTE, permanent=True)) is None


@pytest.mark.parametrize(
    ("asked", "wait"),
    [(None, 5 * SECOND), (0 * SECOND, 5 * SECOND), (3 * SECOND, 5 * SECOND), (120 * SECOND, 120 * SECOND), (24 * HOUR, 6 * HOUR)],
)
def test_retry_after_only_pushes_later_and_not_past_six_hours(asked, wait):
    """Retry-After lengthens a delay up to six hours and never shortens it."""
    assert next_attempt(1, Failed(retry_after=asked)) == wait


def test_the_cap_does_not_shorten_the_schedule():
    """A delay of the schedule that is longer than six hours stays as it is."""
    assert next_attempt(11, Failed(retry_after=24 * HOUR)) == 24 * HOUR


@given(
    attempt=some.integers(1, len(SCHEDULE) - 1),
    asked=some.none() | some.timedeltas(timedelta(0), timedelta(days=30)),
    jitter=some.floats(0, JITTER),
)
def test_jitter_adds_up_to_a_fifth_and_is_never_early(attempt, asked, jitter):
    """Jitter never moves an attempt before the schedule, nor before Retry-After within its cap."""
    wait = next_attempt(attempt, Failed(retry_after=asked), jitter=jitter)
    without = max(SCHEDULE[attempt], min(asked or timedelta(0), LONGEST_RETRY_AFTER))

    assert wait is not None
    assert without <= wait <= without * 1.2


@pytest.mark.parametrize("jitter", [-0.01, 0.21, float("nan")])
def test_jitter_out_of_range_is_refused(jitter):
    """A negative jitter is refused: it would send before the receiver is ready."""
    with pytest.raises(ValueError, match="jitter"):
        next_attempt(1, Failed(), jitter=jitter)


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("120", 120 * SECOND),
        (" 120 ", 120 * SECOND),
        ("0", 0 * SECOND),
        ("86400", 24 * HOUR),
        ("Mon, 05 Jan 2026 10:02:00 GMT", 2 * MINUTE),
        ("Monday, 05-Jan-26 10:02:00 GMT", 2 * MINUTE),
        ("Mon Jan  5 10:02:00 2026", 2 * MINUTE),
        ("Sun, 04 Jan 2026 10:00:00 GMT", 0 * SECOND),
        (None, None),
        ("", None),
        ("abc", None),
        ("-5", 0 * SECOND),
        ("-0.5", 0 * SECOND),
        ("1.5", 2 * SECOND),
        ("120.0", 120 * SECOND),
        (" 120\x1c", 120 * SECOND),
        ("Fri, 31 Dec 9999 23:59:59 -1400", LONGEST),
        ("9" * 5000, LONGEST),
        ("٣", None),
        ("inf", None),
        ("Mon, 99 Jan 2026 10:02:00 GMT", None),
        ("1 Jan 99999999999 00:00:00 GMT", None),
        ("Mon, 05 Jan 2026 10:00:00 +99999999999999999999", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_or_nothing(header, wait):
    """Retry-After is read in seconds and in all three date forms of RFC 9110; a past date means now.

    Fractions are rounded up, negative numbers mean now, and unreadable text is ignored.
    """
    assert retry_after_of(header, NOW) == wait


@given(some.text() | some.from_regex(r"\w{3}, \d{1,3} Jan \d{1,5} \d\d?:\d\d?:\d\d? [+-]\d{4,12}"))
def test_no_retry_after_header_raises_an_exception(header):
    """The parser accepts any text, because the receiver chooses it."""
    wait = retry_after_of(header, NOW)

    assert wait is None or wait >= timedelta(0)


def test_a_lease_outlives_the_longest_attempt():
    """With a shorter lease a second worker would send what the first is still sending."""
    from survey_service.egress.client import TOTAL_SECONDS

    assert 2 * timedelta(seconds=TOTAL_SECONDS) < LEASE
