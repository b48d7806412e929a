"""A clock change or ten thousand abandoned sessions do not affect respondents who answer."""

from datetime import timedelta

from sqlalchemy import insert

from survey_service.respondent.expiry import expire_sessions
from survey_service.store.tables.core import Contact, SurveySession


def test_clock_changes_lose_no_answer(service):
    """After an hour back, almost a day forward and a year back every answer counts; only a session older than a day must be restarted."""
    someone = service.start("all")
    assert someone.answer("owns", "yes").status_code == 200
    service.clock.forward(hours=-1)
    assert someone.answer("happy", 4).status_code == 200
    service.clock.forward(hours=23)
    assert someone.answer("km", 9000).status_code == 200
    service.clock.forward(days=-365)
    assert someone.answer("reasons", ["safety"]).status_code == 200
    assert len(someone.insight()["log"]) == 4
    late = service.start("all")
    service.clock.forward(days=370)
    assert late.answer("owns", "yes").json["code"] == "session_expired"
    assert service.start("all").answer("owns", "yes").status_code == 200


def test_ten_thousand_open_surveys_are_closed_in_small_steps(service):
    """A sweep closes a part of them at a time, and answers are not delayed meanwhile."""
    now = service.clock()
    many = [(f"ct_{number}", f"ses_{number}") for number in range(10_000)]
    blank = {"sequence": 0, "attributes": {}, "consent": {}, "labels": {}, "merged_from": [], "created_at": now, "updated_at": now}
    begun = {"survey": "all", "bank": "cars", "bank_version": 1, "language": "en", "channel": "web", "hidden": {}, "status": "open"}
    times = {"started_at": now, "last_at": now, "expires_at": now + timedelta(days=1)}
    with service.parts.store.writing() as session:
        session.connection().execute(insert(Contact), [{"id": contact, **blank} for contact, _ in many])
        rows = [
            {"id": session_id, "contact_id": contact, "token_digest": "", "question": "owns", "limit": 5} for contact, session_id in many
        ]
        session.connection().execute(insert(SurveySession), [{**row, **begun, **times} for row in rows])
    service.clock.forward(days=2)
    someone = service.start("all")

    closed = expire_sessions(service.parts.store, service.parts.banks, service.clock())

    assert 0 < closed <= 500
    assert someone.answer("owns", "yes").status_code == 200
