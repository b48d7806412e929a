"""The hosted page: one question a page, POST -> 303 -> GET, without JavaScript and cookies.

The first page stores nothing. The first answer starts the session. From then on the address contains a signed ticket, since an embedding
site may block cookies and other storage, and the question: Back, Forward, a reload and a second tab show what is stored for it, and its
form corrects that answer.
"""

import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, redirect, request, url_for
from sqlmodel import Session

from survey_service.errors import DiscernError, NotFound
from survey_service.hosted.forms import (
    KIND_OF_BUTTON,
    InvalidForm,
    field_values,
    has_input,
    hidden_fields,
    read_answer,
    require_consent,
    submission_id,
)
from survey_service.hosted.page_tokens import form_shown_at, page_token, read_page_token, session_path, sign_form
from survey_service.hosted.qr import qr_svg
from survey_service.hosted.rendering import RELOAD, RESET, PageContext, interface_texts, render_message, render_page
from survey_service.respondent import interview
from survey_service.respondent.erasure import erase, is_erased
from survey_service.respondent.side_data import short_language
from survey_service.respondent.state import Start, session_id_from
from survey_service.store.session import lock_by_name
from survey_service.web.api import problem_response
from survey_service.web.context import Parts, parts
from survey_service.web.cors import new_nonce, protected, survey_at
from survey_service.web.rate_limit import TooManyRequests
from survey_service.web.rate_limit_guard import limit_acts

BEGIN = "begin"
"""A parameter of the address to which a first form is sent: a browser forgets a page when a form is sent to the page's own address, and
then Back would show a new form.
"""

blueprint = Blueprint("pages", __name__, url_prefix="/s", template_folder="templates")
blueprint.before_request(limit_acts)


@blueprint.get("/<string:survey>")
def welcome(survey: str) -> Response:
    """Show the consent text and the first question. Writes nothing.

    The browser's Back shows this response again with the same form, which belongs to the same session. A response that may not be stored
    would be fetched anew, and its form would begin a second session.
    """
    p = parts()
    form = sign_form(p.keys, survey, p.now())
    response = _page(p, _first_view(p, survey, _arrival(form)), form=form)
    response.headers["Cache-Control"] = "private, max-age=0"
    return response


@blueprint.post("/<string:survey>")
def begin(survey: str) -> Response:
    """Start the session, and store the first answer if the form has one. The same form sent again corrects that answer."""
    p, form = parts(), request.form.get("form", "")
    shown_at = form_shown_at(p.keys, survey, form)
    if shown_at is None:
        form = sign_form(p.keys, survey, p.now())
        return _page(p, _first_view(p, survey, _arrival(form)), problem=InvalidForm("stale"), form=form)
    session_id = session_id_from(form)
    with p.store.reading() as session:
        has_begun = interview.exists(session, session_id)
    if has_begun:
        return _act(p, survey, session_id)
    view = _first_view(p, survey, _arrival(form))
    if "to" in request.form:
        return _in_other_language(p, view, form=form)
    try:
        require_consent(view, request.form)
        answer = read_answer(view["question"], request.form, view["language"])
    except InvalidForm as problem:
        return _page(p, view, problem=problem, form=form)
    with p.store.writing() as session:
        lock_by_name(session, session_id)
        if not interview.exists(session, session_id):
            start = replace(_arrival(form), shown_at=shown_at)
            begun, _ = interview.start(session, p.banks, survey, start, p.now())
            if answer is not None and begun.row.status == "open":
                begun = interview.record_form(session, p.banks, session_id, answer, p.now())
            return _see_other(p, survey, session_id, begun.row.question)
    return _act(p, survey, session_id)


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
    """Show the end, or redirect to the address of the question that is asked."""
    return _show(survey, ticket, None)


@blueprint.get("/<string:survey>/<string:ticket>/q/<string:question>")
def look_at_question(survey: str, ticket: str, question: str) -> Response:
    """Show a question with the answer that is stored. Redirect where it has no answer and is not asked; show the end where there is one."""
    return _show(survey, ticket, question)


