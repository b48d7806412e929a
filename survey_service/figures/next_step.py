"""What to say to a contact now: the stages that it has reached, and the plays of the bank that suit it, the likeliest persona first."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session

from question_bank.compile import CompiledBank
from question_bank.definitions import in_language
from question_bank.journeys import Play
from survey_service.belief.priors import priors_of
from survey_service.figures.journeys import present_stage
from survey_service.figures.people import happened_to
from survey_service.store.banks import Banks
from survey_service.store.tables.core import Belief, Contact


@dataclass(frozen=True)
class NextQuery:
    """Which bank, for which channel, and in which language."""

    bank: str
    channel: str | None = None
    language: str | None = None
    system: str = "crm"


def next_step(session: Session, banks: Banks, contact: Contact, query: NextQuery, now: datetime) -> dict[str, Any]:
    """Return the persona, the stages and the plays of a contact. Raises NotFound for an unknown bank.

    Who objects to a profile has no persona and no stages: only plays for everybody at any time remain.
    """
    compiled, _ = banks.latest(session, query.bank)
    may_profile = contact.consent.get("profiling") is not False
    persona = _persona(session, compiled, contact) if may_profile else None
    events = happened_to(session, compiled, contact.id) if may_profile else []
    present = [found for journey in compiled.bank.journeys if (found := present_stage(journey, events, now)) is not None]
    stages = [{"journey": found.journey.id, "stage": found.stage, "at": found.at.isoformat()} for found in present]
    return {
        "bank": query.bank,
        "persona": persona,
        "stages": stages,
        "plays": _plays(compiled, persona, {found["stage"] for found in stages}, query),
    }


def _persona(session: Session, bank: CompiledBank, contact: Contact) -> dict[str, Any]:
    """Return what is believed of the contact: by evidence, else by its attributes or another system, else the bank's prior."""
    belief = session.get(Belief, (contact.id, bank.bank.id))
    prior = priors_of(session, [contact], bank).get(contact.id)
    shares = {persona.id: persona.prior for persona in bank.bank.personas}
    kind, is_decided = "prior", False
    if belief is not None and set(belief.probabilities) == set(bank.personas):
        shares, kind, is_decided = dict(belief.probabilities), "evidence", belief.is_decided
    elif prior is not None:
        shares, kind = dict(zip(bank.personas, prior.probabilities.tolist(), strict=True)), prior.kind
    top = max(shares, key=lambda name: shares[name])
    return {"top": top, "confidence": shares[top], "probabilities": shares, "is_decided": is_decided, "kind": kind}


def _plays(bank: CompiledBank, persona: Mapping[str, Any] | None, stages: set[str], query: NextQuery) -> list[dict[str, Any]]:
    """Return the plays that suit, those of the likeliest persona first, and of one persona the most specific first."""
    shares = persona["probabilities"] if persona is not None else {}
    suiting = [
        play
        for play in bank.bank.plays
        if (play.persona is None or play.persona in shares)
        and (play.stage is None or play.stage in stages)
        and (play.channel is None or query.channel is None or play.channel.lower() == query.channel.lower())
    ]
    ordered = sorted(suiting, key=lambda play: (-shares.get(play.persona, 0.0), play.stage is None, play.channel is None))
    return [_view(bank, play, shares, query) for play in ordered]


def _view(bank: CompiledBank, play: Play, shares: Mapping[str, float], query: NextQuery) -> dict[str, Any]:
    default = bank.bank.language
    texts = {name: in_language(getattr(play, name), query.language or default, default) for name in ("content", "agent", "bot")}
    place = {"persona": play.persona, "stage": play.stage, "channel": play.channel}
    return {**place, "probability": shares.get(play.persona or ""), **texts}
