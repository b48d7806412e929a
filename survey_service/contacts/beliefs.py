"""The belief about a contact: recomputed from the log, stored, and turned into what CRMs and browsers may see."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from sqlmodel import Session

from adaptive.explanation import weights_of_evidence
from adaptive.information import entropy
from adaptive.likelihood import Floats
from adaptive.posterior import log_evidence
from question_bank.compiling import CompiledBank, Given
from survey_service.contacts.evidence import Known, label_row
from survey_service.store.records import Answer, Belief, Contact

MATERIAL_CHANGE = 0.02
"""A probability that moved by less than this, with the same persona on top, is not worth a message."""

DECIDED_AT = 0.85
"""Confidence from which a persona counts as decided where the survey gives no threshold of its own."""


@dataclass(frozen=True)
class Change:
    """What one act did to the belief about a contact: everything a message about it needs."""

    contact: Contact
    belief: Belief
    bank: CompiledBank
    reason: str
    occurred_at: datetime
    is_material: bool
    newly_decided: bool
    explanation: Sequence[Mapping[str, Any]]


def now_believes(
    session: Session,
    contact: Contact,
    bank: CompiledBank,
    version: int,
    probabilities: Floats,
    evidence: Known,
    *,
    threshold: float | None,
    reason: str,
    now: datetime,
) -> Change:
    """Store the (K,) `probabilities` as the belief about the contact and say whether the change is worth telling.

    The contact's row must be locked: the sequence is counted here. Without a `threshold` the last one stays in force.
    """
    known = session.get(Belief, (contact.id, bank.bank.id)) or _prior_belief(contact, bank, version)
    belief = _moved(known, bank, version, probabilities, known.threshold if threshold is None else threshold)
    belief.answers = sum(one.value is not None for one in evidence.answers)
    belief.skipped, belief.signals = len(evidence.given) - belief.answers, len(evidence.seen)
    belief.updated_at = contact.updated_at = now
    contact.sequence += 1
    belief.sequence = contact.sequence
    before = belief.told or {}
    newly_decided = belief.is_decided and (not before.get("is_decided") or before.get("top") != belief.top)
    is_material = _is_material(belief, before)
    if is_material:
        belief.told = {"top": belief.top, "is_decided": belief.is_decided, "probabilities": belief.probabilities}
    session.add(belief)
    session.add(contact)
    return Change(contact, belief, bank, reason, now, is_material, newly_decided, explanation(evidence))


def _prior_belief(contact: Contact, bank: CompiledBank, version: int) -> Belief:
    """The belief before any evidence: the prior, which needs no telling."""
    belief = Belief(
        contact_id=contact.id, bank=bank.bank.id, bank_version=version, top=bank.personas[0], confidence=1.0, margin=1.0, entropy_bits=0.0
    )
    _moved(belief, bank, version, bank.tables.persona_prior, threshold=None)
    belief.told = {"top": belief.top, "is_decided": False, "probabilities": belief.probabilities}
    return belief


def _moved(belief: Belief, bank: CompiledBank, version: int, probabilities: Floats, threshold: float | None) -> Belief:
    """The same row, saying what (K,) `probabilities` say."""
    order = np.argsort(-probabilities, kind="stable")
    belief.bank_version, belief.threshold = version, threshold
    belief.probabilities = {persona: float(p) for persona, p in zip(bank.personas, probabilities, strict=True)}
    belief.top, belief.confidence = bank.personas[order[0]], float(probabilities[order[0]])
    belief.margin = belief.confidence - float(probabilities[order[1]])
    belief.entropy_bits = float(entropy(probabilities))
    belief.is_decided = belief.confidence >= (DECIDED_AT if threshold is None else threshold)
    return belief


def _is_material(belief: Belief, told: Mapping[str, Any]) -> bool:
    before = told.get("probabilities", {})
    moved = max((abs(p - before.get(persona, 0.0)) for persona, p in belief.probabilities.items()), default=0.0)
    return belief.top != told.get("top") or belief.is_decided != told.get("is_decided") or moved >= MATERIAL_CHANGE


def explanation(evidence: Known) -> list[dict[str, Any]]:
    """Each piece's weight of evidence in bits for each persona: answers in the order given, then signals, then what people say.

    Per persona they add up to its posterior minus its prior log odds (see `adaptive.explanation`).
    """
    bank = evidence.bank
    items, rows = [], []
    if evidence.given:
        weighed = log_evidence(bank.evidence(evidence.answers), bank.tables)[0]
        items += [_item(answer, one) for answer, one in evidence.given]
        rows += [weighed[bank.index[one.question]] + bank.tables.evidence_weight * bank.beside_tree(one) for one in evidence.answers]
    for signal, row in evidence.sightings():
        last = [one for one in evidence.seen if one.signal == signal][-1]
        items.append({"kind": "signal", "signal": signal, "event": last.event, "at": last.at.isoformat()})
        rows.append(bank.tables.evidence_weight * row)
    if evidence.label is not None:
        items.append({"kind": "label", "value": evidence.label["persona"], "at": evidence.label["at"]})
        rows.append(bank.tables.evidence_weight * label_row(bank, evidence.label))
    if not items:
        return []
    bits = weights_of_evidence(bank.tables.prior, np.array(rows), bank.tables.styles)
    return [_told(bank, item, weights) for item, weights in zip(items, bits, strict=True)]


def _item(answer: Answer, given: Given) -> dict[str, Any]:
    return {"kind": answer.kind, "question": answer.question, "value": given.value, "weight": given.weight}


def _told(bank: CompiledBank, item: Mapping[str, Any], weights: Floats) -> dict[str, Any]:
    favoured = int(weights.argmax())
    return {
        **item,
        "favours": bank.personas[favoured] if weights[favoured] > 0 else None,
        "log_likelihood_ratio_bits": float(weights[favoured]),
        "bits": {persona: float(w) for persona, w in zip(bank.personas, weights, strict=True)},
    }


def kind_of(belief: Belief, *, labelled: bool) -> str:
    """What the belief rests on: "labelled" by people, "answered", "behavioural", or only the "prior"."""
    return "labelled" if labelled else "answered" if belief.answers else "behavioural" if belief.signals else "prior"


def belief_view(belief: Belief) -> dict[str, Any]:
    """The belief as the API shows it."""
    return {
        "bank": belief.bank,
        "bank_version": belief.bank_version,
        "probabilities": belief.probabilities,
        "top": belief.top,
        "confidence": belief.confidence,
        "margin": belief.margin,
        "entropy_bits": belief.entropy_bits,
        "is_decided": belief.is_decided,
        "sequence": belief.sequence,
        "updated_at": belief.updated_at.isoformat(),
    }
