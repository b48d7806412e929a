"""The hosted page: one question a page, POST -> 303 -> GET, without JavaScript and cookies.

The first page stores nothing. The first answer starts the session. From then on the address contains a signed ticket, since an embedding
site may block cookies and other storage.
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
from survey_service.hosted.forms import InvalidForm, field_values, hidden_fields, read_answer, require_consent, submission_id
from survey_service.hosted.qr import qr_svg
from survey_service.hosted.rendering import PageContext, interface_texts, render_message, render_page
from survey_service.respondent import interview
from survey_service.respondent.erasure import erase, is_erased
from survey_service.respondent.state import Start
from survey_service.store.session import lock_by_name
from survey_service.web.context import Parts, parts
from survey_service.web.cors import new_nonce, protected, survey_at
from survey_service.web.rate_limit import TooManyRequests
from survey_service.web.rate_limit_guard import limit_acts

LIFETIME = 30 * 24 * 3600


FORM_LIFETIME = 24 * 3600

blueprint = Blueprint("pages", __name__, url_prefix="/s", template_folder="templates")
blueprint.before_request(limit_acts)


@blueprint.get("/<string:survey>")
def welcome(survey: str) -> Response:
    """Show the consent text and the first question. Writes nothing."""
    return _page(parts(), _first_view(parts(), survey, _arrival()))


@blueprint.post("/<string:survey>")
def begin(survey: str) -> Response:
    """Start the session, and store the first answer if the form has one."""
    p, arrival = parts(), _arrival()
    view, shown_at = _first_view(p, survey, arrival), _form_shown_at(p, survey)
    if shown_at is None:
        return _page(p, view, problem=InvalidForm("stale"))
    try:
        require_consent(view, request.form)
        answer = read_answer(view["question"], request.form, view["language"])
    except InvalidForm as problem:
        return _page(p, view, problem=problem)
    session_id = f"ses_{sha256(request.form['form'].encode()).hexdigest()[:26]}"  # the same form sent twice is one session
    with p.store.writing() as session:
        lock_by_name(session, session_id)
        if not interview.exists(session, session_id):
            start = replace(arrival, session_id=session_id, shown_at=shown_at)
            started, token = interview.start(session, p.banks, survey, start, p.now())
            if answer is not None and started.row.status == "open":
                interview.record_answers(session, p.banks, session_id, token, [answer], p.now())
    return _see_other(p, survey, session_id)


@blueprint.get("/<string:survey>/qr.svg")
def qr(survey: str) -> Response:
    """Return a QR code of the survey's address, with the language and the hidden fields of this request."""
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
    """Show the next question, or the end."""
    p, session_id = parts(), _require_session_id(parts(), survey, ticket)
    with p.store.reading() as session:
        view = interview.look(session, p.banks, session_id, None, p.now(), language=request.args.get("lang"))
        if is_erased(session, session_id):
            return _message(view["language"], interface_texts(view["language"])["erased"], origins=_origins(session, p, session_id))
    return _page(p, view, ticket)


@blueprint.post("/<string:survey>/<string:ticket>")
def act(survey: str, ticket: str) -> Response:
    """Store an answer or a skip, go back, or finish."""
    p, session_id = parts(), _require_session_id(parts(), survey, ticket)
    language = request.form.get("lang", "")
    with p.store.reading() as session:
        view = interview.look(session, p.banks, session_id, None, p.now(), language=language)
    try:
        # The bank was compiled when the view was made: compiling it here would hold the write lock for long.
        with p.store.writing() as session:
            if language:
                interview.change_language(session, p.banks, session_id, language, p.now())
            if request.form.get("act") == "back":
                interview.go_back(session, p.banks, session_id, None, submission_id(request.form), p.now())
            elif request.form.get("act") == "stop":
                interview.finish(session, p.banks, session_id, None, p.now())
            elif (answer := read_answer(_question_of_form(view), request.form, view["language"])) is not None:
                interview.record_answers(session, p.banks, session_id, None, [answer], p.now())
    except InvalidForm as problem:
        return _page(p, view, ticket, problem)
    except DiscernError:
        pass  # a second tab, a double click or an old page: show the current state of the survey
    return _see_other(p, survey, session_id)


@blueprint.get("/<string:survey>/<string:ticket>/erase")
def before_erasing(survey: str, ticket: str) -> Response:
    """Explain what deleting means. Only the button of this page deletes."""
    p, session_id = parts(), _require_session_id(parts(), survey, ticket)
    with p.store.reading() as session:
        language = interview.look(session, p.banks, session_id, None, p.now(), language=request.args.get("lang"))["language"]
        origins = _origins(session, p, session_id)
    back = url_for(".look", survey=survey, ticket=ticket)
    return _message(language, interface_texts(language)["erase"], "erase.html", origins=origins, back=back)


