"""Helpers: contacts with answers, and the text of all tables."""

from typing import Any

from sqlalchemy import inspect, text

from tests.survey_service.service import Respondent, Service

SIGNALS = """
signals:
  - {id: brochure, match: {event: Brochure Downloaded}, likelihood: {driver: 0.1, family: 0.4}, half_life_days: 60, at_most: 2}
  - {id: safety_pages, match: {page: "/Safety/*"}, likelihood: {driver: 0.2, family: 0.5}, at_most: 3}
  - {id: complained, match: {channel: agent, topic: noise}, likelihood: {driver: 0.05, family: 0.2}}
"""


def respondent(service: Service, name: str | None, **answers: Any) -> Respondent:
    """Return a session with these answers, of the contact that the CRM calls `name`, or of an anonymous contact."""
    body = {"identity": service.call("POST", f"/api/v1/contacts/{name}/identity").json["identity"]} if name else {}
    person = service.start("all", **body)
    for question, value in answers.items():
        assert person.answer(question, value).status_code == 200
    return person


def belief_of(service: Service, name: str) -> dict[str, Any]:
    return contact(service, name)["beliefs"]["cars"]


def contact(service: Service, name: str) -> dict[str, Any]:
    response = service.call("GET", f"/api/v1/contacts/{name}")
    assert response.status_code == 200, response.text
    return response.json


def everything(service: Service) -> str:
    """Return the text of all rows of all tables."""
    engine = service.parts.store.engine
    with engine.connect() as connection:
        tables = inspect(connection).get_table_names()
        rows = [tuple(row) for table in tables for row in connection.execute(text(f'SELECT * FROM "{table}"'))]
    return "\n".join(repr(row) for row in rows)
