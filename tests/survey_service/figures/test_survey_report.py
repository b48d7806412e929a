"""The report of a survey, from sessions over HTTP to the counts that the worker keeps, on both databases."""

import numpy as np
import pytest
from sqlmodel import select

from survey_service.belief.belief import DECIDED_AT
from survey_service.figures.survey_days import SURE_AFTER
from survey_service.store.tables.figures import RecurringWork, SurveyDay
from survey_service.worker.maintenance import Maintenance

REPORT = "/api/v1/surveys/all/report"


@pytest.fixture
def counted(service):
    """Return a function that lets the worker count, some minutes later, and reads the report."""

    def read(query=""):
        service.clock.forward(minutes=6)
        parts = service.parts
        Maintenance(parts.settings, parts.store, service.clock, parts.banks).do()
        response = service.call("GET", REPORT + query)
        assert response.status_code == 200, response.text
        return response.json

    return read


def test_nobody_was_asked(service):
    """The report of a survey without sessions has zeros, and no division by them."""
    report = service.call("GET", REPORT).json

    assert report["funnel"] == {"eligible": 0, "shown": 0, "started": 0, "sure": 0, "pushed": 0, "answered": [], "sure_after": []}
    assert (report["questions"], report["counted_at"], report["seconds"]) == ([], None, None)


def test_the_funnel_counts_sessions_by_their_answers(service, counted):
    """Shown, started, at least k answers and sure, in total and by channel and language."""
    service.start()
    skips = service.start(language="fr")
    skips.silent("owns")
    answers = service.start(channel="app")
    answers.answer("owns", "no", seconds=4)
    answers.answer("happy", 1, seconds=2)
    answers.answer("km", 4000)

    report = counted()

    assert report["funnel"]["shown"] == 3
    assert report["funnel"]["started"] == 2
    assert report["funnel"]["answered"] == [{"answers": 1, "sessions": 1}, {"answers": 2, "sessions": 1}, {"answers": 3, "sessions": 1}]
    assert report["funnel"]["sure"] == int(max(answers.belief().values()) >= DECIDED_AT)
    assert [(row["value"], row["shown"], row["started"]) for row in report["by"]["channel"]] == [("app", 1, 1), ("web", 2, 1)]
    assert [(row["value"], row["shown"]) for row in report["by"]["language"]] == [("en", 2), ("fr", 1)]
    assert [(row["value"], row["shown"]) for row in report["by"]["day"]] == [("2026-01-05", 3)]
    assert [(row["value"], row["eligible"]) for row in report["by"]["version"]] == [("1", 3)]
    of_app = service.call("GET", REPORT + "?channel=app").json["funnel"]
    assert (of_app["eligible"], of_app["answered"]) == (1, report["funnel"]["answered"])


def test_how_many_answers_it_took_to_be_sure(service, counted):
    """A session counts after the answer that made it sure, by beliefs that are computed here one answer after the other."""
    took = []
    for happy, km in ((1, 4000), (5, 60_000), (3, 20_000), (5, 40_000)):
        person = service.start()
        person.silent("owns")
        beliefs = []
        for question, value in (("happy", happy), ("km", km)):
            person.answer(question, value)
            beliefs.append(max(person.belief().values()) >= DECIDED_AT)
        took += [beliefs.index(True) + 1] if beliefs[-1] else []

    funnel = counted()["funnel"]

    assert took
    assert len(took) < 4
    assert funnel["sure_after"] == [{"answers": n, "sessions": sum(each <= n for each in took)} for n in range(max(took) + 1)]
    assert funnel["sure_after"][-1]["sessions"] == funnel["sure"]


def test_days_of_an_earlier_version_are_counted_once_more(service, counted):
    """They lack how many answers it took: the report has none of it until they are counted, which is done once."""
    person = service.start()
    person.answer("happy", 1)
    person.answer("km", 4000)
    assert counted()["funnel"]["sure_after"]
    with service.parts.store.writing() as session:
        day = session.exec(select(SurveyDay)).one()
        day.groups = [{key: value for key, value in group.items() if key != "sure_after"} for group in day.groups]
        session.delete(session.get_one(RecurringWork, SURE_AFTER))
    assert service.call("GET", REPORT).json["funnel"]["sure_after"] == []
    service.clock.forward(days=9)
    service.start().answer("happy", 3)

    assert counted()["funnel"]["sure_after"]


def test_the_information_of_an_answer_is_the_divergence_of_the_beliefs(service, counted):
    """Bits and seconds of a question are those of its answers; a question that was left open counts as left."""
    respondent = service.start()
    respondent.answer("owns", "no", seconds=4)
    after = np.array(list(respondent.belief().values()))
    asked = respondent.view["question"]["id"]
    service.clock.forward(minutes=40)

    by_id = {question["id"]: question for question in counted()["questions"]}

    assert by_id["owns"]["bits"] == pytest.approx(float(after @ np.log2(after / 0.5)), abs=1e-4)
    assert (by_id["owns"]["seconds"], by_id["owns"]["answered"]) == (4.0, 1)
    assert by_id["owns"]["bits_per_minute"] == pytest.approx(by_id["owns"]["bits"] * 15, abs=1e-2)
    assert (by_id[asked]["left"], by_id[asked]["answered"]) == (1, 0)


def test_days_version_and_bad_queries(service, counted):
    """A report is of the days between `from` and `to`, and a wrong query names its field."""
    service.start()
    service.clock.forward(days=3)
    service.start()
    counted()

    def shown(query):
        return service.call("GET", REPORT + query).json["funnel"]["shown"]

    assert (shown(""), shown("?from=2026-01-06"), shown("?to=2026-01-07"), shown("?from=2026-01-06&to=2026-01-07")) == (2, 1, 1, 0)
    assert (shown("?version=1"), shown("?version=2"), shown("?language=fr")) == (2, 0, 0)
    for query, path in (("?from=yesterday", "from"), ("?from=2026-01-06&to=2026-01-05", "to"), ("?version=0", "version"), ("?x=1", "x")):
        refused = service.call("GET", REPORT + query)
        assert (refused.status_code, refused.json["errors"][0]["path"]) == (422, path)
    assert service.call("GET", "/api/v1/surveys/none/report").status_code == 404
    assert service.client.get(REPORT).status_code == 401


def test_an_erased_contact_leaves_the_counts_of_an_old_day(service, counted):
    """A day is counted again when its sessions have changed, however long ago it was."""
    service.call("PUT", "/api/v1/contacts/c1", {})
    link = service.call("POST", "/api/v1/links", {"survey": "all", "contacts": [{"external_id": "c1"}]})
    assert link.status_code == 201, link.text
    token = link.json["items"][0]["url"].rsplit("/", 1)[1].split("?")[0]
    service.start(link=token).answer("owns", "yes")
    assert {key: counted()["funnel"][key] for key in ("eligible", "shown", "started")} == {"eligible": 1, "shown": 1, "started": 1}
    service.clock.forward(days=30)
    assert service.call("DELETE", "/api/v1/contacts/c1").status_code in (200, 204)
    service.start()

    report = counted()

    assert [(row["value"], row["shown"]) for row in report["by"]["day"] if row["shown"]] == [("2026-02-04", 1)]
