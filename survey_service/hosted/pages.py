"""The hosted page: one question a page, POST -> 303 -> GET, no JavaScript and no cookie.

The first page is shown without storing anything. The first answer starts the session; from then on its address carries a signed
ticket, so that nothing depends on storage that an embedding site may block.
"""

import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from flask import Blueprint, Response, redirect, request, url_for
from itsdangerous import BadSignature
from sqlmodel import Session

from survey_service.crypto import Keyring
from survey_service.errors import DiscernError, NotFound
from survey_service.hosted.forms import InvalidForm, submission_id, require_consent, read_answer, hidden_fields, field_values
from survey_service.hosted.qr import qr_svg
from survey_service.hosted.rendering import PageContext, render_message, render_page, interface_texts
from survey_service.respondent import interview
from survey_service.respondent.erasure import erase, is_erased
from survey_service.respondent.state import Start
from survey_service.store.session import lock_by_name
from survey_service.web.context import Parts, parts
from survey_service.web.cors import new_nonce, protected, survey_at
from survey_service.web.rate_limit import TooManyRequests
from survey_service.web.rate_limit_guard import limit_acts

LIFETIME = 30 * 24 * 3600


def page_token(keys: Keyring, survey: str, session_id: str) -> str:
    """The last part of the page's address."""
    return keys.signer("page").dumps([survey, session_id])


def read_page_token(keys: Keyring, survey: str, ticket: str) -> str | None:
    """The session of a ticket, None where it is not one of this survey or is too old."""
    try:
        known, session_id = keys.signer("page").loads(ticket, max_age=LIFETIME)
    except (BadSignature, ValueError):
        return None
    return str(session_id) if known == survey else None


FORM_LIFETIME = 24 * 3600

blueprint = Blueprint("pages", __name__, url_prefix="/s", template_folder="templates")
blueprint.before_request(limit_acts)


@blueprint.get("/<string:survey>")
def welcome(survey: str) -> Response:
    """The consent text and the first question; writes nothing."""
    return _page(parts(), _first_view(parts(), survey, _arrival()))


@blueprint.post("/<string:survey>")
def begin(survey: str) -> Response:
    """Start the session, with the first answer where there is one."""
    p, arrival = parts(), _arrival()
    shown, shown_at = _first_view(p, survey, arrival), _form_shown_at(p, survey)
    if shown_at is None:
        return _page(p, shown, problem=InvalidForm("stale"))
    try:
        require_consent(shown, request.form)
        answer = read_answer(shown["question"], request.form)
    except InvalidForm as wrong:
        return _page(p, shown, problem=wrong)
    session_id = f"ses_{sha256(request.form['form'].encode()).hexdigest()[:26]}"  # the same form sent twice is one session
    with p.store.writing() as session:
        lock_by_name(session, session_id)
        if not interview.exists(session, session_id):
            begun = replace(arrival, session_id=session_id, shown_at=shown_at)
            started, token = interview.start(session, p.banks, survey, begun, p.now())
            if answer is not None and started.row.status == "open":
                interview.record_answers(session, p.banks, session_id, token, [answer], p.now())
    return _see(p, survey, session_id)


