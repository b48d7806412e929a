"""What publishing a draft would change for the answers and the contacts that there are."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, func, select

from adaptive import believe
from question_bank.compile import compile_bank
from question_bank.definitions import Bank
from question_bank.differences import Change, differences
from question_bank.versions import survives
from survey_service.belief.evidence import evidence_about_all, is_current
from survey_service.store.tables.core import Answer, Belief, Contact

MOST_CONTACTS = 400
"""Contacts whose belief is inferred anew: the ones that changed last. More would let the page wait."""

MOST_VALUES = 2000
"""Different answers of one question that are looked at one by one, as a question with free text has."""


@dataclass(frozen=True)
class Consequences:
    """`changes` between the newest version and the draft, and what they mean.

    `answers` has the answers that each changed question has and that stay. Of `contacts` whose belief was inferred under the draft,
    `moved` would have another persona; with `is_sample` there are more contacts.
    """

    changes: Sequence[Change]
    answers: dict[str, dict[str, int]]
    contacts: int
    moved: int
    is_sample: bool

    def as_json(self) -> dict[str, Any]:
        return {
            "changes": [{"kind": c.kind, "path": list(c.path), "before": c.before, "after": c.after} for c in self.changes],
            "answers": self.answers,
            "contacts": {"inferred": self.contacts, "moved": self.moved, "is_sample": self.is_sample},
        }


def consequences(session: Session, old: Bank | None, new: Bank, now: datetime) -> Consequences:
    """Return what changes from the published bank to the draft, and what that means for answers and contacts."""
    changes = differences(old, new)
    if old is None:
        return Consequences(changes, {}, 0, 0, is_sample=False)
    touched = {change.path[1] for change in changes if change.path[0] == "questions" and len(change.path) > 1}
    answers = {name: counts for name in sorted(touched) for counts in [_answers(session, old, new, name)] if counts["given"]}
    if not any(change.kind == "meaning" for change in changes):
        return Consequences(changes, answers, 0, 0, is_sample=False)
    contacts, moved, is_sample = _moved(session, new, now)
    return Consequences(changes, answers, contacts, moved, is_sample)


def _answers(session: Session, old: Bank, new: Bank, question: str) -> dict[str, int]:
    """Return how many current answers a question has, and how many of them stay valid."""
    mine: list[Any] = [Answer.bank == old.id, Answer.question == question, is_current(Answer)]
    given = session.exec(select(func.count()).select_from(Answer).where(*mine)).one()
    values = select(col(Answer.value)).where(*mine, Answer.kind == "answer").limit(MOST_VALUES)
    before, after = old.question_by_id.get(question), new.question_by_id.get(question)
    looked = list(session.exec(values))
    lost = sum(not survives(before, after, value) for value in looked)
    return {"given": given, "stay": 0 if after is None else given - lost}


def _moved(session: Session, new: Bank, now: datetime) -> tuple[int, int, bool]:
    bank, contacts, moved = compile_bank(new), 0, 0
    newest = select(Contact, Belief.top).join(Belief).where(Belief.bank == new.id, col(Contact.erased_at).is_(None))
    rows = session.exec(newest.order_by(col(Belief.updated_at).desc()).limit(MOST_CONTACTS + 1)).all()
    for batch in _batches(rows[:MOST_CONTACTS]):
        evidence = evidence_about_all(session, [contact for contact, _ in batch], bank, now)
        tops = [bank.personas[int(believe(bank.tables, known.evidence)[0].argmax())] for known in evidence]
        moved += sum(top != before for top, (_, before) in zip(tops, batch, strict=True))
        contacts += len(batch)
    return contacts, moved, len(rows) > MOST_CONTACTS


def _batches(rows: Sequence[tuple[Contact, str]], size: int = 200) -> Iterator[Sequence[tuple[Contact, str]]]:
    yield from (rows[start : start + size] for start in range(0, len(rows), size))
