"""The belief about a contact: stored after each inference, explained, and shown to CRMs and browsers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import bindparam, select, update
from sqlalchemy.orm.util import identity_key
from sqlmodel import Session, col

from adaptive.arrays import Floats
from adaptive.information import entropy
from adaptive.posterior import log_evidence, weights_of_evidence
from question_bank.compile import CompiledBank, ObservedAnswer
from survey_service.belief.evidence import ContactEvidence, label_row
from survey_service.store.bulk import is_one_of
from survey_service.store.session import Prepared, inserted, instance
from survey_service.store.tables.core import Answer, Belief, Contact, metadata

BELIEF = metadata.tables["belief"]

MATERIAL_CHANGE = 0.02
"""A probability that moved by less than this, with the same persona on top, is not worth a message."""

DECIDED_AT = 0.85
"""Confidence from which a persona counts as decided where the survey gives no threshold of its own."""


_NEW = inserted(BELIEF)
_CHANGED = Prepared(
    update(BELIEF)
    .where(BELIEF.c.contact_id == bindparam("its_contact_id"), BELIEF.c.bank == bindparam("its_bank"))
    .values({column.name: bindparam(column.name) for column in BELIEF.c if not column.primary_key})
)


@dataclass(frozen=True)
class PreviousBelief:
    """What a stored belief passes on to the next one. `told` is the last state that was worth a message."""

    sequence: int
    threshold: float | None
    told: Mapping[str, Any] | None


@dataclass(frozen=True, eq=False)
class InferredBelief:
    """A belief that is not stored yet: (K,) `probabilities` inferred from `evidence` under one version of a bank.

    `threshold` is the confidence from which the persona counts as decided; None keeps the previous one. `previous` is the stored belief
    that this one replaces, None where there is none.
    """

    evidence: ContactEvidence
    version: int
    probabilities: Floats
    previous: PreviousBelief | None
    threshold: float | None = None


@dataclass(frozen=True)
class BeliefChange:
    """What one act changed in the belief about a contact: everything that a message about it needs."""

    contact: Contact
    belief: Belief
    bank: CompiledBank
    reason: str
    occurred_at: datetime
    is_material: bool
    newly_decided: bool
    explanation: Sequence[Mapping[str, Any]]


def store_belief(
    session: Session, contact: Contact, inferred: InferredBelief, sequence: int, reason: str, now: datetime, *, explain: bool = True
) -> BeliefChange:
    """Store the belief about the contact under the number `sequence` and return what changed.

    The contact's row must be locked. Without `explain` the change has no explanation, which costs as much as the inference.
    """
    change = _change(contact, inferred, sequence, reason, now, explain=explain)
    _store(session, [(change.belief, inferred.previous is None)])
    return change


def store_beliefs(
    session: Session, inferred: Sequence[tuple[Contact, InferredBelief, int]], reason: str, now: datetime, *, explain: bool = True
) -> list[BeliefChange]:
    """Do as `store_belief` for each contact with its belief and its number; the driver sends all rows together."""
    changes = [_change(contact, of_contact, sequence, reason, now, explain=explain) for contact, of_contact, sequence in inferred]
    _store(session, [(change.belief, item[1].previous is None) for change, item in zip(changes, inferred, strict=True)])
    return changes


def _change(contact: Contact, inferred: InferredBelief, sequence: int, reason: str, now: datetime, *, explain: bool) -> BeliefChange:
    """Return what a belief changes; the row is not stored yet."""
    bank, evidence, previous = inferred.evidence.bank, inferred.evidence, inferred.previous
    threshold = previous.threshold if inferred.threshold is None and previous is not None else inferred.threshold
    reported = _reported_prior(bank) if previous is None else previous.told or {}
    belief = _belief(bank, inferred.probabilities, DECIDED_AT if threshold is None else threshold)
    is_material = _is_material(belief, reported)
    newly_decided = belief["is_decided"] and (not reported.get("is_decided") or reported.get("top") != belief["top"])
    answers = sum(observed.value is not None for _, observed in evidence.given)
    belief |= {
        "bank_version": inferred.version,
        "threshold": threshold,
        "answers": answers,
        "skipped": len(evidence.given) - answers,
        "signals": len(evidence.seen),
        "told": _reported(belief) if is_material else reported,
        "prior_kind": None if evidence.prior is None else evidence.prior.kind,
        "updated_at": now,
        "sequence": sequence,
    }
    row = instance(Belief, {"contact_id": contact.id, "bank": bank.bank.id, **belief})
    return BeliefChange(contact, row, bank, reason, now, is_material, newly_decided, explanation(evidence) if explain else ())


def previous_beliefs(session: Session, contacts: Sequence[Contact], bank: CompiledBank) -> dict[str, PreviousBelief]:
    """Return the stored belief about each contact, by the contact's id, without those that have none."""
    stored = select(col(Belief.contact_id), col(Belief.sequence), col(Belief.threshold), col(Belief.told))
    mine = stored.where(is_one_of(session, Belief.contact_id, [contact.id for contact in contacts]), col(Belief.bank) == bank.bank.id)
    return {contact_id: PreviousBelief(*of_contact) for contact_id, *of_contact in session.execute(mine)} if contacts else {}


