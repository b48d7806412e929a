"""The two cases of `benchmarks/http.py`: a service as users run it, and a bare one that only asks."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert

from benchmarks.load import FIRST, KEY, ROOT, SURVEY, a_bank, prepare, sessions
from question_bank.files.load import read_bank
from survey_service.crm import connections
from survey_service.crypto import Keyring
from survey_service.respondent.view import rendered
from survey_service.settings import Settings
from survey_service.store.banks import Banks
from survey_service.store.session import Store
from survey_service.store.tables.core import ApiKey, SurveySession
from survey_service.store.tables.metadata import metadata
from survey_service.web.api_keys import create_key
from survey_service.webhooks import endpoints

EVENTS_EACH = 3
"""Events that each contact of the first case has: two of one signal of the bank, one of the other."""


@dataclass(frozen=True)
class Case:
    """A bank, one of its surveys, and whether a webhook endpoint and a connection to a CRM want messages.

    `first` is the question with which a session begins, as clients get it. `answers` is how many a session gives at most.
    """

    name: str
    source: str
    bank: str
    survey: str
    first: Mapping[str, Any]
    answers: int
    limit: int
    has_subscribers: bool

    def prepare(self, url: str) -> None:
        """Create the tables and publish the bank; with subscribers also an endpoint, a connection, and a key for the source of events."""
        prepare(url, self.source)
        if not self.has_subscribers:
            return
        settings, now, store = Settings(url, (KEY,)), datetime.now(UTC), Store(url)
        with store.writing() as session:
            endpoints.add(session, settings, url="https://crm.example/hook", events=[], when="material", now=now)
            given = {"kind": "hubspot", "bank": self.bank, "credentials": {"token": "t"}}
            connected, _ = connections.add(session, settings, Banks(), given, now)
            connected.state, connected.disabled_because = "active", None
            create_key(session, Keyring(settings.secret_keys), "intake", "benchmark", now)
        store.close()

    def sessions(self, url: str, many: int) -> list[str]:
        """Create sessions, each of a contact of its own. Where there are subscribers the contact has an id in the CRM, and events."""
        names = sessions(url, many, self.first["id"], self.survey, self.bank, self.limit)
        if self.has_subscribers:
            _add_contact_data(url, names)
        return names


def _add_contact_data(url: str, names: list[str]) -> None:
    store, now = Store(url), datetime.now(UTC)
    with store.writing() as session:
        [source] = [key.id for key in session.query(ApiKey)]
        for name in names:
            row = session.get_one(SurveySession, name)
            at = {"contact_id": row.contact_id, "source": source, "at": now - timedelta(days=9), "received_at": now}
            events = [
                {**at, "message_id": f"{name}{n}", "kind": "track", "name": "Brochure Downloaded", "path": None}
                for n in range(EVENTS_EACH - 1)
            ]
            events.append({**at, "message_id": f"{name}p", "kind": "page", "name": None, "path": "/service/tyres"})
            session.execute(insert(metadata.tables["contact_event"]), events)
            known = {"system": "hubspot", "type": "vid", "value": name, "contact_id": row.contact_id}
            session.execute(insert(metadata.tables["external_id"]), known)
    store.close()


def _shipped() -> Case:
    source = (ROOT / "question_bank" / "examples" / "car-buyers.yaml").read_text()
    bank = read_bank(source)
    first = rendered(bank.question("satisfaction"), "en", "en")
    return Case("shipped bank, webhook, connection", source, bank.id, "post-purchase", first, 6, 6, True)


SHIPPED = _shipped()
BARE = Case("bare", a_bank(), "bench", SURVEY, FIRST, 10, 60, False)
CASES = {"shipped": SHIPPED, "bare": BARE}
