"""Clock skew is detected from the receivers' Date headers; pings are limited so that they cannot flood a server."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from survey_service.egress.client import Delivered
from survey_service.webhooks.endpoint_health import CLOCK_WARNING
from tests.survey_service.egress.hostile_receiver import answers, outcome_of

NOW = datetime(2026, 1, 5, 10, tzinfo=UTC)


@pytest.mark.parametrize("status", ["200 OK", "400 Bad Request", "410 Gone"])
@pytest.mark.parametrize("minutes", [10, -10, 0])
def test_the_date_of_a_response_shows_the_clock_skew(status, minutes):
    theirs = format_datetime(NOW - timedelta(minutes=minutes), usegmt=True)

    assert outcome_of(answers(status, Date=theirs), clock=lambda: NOW).clock_off == timedelta(minutes=minutes)


@pytest.mark.parametrize("date", ["yesterday", "", "Mon, 99 Jan 2026 10:00:00 GMT"])
def test_a_date_that_says_nothing_is_ignored(date):
    assert outcome_of(answers(Date=date), clock=lambda: NOW).clock_off is None


@pytest.mark.parametrize(("minutes", "skew"), [(10, 600.0), (-10, -600.0), (0.5, None)])
def test_clock_skew_is_detected_from_receivers_responses(world, call, made, minutes, skew, caplog):
    """A warning appears in the log and at the endpoint, and disappears when the clocks agree again."""
    for number, off in enumerate((minutes, minutes, 0)):
        world.answers = [Delivered(200, b"", timedelta(0), timedelta(minutes=off))]
        world.store_belief(world.contact(str(number)), 0.4, ended=True)
        world.deliver_due()
        shown = call("get", f"/endpoints/{made['id']}").json["clock_off"]
        assert shown == (skew if number < 2 else None)

    assert caplog.text.count("clock_off=") == (0 if skew is None else 1)
    assert timedelta(minutes=0.5) < CLOCK_WARNING


def test_pings_are_limited_to_six_a_minute(world, call, made):
    """Pings are limited because the URL may belong to a stranger."""
    answers = []
    for _ in range(100):
        answers.append(call("post", f"/endpoints/{made['id']}/ping"))
        world.deliver_due()
        world.forward(seconds=0.5)

    assert len(world.sent) == 6
    assert {answer.status_code for answer in answers} == {202, 429}
    assert answers[-1].headers["Retry-After"] == "60"
    world.forward(minutes=1)
    assert call("post", f"/endpoints/{made['id']}/ping").status_code == 202