@blueprint.get("/<string:survey>/qr.svg")
def qr(survey: str) -> Response:
    """The address of the survey to be scanned, with the language and the hidden fields of this one."""
    p = parts()
    with p.store.reading() as session:
        p.banks.current(session, survey)
    query = {name: value for name, value in request.args.items() if name == "lang" or name.startswith("hidden-")}
    headers = {
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(qr_svg(p.settings.base_url, survey, query), content_type="image/svg+xml", headers=headers)


@blueprint.get("/<string:survey>/<string:ticket>")
def look(survey: str, ticket: str) -> Response:
    """The question that is due, or the end."""
    p, session_id = parts(), _session_of(parts(), survey, ticket)
    with p.store.reading() as session:
        view = interview.look(session, p.banks, session_id, None, p.now(), language=request.args.get("lang"))
        if is_erased(session, session_id):
            return _message(view["language"], interface_texts(view["language"])["erased"], origins=_origins(session, p, session_id))
    return _page(p, view, ticket)


@blueprint.post("/<string:survey>/<string:ticket>")
def act(survey: str, ticket: str) -> Response:
    """Take an answer, a silence, or a step back."""
    p, session_id = parts(), _session_of(parts(), survey, ticket)
    language = request.form.get("lang", "")[:35]
    with p.store.reading() as session:
        shown = interview.look(session, p.banks, session_id, None, p.now(), language=language)
    try:
        with p.store.writing() as session:  # the look above has compiled the bank
            if language:
                interview.change_language(session, p.banks, session_id, language, p.now())
            if request.form.get("act") == "back":
                interview.go_back(session, p.banks, session_id, None, submission_id(request.form), p.now())
            elif request.form.get("act") == "stop":
                interview.finish(session, p.banks, session_id, None, p.now())
            elif (answer := read_answer(_asked_for(shown), request.form)) is not None:
                interview.record_answers(session, p.banks, session_id, None, [answer], p.now())
    except InvalidForm as wrong:
        return _page(p, shown, ticket, wrong)
    except DiscernError:
        pass  # a second tab, a double click, a page from before: show where the survey really is
    return _see(p, survey, session_id)


@blueprint.get("/<string:survey>/<string:ticket>/erase")
def before_erasing(survey: str, ticket: str) -> Response:
    """What deleting means; only the button deletes."""
    p, session_id = parts(), _session_of(parts(), survey, ticket)
    with p.store.reading() as session:
        language = interview.look(session, p.banks, session_id, None, p.now(), language=request.args.get("lang"))["language"]
        origins = _origins(session, p, session_id)
    back = url_for(".look", survey=survey, ticket=ticket)
    return _message(language, interface_texts(language)["erase"], "erase.html", origins=origins, back=back)


@blueprint.post("/<string:survey>/<string:ticket>/erase")
def erasing(survey: str, ticket: str) -> Response:
    """Delete what was answered."""
    p, session_id = parts(), _session_of(parts(), survey, ticket)
    p.transact(lambda session: erase(session, p.banks, session_id, p.now()))
    return _see(p, survey, session_id)


@blueprint.errorhandler(NotFound)
def missing(error: NotFound) -> Response:
    """A page, since a person looks at it."""
    return _message("en", error.detail, status=404)


@blueprint.errorhandler(TooManyRequests)
def too_many(error: TooManyRequests) -> Response:
    """The same page with everything that was filled in, to be sent again."""
    p, named = parts(), request.view_args or {}
    if ticket := named.get("ticket"):
        with p.store.reading() as session:
            view = interview.look(
                session, p.banks, _session_of(p, named["survey"], ticket), None, p.now(), language=request.form.get("lang")
            )
    else:
        view = _first_view(p, named["survey"], _arrival())
    response = _page(p, view, ticket, InvalidForm("busy"))
    response.status_code = error.status
    response.headers.update(error.headers)
    return response


def _first_view(p: Parts, survey: str, arrival: Start) -> dict[str, Any]:
    with p.store.reading() as session:
        return interview.preview_start(session, p.banks, survey, arrival, p.now())


def _asked_for(view: dict[str, Any]) -> dict[str, Any] | None:
    """The question the form was made for, if it is still the one that is due."""
    question: dict[str, Any] | None = view["question"]
    return question if question and question["id"] == request.form.get("question") else None


def _arrival() -> Start:
    best = request.form.get("lang") or request.args.get("lang") or request.accept_languages.best
    return Start(language=(best or "")[:35], channel="page", hidden=hidden_fields(request.args))


def _form_of(p: Parts, survey: str) -> str:
    return str(p.keys.signer("form").dumps([survey, secrets.token_urlsafe(9), p.now().timestamp()]))


def _form_shown_at(p: Parts, survey: str) -> datetime | None:
    """When the form was made, None where it is not one of this survey or too old."""
    try:
        known, _, moment = p.keys.signer("form").loads(request.form.get("form", ""), max_age=FORM_LIFETIME)
    except (BadSignature, ValueError, TypeError):
        return None
    return datetime.fromtimestamp(moment, UTC) if known == survey else None


def _session_of(p: Parts, survey: str, ticket: str) -> str:
    session_id = read_page_token(p.keys, survey, ticket)
    if session_id is None:
        raise NotFound("This address is not valid any more. Please open the survey again.")
    return session_id


def _see(p: Parts, survey: str, session_id: str) -> Response:
    response = redirect(url_for("pages.look", survey=survey, ticket=page_token(p.keys, survey, session_id)), 303)
    response.headers.update({"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})
    return response  # type: ignore[return-value]


def _origins(session: Session, p: Parts, session_id: str) -> tuple[str, ...]:
    """Who may frame what belongs to a session: what began in a frame goes on in it."""
    return survey_at(session, p, {"session_id": session_id})[1].origins


def _message(
    language: str, title: str, name: str = "message.html", status: int = 200, origins: tuple[str, ...] = (), **facts: Any
) -> Response:
    nonce = new_nonce()
    return protected(Response(render_message(language, nonce, name, title=title, **facts), status), nonce, origins)


def _page(p: Parts, view: dict[str, Any], ticket: str | None = None, problem: InvalidForm | None = None) -> Response:
    with p.store.reading() as session:
        bank, survey = survey_at(session, p, {"survey": view["survey"]} if ticket is None else {"session_id": view["session"]})
    nonce, restart = new_nonce(), url_for("pages.welcome", survey=view["survey"])
    carried = {"lang": view["language"]} | ({} if ticket else {"form": _form_of(p, view["survey"])})
    this_sheet = PageContext(
        nonce,
        answer_id=secrets.token_urlsafe(9),
        problem=problem.key if problem else None,
        facts=problem.facts if problem else {},
        given=field_values(view["question"], request.form if problem else None),
        carried=carried,
        query=request.args.to_dict() if ticket is None else {},
        erase=ticket and url_for("pages.before_erasing", survey=view["survey"], ticket=ticket),
        asks_consent=ticket is None,
        has_agreed="agree" in request.form,
        restart=restart,
    )
    response = protected(Response(render_page(view, bank, survey, this_sheet), 422 if problem else 200), nonce, survey.origins)
    response.headers.update(_leads_on(view["result"] or {}))
    return response


def _leads_on(result: Mapping[str, Any]) -> dict[str, str]:
    """Where the author wants people to go at once; not inside a frame, which other sites may refuse to be shown in.

    A redirection would not do: browsers refuse the ones that follow a form and leave the site (form-action).
    """
    at_once = result.get("redirect") and not result.get("text") and request.headers.get("Sec-Fetch-Dest") != "iframe"
    return {"Refresh": f"0;url={result['redirect']}"} if at_once else {}
