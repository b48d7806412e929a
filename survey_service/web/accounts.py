"""People of the console: accounts, links that sign them in once, and the browsers in which they are signed in.

Tokens of links and browsers are stored as keyed digests, as API keys are: nobody who reads the database can sign in with them.
"""

import re
import secrets
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import update
from sqlmodel import Session, col, delete, func, select

from survey_service.crypto import Keyring
from survey_service.errors import Conflict, DiscernError, Invalid, NotFound
from survey_service.store.session import lock_by_name
from survey_service.store.tables.accounts import Account, BrowserSession, SignInLink
from survey_service.store.tables.columns import new_id
from survey_service.web.api_keys import SCOPES

LINK_LIFETIME, INVITATION_LIFETIME, BROWSER_LIFETIME = timedelta(minutes=30), timedelta(days=7), timedelta(days=14)
EMAIL = re.compile(r"[^\s@]{1,64}@[^\s@]{1,255}")
LONGEST_NAME = 100


class LinkUsed(DiscernError):
    """This link has been used, has expired, or is not complete: ask for a new one."""

    status, code = 410, "link_used"


class LastAdmin(Conflict):
    """Nobody else may invite people and publish: make somebody else an admin first."""

    code = "last_admin"


def invite(session: Session, email: str, name: str, scope: str, now: datetime, *, sees_contacts: bool) -> Account:
    """Create an account, or change that of the same address; one that was removed is opened again. Raises Invalid."""
    address, shown = email.strip().lower(), name.strip()
    errors = []
    if not EMAIL.fullmatch(address):
        errors.append({"path": "email", "message": "is not an e-mail address"})
    if len(shown) > LONGEST_NAME:
        errors.append({"path": "name", "message": f"has more than {LONGEST_NAME} characters"})
    if scope not in SCOPES:
        errors.append({"path": "scope", "message": f"is not one of {', '.join(SCOPES)}"})
    if errors:
        raise Invalid(errors=errors)
    lock_by_name(session, "accounts")
    account = session.exec(select(Account).where(Account.email == address)).first()
    if account is None:
        account = Account(id=new_id("acc"), email=address, name=shown or address, scope=scope, created_at=now)
    elif account.removed_at is None:
        _keep_an_admin(session, account, scope)
    account.name, account.scope, account.sees_contacts, account.removed_at = shown or account.name, scope, sees_contacts, None
    session.add(account)
    session.flush()
    return account


def all_accounts(session: Session) -> list[Account]:
    """Return everybody who may use the console, by name."""
    return list(session.exec(select(Account).where(col(Account.removed_at).is_(None)).order_by(col(Account.name), col(Account.id))))


def find_account(session: Session, email: str) -> Account | None:
    """Return who has this address and may use the console, or None."""
    return session.exec(select(Account).where(Account.email == email.strip().lower(), col(Account.removed_at).is_(None))).first()


def remove_account(session: Session, account_id: str, now: datetime) -> None:
    """Remove a person: they are signed out and their links stop working. Raises NotFound, LastAdmin."""
    lock_by_name(session, "accounts")
    account = session.get(Account, account_id)
    if account is None or account.removed_at is not None:
        raise NotFound("There is no such person.")
    _keep_an_admin(session, account, None)
    account.removed_at, account.email = now, f"removed {account.id}"
    session.add(account)
    session.execute(delete(SignInLink).where(col(SignInLink.account_id) == account_id))
    sign_out_everywhere(session, account_id)


def _keep_an_admin(session: Session, account: Account, scope: str | None) -> None:
    if account.scope != "admin" or scope == "admin":
        return
    others = select(func.count()).select_from(Account).where(Account.scope == "admin", Account.id != account.id)
    if not session.exec(others.where(col(Account.removed_at).is_(None))).one():
        raise LastAdmin


def make_link(session: Session, keys: Keyring, account: Account, now: datetime, lifetime: timedelta = LINK_LIFETIME) -> str:
    """Return the token of a link that signs the account in once. Links that have expired are deleted."""
    token = secrets.token_urlsafe(24)
    session.execute(delete(SignInLink).where(col(SignInLink.expires_at) < now))
    session.add(SignInLink(digest=keys.digest(f"link {token}"), account_id=account.id, created_at=now, expires_at=now + lifetime))
    return token


def account_of_link(session: Session, keys: Keyring, token: str, now: datetime) -> Account:
    """Return whom a link signs in. The link stays as it is: filters of mails open links too. Raises LinkUsed."""
    unused: list[Any] = [
        col(SignInLink.digest).in_(keys.digests(f"link {token}")),
        col(SignInLink.used_at).is_(None),
        SignInLink.expires_at > now,
    ]
    found = session.exec(select(Account).join(SignInLink).where(*unused)).first()
    if found is None or found.removed_at is not None:
        raise LinkUsed
    return found


def sign_in(session: Session, keys: Keyring, token: str, now: datetime) -> str:
    """Use a link up and return the token of a browser that is signed in. Raises LinkUsed, also for the second of two at once."""
    account = account_of_link(session, keys, token, now)
    mine = update(SignInLink).where(col(SignInLink.digest).in_(keys.digests(f"link {token}")), col(SignInLink.used_at).is_(None))
    if not session.execute(mine.values(used_at=now).returning(col(SignInLink.digest))).all():
        raise LinkUsed
    return sign_in_account(session, keys, account, now)


def sign_in_account(session: Session, keys: Keyring, account: Account, now: datetime) -> str:
    """Return the token of a browser in which this person is signed in."""
    cookie = secrets.token_urlsafe(32)
    session.execute(delete(BrowserSession).where(col(BrowserSession.expires_at) < now))
    digest = keys.digest(f"browser {cookie}")
    session.add(BrowserSession(digest=digest, account_id=account.id, created_at=now, expires_at=now + BROWSER_LIFETIME))
    return cookie


def account_of_browser(session: Session, keys: Keyring, cookie: str, now: datetime) -> Account | None:
    """Return who is signed in with this cookie, or None."""
    mine = select(Account).join(BrowserSession).where(col(BrowserSession.digest).in_(keys.digests(f"browser {cookie}")))
    found = session.exec(mine.where(BrowserSession.expires_at > now)).first()
    return None if found is None or found.removed_at is not None else found


def sign_out(session: Session, keys: Keyring, cookie: str) -> None:
    """Sign one browser out."""
    session.execute(delete(BrowserSession).where(col(BrowserSession.digest).in_(keys.digests(f"browser {cookie}"))))


def sign_out_everywhere(session: Session, account_id: str) -> None:
    """Sign every browser of an account out."""
    session.execute(delete(BrowserSession).where(col(BrowserSession.account_id) == account_id))


def form_token(keys: Keyring, cookie: str) -> str:
    """Return what every form of this browser carries, and no other site knows."""
    return keys.digest(f"form {cookie}")[:32]


def is_form_token(keys: Keyring, cookie: str, given: str) -> bool:
    """Whether a form came from a page of this browser."""
    return any(secrets.compare_digest(digest[:32].encode(), given.encode()) for digest in keys.digests(f"form {cookie}"))
