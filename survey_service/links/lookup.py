"""Look up email links, count their openings, and revoke them. Opening a link changes nothing else: mail filters open links too."""

from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from survey_service.errors import Invalid
from survey_service.links.tokens import LinkInvalid, LinkTokens, Target
from survey_service.store.banks import Banks
from survey_service.store.tables.core import Contact
from survey_service.store.tables.links import Link, LinkOpen

ROBOT_INTERVAL = timedelta(seconds=45)
"""A link of which two options are opened within this time was opened by a machine."""


class LinkExpired(Invalid):
    """This link has expired: ask whoever sent it for a new one."""

    code = "link_expired"


class LinkRevoked(Invalid):
    """This link was revoked: ask whoever sent it for a new one."""

    code = "link_revoked"


class LinkOfAnotherSurvey(Invalid):
    """This link belongs to another survey: start the survey that it was made for."""

    code = "link_of_another_survey"


class ContactOptedOut(Invalid):
    """This contact asked not to be asked again."""

    code = "asked_to_be_left_alone"


def find_link(session: Session, tokens: LinkTokens, token: str, now: datetime, *, lock: bool = False) -> tuple[Link, Target]:
    """Return a usable link and the target of its URL. With `lock` its contact and the link are locked.

    Raises LinkInvalid, LinkRevoked, LinkExpired, ContactOptedOut.
    """
    link_id, target = tokens.read(token)
    statement = select(Link, Contact).select_from(Contact).join(Link).where(Link.id == link_id)
    locked = statement.with_for_update(key_share=True).execution_options(populate_existing=True)
    row = session.exec(locked if lock else statement).first()
    while row is None and lock and session.exec(select(Link.id).where(Link.id == link_id)).first():
        row = session.exec(locked).first()  # the contact was merged into another while we waited
    if row is None:
        raise LinkInvalid(errors=[{"path": "link", "message": "does not exist any more"}])
    link, contact = row
    if link.revoked_at is not None:
        raise LinkRevoked(errors=[{"path": "link", "message": "is revoked"}])
    if now >= link.expires_at:
        raise LinkExpired(errors=[{"path": "link", "message": f"has expired on {link.expires_at:%Y-%m-%d}"}])
    if not may_be_asked(contact):
        raise ContactOptedOut(errors=[{"path": "link", "message": "belongs to a contact who asked not to be asked again"}])
    return link, target


def language_of_link(session: Session, tokens: LinkTokens, token: str) -> str | None:
    """Return the language of a link, also of one that cannot be used any more; None where there is no such link."""
    try:
        link_id, _ = tokens.read(token)
    except LinkInvalid:
        return None
    return session.exec(select(Link.language).where(Link.id == link_id)).first()


def may_be_asked(contact: Contact) -> bool:
    """Return whether the contact has not opted out of being asked."""
    return contact.consent.get("asking") is not False


def clicked_option(session: Session, banks: Banks, link: Link, target: Target) -> str | None:
    """Return the option of an option URL, None for other targets. Raises LinkInvalid."""
    if target.kind != "option":
        return None
    outcomes = banks.version(session, link.bank, link.bank_version).bank.question(link.question).outcomes
    if target.place >= len(outcomes):
        raise LinkInvalid(errors=[{"path": "link", "message": "names an option that the question does not have"}])
    return outcomes[target.place]


def count_open(session: Session, link: Link, target: Target, option: str | None, now: datetime) -> None:
    """Count one opening. The link is marked as opened by a robot if the hidden link or two options in quick succession are opened."""
    opens = {(row.kind, row.option): row for row in session.exec(select(LinkOpen).where(LinkOpen.link_id == link.id))}
    other_options = [row for (kind, opened), row in opens.items() if kind == "option" and opened != option]
    if target.kind == "trap" or (option is not None and any(now - row.last_at <= ROBOT_INTERVAL for row in other_options)):
        link.robot_at = link.robot_at or now
        session.add(link)
    existing = opens.get((target.kind, option or ""))
    if existing is None:
        session.add(LinkOpen(link_id=link.id, kind=target.kind, option=option or "", first_at=now, last_at=now))
    else:
        existing.opens, existing.last_at = existing.opens + 1, now
        session.add(existing)


def revoke_links(session: Session, contact_id: str, reason: str, now: datetime) -> int:
    """Revoke every link of the contact, and return how many there were."""
    links = session.exec(select(Link).where(Link.contact_id == contact_id, col(Link.revoked_at).is_(None))).all()
    for link in links:
        revoke(session, link, reason, now)
    return len(links)


def revoke(session: Session, link: Link, reason: str, now: datetime) -> None:
    """Revoke a link: its URLs are refused from now on."""
    link.revoked_at, link.revoked_because = now, reason
    session.add(link)
