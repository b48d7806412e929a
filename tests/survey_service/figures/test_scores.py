"""Barometers and channels: shrunk over moments, changes that are not chance, and who answers what is sent how."""

from datetime import timedelta

import numpy as np
import pytest
from sqlmodel import insert

from adaptive.estimation.barometer import mean_levels
from adaptive.estimation.shrinkage import shrink
from survey_service.analysis.reports.personas import report_kpi
from survey_service.figures.disclosure import Crowd
from survey_service.figures.kpi_text import kpi_text
from survey_service.figures.scores import Scores, barometer_views, figures_of
from survey_service.figures.sums import KpiQuery, Snapshot
from survey_service.store.tables.columns import new_id
from survey_service.store.tables.core import Answer, SurveySession
from survey_service.store.tables.figures import FigureSnapshot
from survey_service.store.tables.links import Link, LinkSession
from tests.survey_service.analysis.test_reports import Page

PERSONAS = ["driver", "family"]

ON_ONE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""Where storage is as in the tests beside it, one database is enough."""


def scores(means, n, seed=1):
    """Return rows of values as cells keep them: value, weight, beliefs of .95."""
    draws = np.random.default_rng(seed)
    who = draws.integers(0, 2, n)
    beliefs = np.where(np.eye(2)[who] == 1, 0.95, 0.05)
    return np.column_stack([draws.normal(np.array(means)[who], 1.0), np.ones(n), beliefs])


def test_moments_of_one_question_are_shrunk():
    """A moment with few answers moves towards what persona and moment lead to expect; one moment alone stays as it is."""
    rows = [scores((3, 4), 400, seed) for seed in (1, 2)] + [scores((3, 4), 60, 4)]
    groups = {f"m{number}": Scores.of(part) for number, part in enumerate(rows)}
    found = figures_of(groups, PERSONAS, (1, 5))
    expected = shrink([mean_levels(group.sums) for group in groups.values()])

    assert [figure.value for figure in found["m2"]] == pytest.approx(expected.value[:, 2])
    assert all(figure.low <= true <= figure.high for figure, true in zip(found["m2"], (3, 4), strict=True))
    alone = figures_of({"m2": groups["m2"]}, PERSONAS, (1, 5))["m2"]
    assert [figure.value for figure in alone] == pytest.approx(mean_levels(groups["m2"].sums).value)
    assert found["m2"][0].high - found["m2"][0].low < alone[0].high - alone[0].low


def snapshot(shop, first, second):
    """Return a snapshot of the bank's barometer whose two blocks of weeks have these rows."""
    with shop.base.service.parts.store.reading() as session:
        bank = shop.base.service.parts.banks.latest(session, "cars")[0].bank
    made = Snapshot(FigureSnapshot(bank="cars", personas=PERSONAS), bank)
    for week, rows in (("2026-01-05", first), ("2026-01-12", second)):
        r = rows[:, 2:]
        top = np.bincount(r.argmax(axis=1), minlength=2).astype(float)
        made.cells["barometer/after-order", "score"][week, ""] = rows
        made.crowds["barometer/after-order", "score"][week, ""] = Crowd(top, top, top, r.sum(axis=0), (r**2).sum(axis=0))
    return made


@ON_ONE
def test_a_change_is_told_only_where_it_is_one(shop):
    """A persona whose scores fell has a trend, the other one none; with the same scores there is none at all."""
    (fell,) = barometer_views(snapshot(shop, scores((4, 4), 300, 1), scores((3, 4), 300, 2)), KpiQuery())
    (same,) = barometer_views(snapshot(shop, scores((4, 4), 300, 1), scores((4, 4), 300, 2)), KpiQuery())

    [trend] = fell["trends"]
    assert (trend["persona"], trend["since"]) == ("driver", "2026-01-12")
    assert trend["low"] < -1 < trend["high"] < 0
    assert same["trends"] == []
    assert (fell["is_shrunk"], [figure["state"] for figure in fell["figures"]]) == (False, ["shown", "shown"])


def send(shop, numbers, channel, respond, state="current"):
    """Send a link to contacts; those whom `respond` names answer it two days later."""
    service = shop.base.service
    at = service.clock()
    links, sessions, pairs, answers = [], [], [], []
    rest = {"survey": "all", "bank": "cars", "bank_version": 1}
    for number in numbers:
        contact, link = f"ct_{number:06}", new_id("lnk")
        links.append(
            {**rest, "id": link, "contact_id": contact, "question": "happy", "language": "en", "channel": channel, "created_at": at}
            | {"expires_at": at + timedelta(days=60)}
        )
        if respond(number):
            session, then = new_id("ses"), at + timedelta(days=2)
            times = dict.fromkeys(("started_at", "last_at", "ended_at"), then)
            row = {
                **rest,
                **times,
                "id": session,
                "contact_id": contact,
                "token_digest": "x",
                "language": "en",
                "channel": "email",
                "limit": 5,
            }
            sessions.append({**row, "expires_at": then + timedelta(days=1), "status": "complete", "hidden": {}})
            pairs.append({"session_id": session, "link_id": link})
            given = {"session_id": session, "contact_id": contact, "bank": "cars", "bank_version": 1, "given_at": then}
            answers.append({**given, "question": "reasons", "kind": "answer", "value": ["power"], "answer_id": "a", "state": state})
    with service.parts.store.writing() as session:
        for table, rows in ((Link, links), (SurveySession, sessions), (LinkSession, pairs), (Answer, answers)):
            session.execute(insert(table), rows)


def test_who_answers_through_which_channel(shop, tmp_path):
    """Only people count who had answered before; links of the last days do not count yet; and the share that can be reached."""
    service = shop.base.service
    for number in range(12):
        service.call("PUT", f"/api/v1/contacts/c{number}", {"email": f"c{number}@example.com", "attributes": {"phone": "1"}})
    assert service.call("PUT", "/api/v1/contacts/c0", {"consent": {"profiling": True, "asking": False}}).status_code == 200
    service.clock.forward(days=1)
    send(shop, range(300), None, lambda number: number % 4 == 0 or number >= 160)  # half of the drivers, and who was silent before
    send(shop, range(160), "till", lambda number: number % 8 in (1, 2))  # a quarter of both
    service.clock.forward(days=15)
    send(shop, range(160), "till", lambda number: True, "withdrawn")
    shop.compute()

    found = {item["channel"]: item for item in shop.report()["channel_affinity"]}
    assert list(found) == ["email", "phone", "sms", "till"]
    driver, family = found["email"]["figures"]
    assert driver["low"] <= 0.5 <= driver["high"]
    assert driver["people"] == 80
    assert family["state"] == "too_few"  # none of the families answered
    for figure in found["till"]["figures"]:
        assert figure["low"] <= 0.25 <= figure["high"] < 0.5
    assert found["email"]["reachable"] == {"contacts": 11, "share": 11 / 400}
    assert (found["till"]["reachable"], found["sms"]["figures"]) == (None, [])
    with service.parts.store.reading() as session:
        bank, _ = service.parts.banks.latest(session, "cars")
    report_kpi(shop.report(), bank.bank, tmp_path / "kpi.html")
    page = " ".join(Page((tmp_path / "kpi.html").read_text(encoding="utf-8")).words)
    assert "Answers by till" in page
    assert "of contacts can be reached by email" in kpi_text(shop.report(), bank.bank)
