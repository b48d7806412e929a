"""A contact's email and its links, opened by a person or by a machine."""

import re
from dataclasses import dataclass
from html import unescape
from typing import Any

from sqlmodel import func, select
from werkzeug.test import TestResponse

from survey_service.store.tables.core import Answer, Belief, Contact, SurveySession
from survey_service.store.tables.links import Link, LinkOpen
from survey_service.store.tables.webhooks import Delivery
from tests.survey_service.service import Service

TABLES = (Answer, Belief, SurveySession, Delivery, Contact)


def links(service: Service, *names: str, survey: str = "all", **more: Any) -> list[dict[str, Any]]:
    body = {"survey": survey, "contacts": [{"external_id": name} for name in names], **more}
    response = service.call("POST", "/api/v1/links", body)
    assert response.status_code == 201, response.text
    return response.json["items"]


@dataclass
class Mail:
    """An email. `page` is the page that was opened last."""

    service: Service
    created: dict[str, Any]
    page: str = ""

    @classmethod
    def to(cls, service: Service, name: str = "zoe", **more: Any) -> "Mail":
        return cls(service, links(service, name, **{"question": "owns", **more})[0])

    def path(self, option: str | None = None) -> str:
        url = self.created["options"][option] if option else self.created["url"]
        return url.removeprefix(self.service.parts.settings.base_url)

    @property
    def token(self) -> str:
        return self.path().removeprefix("/l/")

    @property
    def trap(self) -> str:
        hidden = re.search(r'<a href="([^"]+)" tabindex="-1"', self.created["html"])
        assert hidden
        return hidden[1].removeprefix(self.service.parts.settings.base_url)

    @property
    def leave(self) -> str:
        return self.created["leave"].removeprefix(self.service.parts.settings.base_url)

    def open(self, option: str | None = None, query: str = "", status: int = 200, **more: Any) -> str:
        response = self.service.client.get(self.path(option) + query, **more)
        assert response.status_code == status, response.text
        self.page = unescape(response.text)
        return self.page

    def send(self, option: str | None = None, query: str = "", **form: str) -> TestResponse:
        """Submit the form of the page that was opened last."""
        self.service.clock.forward(seconds=5)
        hidden = dict(re.findall(r'name="(answer_id|question|form|lang)" value="([^"]*)"', self.page))
        return self.service.client.post(self.path(option) + query, data={**hidden, **form}, follow_redirects=True)

    def answers(self) -> list[tuple[str, str, Any]]:
        """Return the contact's current answers."""
        with self.service.parts.store.reading() as session:
            rows = session.exec(select(Answer).where(Answer.state == "current").order_by(Answer.id))
            return [(row.question, row.kind, row.value) for row in rows if row.contact_id == self.row(session).contact_id]

    def row(self, session: Any) -> Link:
        links = session.exec(select(Link)).all()
        return next(row for row in links if row.id in self.link_ids())

    def link_ids(self) -> set[str]:
        from survey_service.links.tokens import LinkTokens

        return {LinkTokens(self.service.parts.keys).read(self.token)[0]}

    def probabilities(self, name: str = "zoe") -> dict[str, float]:
        return self.service.call("GET", f"/api/v1/contacts/{name}").json["beliefs"]["cars"]["probabilities"]


def rows(service: Service) -> dict[str, int]:
    """Return the number of rows in each table that answering would change."""
    with service.parts.store.reading() as session:
        return {table.__name__: session.exec(select(func.count()).select_from(table)).one() for table in TABLES}


def opens(service: Service) -> int:
    with service.parts.store.reading() as session:
        return sum(link_open.opens for link_open in session.exec(select(LinkOpen)))