@blueprint.post("/<string:survey>/<string:ticket>")
@blueprint.post("/<string:survey>/<string:ticket>/q/<string:question>")
def act(survey: str, ticket: str, **_question: str) -> Response:
    """Store, or correct, the answer to the question of the form, go back, or finish."""
    return _act(parts(), survey, _require_session_id(parts(), survey, ticket))


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
    return _see_other(p, survey, session_id, None)


@blueprint.errorhandler(TooManyRequests)
def too_many(error: TooManyRequests) -> Response:
    """Show the same page with what was filled in, so that it can be submitted again."""
    p, path, form = parts(), request.view_args or {}, request.form.get("form", "")
    survey, ticket = path["survey"], path.get("ticket")
    try:
        if ticket:
            view = _view_of_form(p, _require_session_id(p, survey, ticket))
        else:
            form = form if form_shown_at(p.keys, survey, form) else sign_form(p.keys, survey, p.now())
            view = _first_view(p, survey, _arrival(form))
    except DiscernError:
        return problem_response(error)
    response = _page(p, view, ticket, InvalidForm("busy"), None if ticket else form)
    response.status_code = error.status
    response.headers.update(error.headers)
    return response


def _show(survey: str, ticket: str, question: str | None) -> Response:
    p, session_id = parts(), _require_session_id(parts(), survey, ticket)
    with p.store.reading() as session:
        view = interview.look(session, p.banks, session_id, None, p.now(), language=request.args.get("lang"), question=question)
        if is_erased(session, session_id):
            return _message(view["language"], interface_texts(view["language"])["erased"], origins=_origins(session, p, session_id))
    shown = view["question"]
    is_old = "old" in request.args
    if shown is None:
        return _page(p, view, ticket, note="ended" if (question or is_old) and view["status"] != "expired" else None)
    if shown["id"] != question or shown.get("kind", "asked") is None:
        asked = shown["id"] if shown["id"] != question else _asked(p, session_id)
        return _see_other(p, survey, session_id, asked, old=is_old, language=request.args.get("lang"))
    return _page(p, view, ticket, note="old_page" if is_old else None)


def _act(p: Parts, survey: str, session_id: str) -> Response:
    """Do what the form says in a session that has begun."""
    language, button = request.form.get("lang", ""), request.form.get("act")
    ticket = _ticket(p, survey, session_id)
    view = _view_of_form(p, session_id)
    if "to" in request.form and view["question"]:
        return _in_other_language(p, view, ticket)
    try:
        answer = read_answer(_question_of_form(view), request.form, view["language"])
        # The bank was compiled when the view was made: compiling it here would hold the write lock for long.
        with p.store.writing() as session:
            if language:
                interview.change_language(session, p.banks, session_id, language, p.now())
            if button == "back":
                after = interview.go_back(session, p.banks, session_id, None, submission_id(request.form), p.now())
            elif button == "stop":
                after = interview.finish(session, p.banks, session_id, None, p.now())
            elif answer is not None:
                after = interview.record_form(session, p.banks, session_id, answer, p.now())
            else:
                return _see_other(p, survey, session_id, _asked(p, session_id), old=button in KIND_OF_BUTTON)
    except InvalidForm as problem:
        return _page(p, view, ticket, problem)
    except DiscernError:  # the survey has ended, or another answer has closed the question
        return _see_other(p, survey, session_id, _asked(p, session_id), old=True)
    return _see_other(p, survey, session_id, after.row.question)


def _view_of_form(p: Parts, session_id: str) -> dict[str, Any]:
    """Return the view of a session with the question that the form answers, if it is open, in the language of the form."""
    language, question = request.form.get("to") or request.form.get("lang", ""), request.form.get("question")
    with p.store.reading() as session:
        return interview.look(session, p.banks, session_id, None, p.now(), language=language, question=question)


def _in_other_language(p: Parts, view: dict[str, Any], ticket: str | None = None, form: str | None = None) -> Response:
    """Show the page in another language with what was filled in, which has no address of its own, or redirect where nothing was."""
    if has_input(request.form):
        return _page(p, view, ticket, form=form)
    query = {name: value for name, value in request.args.items() if name != BEGIN} | {"lang": view["language"]}
    return _redirect(f"{request.path}?{urlencode(query)}")


