"""A connection of each kind, with a CRM whose answer to every write the test sets."""

from dataclasses import dataclass, field
from typing import Any

from tests.survey_service.crm.connected import HUBSPOT, Connected
from tests.survey_service.crm.fake_crm import Answer, Asked, Crm

SALESFORCE = {
    "kind": "salesforce",
    "identity": ["external_id"],
    "external_id": {"field": "Crm_Id__c"},
    "credentials": {"client_id": "c", "client_secret": "s"},
}
BREVO = {"kind": "brevo", "identity": ["email"], "credentials": {"token": "k"}}
KLAVIYO = {"kind": "klaviyo", "identity": ["email"], "credentials": {"token": "k"}, "create_contacts": True}
HTTP = {"kind": "http", "identity": ["email"], "credentials": {}, "template": {"body": {"top": "{{persona_top}}"}}}
KINDS: dict[str, dict[str, Any]] = {
    "hubspot": {**HUBSPOT, "external_id": {"field": "crm_id"}},
    "salesforce": SALESFORCE,
    "salesforce upsert": {**SALESFORCE, "create_contacts": True},
    "salesforce by id": {**SALESFORCE, "identity": ["record_id"]},
    "brevo": BREVO,
    "klaviyo": KLAVIYO,
    "http": HTTP,
}
TOKEN = "token-not-for-logs"


@dataclass
class OneAnswer:
    """A CRM that gives tokens, and answers every other request in the same way."""

    answer: Answer
    asked: list[Asked] = field(default_factory=list)

    def __call__(self, asked: Asked) -> Answer:
        if asked.path.endswith("/token"):
            return Answer(200, {"access_token": TOKEN})
        self.asked.append(asked)
        return self.answer


def connect(there: Connected, kind: str, **more: Any) -> str:
    """Create a connection of a kind, or of one of its variants."""
    given = {**KINDS[kind], **more}
    if kind == "http":
        given["url"] = f"{there.crm.url}/people"
    return there.connect(**given)


def answer_with(crm: Crm, answer: Answer) -> OneAnswer:
    """Let a CRM give one answer to every write."""
    made = OneAnswer(answer)
    crm.behaviour = made
    return made
