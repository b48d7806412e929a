"""What happens when somebody, or something, fetches a URL of an email: it is looked up and counted, and nothing else."""

from datetime import datetime, timedelta

from sqlalchemy import func
from sqlmodel import Session, col, select

from survey_service.errors import Invalid
from survey_service.links.tokens import LinkInvalid, LinkTokens, Target
from survey_service.store.banks import Banks
from survey_service.store.tables.core import Contact
from survey_service.store.tables.links import Link, LinkOpen

TOO_QUICK = timedelta(seconds=45)
"""Two options of one email opened within this time were not both chosen by a person."""


class LinkExpired(Invalid):
    """This link has expired: ask whoever sent it for a new one."""

    code = "link_expired"


class LinkRevoked(Invalid):
    """This link does not lead anywhere any more: whoever sent it knows more."""

    code = "link_revoked"


class LinkOfAnotherSurvey(Invalid):
    """This link belongs to another survey: start the survey that it was made for."""

    code = "link_of_another_survey"


class ContactOptedOut(Invalid):
    """This contact asked not to be asked again, and is not."""

    code = "asked_to_be_left_alone"


def find_link(session: Session, tokens: LinkTokens, token: str, now: datetime, *, lock: bool = False) -> tuple[Link, Target]:
    """A link that may be used, and what its URL stands for. Raises LinkInvalid, LinkRevoked, LinkExpired, AskedToBeLeftAlone."""
    link_id, target = tokens.read(token)
    both = select(Link, Contact).join(Contact).where(Link.id == link_id)
    found = session.exec(both.with_for_update(of=Link) if lock else both).first()
    if found is None:
        raise LinkInvalid(errors=[{"path": "link", "message": "is not known any more"}])
    link, contact = found
    if link.revoked_at is not None:
        raise LinkRevoked(errors=[{"path": "link", "message": "is revoked"}])
    if now >= link.expires_at:
        raise LinkExpired(errors=[{"path": "link", "message": f"has expired on {link.expires_at:%Y-%m-%d}"}])
    if not may_be_asked(contact):
        raise ContactOptedOut(errors=[{"path": "link", "message": "belongs to a contact who asked not to be asked again"}])
    return link, target


def may_be_asked(contact: Contact) -> bool:
    """Whether the contact has not asked to be left alone."""
    return contact.consent.get("asking") is not False


def clicked_option(session: Session, banks: Banks, link: Link, target: Target) -> str | None:
    """The option that a URL stands for, None for the others. Raises LinkInvalid."""
    if target.kind != "option":
        return None
    outcomes = banks.version(session, link.bank, link.bank_version).bank.question(link.question).outcomes
    if target.place >= len(outcomes):
        raise LinkInvalid(errors=[{"path": "link", "message": "stands for an option that the question does not have"}])
    return outcomes[target.place]


def count_open(session: Session, link: Link, target: Target, option: str | None, now: datetime) -> None:
    """One more opening. What only machines do is remembered: to fall into the trap, or to open two options almost at once."""
    opens = {
        (link_open.kind, link_open.option): link_open for link_open in session.exec(select(LinkOpen).where(LinkOpen.link_id == link.id))
    }
    others = [open_ for (kind, other), open_ in opens.items() if kind == "option" and other != option]
    if target.kind == "trap" or (option is not None and any(now - this_other.last_at <= TOO_QUICK for this_other in others)):
        link.robot_at = link.robot_at or now
        session.add(link)
    known = opens.get((target.kind, option or ""))
    if known is None:
        session.add(LinkOpen(link_id=link.id, kind=target.kind, option=option or "", first_at=now, last_at=now))
    else:
        known.opens, known.last_at = known.opens + 1, now
        session.add(known)


def last_opened(session: Session, link: Link) -> datetime | None:
    """Since when the page of a link has been in front of whoever looks at it, None where it never was."""
    pages = col(LinkOpen.kind).in_(["option", "landing"])
    return session.exec(select(func.max(LinkOpen.last_at)).where(LinkOpen.link_id == link.id, pages)).one()


def revoke_links(session: Session, contact_id: str, because: str, now: datetime) -> int:
    """Let no link of the contact lead anywhere from now on; how many there were."""
    links = session.exec(select(Link).where(Link.contact_id == contact_id, col(Link.revoked_at).is_(None))).all()
    for link in links:
        revoke(session, link, because, now)
    return len(links)


def revoke(session: Session, link: Link, because: str, now: datetime) -> None:
    """Let one link lead nowhere."""
    link.revoked_at, link.revoked_because = now, because
    session.add(link)
