"""The pages of surveys: figures that equal the report's and add up, filters in the address, intervals, and what did not arrive."""

import re

import pytest
from sqlmodel import update

from survey_service.console.survey_view import Filters, Share, survey_page
from survey_service.store.tables.webhooks import Delivery, Endpoint
from survey_service.worker.maintenance import Maintenance
from tests.survey_service.console.browsers import signed_in
from tests.survey_service.service import Service


def count(service: Service) -> None:
    service.clock.forward(minutes=40)
    p = service.parts
    Maintenance(p.settings, p.store, service.clock, p.banks).do()


def answered(service: Service, people: int, **start: str) -> None:
    for number in range(people):
        person = service.start(**start)
        if number % 3:
            person.answer("happy", 1 + number % 5)
            person.answer("owns", "yes" if number % 2 else "no")
        if number % 4 == 0:
            person.post("finish", {})


def page_of(service: Service, **filters: object) -> dict:
    with service.parts.store.reading() as session:
        return survey_page(session, service.parts.banks, "all", Filters(**filters), "en")


def test_parts_add_up_and_every_figure_follows_the_filters(service):
    """Known, not sure, left and still answering are everybody; the page of a filter has the figures of the report with that filter."""
    answered(service, 24)
    answered(service, 7, language="fr")
    count(service)
    service.start()

    for filters, query in (({}, ""), ({"lang": "fr"}, "?language=fr"), ({"version": 1}, "?version=1")):
        report, view = service.call("GET", f"/api/v1/surveys/all/report{query}").json, page_of(service, **filters)
        assert sum(view["ends"].values()) == view["shown"] == report["funnel"]["shown"]
        assert (view["ends"]["sure"], view["ends"]["left"]) == (
            report["funnel"]["sure"],
            min(report["left"], view["shown"] - view["ends"]["sure"]),
        )
        assert {row["id"]: row["left"] for row in view["questions"]} == {row["id"]: row["left"] for row in report["questions"]}
        assert view["sure"].shown == (view["shown"] >= 20)

    browser = signed_in(service)
    all_of_them, french = browser.get("/console/s/all").text, browser.get("/console/s/all?lang=fr").text
    assert "31 people are" in all_of_them
    assert re.search(r"of 7 people are\.</b>\s*Too few for a share", french)
    assert re.search(r'<select name="lang" class="on">.*?<option selected>fr', french)
    explained = r"<svg.*?</svg>|Known means.*?</p>|95% interval|<td class=\"n\">\d+%</tr>"  # the last is what was promised
    assert not re.search(r"\d%", re.sub(explained, "", french.split("<main")[1], flags=re.S))
    assert browser.get("/console/s/all?version=x&since=y").status_code == 422
    assert browser.get("/console/s/nothing").status_code == 404


def test_a_share_of_few_people_is_not_shown():
    """From twenty on it has its interval (Jeffreys)."""
    assert not Share(3, 7).shown
    assert Share(4, 20).shown
    assert Share(4, 20).interval == pytest.approx((0.072, 0.408), abs=1e-3)
    assert Share(0, 0).interval == (0, 1)


def test_what_the_crm_refused_is_on_the_overview_and_goes_out_again_with_its_id(service):
    """An endpoint that answered 410 is enabled by an admin with the same click; a reader sees it and cannot."""
    service.call("POST", "/api/v1/endpoints", {"url": "https://crm.example.com/hook", "when": "every_answer"})
    service.start().answer("owns", "no")
    with service.parts.store.writing() as session:
        session.execute(update(Delivery).values(state="dead", settled_at=service.clock(), last_error="gone"))
        session.execute(update(Endpoint).values(state="disabled", disabled_because="gone"))
    before = service.call("GET", "/api/v1/deliveries").json["items"][0]
    reader, admin = signed_in(service, "ben@example.com", "read"), signed_in(service)
    assert "it answered 410" in admin.get("/console").text
    assert re.search(r"\d messages? did not arrive", admin.text)
    assert "Enable and send again" in admin.get("/console/d").text
    assert "Enable" not in reader.get("/console/d").text

    sent = admin.post(f"/console/d/{before['id']}/again", enable=before["endpoint"])

    assert sent.status_code == 303
    after = next(row for row in service.call("GET", "/api/v1/deliveries").json["items"] if row["id"] == before["id"])
    assert (after["state"], after["event_id"]) == ("pending", before["event_id"])
    assert admin.post(f"/console/d/{2**63}/again").status_code == 404


def test_a_connection_to_a_crm_that_is_off_is_named(service):
    """One that nobody has enabled yet is on the overview; enabling it tests it first, and what is missing is said."""
    given = {"kind": "hubspot", "bank": "cars", "url": "https://crm.invalid", "credentials": {"token": "x"}}
    made = service.call("POST", "/api/v1/connections", given).json
    service.call("POST", "/api/v1/endpoints", {"url": "https://crm.example.com/hook", "when": "every_answer"})
    service.start().answer("owns", "no")
    with service.parts.store.writing() as session:
        session.execute(update(Delivery).values(state="dead", settled_at=service.clock(), endpoint_id=made["id"]))
    delivery = service.call("GET", "/api/v1/deliveries").json["items"][0]
    admin = signed_in(service)
    assert re.search(r"<b>hubspot</b> – it is not enabled yet", admin.get("/console").text)
    assert "Enable and send again" in admin.get("/console/d").text

    refused = admin.post(f"/console/d/{delivery['id']}/again", enable=made["id"])

    assert refused.status_code == 409
    assert admin.post(f"/console/d/{delivery['id']}/again", enable="cn_nothing").status_code == 404


def test_an_empty_service_says_what_to_do(service):
    """Without an answer there are the simulation and the two tags; no percentage of nobody."""
    browser = signed_in(service)

    assert "Nobody has opened it yet." in browser.get("/console").text
    text = browser.get("/console/s/short").text
    assert "By simulation" in text
    assert "persona-survey survey=&#34;short&#34;" in text or 'persona-survey survey="short"' in text
    assert "NaN" not in text
    assert browser.get("/console/s/all/without/owns").status_code == 200
    assert browser.get("/console/s/all/without/nothing").status_code == 404


def test_an_admin_pauses_a_survey_and_resumes_it(service):
    """Page and overview say so; a reader has no button, and another state is refused."""
    reader, admin = signed_in(service, "ben@example.com", "read"), signed_in(service)
    assert "Pause the survey" in admin.get("/console/s/all").text
    assert "Pause the survey" not in reader.get("/console/s/all").text

    assert admin.post("/console/s/all/state", state="paused").status_code == 303
    assert service.client.post("/api/v1/surveys/all/sessions", json={}).json["code"] == "survey_paused"
    assert "It begins no new sessions" in admin.get("/console/s/all").text
    assert re.search(r'Everything</a> <span class="tag">paused', admin.get("/console").text)
    assert admin.post("/console/s/all/state", state="active").status_code == 303
    assert service.client.post("/api/v1/surveys/all/sessions", json={}).status_code == 201
    assert admin.post("/console/s/all/state", state="gone").status_code == 422
    assert admin.post("/console/s/nothing/state", state="paused").status_code == 404
