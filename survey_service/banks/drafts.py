"""Drafts: the text of a bank that authors change until it is published. Two authors who change it at once lose nothing."""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

from sqlmodel import Session, col, select

from question_bank.definitions import Bank
from question_bank.files.fields import SLUG, SLUG_TODO
from question_bank.files.load import Report, check_bank, load_stored, read_source
from question_bank.files.source import Unreadable, decode_text
from question_bank.files.write import write_bank
from survey_service.banks.publishing import Published, latest_version, publish
from survey_service.errors import Conflict, DiscernError, Invalid, NotFound
from survey_service.store.session import lock_by_name
from survey_service.store.tables.core import BankDraft, BankVersion

MOST_PROBLEMS = 200


class BankRejected(Invalid):
    """The bank has mistakes; nothing was published."""

    code = "bank_invalid"


class DraftChanged(DiscernError):
    """Somebody else has changed this draft since you read it. Nothing was stored: read it again, and add your change to it."""

    status, code = 412, "draft_changed"


class PreconditionMissing(DiscernError):
    """This draft exists: send If-Match with the ETag that you read, so that a change of somebody else is not lost."""

    status, code = 428, "precondition_missing"


class DraftOutdated(Conflict):
    """Another version was published after this draft began: look at the differences, and save the draft with `base` set to that version."""

    code = "draft_outdated"


def require_bank(report: Report) -> Bank:
    """Return the bank of a report. Raises BankRejected with every error."""
    if report.bank is None:
        errors = [{"path": error.path, "message": str(error)} for error in report.errors[:MOST_PROBLEMS]]
        raise BankRejected(f"The bank has {len(report.errors)} mistakes; nothing was published.", errors=errors)
    return report.bank


def etag_of(draft: BankDraft) -> str:
    """Return the ETag of a draft, which no other state of it has."""
    return sha256(f"{draft.revision}\n{draft.updated_at.isoformat()}\n{draft.text}".encode()).hexdigest()[:20]


def find_draft(session: Session, bank: str) -> BankDraft | None:
    """Return the draft of a bank, or None."""
    return session.get(BankDraft, bank)


def get_draft(session: Session, bank: str) -> BankDraft:
    """Return the draft of a bank. Raises NotFound."""
    draft = find_draft(session, bank)
    if draft is None:
        raise NotFound(f'There is no draft of a bank "{bank}": PUT one.')
    return draft


def is_taken(session: Session, bank: str) -> bool:
    """Whether there is a draft or a version of a bank with this id."""
    return latest_version(session, bank) is not None or find_draft(session, bank) is not None


def begin_draft(session: Session, bank: str, text: str, author: str, now: datetime) -> BankDraft:
    """Store the first draft of a new bank. Raises Invalid where its id is taken, and as `save_draft` does."""
    if is_taken(session, bank):
        raise Invalid(errors=[{"path": "bank", "message": f'there is a bank "{bank}" already: choose another name'}])
    return save_draft(session, bank, text, author, now, expected=None)


def all_drafts(session: Session) -> Sequence[BankDraft]:
    """Return every draft, by the id of its bank."""
    return session.exec(select(BankDraft).order_by(col(BankDraft.bank))).all()


def text_of(version: BankVersion) -> str:
    """Return the text of a version as its author wrote it, or written anew where it is not known."""
    return version.text if version.text is not None else write_bank(load_stored(version.source))


def save_draft(
    session: Session, bank: str, given: bytes | str, author: str, now: datetime, *, expected: str | None, base: int | None = None
) -> BankDraft:
    """Store the text as the draft of `bank`, whatever mistakes it has.

    `expected` is the ETag of the draft that it replaces, `*` for whichever there is, None where there is none yet. `base` is the version
    that the text takes into account; a new draft begins from the newest. Raises Invalid, DraftChanged, PreconditionMissing.
    """
    text = _readable(bank, given)
    lock_by_name(session, f"bank {bank}")
    latest = latest_version(session, bank)
    newest = 0 if latest is None else latest.version
    if base is not None and not 0 <= base <= newest:
        raise Invalid(errors=[{"path": "base", "message": f"the newest version is {newest}"}])
    draft = _expected_draft(session, bank, expected)
    if draft is None:
        draft = BankDraft(bank=bank, text=text, base=newest if base is None else base, author=author, updated_at=now)
    else:
        draft.text, draft.author, draft.updated_at, draft.revision = text, author, now, draft.revision + 1
        draft.base = draft.base if base is None else base
    session.add(draft)
    session.flush()
    return draft


def discard_draft(session: Session, bank: str, expected: str | None) -> None:
    """Delete the draft of a bank. Raises NotFound, DraftChanged, PreconditionMissing."""
    lock_by_name(session, f"bank {bank}")
    get_draft(session, bank)
    session.delete(_expected_draft(session, bank, expected))
    session.flush()


def publish_draft(session: Session, bank: str, expected: str | None, author: str, now: datetime) -> Published:
    """Publish the draft as the next version and delete it. The author of a version is who published it.

    Raises NotFound, DraftChanged, PreconditionMissing, BankRejected, and DraftOutdated where a version was published that the draft does
    not take into account.
    """
    lock_by_name(session, f"bank {bank}")
    get_draft(session, bank)
    draft = _expected_draft(session, bank, expected)
    if draft is None:
        raise DraftChanged
    latest = latest_version(session, bank)
    if latest is not None and latest.version != draft.base:
        began = f"Version {latest.version} was published after this draft began from version {draft.base}"
        raise DraftOutdated(f"{began}: look at the differences, and save the draft with base={latest.version}.")
    published = publish(session, require_bank(check_bank(draft.text, "bank")), now, author=author, text=draft.text)
    session.delete(draft)
    session.flush()
    return published


def _expected_draft(session: Session, bank: str, expected: str | None) -> BankDraft | None:
    """Return the draft as it is now, if it is the expected one. The bank must be locked."""
    draft = session.get(BankDraft, bank, populate_existing=True)
    if draft is not None and expected is None:
        raise PreconditionMissing
    if expected is not None and (draft is None or expected not in ("*", etag_of(draft))):
        raise DraftChanged
    return draft


def _readable(bank: str, given: bytes | str) -> str:
    """Return the text. Raises Invalid for what is no text, or names another bank than `bank`."""
    if not SLUG.fullmatch(bank):
        raise Invalid(errors=[{"path": "bank", "message": f"is not an id: {SLUG_TODO}"}])
    try:
        text = decode_text(given)
    except Unreadable as error:
        raise BankRejected(errors=[{"path": "", "message": f"{error.finding.wrong}: {error.finding.todo}"}]) from None
    try:
        named = read_source(text).data.get("bank")
    except Unreadable:
        return text
    if isinstance(named, str) and named != bank:
        raise Invalid(errors=[{"path": "bank", "message": f'the text says "{named}", and this is the draft of "{bank}"'}])
    return text
