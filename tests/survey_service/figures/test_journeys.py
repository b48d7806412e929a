"""When a contact passed the stages of a journey."""

from datetime import UTC, datetime, timedelta

import pytest

from question_bank.journeys import Journey, Stage
from survey_service.figures.journeys import Happened, days_between, entries_of, quotes_of, visits_of, without_refunds

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
LATER = START + timedelta(days=365)
GUIDE = Stage("guide", {"en": "guide"}, {"page": "/guide/*"})
QUOTE = Stage("quote", {"en": "quote"}, {"event": "Quote Requested"})
ORDER = Stage("order", {"en": "order"}, {"event": "Order Completed"})


def page(days: float, path: str = "/guide/a") -> Happened:
    return Happened(START + timedelta(days=days), "page", path=path)


def track(days: float, name: str, **more) -> Happened:
    return Happened(START + timedelta(days=days), "track", name, **more)


def order(days: float, value: float | None = None, subject: str = "order:1", **more) -> Happened:
    return track(days, "Order Completed", value=value, subjects=frozenset(subject.split()), **more)


def journey(*stages: Stage, **more) -> Journey:
    return Journey("j", {"en": "j"}, stages, **{"within_days": 10.0, **more})


def reached(found) -> list[list[float | None]]:
    return [[None if at is None else (at - START) / timedelta(days=1) for at in entry.reached] for entry in found]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([page(0), track(1, "Quote Requested"), order(2)], [[0, 1, 2]]),
        ([page(0), order(1), track(2, "Quote Requested")], [[0, 2, None]]),
        ([page(0), track(11, "Quote Requested")], [[0, None, None]]),
        ([page(0), page(5), page(10.5), track(11, "Quote Requested")], [[0, None, None], [10.5, 11, None]]),
        ([track(1, "Quote Requested"), order(2)], []),
        ([page(0, "/other")], []),
    ],
)
def test_stages_in_order(events, expected):
    """A stage counts after the one before it and within the days; a new entry begins after the days of the last."""
    assert reached(entries_of(journey(GUIDE, QUOTE, ORDER), events, LATER)) == expected


def test_stages_in_any_order():
    """The entry begins with whichever stage comes first."""
    assert reached(entries_of(journey(GUIDE, QUOTE, ORDER, order="any"), [order(0), page(3)], LATER)) == [[3, None, 0]]


def test_an_entry_counts_when_its_days_are_over():
    """A contact who came yesterday may still order."""
    assert entries_of(journey(GUIDE, ORDER), [page(0)], START + timedelta(days=9)) == []
    assert len(entries_of(journey(GUIDE, ORDER), [page(0)], START + timedelta(days=10))) == 1


def test_a_basket_is_abandoned_when_nothing_follows():
    """The stage is reached when the hours are over, and not before."""
    left = Stage("left", {"en": "left"}, {"event": "Product Added"}, {}, {"event": "Order Completed"}, 24.0)
    added = [track(0, "Product Added"), track(2, "Product Added"), order(2.5)]

    assert reached(entries_of(journey(left, ORDER), added, LATER)) == [[1, 2.5]]
    assert reached(entries_of(journey(left, ORDER, within_days=0.1), added[:1], START + timedelta(hours=20))) == []


def test_an_answer_is_a_stage():
    """Any of the listed options reaches it."""
    glad = Stage("glad", {"en": "glad"}, {}, {"happy": ("4", "5")})
    answers = [
        Happened(START + timedelta(days=day), "answer", question="happy", options=frozenset([point])) for day, point in ((1, "3"), (2, "5"))
    ]

    assert reached(entries_of(journey(GUIDE, glad), [page(0), *answers], LATER)) == [[0, 2]]


def test_refunds_take_from_an_order():
    """A part leaves the rest of the value; the whole, or a cancelled order, leaves no order."""
    part = track(3, "Order Refunded", value=30.0, subjects=frozenset(["order:1"]))

    def values(*events):
        return [entry.values[1] for entry in entries_of(journey(GUIDE, ORDER), without_refunds([page(0), *events]), LATER)]

    assert values(order(1, 100.0)) == [100.0]
    assert values(order(1, 100.0), part) == [70.0]
    assert values(order(1, 100.0), order(2, 50.0, "order:2"), part) == [120.0]
    assert values(order(1, 30.0), part) == [None]
    assert values(order(1, 100.0), track(3, "Order Cancelled", subjects=frozenset(["order:1"]))) == [None]
    assert values(order(1, 100.0), track(3, "Order Refunded", subjects=frozenset(["order:1"]))) == [None]


def test_visits_bounces_and_quotes():
    """A visit ends after half an hour; one page alone is a bounce; a quote is won by an order with its id."""
    minute = 1 / 1440
    events = [page(0), page(29 * minute), page(70 * minute), page(1), track(1, "Video Played"), order(2, subject="order:1 quote:7")]
    visits = visits_of(events)
    quotes = quotes_of([track(1, "Quote Requested", subjects=frozenset([f"quote:{n}"])) for n in (7, 8)] + events[-1:])

    assert [(visit.is_bounce, visit.has_purchase) for visit in visits] == [(False, False), (True, False), (False, False), (False, True)]
    assert {quote: won for quote, (_, won) in quotes.items()} == {"quote:7": True, "quote:8": False}


def test_days_between_stages():
    """A stage that was not reached has no time, and neither has one that came before."""
    assert days_between([START, START + timedelta(days=2), None, START]) == [2.0, None, None]
