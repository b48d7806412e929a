"""The prior of one contact: what another system or the contact's attributes say about the persona, in place of the bank's prior.

A prior from outside ranks above attribution. Answers multiply it as they multiply the bank's prior, and the explanation shows it as one
piece of evidence: the log of its ratio to the bank's prior.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlmodel import Session, select

from adaptive.arrays import Floats
from question_bank.compile import CompiledBank
from question_bank.definitions import Attribution as Rules
from survey_service.crypto import is_drawn
from survey_service.store.bulk import is_one_of
from survey_service.store.tables.attribution import Attribution, AttributionModelRow
from survey_service.store.tables.core import Contact

ATTRIBUTED, EXTERNAL, HELD_OUT = "attributed", "external", "bank"

FLOOR = 1e-6
"""The least probability of a persona in a prior: answers must be able to prove any prior wrong."""
HOLD_OUT = 10
"""One session in so many, by lot, begins with the bank's prior. Only these measure what the priors gain."""


@dataclass(frozen=True, eq=False)
class ContactPrior:
    """P(persona) of one contact before any answer: (K,) `probabilities` in the order of the bank. `source` says where it comes from."""

    kind: str
    probabilities: Floats
    source: Mapping[str, Any]

    def log_ratio(self, bank: CompiledBank) -> Floats:
        """Return (C,) log P(class) minus that of the bank, in nats: the shares of styles within a persona stay as they are."""
        shares = np.array([persona.prior for persona in bank.bank.personas])
        ratio: Floats = np.log(self.probabilities) - np.log(shares)
        return ratio if bank.tables.styles is None else ratio[bank.tables.styles.persona_of]

    def to_json(self, bank: CompiledBank) -> dict[str, Any]:
        """Return the prior as a session stores it. `prior_of_session` restores it."""
        shares = dict(zip(bank.personas, self.probabilities.tolist(), strict=True))
        return {"kind": self.kind, "probabilities": shares, "source": dict(self.source)}


def may_be_profiled(rules: Rules, consent: Mapping[str, Any]) -> bool:
    """Whether the contact with this consent may be given a persona from its attributes."""
    agreed = consent.get("profiling")
    return agreed is True or (rules.consent == "objection" and agreed is None)


def priors_of(session: Session, contacts: Sequence[Contact], bank: CompiledBank) -> dict[str, ContactPrior]:
    """Return the prior of each contact that has one under this bank, by the contact's id, in one statement at most."""
    rules = bank.bank.attribution
    allowed = [contact.id for contact in contacts if rules is not None and may_be_profiled(rules, contact.consent)]
    found = _attributed(session, allowed, bank)
    for contact in contacts:
        given = contact.priors.get(bank.bank.id)
        if given is not None and (prior := external_prior(bank, given)) is not None:
            found[contact.id] = prior
    return found


def external_prior(bank: CompiledBank, given: Mapping[str, Any]) -> ContactPrior | None:
    """Return the prior that another system gave, None where the bank has other personas by now.

    `reliability` is the exponent on the odds against the bank's prior: 1 takes the probabilities as they are, 0 ignores them.
    """
    probabilities = given["probabilities"]
    if set(probabilities) != set(bank.personas):
        return None
    shares = np.array([persona.prior for persona in bank.bank.personas])
    stated = _normalised(np.array([probabilities[persona] for persona in bank.personas]))
    tempered = shares * (stated / shares) ** given["reliability"]
    return ContactPrior(EXTERNAL, _normalised(tempered), {"source": given["source"], "reliability": given["reliability"]})


def prior_to_begin_with(session: Session, contact: Contact, bank: CompiledBank, session_id: str) -> dict[str, Any] | None:
    """Return the prior that a session begins with and keeps, as its row stores it; None where the contact has none.

    One session in ten begins with the bank's prior instead, whose kind is then `HELD_OUT`. The lot is drawn from the session's id.
    """
    prior = priors_of(session, [contact], bank).get(contact.id)
    if prior is None:
        return None
    if is_drawn(session_id, HOLD_OUT):
        return {"kind": HELD_OUT, "instead_of": prior.kind, "source": dict(prior.source)}
    return prior.to_json(bank)


def prior_of_session(bank: CompiledBank, stored: Mapping[str, Any]) -> ContactPrior | None:
    """Return the prior in the row of a session; None where it began with the bank's."""
    if stored["kind"] == HELD_OUT or set(stored["probabilities"]) != set(bank.personas):
        return None
    probabilities = np.array([stored["probabilities"][persona] for persona in bank.personas])
    return ContactPrior(stored["kind"], probabilities, stored["source"])


def pack(vectors: Floats) -> list[bytes]:
    """Return the rows of (n, K) `vectors` as little-endian float32."""
    return [row.tobytes() for row in vectors.astype("<f4")]


def unpack(vector: bytes) -> Floats:
    """Return the (K,) probabilities of a stored vector, which add up to 1."""
    return _normalised(np.frombuffer(vector, dtype="<f4").astype(np.float64))


def _attributed(session: Session, contact_ids: Sequence[str], bank: CompiledBank) -> dict[str, ContactPrior]:
    if not contact_ids:
        return {}
    rows = select(Attribution.contact_id, Attribution.vector, Attribution.run_id, AttributionModelRow.personas)
    mine = rows.join(AttributionModelRow).where(
        AttributionModelRow.is_used, Attribution.bank == bank.bank.id, is_one_of(session, Attribution.contact_id, contact_ids)
    )
    found = {}
    for contact_id, vector, run, personas in session.exec(mine):
        if set(personas) == set(bank.personas):
            by_persona = dict(zip(personas, unpack(vector), strict=True))
            probabilities = _normalised(np.array([by_persona[persona] for persona in bank.personas]))
            found[contact_id] = ContactPrior(ATTRIBUTED, probabilities, {"run": run})
    return found


def _normalised(probabilities: Floats) -> Floats:
    floored: Floats = np.maximum(probabilities, FLOOR)
    shares: Floats = floored / floored.sum()
    return shares
