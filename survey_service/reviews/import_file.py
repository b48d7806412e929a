"""Import reviews from a file: their text, their day, and whose they are, where that is known."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256

from sqlmodel import Session, select

from question_bank.exports.table_files import AnswersInvalid, Cells
from survey_service.store.bulk import dialect_of, insert_into, is_one_of
from survey_service.store.contact_locks import lock_present
from survey_service.store.tables.core import OWN_SYSTEM, ExternalId
from survey_service.store.tables.reviews import Review

TEXT, DATE, ID = "text", "date", "external_id"
LONGEST_TEXT = 20_000


@dataclass(frozen=True)
class ReadReview:
    """A review of a file, and the CRM's id of its author, None where nobody is known."""

    text: str
    day: str
    external_id: str | None


def read_reviews(cells: Cells, id_column: str | None, today: date) -> list[ReadReview]:
    """Return the reviews of a table. Raises AnswersInvalid with every problem of the file."""
    problems = list(cells.problems())
    for name in (TEXT, DATE, *([id_column] if id_column else [])):
        if name not in cells.header:
            problems.append(f'{cells.file}:1: has no column "{name}": it has {", ".join(cells.header)}')
    if problems:
        raise AnswersInvalid(problems)
    ids = id_column or (ID if ID in cells.header else None)
    texts, days, names = cells.column(TEXT), cells.column(DATE), cells.column(ids) if ids else [""] * len(cells.rows)
    problems = [problem for row in range(len(texts)) for problem in _problems(cells, row, texts[row], days[row], today)]
    if problems:
        raise AnswersInvalid(problems)
    return [ReadReview(text, day, name or None) for text, day, name in zip(texts, days, names, strict=True)]


def _problems(cells: Cells, row: int, text: str, day: str, today: date) -> Iterator[str]:
    if not text:
        yield f"{cells.at(row)}: has no text: write it, or delete the line"
    elif len(text) > LONGEST_TEXT:
        yield f"{cells.at(row)}: the text has {len(text)} characters: at most {LONGEST_TEXT} are kept"
    try:
        written = date.fromisoformat(day)
    except ValueError:
        yield f'{cells.at(row)}: the date "{day}" cannot be read: write it as 2026-03-31'
        return
    if written > today:
        yield f"{cells.at(row)}: the date {day} is in the future: write the day of the review"


@dataclass(frozen=True)
class Imported:
    """How many reviews are new, how many were imported before, and how many of the new ones are of a contact."""

    new: int
    known: int
    of_contacts: int


def import_reviews(session: Session, bank: str, reviews: Sequence[ReadReview], cells: Cells, now: datetime) -> Imported:
    """Store the reviews that are new. Raises AnswersInvalid, naming every line whose contact is not known here."""
    names = sorted({review.external_id for review in reviews if review.external_id is not None})
    owned = select(ExternalId.value, ExternalId.contact_id).where(
        ExternalId.system == OWN_SYSTEM, is_one_of(session, ExternalId.value, names)
    )
    owners = dict(session.exec(owned).all())
    present = lock_present(session, owners.values())
    contacts = {name: present[owner].id for name, owner in owners.items() if owner in present}
    unknown = [
        f'{cells.at(row)}: there is no contact "{review.external_id}": create it first, or leave the cell empty'
        for row, review in enumerate(reviews)
        if review.external_id is not None and review.external_id not in contacts
    ]
    if unknown:
        raise AnswersInvalid(unknown)
    rows = {}
    for review in reviews:
        contact_id = contacts.get(review.external_id or "")
        key = digest_of(bank, review)
        rows[key] = {"bank": bank, "digest": key, "contact_id": contact_id, "day": review.day, "text": review.text, "imported_at": now}
    before = set(session.exec(select(Review.digest).where(Review.bank == bank, is_one_of(session, Review.digest, rows))))
    new = [row for key, row in rows.items() if key not in before]
    if new:
        session.execute(insert_into(dialect_of(session), Review).on_conflict_do_nothing(), new)
    return Imported(len(new), len(reviews) - len(new), sum(row["contact_id"] is not None for row in new))


def digest_of(bank: str, review: ReadReview) -> str:
    """Return what makes a review the same: the name that the file gives the author, whatever contact that is by now, day and text."""
    parts = "\n".join((bank, review.external_id or "", review.day, review.text))
    return sha256(parts.encode()).hexdigest()
