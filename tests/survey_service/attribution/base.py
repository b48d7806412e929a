"""A base of contacts whose attributes tell something about their persona, some of whom answer a survey."""

from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any

from sqlmodel import Session, col, insert, select

from survey_service.attribution.runs import RunWork
from survey_service.store.tables.columns import new_id
from survey_service.store.tables.core import Answer, Contact, ExternalId, SurveySession
from survey_service.worker.maintenance import Maintenance
from tests.survey_service.service import BANK, Service

ATTRIBUTION = """
attribution:
  attributes: {city: category, children: number, since: date, job: text}
  never: [health]
  target: 0.7
  consent: CONSENT
"""


def bank(consent: str = "required", target: float = 0.7) -> str:
    """Return the bank of the tests with an attribution."""
    return BANK + ATTRIBUTION.replace("CONSENT", consent).replace("0.7", str(target))


@dataclass
class Base:
    """A service with contacts c0, c1, …; every second one is a driver."""

    service: Service
    draws: Random = field(default_factory=lambda: Random(3))

    def add(self, many: int, start: int = 0, consent: dict[str, Any] | None = None) -> None:
        """Add contacts with attributes."""
        now = self.service.clock()
        contacts, names = [], []
        for number in range(start, start + many):
            contact = {"id": f"ct_{number:06}", "sequence": 0, "attributes": self.attributes(number), "created_at": now, "updated_at": now}
            contacts.append({**contact, "consent": {"profiling": True} if consent is None else consent})
            names.append({"system": "crm", "value": f"c{number}", "type": "id", "contact_id": contact["id"]})
        with self.service.parts.store.writing() as session:
            session.execute(insert(Contact), contacts)
            session.execute(insert(ExternalId), names)

    def attributes(self, number: int) -> dict[str, Any]:
        """Return attributes that tell a driver from a family in most cases."""
        draw = self.draws.random
        driver = number % 2 == 0
        city = ("Lyon" if draw() < 0.72 else "Nantes") if driver else ("Nantes" if draw() < 0.72 else "Lyon")
        children = (0 if draw() < 0.7 else 2) if driver else (2 if draw() < 0.7 else 0)
        job = "race engineer" if driver and draw() < 0.5 else "school teacher"
        return {"city": city, "children": children, "since": f"20{10 + int(draw() * 10)}-0{1 + int(draw() * 9)}-01", "job": job}

    def answer(self, many: int, start: int = 0) -> None:
        """Store the answers of these contacts, as surveys do."""
        self._answer({number: number % 2 == 0 for number in range(start, start + many)})

    def answer_as(self, number: int, *, driver: bool) -> None:
        """Store the answers that a driver, or a family, would give."""
        self._answer({number: driver})

    def _answer(self, drivers: dict[int, bool]) -> None:
        now, sessions, answers = self.service.clock(), [], []
        for number, driver in drivers.items():
            row = {"id": new_id("ses"), "contact_id": f"ct_{number:06}", "bank": "cars", "bank_version": 1}
            rest = {"token_digest": "x", "survey": "all", "language": "en", "channel": "web", "hidden": {}, "limit": 5}
            when = {"started_at": now, "last_at": now, "expires_at": now + timedelta(days=1), "ended_at": now}
            sessions.append({**row, **rest, **when, "status": "complete", "stopped_because": "gain"})
            given = {"owns": "yes" if driver else "no", "happy": 5 if driver else 2, "km": 32000 if driver else 9000}
            for question, value in given.items():
                answer = {"session_id": row["id"], "contact_id": row["contact_id"], "bank": "cars", "bank_version": 1}
                more = {"question": question, "kind": "answer", "value": value, "answer_id": question, "state": "current", "given_at": now}
                answers.append({**answer, **more})
        with self.service.parts.store.writing() as session:
            session.execute(insert(SurveySession), sessions)
            session.execute(insert(Answer), answers)

    def start(self, **body: Any) -> dict[str, Any]:
        """Request a run."""
        response = self.service.call("POST", "/api/v1/attribution/cars/runs", body)
        assert response.status_code == 202, response.text
        return response.json

    def work(self) -> None:
        """Let a worker finish every run."""
        work = RunWork(self.service.parts.store, self.service.parts.banks, self.service.clock)
        while work.step_run():
            pass

    def run(self, **body: Any) -> dict[str, Any]:
        """Request a run, let a worker finish it and return it."""
        run = self.start(**body)
        self.work()
        return self.read(run["id"])

    def read(self, run: str) -> dict[str, Any]:
        return self.service.call("GET", f"/api/v1/attribution/cars/runs/{run}").json

    def maintain(self) -> None:
        """Let the worker do the rest of its work."""
        parts = self.service.parts
        maintenance = Maintenance(parts.settings, parts.store, self.service.clock, parts.banks)
        while maintenance.do():
            pass

    def contacts_of(self, session: Session, many: int) -> list[Contact]:
        """Return the last contacts."""
        return list(session.exec(select(Contact).order_by(col(Contact.id).desc()).limit(many)))

    def contact(self, name: str) -> dict[str, Any]:
        response = self.service.call("GET", f"/api/v1/contacts/{name}")
        assert response.status_code == 200, response.text
        return response.json

    def attribution(self, name: str) -> dict[str, Any] | None:
        return self.contact(name)["attribution"].get("cars")

    def beliefs(self, run: str) -> list[dict[str, Any]]:
        """Return every item of the list of a run."""
        items, after = [], ""
        while after is not None:
            page = self.service.call("GET", f"/api/v1/attribution/cars/runs/{run}/beliefs?limit=200" + (after and f"&after={after}")).json
            items += page["items"]
            after = page["next"]
        return items
