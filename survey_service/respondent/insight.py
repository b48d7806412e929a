"""What only the holder of an API key sees of a session: the belief, why it is so, and everything that was given."""

from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from question_bank.compile import CompiledBank
from survey_service.belief.belief import belief_view, explanation
from survey_service.belief.evidence import evidence_about, manner_of, weight_of
from survey_service.respondent.state import open_interview
from survey_service.store.banks import Banks
from survey_service.store.records import Answer, Belief


def insight_of(session: Session, banks: Banks, session_id: str, now: datetime) -> dict[str, Any]:
    """`belief` (None before the first answer), `explanation`, `log` and `manner` of a session. Raises NotFound."""
    interview = open_interview(session, banks, session_id, None, now, lock=False)
    belief = session.get(Belief, (interview.contact.id, interview.row.bank))
    log = session.exec(select(Answer).where(Answer.session_id == session_id).order_by(col(Answer.id))).all()
    bank = interview.bank if belief is None else banks.version(session, belief.bank, belief.bank_version)
    return {
        "belief": belief and belief_view(belief),
        "explanation": explanation(evidence_about(session, interview.contact, bank, now)),
        "log": [_entry(answer, bank) for answer in log],
        "manner": manner_of(bank.bank, log),
    }


def _entry(answer: Answer, bank: CompiledBank) -> dict[str, Any]:
    return {
        "answer_id": answer.answer_id,
        "question": answer.question,
        "kind": answer.kind if answer.state != "withdrawn" else "withdrawn",
        "value": answer.value,
        "seconds": answer.seconds,
        "measured_seconds": answer.measured,
        "trapped": answer.trapped,
        "weight": weight_of(bank.bank.question(answer.question), answer) if answer.question in bank.index else None,
        "chance": answer.chance,
        "state": answer.state,
        "bank_version": answer.bank_version,
        "given_at": answer.given_at.isoformat(),
    }
