"""Who may see a page of the console: the cookie, rights, forms that only our pages send, and the headers of every response."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, current_app, g, redirect, request
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError
from werkzeug.exceptions import HTTPException

from survey_service.console.html import language_for, render
from survey_service.errors import DiscernError, Invalid, Unavailable
from survey_service.store.tables.accounts import Account
from survey_service.web.accounts import BROWSER_LIFETIME, account_of_browser, form_token, is_form_token
from survey_service.web.api import View, count_refusal
from survey_service.web.api_keys import SCOPES
from survey_service.web.context import parts
from survey_service.web.strict_json import NUL

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types htmx"
)
LARGEST_FORM = 2 * 1024 * 1024


class SignedOut(DiscernError):
    """Sign in first."""

    status, code = 401, "signed_out"


class NotAllowed(DiscernError):
    """Your rights do not include this: ask somebody who may invite people."""

    status, code = 403, "not_allowed"


class ForeignForm(DiscernError):
    """This was not sent by a page of this service that you have open: open the page again and send it from there."""

    status, code = 403, "foreign_form"


@dataclass(frozen=True)
class Access:
    """What a page needs: a scope, None where nobody needs to be signed in, and whether it shows single contacts."""

    scope: str | None
    contacts: bool = False


def access(scope: str | None, *, contacts: bool = False) -> Callable[[View], View]:
    """Declare who may see a page. A page without a declaration is refused."""

    def declare(view: View) -> View:
        view.access = Access(scope, contacts)  # type: ignore[attr-defined]  # the guard and the table of the tests read it
        return view

    return declare


def guard(blueprint: Blueprint) -> None:
    """Put the checks before every request of a blueprint, the headers after it, and pages in place of its errors."""
    blueprint.before_request(check_request)
    blueprint.after_request(add_headers)
    blueprint.register_error_handler(DiscernError, error_page)
    for kind in (OperationalError, InterfaceError, InternalError):
        blueprint.register_error_handler(kind, _database_failed)
    blueprint.register_error_handler(HTTPException, _http_error)


def check_request() -> None:
    """Find out who asks, and refuse who may not. Raises SignedOut, NotAllowed, ForeignForm, Invalid."""
    g.nonce = secrets.token_urlsafe(12)
    needed: Access = getattr(current_app.view_functions[request.endpoint or ""], "access", Access("nobody"))
    request.max_content_length = request.max_form_memory_size = LARGEST_FORM
    if request.method not in ("GET", "HEAD"):
        _check_origin()
    p, g.cookie = parts(), request.cookies.get(cookie_name(), "")
    if g.cookie:
        with p.store.reading() as session:
            g.account = account_of_browser(session, p.keys, g.cookie, p.now())
    if needed.scope is None:
        return
    account: Account | None = g.get("account")
    if account is None:
        raise SignedOut
    if request.method not in ("GET", "HEAD") and not is_form_token(p.keys, g.cookie, request.form.get("csrf", "")):
        raise ForeignForm
    if wrong := [name for name, value in request.form.items() if NUL in name + value]:
        raise Invalid(errors=[{"path": name.replace(NUL, ""), "message": "has a NUL character"} for name in wrong])
    if not may(account, needed.scope, contacts=needed.contacts):
        raise NotAllowed


def may(account: Account, scope: str, *, contacts: bool = False) -> bool:
    """Whether somebody has a right. Scopes include those before them; single contacts need a right of their own."""
    included = scope in SCOPES and SCOPES.index(scope) <= SCOPES.index(account.scope)
    return included and (account.sees_contacts or not contacts)


def _check_origin() -> None:
    """Refuse a form of another site. A browser names the site in one of two headers; a page of ours sends both."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise ForeignForm
    origin = request.headers.get("Origin")
    base = urlsplit(parts().settings.base_url)
    if origin is not None and origin not in (f"{base.scheme}://{base.netloc}", request.host_url.rstrip("/")):
        raise ForeignForm


def is_secure() -> bool:
    """Whether the service is reached over https. On localhost it need not be, and browsers refuse `__Host-` cookies over http."""
    return parts().settings.base_url.startswith("https://")


def cookie_name() -> str:
    return "__Host-discern" if is_secure() else "discern"


def set_cookie(response: Response, token: str) -> None:
    """Sign the browser in; with an empty token, out."""
    lifetime = int(BROWSER_LIFETIME.total_seconds()) if token else 0
    response.set_cookie(cookie_name(), token, max_age=lifetime, secure=is_secure(), httponly=True, samesite="Lax", path="/")


def set_short_cookie(response: Response, purpose: str, value: str, seconds: int) -> None:
    """Keep a value in the browser for a short while, for a purpose of its own."""
    name = f"{cookie_name()}-{purpose}"
    response.set_cookie(name, value, max_age=seconds, secure=is_secure(), httponly=True, samesite="Lax", path="/")


def short_cookie(purpose: str) -> str:
    return request.cookies.get(f"{cookie_name()}-{purpose}", "")


def add_headers(response: Response) -> Response:
    """Set what browsers obey. The referrer stays on this site: without one, browsers do not say from where a form comes."""
    headers = response.headers
    headers.setdefault("Cache-Control", "no-store")
    if response.mimetype == "text/html":
        headers["Content-Security-Policy"] = POLICY.replace("style-src", f"style-src 'nonce-{g.nonce}'") if g.get("has_editor") else POLICY
        headers["Referrer-Policy"] = "same-origin"
        headers["X-Robots-Tag"] = "noindex"
        headers["Vary"] = "Cookie, Accept-Language"
    return response


def page(template: str, /, status: int = 200, **values: Any) -> Response:
    """Return a page in the reader's language."""
    return Response(rendered(template, **values), status, content_type="text/html; charset=utf-8")


def rendered(template: str, /, **values: Any) -> str:
    """Return the HTML of a page, or of a part of one."""
    account: Account | None = g.get("account")
    form = form_token(parts().keys, g.cookie) if account is not None else ""
    rights = {
        "write": account is not None and may(account, "write"),
        "admin": account is not None and may(account, "admin"),
        "contacts": account is not None and account.sees_contacts,
    }
    common = {"nonce": g.nonce, "account": account, "csrf": form, "may": rights, "here": request.path, "oidc": parts().settings.oidc_issuer}
    return render(template, language(), **common, **values)


def language() -> str:
    account: Account | None = g.get("account")
    return language_for(None if account is None else account.language, request.headers.get("Accept-Language"))


def go_to(address: str) -> Response:
    """Lead on after a form was sent."""
    response: Any = redirect(address, 303)
    return response  # type: ignore[no-any-return]


def author() -> str:
    """Return the name of who is signed in, for what they change."""
    return str(g.account.name)


def error_page(error: DiscernError) -> Response:
    """Show what is wrong and what to do. It says to whoever is signed out how to sign in."""
    g.setdefault("nonce", secrets.token_urlsafe(12))
    g.setdefault("cookie", "")
    if request.headers.get("HX-Request"):  # it takes the place of a part of a page
        return page("problem.html", error.status, error=error)
    name = "sign_in.html" if isinstance(error, SignedOut) else "error.html"
    return page(name, error.status, error=error)


def _database_failed(error: Any) -> Response:
    count_refusal(error)
    g.pop("account", None)
    response = error_page(Unavailable())
    response.headers["Retry-After"] = "2"
    return response


def _http_error(error: HTTPException) -> Response:
    wrong = DiscernError(error.description)
    wrong.status = error.code or 500
    return error_page(wrong)
