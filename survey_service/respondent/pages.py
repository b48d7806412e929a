"""The hosted page: one question a page, POST -> 303 -> GET, no JavaScript and no cookie.

The first page is shown without storing anything. The first answer starts the session; from then on its address carries a signed
ticket, so that nothing depends on storage that an embedding site may block.
"""

import secrets
from dataclasses import replace
from hashlib import sha256
from typing import Any

from flask import Blueprint, Response, redirect, render_template, request, url_for
from itsdangerous import BadSignature

from question_bank.definitions import in_language
from survey_service.errors import DiscernError, NotFound
from survey_service.parts import Parts, parts
from survey_service.respondent import interview
from survey_service.respondent.forms import NotAnswered, act_id, answer_of, standing
from survey_service.respondent.origins import new_nonce, protected, survey_at
from survey_service.respondent.state import Start
from survey_service.respondent.strings import progress, strings
from survey_service.respondent.tickets import session_of, ticket_of
from survey_service.store.session import alone

FORM_LIFETIME = 24 * 3600

blueprint = Blueprint("pages", __name__, url_prefix="/s", template_folder="templates")


@blueprint.get("/<string:survey>")
def welcome(survey: str) -> Response:
    """The consent text, or the first question; writes nothing."""
    p = parts()
    with p.store.reading() as session:
        view = interview.welcome(session, p.banks, survey, _arrival(), p.now())
    return _page(p, view)


@blueprint.post("/<string:survey>")
def begin(survey: str) -> Response:
    """Start the session, with the first answer where there is one."""
    p, arrival = parts(), _arrival()
    with p.store.reading() as session:
        shown = interview.welcome(session, p.banks, survey, arrival, p.now())
    if not _form_is_ours(p, survey):
        return _page(p, shown, problem="stale")
    try:
        answer = answer_of(shown["question"], request.form)
    except NotAnswered as wrong:
        return _page(p, shown, problem=wrong.key, facts=wrong.facts)
    session_id = f"ses_{sha256(request.form['form'].encode()).hexdigest()[:26]}"  # the same form sent twice is one session
    with p.store.writing() as session:
        alone(session, session_id)
        if not interview.exists(session, session_id):
            view, token = interview.start(session, p.banks, survey, replace(arrival, session_id=session_id), p.now())
            if answer is not None and view["status"] == "open":
                interview.record_answers(session, p.banks, session_id, token, [answer], p.now())
    return _see(p, survey, session_id)


@blueprint.get("/<string:survey>/<string:ticket>")
def look(survey: str, ticket: str) -> Response:
    """The question that is due, or the end."""
    p = parts()
    with p.store.reading() as session:
        view = interview.look(session, p.banks, _session_of(p, survey, ticket), None, p.now())
    return _page(p, view, ticket)


@blueprint.post("/<string:survey>/<string:ticket>")
def act(survey: str, ticket: str) -> Response:
    """Take an answer, a silence, or a step back."""
    p, session_id = parts(), _session_of(parts(), survey, ticket)
    with p.store.reading() as session:
        shown = interview.look(session, p.banks, session_id, None, p.now())
    pressed = act_id(request.form)
    try:
        with p.store.writing() as session:
            if request.form.get("act") == "back":
                interview.go_back(session, p.banks, session_id, None, pressed, p.now())
            elif request.form.get("act") == "stop":
                interview.finish(session, p.banks, session_id, None, p.now())
            elif (answer := answer_of(_asked_for(shown), request.form)) is not None:
                interview.record_answers(session, p.banks, session_id, None, [answer], p.now())
    except NotAnswered as wrong:
        return _page(p, shown, ticket, problem=wrong.key, facts=wrong.facts)
    except DiscernError:
        pass  # a second tab, a double click, a page from before: show where the survey really is
    return _see(p, survey, session_id)


@blueprint.errorhandler(NotFound)
def missing(error: NotFound) -> Response:
    """A page, since a person looks at it."""
    return protected(Response(render_template("message.html", lang="en", title=error.detail, nonce=(nonce := new_nonce())), 404), nonce, ())


def _asked_for(view: dict[str, Any]) -> dict[str, Any] | None:
    """The question the form was made for, if it is still the one that is due."""
    question: dict[str, Any] | None = view["question"]
    return question if question and question["id"] == request.form.get("question") else None


def _arrival() -> Start:
    best = request.args.get("lang") or request.form.get("lang") or request.accept_languages.best
    return Start(language=(best or "")[:35], channel="page")


def _form_is_ours(p: Parts, survey: str) -> bool:
    try:
        return bool(p.keys.signer("form").loads(request.form.get("form", ""), max_age=FORM_LIFETIME)[0] == survey)
    except (BadSignature, LookupError, TypeError):
        return False


def _session_of(p: Parts, survey: str, ticket: str) -> str:
    session_id = session_of(p.keys, survey, ticket)
    if session_id is None:
        raise NotFound("This address is not valid any more. Please open the survey again.")
    return session_id


def _see(p: Parts, survey: str, session_id: str) -> Response:
    response = redirect(url_for("pages.look", survey=survey, ticket=ticket_of(p.keys, survey, session_id)), 303)
    response.headers["Cache-Control"] = "no-store"
    return response  # type: ignore[return-value]


def _page(p: Parts, view: dict[str, Any], ticket: str | None = None, problem: str | None = None, facts: Any = None) -> Response:
    words, nonce, language = strings(view["language"]), new_nonce(), view["language"]
    with p.store.reading() as session:
        bank, survey = survey_at(session, p, {"survey": view["survey"]} if ticket is None else {"session_id": view["session"]})
    page = render_template(
        "question.html" if view["question"] else "end.html",
        view=view,
        question=view["question"],
        words=words,
        lang=language,
        title=in_language(survey.title, language, bank.language),
        progress=progress(words, view),
        problem=problem and words[problem].format(**(facts or {})),
        consent=in_language(survey.consent.text, language, bank.language) if survey.consent and ticket is None else None,
        given=standing(view["question"], request.form if problem else None),
        form=p.keys.signer("form").dumps([view["survey"], secrets.token_urlsafe(9)]),
        answer_id=secrets.token_urlsafe(9),
        ticket=ticket,
        nonce=nonce,
    )
    return protected(Response(page, 422 if problem else 200), nonce, survey.origins)
