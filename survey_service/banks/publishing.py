"""Publish banks: changed content becomes a new immutable version, and the bank's surveys then use that version."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, func
from sqlmodel import Session, col, delete, select

from question_bank.compile import compile_bank
from question_bank.definitions import Bank
from question_bank.files.load import load_stored
from question_bank.versions import fingerprint, to_plain
from survey_service.errors import Conflict, NotFound
from survey_service.outbox import endpoint_events
from survey_service.store.banks import source_of
from survey_service.store.session import lock_by_name
from survey_service.store.tables.core import BankVersion, RemovedBank, SurveyRow
from survey_service.store.tables.figures import SurveyDay


@dataclass(frozen=True)
class Published:
    """The version that a bank has after publishing. `is_new` is false where its content had not changed."""

    bank: str
    version: int
    fingerprint: str
    is_new: bool


def publish(session: Session, bank: Bank, now: datetime, *, author: str | None = None, text: str | None = None) -> Published:
    """Store `bank` as the next version, unless the latest version has the same content.

    `author` is the name of who publishes, `text` what was written, with its comments.
    Raises Conflict for a survey id that belongs to another bank.
    """
    lock_by_name(session, f"bank {bank.id}")
    latest = latest_version(session, bank.id)
    content_fingerprint = fingerprint(bank)
    if latest is not None and latest.fingerprint == content_fingerprint:
        return Published(bank.id, latest.version, latest.fingerprint, is_new=False)
    _check_survey_owners(session, bank)
    compile_bank(bank)  # raises for a bank that cannot be compiled, before it is stored
    version = 1 + (last_removed_version(session, bank.id) if latest is None else latest.version)
    row = BankVersion(bank=bank.id, version=version, fingerprint=content_fingerprint, source=source_of(to_plain(bank)), published_at=now)
    row.author, row.text = author, text
    session.add(row)
    session.flush()
    _point_surveys(session, bank, version)
    previous = None if latest is None else load_stored(latest.source)
    endpoint_events.publish_persona_set(session, bank, version, previous, now)
    return Published(bank.id, version, content_fingerprint, is_new=True)


def last_removed_version(session: Session, bank: str) -> int:
    """Return the last version of a bank that was removed, else 0."""
    row = session.get(RemovedBank, bank)
    return 0 if row is None else row.version


def latest_version(session: Session, bank: str) -> BankVersion | None:
    """Return the newest version of the bank with this id, or None."""
    newest = select(BankVersion).where(BankVersion.bank == bank).order_by(col(BankVersion.version).desc())
    return session.exec(newest).first()


def get_version(session: Session, bank: str, version: int) -> BankVersion:
    """Return one version of a bank. Raises NotFound."""
    row = session.get(BankVersion, (bank, version)) if version < 2**31 else None
    if row is None:
        raise NotFound(f'There is no version {version} of a bank "{bank}".')
    return row


def versions_of(session: Session, bank: str, before: int | None, limit: int) -> list[BankVersion]:
    """Return up to `limit` versions of a bank, newest first, older than `before`. Raises NotFound for an unknown bank."""
    rows = select(BankVersion).where(BankVersion.bank == bank).order_by(col(BankVersion.version).desc()).limit(limit)
    found = list(session.exec(rows if before is None else rows.where(BankVersion.version < before)))
    if not found and latest_version(session, bank) is None:
        raise NotFound(f'There is no bank "{bank}".')
    return found


def newest_versions(session: Session, after: str | None, limit: int) -> list[BankVersion]:
    """Return the latest version of each bank, by id, from the bank after `after` on."""
    newest = select(BankVersion.bank, func.max(BankVersion.version).label("version")).group_by(BankVersion.bank).subquery()
    rows = select(BankVersion).join(newest, and_(col(BankVersion.bank) == newest.c.bank, col(BankVersion.version) == newest.c.version))
    if after is not None:
        rows = rows.where(BankVersion.bank > after)
    return list(session.exec(rows.order_by(col(BankVersion.bank)).limit(limit)))


def published_surveys(session: Session, after: str | None, limit: int) -> list[SurveyRow]:
    """Return the surveys, by id, from the one after `after` on."""
    rows = select(SurveyRow).order_by(col(SurveyRow.id)).limit(limit)
    return list(session.exec(rows if after is None else rows.where(SurveyRow.id > after)))


def get_survey(session: Session, survey: str) -> SurveyRow:
    """Return a published survey. Raises NotFound."""
    row = session.get(SurveyRow, survey)
    if row is None:
        raise NotFound(f'There is no survey "{survey}".')
    return row


def pause_survey(session: Session, survey: str, now: datetime) -> SurveyRow:
    """Let a survey begin no more sessions; open ones go on. Pausing again changes nothing. Raises NotFound."""
    row = get_survey(session, survey)
    row.paused_at = row.paused_at or now
    session.add(row)
    return row


def resume_survey(session: Session, survey: str) -> SurveyRow:
    """Let a paused survey begin sessions again. Raises NotFound."""
    row = get_survey(session, survey)
    row.paused_at = None
    session.add(row)
    return row


def survey_banks(session: Session) -> dict[str, str]:
    """Return the id of the bank of each published survey, by the survey's id."""
    return {row.id: row.bank for row in session.exec(select(SurveyRow))}


def _check_survey_owners(session: Session, bank: Bank) -> None:
    survey_ids = [survey.id for survey in bank.surveys]
    foreign = session.exec(select(SurveyRow).where(col(SurveyRow.id).in_(survey_ids), SurveyRow.bank != bank.id))
    errors = [
        {
            "path": f"surveys.{survey_ids.index(row.id)}.id",
            "message": f'the survey id "{row.id}" belongs to the bank "{row.bank}": choose another',
        }
        for row in foreign
    ]
    if errors:
        raise Conflict("Survey ids are unique in a service.", errors=errors)


def _point_surveys(session: Session, bank: Bank, version: int) -> None:
    """Let the bank's surveys use `version`. Others are deleted with their reports; open sessions keep their version."""
    existing = {row.id: row for row in session.exec(select(SurveyRow).where(SurveyRow.bank == bank.id))}
    for survey in bank.surveys:
        row = existing.pop(survey.id, None) or SurveyRow(id=survey.id, bank=bank.id, version=version)
        row.version = version
        session.add(row)
    delete_surveys(session, list(existing))


def delete_surveys(session: Session, surveys: list[str]) -> None:
    """Delete surveys with their reports."""
    session.execute(delete(SurveyDay).where(col(SurveyDay.survey).in_(surveys)))
    session.execute(delete(SurveyRow).where(col(SurveyRow.id).in_(surveys)))