def _store(session: Session, beliefs: Sequence[tuple[Belief, bool]]) -> None:
    """Write rows, each with whether it is new, with plain statements. A session that had read a row before reads it again."""
    _NEW.run(session, *(row.__dict__ for row, is_new in beliefs if is_new))
    changed = [row.__dict__ for row, is_new in beliefs if not is_new]
    _CHANGED.run(session, *({**row, "its_contact_id": row["contact_id"], "its_bank": row["bank"]} for row in changed))
    for row, _ in beliefs:
        held = session.identity_map.get(identity_key(Belief, (row.contact_id, row.bank)))
        if held is not None:
            session.expire(held)


def _reported_prior(bank: CompiledBank) -> dict[str, Any]:
    """Return what counts as reported before any evidence: the prior needs no message."""
    return _reported(_belief(bank, bank.tables.persona_prior, 1.0)) | {"is_decided": False}


def _reported(belief: Mapping[str, Any]) -> dict[str, Any]:
    return {name: belief[name] for name in ("top", "is_decided", "probabilities")}


def _belief(bank: CompiledBank, probabilities: Floats, threshold: float) -> dict[str, Any]:
    """Return the columns that (K,) `probabilities` determine."""
    order = np.argsort(-probabilities, kind="stable")
    confidence = float(probabilities[order[0]])
    return {
        "probabilities": {persona: float(p) for persona, p in zip(bank.personas, probabilities, strict=True)},
        "top": bank.personas[order[0]],
        "confidence": confidence,
        "margin": confidence - float(probabilities[order[1]]),
        "entropy_bits": float(entropy(probabilities)),
        "is_decided": confidence >= threshold,
    }


def _is_material(belief: Mapping[str, Any], reported: Mapping[str, Any]) -> bool:
    before = reported.get("probabilities", {})
    moved = max((abs(p - before.get(persona, 0.0)) for persona, p in belief["probabilities"].items()), default=0.0)
    return belief["top"] != reported.get("top") or belief["is_decided"] != reported.get("is_decided") or moved >= MATERIAL_CHANGE


def explanation(evidence: ContactEvidence) -> list[dict[str, Any]]:
    """Return the weight of each piece of evidence for each persona, in bits: answers in the order given, then signals, the label, and
    the prior of the contact itself.

    Per persona the weights add up to its posterior minus its prior log odds (see `adaptive.posterior`).
    """
    bank = evidence.bank
    items, rows = [], []
    if evidence.given:
        answers = [observed for _, observed in evidence.given]
        weighed = log_evidence(bank.evidence(answers), bank.tables)[0]
        items += [_item(answer, observed) for answer, observed in evidence.given]
        rows += [weighed[bank.index[observed.question]] for observed in answers]
        if bank.tables.forest is not None:
            within = [bank.tables.evidence_weight * bank.uncertain_tree_evidence(observed) for observed in answers]
            rows = [row + more for row, more in zip(rows, within, strict=True)]
    for signal, row in evidence.sightings:
        last = [event for event in evidence.seen if event.signal == signal][-1]
        items.append({"kind": "signal", "signal": signal, "event": last.event, "at": last.at.isoformat()})
        rows.append(bank.tables.evidence_weight * row)
    if evidence.label is not None:
        items.append({"kind": "label", "value": evidence.label["persona"], "at": evidence.label["at"]})
        rows.append(bank.tables.evidence_weight * label_row(bank, evidence.label))
    if evidence.prior is not None:
        items.append({"kind": evidence.prior.kind, **evidence.prior.source})
        rows.append(evidence.prior.log_ratio(bank))
    if not items:
        return []
    bits = weights_of_evidence(bank.tables.prior, np.array(rows), bank.tables.styles)
    return [_explained(bank, item, weights) for item, weights in zip(items, bits, strict=True)]


def _item(answer: Answer, given: ObservedAnswer) -> dict[str, Any]:
    return {"kind": answer.kind, "question": answer.question, "value": given.value, "weight": given.weight}


def _explained(bank: CompiledBank, item: Mapping[str, Any], weights: Floats) -> dict[str, Any]:
    favoured = int(weights.argmax())
    return {
        **item,
        "favours": bank.personas[favoured] if weights[favoured] > 0 else None,
        "log_likelihood_ratio_bits": float(weights[favoured]),
        "bits": {persona: float(w) for persona, w in zip(bank.personas, weights, strict=True)},
    }


def belief_view(belief: Belief) -> dict[str, Any]:
    """Return the belief as the API shows it."""
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
