"""Publishing a bank: a new immutable version when it says something new, and its surveys point to it from then on."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from question_bank.compile import compile_bank
from question_bank.definitions import Bank
from question_bank.files.load import load_stored
from question_bank.versions import fingerprint, to_plain
from survey_service.errors import Conflict
from survey_service.outbox import endpoint_events
from survey_service.store.banks import source_of
from survey_service.store.session import lock_by_name
from survey_service.store.tables.core import BankVersion, SurveyRow


@dataclass(frozen=True)
class Published:
    bank: str
    version: int
    fingerprint: str
    is_new: bool


def publish(session: Session, bank: Bank, now: datetime) -> Published:
    """Store `bank` as the next version, or find that the latest one says the same. Raises Conflict for a survey id of another bank."""
    lock_by_name(session, f"bank {bank.id}")
    latest = latest_version(session, bank.id)
    print_of_content = fingerprint(bank)
    if latest is not None and latest.fingerprint == print_of_content:
        return Published(bank.id, latest.version, latest.fingerprint, is_new=False)
    _must_own_surveys(session, bank)
    compile_bank(bank)  # what cannot be compiled must not be stored
    version = 1 if latest is None else latest.version + 1
    session.add(
        BankVersion(bank=bank.id, version=version, fingerprint=print_of_content, source=source_of(to_plain(bank)), published_at=now)
    )
    session.flush()
    _point_surveys(session, bank, version)
    before = None if latest is None else load_stored(latest.source)
    endpoint_events.publish_persona_set(session, bank, version, before, now)
    return Published(bank.id, version, print_of_content, is_new=True)


def latest_version(session: Session, bank: str) -> BankVersion | None:
    """The newest version of a bank id, or None."""
    newest = select(BankVersion).where(BankVersion.bank == bank).order_by(col(BankVersion.version).desc())
    return session.exec(newest).first()


def _must_own_surveys(session: Session, bank: Bank) -> None:
    wanted = [survey.id for survey in bank.surveys]
    taken = session.exec(select(SurveyRow).where(col(SurveyRow.id).in_(wanted), SurveyRow.bank != bank.id))
    errors = [
        {
            "path": f"surveys.{wanted.index(row.id)}.id",
            "message": f'the survey id "{row.id}" belongs to the bank "{row.bank}": choose another',
        }
        for row in taken
    ]
    if errors:
        raise Conflict("Survey ids are unique in a service.", errors=errors)


def _point_surveys(session: Session, bank: Bank, version: int) -> None:
    """Surveys that the new version no longer has stop taking new respondents; sessions under way keep their version."""
    known = {row.id: row for row in session.exec(select(SurveyRow).where(SurveyRow.bank == bank.id))}
    for survey in bank.surveys:
        row = known.pop(survey.id, None) or SurveyRow(id=survey.id, bank=bank.id, version=version)
        row.version = version
        session.add(row)
    for gone in known.values():
        session.delete(gone)
