"""Pages about people of the console: signing in by a link, inviting, rights, API keys, languages."""

from datetime import timedelta

from flask import Blueprint, Response, g, request

from survey_service.console import oidc
from survey_service.console.access import access, go_to, guard, page, set_cookie, set_short_cookie, short_cookie
from survey_service.console.html import LANGUAGES
from survey_service.errors import Invalid, NotFound
from survey_service.web.accounts import (
    INVITATION_LIFETIME,
    account_of_link,
    all_accounts,
    find_account,
    invite,
    make_link,
    remove_account,
    sign_in,
    sign_in_account,
    sign_out,
    sign_out_everywhere,
)
from survey_service.web.addresses import clean_token
from survey_service.web.api_keys import INTAKE, SCOPES, all_keys, create_key, revoke_key, state_of
from survey_service.web.context import Parts, parts

LONGEST_KEY_NAME = 100
OIDC_COOKIE, OIDC_SECONDS = "oidc", 600

blueprint = Blueprint("console_people", __name__, url_prefix="/console")
guard(blueprint)


@blueprint.get("/sign-in/<string:token>")
@access(None)
def show_link(token: str) -> Response:
    """Show the button that signs in. Filters of mails open links: opening one changes nothing."""
    p = parts()
    with p.store.reading() as session:
        account = account_of_link(session, p.keys, clean_token(token), p.now())
    return page("link.html", name=account.name)


@blueprint.post("/sign-in/<string:token>")
@access(None)
def use_link(token: str) -> Response:
    """Sign the browser in, and use the link up."""
    p = parts()
    with p.store.writing() as session:
        cookie = sign_in(session, p.keys, clean_token(token), p.now())
    response = go_to("/console")
    set_cookie(response, cookie)
    return response


@blueprint.get("/oidc")
@access(None)
def begin_oidc() -> Response:
    """Send the browser to the provider of the company's accounts."""
    p = parts()
    if not oidc.is_configured(p.settings):
        raise NotFound("This service has no provider of accounts (DISCERN_OIDC_ISSUER).")
    begun = oidc.begin(p.settings, p.keys, _callback(p))
    response = go_to(begun.address)
    set_short_cookie(response, OIDC_COOKIE, begun.cookie, OIDC_SECONDS)
    return response


@blueprint.get("/oidc/callback")
@access(None)
def end_oidc() -> Response:
    """Sign in whoever comes back from the provider, if they were invited."""
    p = parts()
    if not oidc.is_configured(p.settings):
        raise NotFound("This service has no provider of accounts (DISCERN_OIDC_ISSUER).")
    email = oidc.finish(p.settings, p.keys, _callback(p), request.args, short_cookie(OIDC_COOKIE))
    with p.store.writing() as session:
        account = find_account(session, email)
        if account is None:
            raise oidc.SignInFailed(f"Nobody has invited {email} to this console: ask somebody who may publish.")
        cookie = sign_in_account(session, p.keys, account, p.now())
    response = go_to("/console")
    set_cookie(response, cookie)
    set_short_cookie(response, OIDC_COOKIE, "", 0)
    return response


def _callback(p: Parts) -> str:
    return f"{p.settings.base_url}/console/oidc/callback"


@blueprint.post("/sign-out")
@access("read")
def leave() -> Response:
    """Sign this browser out, or every browser of this person."""
    p = parts()
    with p.store.writing() as session:
        if request.form.get("everywhere"):
            sign_out_everywhere(session, g.account.id)
        sign_out(session, p.keys, g.cookie)
    response = go_to("/")
    set_cookie(response, "")
    return response


@blueprint.post("/language")
@access("read")
def choose_language() -> Response:
    """Store the language in which this person reads the console."""
    chosen = request.form.get("language", "")
    if chosen not in LANGUAGES:
        raise Invalid(errors=[{"path": "language", "message": f"is not one of {', '.join(LANGUAGES)}"}])
    with parts().store.writing() as session:
        g.account.language = chosen
        session.add(g.account)
    return go_to("/console/settings")


@blueprint.get("/settings")
@access("read")
def settings() -> Response:
    """Show people and keys, to admins, and one's own settings."""
    return _settings()


def _settings(link: str | None = None, invited: str | None = None, key: str | None = None) -> Response:
    p = parts()
    with p.store.reading() as session:
        people = all_accounts(session)
        keys = [{"row": row, "state": state_of(row, p.now())} for row in all_keys(session)]
    return page("settings.html", people=people, keys=keys, scopes=SCOPES, key_scopes=(*SCOPES, INTAKE), link=link, invited=invited, key=key)


@blueprint.post("/people")
@access("admin")
def invite_person() -> Response:
    """Invite somebody, or change their rights; the page shows the link to give them, this once."""
    p, form = parts(), request.form
    with p.store.writing() as session:
        known = find_account(session, form.get("email", ""))
        rights = {"sees_contacts": bool(form.get("contacts"))}
        account = invite(session, form.get("email", ""), form.get("name", ""), form.get("scope", ""), p.now(), **rights)
        token = make_link(session, p.keys, account, p.now(), INVITATION_LIFETIME) if known is None or form.get("link") else None
        name = account.name
    return _settings(token and f"{p.settings.base_url}/console/sign-in/{token}", name)


@blueprint.post("/people/<string:person>/remove")
@access("admin")
def remove_person(person: str) -> Response:
    """Remove somebody: their browsers are signed out."""
    p = parts()
    with p.store.writing() as session:
        remove_account(session, person, p.now())
    return go_to("/console/settings")


@blueprint.post("/keys")
@access("admin")
def new_key() -> Response:
    """Create an API key; the page shows it, this once."""
    p, form = parts(), request.form
    scope, name, days = form.get("scope", ""), form.get("name", "").strip(), form.get("days", "").strip()
    errors = []
    if scope not in (*SCOPES, INTAKE):
        errors.append({"path": "scope", "message": f"is not one of {', '.join((*SCOPES, INTAKE))}"})
    if len(name) > LONGEST_KEY_NAME:
        errors.append({"path": "name", "message": f"has more than {LONGEST_KEY_NAME} characters"})
    if days and not (days.isdecimal() and 1 <= int(days[:5]) <= 3660):
        errors.append({"path": "days", "message": "is not a number of days up to 3660"})
    if errors:
        raise Invalid(errors=errors)
    with p.store.writing() as session:
        made = create_key(session, p.keys, scope, name, p.now(), timedelta(days=int(days)) if days else None)
    return _settings(key=made)


@blueprint.post("/keys/<string:key>/revoke")
@access("admin")
def revoke(key: str) -> Response:
    """Revoke an API key."""
    p = parts()
    with p.store.writing() as session:
        revoke_key(session, key, p.now())
    return go_to("/console/settings")
