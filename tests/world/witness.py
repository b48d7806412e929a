"""What three receivers saw of each contact: one of webhooks, and two CRMs that are written to. All fail now and then."""

import json
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, NamedTuple

from standardwebhooks import Webhook

from tests.fleet import UPDATED, Ledger, keeping
from tests.survey_service.crm.fake_crm import Answer, Asked, crm, hubspot

MERGED, ERASED = "contact.merged", "contact.erased"
RECEIVERS = ("webhooks", *(CRMS := ("http", "hubspot")))
CONTACT, SEQUENCE = "their_contact", "persona_seq"
TEMPLATE = {"body": {CONTACT: "{{contact_id}}", SEQUENCE: "{{persona_seq}}"}}
HUBSPOT_FAILED = {"status": "error", "category": "INTERNAL_ERROR", "message": "now and then", "correlationId": "1"}
GRACE_SECONDS = 5.0
"""A request that was under way when an erasure was acknowledged arrives a moment later. One that comes after this was sent later."""


class Arrival(NamedTuple):
    """A message as a receiver got it. `names` are the external ids in it, `at` is of the monotonic clock."""

    receiver: str
    kind: str
    contact: str
    sequence: int | None
    at: float
    was_taken: bool
    names: tuple[str, ...] = ()
    gone: str | None = None  # the contact that was merged into this one


@dataclass
class Witness(Ledger):
    """The ledger of the webhooks, and everything that arrived at any receiver in its order."""

    arrivals: list[Arrival] = field(default_factory=list)
    crm_url: str = ""

    def take(self, headers: dict[str, str], body: bytes) -> int:
        at, message = monotonic(), Webhook(self.secret).verify(body, headers)
        data = message["data"]
        status = super().take(headers, body)
        names = tuple(item["id"] for item in data["contact"]["external_ids"])
        gone = data["merged"]["id"] if message["type"] == MERGED else None
        was_taken = status < 300
        self.arrivals.append(Arrival("webhooks", message["type"], data["contact"]["id"], data["sequence"], at, was_taken, names, gone))
        return status

    def write(self, asked: Asked) -> Answer:
        """Take records as the CRMs do: HubSpot many at a time, the other one by one."""
        at, body = monotonic(), json.loads(asked.raw)
        with self.lock:
            was_taken = self.dice.random() >= self.errors
        receiver = "hubspot" if "inputs" in body else "http"
        for record in [item["properties"] for item in body["inputs"]] if receiver == "hubspot" else [body]:
            sequence = int(record[SEQUENCE]) if record[SEQUENCE] else None
            kind = ERASED if sequence is None else UPDATED
            self.arrivals.append(Arrival(receiver, kind, record[CONTACT], sequence, at, was_taken))
        return Answer(500, HUBSPOT_FAILED) if not was_taken else hubspot(asked) if receiver == "hubspot" else Answer(200)

    def of_contact(self, receiver: str) -> dict[str, list[Arrival]]:
        found: dict[str, list[Arrival]] = defaultdict(list)
        for arrival in sorted(self.arrivals, key=lambda arrival: arrival.at):
            if arrival.receiver == receiver:
                found[arrival.contact].append(arrival)
        return found

    def names_erased(self) -> dict[str, str]:
        """Return the contact of each external id in the `contact.erased` messages that the receiver of webhooks got."""
        return {name: arrival.contact for arrival in self.arrivals if arrival.kind == ERASED for name in arrival.names}

    def after_the_end(self, erased: dict[str, float]) -> list[str]:
        """Return what arrived about contacts that were gone: behind their erasure or merge, or after its acknowledgement (by name)."""
        contacts, found = self.names_erased(), []
        acknowledged = {contacts[name]: at for name, at in erased.items() if name in contacts}
        for receiver in RECEIVERS:
            ended: dict[str, str] = {}
            for arrival in sorted(self.arrivals, key=lambda arrival: arrival.at):
                if arrival.receiver != receiver or arrival.kind == ERASED:
                    ended |= {arrival.contact: ERASED} if arrival.receiver == receiver else {}
                    continue
                late = arrival.at - acknowledged.get(arrival.contact, arrival.at)
                if arrival.contact in ended or late > GRACE_SECONDS:
                    after = ended.get(arrival.contact, f"the acknowledged erasure, by {late:.1f} s")
                    found.append(f"{receiver}: {arrival.kind} about {arrival.contact} after {after}")
                if arrival.gone is not None:
                    ended[arrival.gone] = MERGED
        return found

    def behind(self, receiver: str, contact: str, sequence: int) -> bool:
        """Whether the last update that a receiver took about a contact is not this one."""
        taken = [item.sequence for item in self.of_contact(receiver).get(contact, ()) if item.was_taken and item.kind == UPDATED]
        return not taken or taken[-1] != sequence


@contextmanager
def witnessing(witness: Witness) -> Iterator[str]:
    """Run the receivers. Yield the address for webhooks."""
    with ExitStack() as stack:
        witness.crm_url = stack.enter_context(crm(witness.write)).url
        yield stack.enter_context(keeping(witness))


def connections_to(witness: Witness, bank: str) -> list[dict[str, Any]]:
    """Return a connection to each of the CRMs."""
    shared = {"bank": bank, "when": "every_answer", "identity": ["external_id"]}
    hubspot_fields = {"mapping": {SEQUENCE: "persona_seq", CONTACT: "contact_id"}, "external_id": {"field": "id"}}
    return [
        {"kind": "http", "url": f"{witness.crm_url}/write", "template": TEMPLATE, **shared},
        {"kind": "hubspot", "url": witness.crm_url, "credentials": {"token": "x"}, **hubspot_fields, **shared},
    ]
