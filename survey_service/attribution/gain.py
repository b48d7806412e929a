"""What a model tells in surveys, measured on the sessions that began without it, by lot. A model that misleads is not used any more.

The gain is the mean of ``log sum_k r_k p_k / b_k`` over these sessions, in nats: r is the belief from the answers under the bank's prior b,
p what the model says. Because r_k is proportional to b_k P(answers | k), this is the log probability of the answers under p minus that
under b: its expectation is at least 0 for a model that is right, however few answers a session has. The other sessions cannot measure it,
because the questions that they were asked depend on p.
"""

from datetime import datetime, timedelta
from functools import partial
from typing import Any

import numpy as np
from sqlmodel import Session, col, or_, select

from adaptive import believe
from question_bank.compile import CompiledBank
from survey_service.attribution.models import newest_models
from survey_service.belief.evidence import interpret
from survey_service.belief.priors import ATTRIBUTED, HELD_OUT, unpack
from survey_service.store.banks import Banks, transact
from survey_service.store.bulk import is_one_of
from survey_service.store.session import Store
from survey_service.store.tables.attribution import Attribution, AttributionModelRow, AttributionRun
from survey_service.store.tables.core import Answer, SurveySession

MEASURED_EVERY = timedelta(hours=1)
FEWEST_SESSIONS = 30
WORST_GAIN = -0.01
"""In nats: below this a model misleads more than chance and rounding explain, and sessions begin with the bank's prior again."""
MOST_SESSIONS = 5000


def measure_gains(store: Store, banks: Banks, now: datetime) -> None:
    """Measure the models of the last runs that were not measured for an hour."""
    with store.reading() as session:
        measured = col(AttributionModelRow.measured_at)
        waits = (
            is_one_of(session, AttributionModelRow.id, newest_models(session).values()),
            or_(measured.is_(None), measured <= now - MEASURED_EVERY),
        )
        due = session.exec(select(AttributionModelRow.id).where(*waits)).all()  # without the content, since this is looked at all the time
    for model_id in due:
        transact(store, banks, partial(_measure, banks, model_id, now))


def _measure(banks: Banks, model_id: str, now: datetime, session: Session) -> None:
    """Store what a model has gained, and stop using it where that is clearly less than nothing."""
    row = session.exec(select(AttributionModelRow).where(AttributionModelRow.id == model_id).with_for_update()).one()
    bank, _ = banks.latest(session, row.bank)
    gains = _gains(session, bank, row, now)
    row.measured_at = now
    if gains:
        mean, error = float(np.mean(gains)), float(np.std(gains) / np.sqrt(len(gains)))
        row.gain = {"sessions": len(gains), "nats": mean, "low": mean - 1.96 * error, "high": mean + 1.96 * error}
        row.is_used = len(gains) < FEWEST_SESSIONS or mean >= WORST_GAIN
    session.add(row)


def _gains(session: Session, bank: CompiledBank, row: AttributionModelRow, now: datetime) -> list[float]:
    """Return the gain of each session that began without the model."""
    runs = select(AttributionRun.id).where(AttributionRun.model_id == row.id)
    ended = select(SurveySession).where(
        SurveySession.bank == row.bank, SurveySession.status != "open", col(SurveySession.prior).is_not(None)
    )
    of_model = set(session.exec(runs))
    found = [
        item
        for item in session.exec(ended.order_by(col(SurveySession.ended_at).desc()).limit(MOST_SESSIONS))
        if item.prior
        and item.prior["kind"] == HELD_OUT
        and item.prior["instead_of"] == ATTRIBUTED
        and item.prior["source"]["run"] in of_model
    ]
    vectors = dict(
        session.exec(
            select(Attribution.contact_id, Attribution.vector).where(
                Attribution.bank == row.bank,
                Attribution.model_id == row.id,
                is_one_of(session, Attribution.contact_id, [item.contact_id for item in found]),
            )
        ).all()
    )
    given: dict[str, list[Any]] = {}
    answers = select(Answer).where(is_one_of(session, Answer.session_id, [item.id for item in found]), Answer.state == "current")
    for answer, observed in interpret(session.exec(answers.order_by(col(Answer.id))), bank, now):
        given.setdefault(answer.session_id, []).append(observed)
    if set(row.personas) != set(bank.personas):
        return []
    order = [row.personas.index(persona) for persona in bank.personas]
    prior = np.array([persona.prior for persona in bank.bank.personas])
    gains = []
    for item in found:
        if item.contact_id in vectors and any(observed.value is not None for observed in given.get(item.id, ())):
            belief = believe(bank.tables, bank.evidence(given[item.id]))[0]
            stated = unpack(vectors[item.contact_id])[order]
            gains.append(float(np.log(belief @ (stated / prior))))
    return gains
