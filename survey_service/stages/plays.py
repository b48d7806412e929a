"""Announce the plays of a bank: what suits a persona at a stage, once for each contact and stage."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from sqlmodel import Session, col, select

from question_bank.compile import CompiledBank
from question_bank.definitions import in_language
from question_bank.journeys import Play
from survey_service.figures.journeys import Present
from survey_service.outbox import publish
from survey_service.outbox.events import DECIMALS, stamp
from survey_service.store.tables.core import Contact
from survey_service.store.tables.figures import AnnouncedPlay


class Moved(Protocol):
    """A contact and where it is: see `survey_service.stages.checks.OnJourney`."""

    @property
    def contact(self) -> Contact: ...
    @property
    def bank(self) -> CompiledBank: ...
    @property
    def version(self) -> int: ...
    @property
    def persona(self) -> str | None: ...
    @property
    def probabilities(self) -> Mapping[str, float]: ...
    @property
    def present(self) -> Sequence[Present]: ...


def announce_plays(session: Session, found: Moved, now: datetime) -> None:
    """Publish the plays for the stages that a contact, which must be locked, has come to. What was announced is not announced again."""
    suiting = {place.stage: (place, plays) for place in found.present if (plays := plays_for(found.bank, place.stage, found.persona))}
    if not suiting:
        return
    bank = found.bank
    mine = select(AnnouncedPlay.stage).where(AnnouncedPlay.contact_id == found.contact.id, AnnouncedPlay.bank == bank.bank.id)
    done = set(session.exec(mine.where(col(AnnouncedPlay.stage).in_(suiting))))
    persona_set = {"id": bank.bank.id, "version": found.version, "personas": list(bank.personas)}
    for stage, (place, plays) in suiting.items():
        if stage in done:
            continue
        first, *others = [_content(bank, play) for play in plays]
        confidence = found.probabilities.get(first["persona"] or "")
        play = {
            **{"journey": place.journey.id, "stage": stage, "reached_at": stamp(place.at)},
            **first,
            "confidence": None if confidence is None else round(confidence, DECIMALS),
            "others": others,
        }
        publish.publish_play(session, found.contact, persona_set, play, now)
        row = {"contact_id": found.contact.id, "bank": bank.bank.id, "stage": stage}
        session.add(AnnouncedPlay(**row, persona=first["persona"], at=now))
    session.flush()


def plays_for(bank: CompiledBank, stage: str, persona: str | None) -> list[Play]:
    """Return the plays for people of this persona at this stage: those for the persona first, then those for everybody.

    Plays for any time are not announced.
    """
    suiting = [play for play in bank.bank.plays if play.stage == stage and play.persona in (None, persona)]
    return sorted(suiting, key=lambda play: (play.persona is None, play.channel is None))


def _content(bank: CompiledBank, play: Play) -> dict[str, Any]:
    language = bank.bank.language
    texts = {name: in_language(getattr(play, name), language, language) for name in ("content", "agent", "bot")}
    return {"persona": play.persona, "channel": play.channel, **texts}
