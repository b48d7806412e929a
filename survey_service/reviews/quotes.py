"""Quotes: texts of answers and reviews whose contact consents to being quoted, and which an author has approved."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlmodel import Session, and_, col, select

from survey_service.errors import Conflict, NotFound
from survey_service.store.banks import Banks
from survey_service.store.bulk import is_one_of
from survey_service.store.contact_locks import is_present, lock_present
from survey_service.store.tables.core import Answer, Belief, Contact
from survey_service.store.tables.reviews import QuoteApproval, Review
from survey_service.web.pagination import cursor, invalid_cursor, place_of

ANSWER, REVIEW = KINDS = ("answer", "review")
APPROVED, PENDING = STATES = ("approved", "pending")
LARGEST = 2**63 - 1


class NoConsent(Conflict):
    """The contact has not consented to being quoted: PUT /contacts/{id} with consent {"quoting": true} when it has."""

    code = "no_quoting_consent"


@dataclass(frozen=True)
class QuotesQuery:
    """Which quotes: of one bank, approved or not yet, of contacts whose likeliest persona it is."""

    bank: str
    state: str = APPROVED
    persona: str | None = None
    after: str | None = None
    limit: int = 50


def quotes_page(session: Session, banks: Banks, query: QuotesQuery) -> tuple[list[dict[str, Any]], str | None]:
    """Return up to `query.limit` quotes, answers before reviews and the newest first, and the cursor of the next page. Raises NotFound."""
    compiled, _ = banks.latest(session, query.bank)
    texts = [question.id for question in compiled.bank.questions if question.type == "text"]
    start, before = _read_cursor(query.after)
    found: list[tuple[str, Any]] = []
    for kind in KINDS[KINDS.index(start) :]:
        rows = _rows(session, kind, query, texts)
        table = Answer if kind == ANSWER else Review
        if kind == start and before is not None:
            rows = rows.where(col(table.id) < before)
        left = query.limit + 1 - len(found)
        found += [(kind, row) for row in session.execute(rows.order_by(col(table.id).desc()).limit(left))] if left else []
    page = found[: query.limit]
    after = cursor(page[-1][0], str(page[-1][1][0].id)) if len(found) > query.limit else None
    return [_view(kind, *row) for kind, row in page], after


def _rows(session: Session, kind: str, query: QuotesQuery, texts: list[str]) -> Any:
    """Select the text, its contact's belief, and when it was approved."""
    table: Any = Answer if kind == ANSWER else Review
    approval = and_(col(QuoteApproval.kind) == kind, col(QuoteApproval.source_id) == col(table.id))
    belief = and_(col(Belief.contact_id) == col(table.contact_id), col(Belief.bank) == query.bank)
    columns: Any = (table, Belief.top, Belief.confidence, QuoteApproval.approved_at)
    rows = (
        select(*columns)
        .join(Contact, col(Contact.id) == col(table.contact_id))
        .outerjoin(QuoteApproval, approval)
        .outerjoin(Belief, belief)
    )
    rows = rows.where(table.bank == query.bank, is_present(), col(Contact.consent)["quoting"].as_boolean().is_(True))
    if kind == ANSWER:
        rows = rows.where(is_one_of(session, Answer.question, texts), Answer.state == "current", Answer.kind == "answer")
    if query.persona is not None:
        rows = rows.where(Belief.top == query.persona)
    is_approved = col(QuoteApproval.approved_at).is_not(None)
    return rows.where(is_approved if query.state == APPROVED else ~is_approved)


def _view(kind: str, row: Any, persona: str | None, confidence: float | None, approved_at: datetime | None) -> dict[str, Any]:
    return {
        "id": f"{kind}-{row.id}",
        "text": str(row.value if kind == ANSWER else row.text),
        "day": row.given_at.astimezone(UTC).date().isoformat() if kind == ANSWER else row.day,
        "question": row.question if kind == ANSWER else None,
        "persona": persona,
        "confidence": confidence,
        "approved_at": None if approved_at is None else approved_at.astimezone(UTC).isoformat(),
    }


def approve(session: Session, banks: Banks, quote: str, now: datetime) -> dict[str, Any]:
    """Approve a text and return its quote. Approving again changes nothing. Raises NotFound, NoConsent."""
    kind, row, contact = _locked(session, banks, quote)
    if contact.consent.get("quoting") is not True:
        raise NoConsent
    approval = session.get(QuoteApproval, (kind, row.id))
    if approval is None:
        approval = QuoteApproval(kind=kind, source_id=row.id, contact_id=contact.id, approved_at=now)
        session.add(approval)
    belief = session.get(Belief, (contact.id, row.bank))
    persona, confidence = (None, None) if belief is None else (belief.top, belief.confidence)
    return _view(kind, row, persona, confidence, approval.approved_at)


def withdraw(session: Session, banks: Banks, quote: str) -> None:
    """Take an approval back; without one nothing changes. Raises NotFound."""
    kind, row, _ = _locked(session, banks, quote)
    approval = session.get(QuoteApproval, (kind, row.id))
    if approval is not None:
        session.delete(approval)


def _locked(session: Session, banks: Banks, quote: str) -> tuple[str, Any, Contact]:
    """Return the kind, the row and the locked contact of a quote. Raises NotFound."""
    kind, _, number = quote.partition("-")
    table: Any = {ANSWER: Answer, REVIEW: Review}.get(kind)
    source_id = int(number) if number.isascii() and number.isdecimal() and len(number) < 19 else None
    row = None if table is None or source_id is None else session.get(table, source_id)
    contact = None if row is None or row.contact_id is None else lock_present(session, [row.contact_id]).get(row.contact_id)
    if row is None or contact is None or (kind == ANSWER and not _is_text(session, banks, row)):
        raise NotFound(f'There is no quote "{quote[:40]}".')
    return kind, row, contact


def _is_text(session: Session, banks: Banks, answer: Answer) -> bool:
    question = banks.version(session, answer.bank, answer.bank_version).bank.question_by_id.get(answer.question)
    return question is not None and question.type == "text" and answer.state == "current" and answer.kind == "answer"


def _read_cursor(after: str | None) -> tuple[str, int | None]:
    if after is None:
        return ANSWER, None
    kind, number = place_of(after, 2)
    if kind not in KINDS or not (number.isascii() and number.isdecimal()) or int(number[:20]) > LARGEST:
        raise invalid_cursor()
    return kind, int(number)