@blueprint.post("/<string:survey>/<string:ticket>/erase")
def erasing(survey: str, ticket: str) -> Response:
    """Delete the answers of the session."""
    p, session_id = parts(), _require_session_id(parts(), survey, ticket)
    p.transact(lambda session: erase(session, p.banks, session_id, p.now()))
    return _see_other(p, survey, session_id)


@blueprint.errorhandler(NotFound)
def missing(error: NotFound) -> Response:
    """Show the error as a page."""
    return _message("en", error.detail, status=404)


@blueprint.errorhandler(TooManyRequests)
def too_many(error: TooManyRequests) -> Response:
    """Show the same page with what was filled in, so that it can be submitted again."""
    p, path = parts(), request.view_args or {}
    if ticket := path.get("ticket"):
        with p.store.reading() as session:
            view = interview.look(
                session, p.banks, _require_session_id(p, path["survey"], ticket), None, p.now(), language=request.form.get("lang")
            )
    else:
        view = _first_view(p, path["survey"], _arrival())
    response = _page(p, view, ticket, InvalidForm("busy"))
    response.status_code = error.status
    response.headers.update(error.headers)
    return response


def _first_view(p: Parts, survey: str, arrival: Start) -> dict[str, Any]:
    with p.store.reading() as session:
        return interview.preview_start(session, p.banks, survey, arrival, p.now())


def _question_of_form(view: dict[str, Any]) -> dict[str, Any] | None:
    """Return the question that the form answers, if the view still asks it."""
    question: dict[str, Any] | None = view["question"]
    return question if question and question["id"] == request.form.get("question") else None


def _arrival() -> Start:
    language = request.form.get("lang") or request.args.get("lang") or request.headers.get("Accept-Language")
    return Start(language=language, channel="page", hidden=hidden_fields(request.args))


def _sign_form(p: Parts, survey: str) -> str:
    return str(p.keys.signer("form").dumps([survey, secrets.token_urlsafe(9), p.now().timestamp()]))


def _form_shown_at(p: Parts, survey: str) -> datetime | None:
    """Return when the form was rendered, None where it is of another survey or too old."""
    try:
        signed_survey, _, timestamp = p.keys.signer("form").loads(request.form.get("form", ""), max_age=FORM_LIFETIME)
    except (BadSignature, ValueError, TypeError):
        return None
    return datetime.fromtimestamp(timestamp, UTC) if signed_survey == survey else None


def _require_session_id(p: Parts, survey: str, ticket: str) -> str:
    session_id = read_page_token(p.keys, survey, ticket)
    if session_id is None:
        raise NotFound("This address is not valid any more. Please open the survey again.")
    return session_id


def _see_other(p: Parts, survey: str, session_id: str) -> Response:
    response = redirect(url_for("pages.look", survey=survey, ticket=page_token(p.keys, survey, session_id)), 303)
    response.headers.update({"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})
    return response  # type: ignore[return-value]


def _origins(session: Session, p: Parts, session_id: str) -> tuple[str, ...]:
    """Return the origins that may frame the pages of a session: those that may frame its survey."""
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
    carried = {"lang": view["language"]} | ({} if ticket else {"form": _sign_form(p, view["survey"])})
    context = PageContext(
        nonce,
        answer_id=secrets.token_urlsafe(9),
        problem=problem.key if problem else None,
        facts=problem.facts if problem else {},
        given=field_values(view["question"], request.form if problem else None, view["language"]),
        carried=carried,
        query=request.args.to_dict() if ticket is None else {},
        erase=ticket and url_for("pages.before_erasing", survey=view["survey"], ticket=ticket),
        asks_consent=ticket is None,
        has_agreed="agree" in request.form,
        restart=restart,
    )
    response = protected(Response(render_page(view, bank, survey, context), 422 if problem else 200), nonce, survey.origins)
    response.headers.update(_refresh_header(view["result"] or {}))
    return response


def _refresh_header(result: Mapping[str, Any]) -> dict[str, str]:
    """Return a Refresh header if the survey ends with a redirect and no text, except in a frame, where the other site may refuse to load.

    A redirect status would not work: the policy `form-action` makes browsers refuse redirects to other sites after a form.
    """
    immediate = result.get("redirect") and not result.get("text") and request.headers.get("Sec-Fetch-Dest") != "iframe"
    return {"Refresh": f"0;url={result['redirect']}"} if immediate else {}


def page_token(keys: Keyring, survey: str, session_id: str) -> str:
    """Return the ticket of a session: the last part of its page's address."""
    return keys.signer("page").dumps([survey, session_id])


def read_page_token(keys: Keyring, survey: str, ticket: str) -> str | None:
    """Return the session id of a ticket, None where the ticket is of another survey or too old."""
    try:
        signed_survey, session_id = keys.signer("page").loads(ticket, max_age=LIFETIME)
    except (BadSignature, ValueError):
        return None
    return str(session_id) if signed_survey == survey else None