def _asked(p: Parts, session_id: str) -> str | None:
    """Return the question that the session asks, None after its end."""
    with p.store.reading() as session:
        question = interview.look(session, p.banks, session_id, None, p.now())["question"]
    return question and str(question["id"])


def _first_view(p: Parts, survey: str, arrival: Start) -> dict[str, Any]:
    with p.store.reading() as session:
        return interview.preview_start(session, p.banks, survey, arrival, p.now())


def _question_of_form(view: dict[str, Any]) -> dict[str, Any] | None:
    """Return the question that the form answers, None where the survey does not ask it any more."""
    question: dict[str, Any] | None = view["question"]
    return question if question and question["id"] == request.form.get("question") else None


def _arrival(form: str) -> Start:
    """Return how the respondent of a first form arrives."""
    named = short_language(request.form.get("to") or request.form.get("lang") or request.args.get("lang"))
    language = named or short_language(request.headers.get("Accept-Language"))
    return Start(language=language, channel="page", hidden=hidden_fields(request.args), session_id=session_id_from(form))


def _require_session_id(p: Parts, survey: str, ticket: str) -> str:
    session_id = read_page_token(p.keys, survey, ticket)
    if session_id is None:
        raise NotFound("This address is not valid any more. Please open the survey again.")
    return session_id


def _see_other(p: Parts, survey: str, session_id: str, question: str | None, *, old: bool = False, language: str | None = None) -> Response:
    """Redirect to the address of a question, or of the end. With `old` the page says that an old form was not stored."""
    ticket = _ticket(p, survey, session_id)
    return _redirect(session_path(survey, ticket, question, old=old, language=language))


def _ticket(p: Parts, survey: str, session_id: str) -> str:
    """Return the ticket of the request, so that a question keeps its address, or a new one where the session has just begun."""
    return (request.view_args or {}).get("ticket") or page_token(p.keys, survey, session_id)


def _redirect(address: str) -> Response:
    response = redirect(address, 303)
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


def _page(
    p: Parts,
    view: dict[str, Any],
    ticket: str | None = None,
    problem: InvalidForm | None = None,
    form: str | None = None,
    note: str | None = None,
) -> Response:
    with p.store.reading() as session:
        bank, survey = survey_at(session, p, {"survey": view["survey"]} if ticket is None else {"session_id": view["session"]})
    nonce, restart = new_nonce(), url_for("pages.welcome", survey=view["survey"])
    carried = {"lang": view["language"]} | ({"form": form} if form else {})
    previous = view.get("previous")
    context = PageContext(
        nonce,
        answer_id=secrets.token_urlsafe(9),
        problem=problem.key if problem else None,
        facts=problem.facts if problem else {},
        given=field_values(view["question"], request.form if request.method == "POST" else None, view["language"]),
        carried=carried,
        query=request.args.to_dict() if ticket is None else {},
        action="" if ticket else "?" + urlencode({**request.args.to_dict(), BEGIN: "1"}),
        erase=ticket and url_for("pages.before_erasing", survey=view["survey"], ticket=ticket),
        asks_consent=ticket is None,
        has_agreed="agree" in request.form,
        restart=restart,
        previous=previous and url_for("pages.look_at_question", survey=view["survey"], ticket=ticket, question=previous),
        note=note,
        offers_restart="old" in request.args,
        restored=RELOAD if ticket else RESET,
    )
    html = render_page(view, bank, survey, context)
    response = protected(Response(html, 422 if problem else 200), nonce, survey.origins, runs_script=True)
    response.headers.update(_refresh_header(view["result"] or {}))
    return response


def _refresh_header(result: Mapping[str, Any]) -> dict[str, str]:
    """Return a Refresh header if the survey ends with a redirect and no text, except in a frame, where the other site may refuse to load.

    A redirect status would not work: the policy `form-action` makes browsers refuse redirects to other sites after a form.
    """
    immediate = result.get("redirect") and not result.get("text") and request.headers.get("Sec-Fetch-Dest") != "iframe"
    return {"Refresh": f"0;url={result['redirect']}"} if immediate else {}
