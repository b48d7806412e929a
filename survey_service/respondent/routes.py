"""The respondent API: public, without cookies, one call for each act."""

from typing import Any

from flask import Response, g, request
from sqlmodel import Session

from question_bank.definitions import Bank, in_language
from survey_service.contacts.identity import read_identity
from survey_service.errors import BadToken, DiscernError
from survey_service.links.lookup import LinkOfAnotherSurvey, clicked_option, find_link
from survey_service.links.tokens import LinkTokens, Target
from survey_service.respondent import interview
from survey_service.respondent.link_start import arrival_by_link, start_by_link
from survey_service.respondent.schemas import (
    AnswersRequest,
    AnswersSchema,
    BackRequest,
    BackSchema,
    FinishRequest,
    FinishSchema,
    IdentityRequest,
    StartRequest,
    StartSchema,
    ViewSchema,
    WhoSchema,
)
from survey_service.respondent.side_data import log_left_out
from survey_service.respondent.state import Interview, Start, session_key
from survey_service.respondent.translations import words_of_widget
from survey_service.respondent.view import session_insight, view_of
from survey_service.store.tables.links import Link
from survey_service.web.api import ApiBlueprint, problem_response
from survey_service.web.api_keys import authorise, is_api_key
from survey_service.web.context import Parts, bearer, parts
from survey_service.web.cors import add_cors, check_origin, survey_at
from survey_service.web.openapi import ANYBODY, OF_A_SESSION, OF_A_SESSION_OR_KEY
from survey_service.web.rate_limit_guard import limit_acts

BEGINNING, LATER = "$response.body#/token", "$request.body#/token"
"""Where the next call finds the token: in the response that started the session, or in the request before."""
OF_THE_SESSION = {"session_id": "$response.body#/session"}


def next_calls(token: str) -> dict[str, Any]:
    """Return the OpenAPI links to the calls that continue the session of a view."""
    return {
        "look": {"operationId": "respondent.look", "parameters": OF_THE_SESSION},
        "skip": _link_next_calls(
            "answer", {"token": token, "answer_id": "first", "question": "$response.body#/question/id", "kind": "skip"}
        ),
        "back": _link_next_calls("back", {"token": token, "answer_id": "second"}),
        "finish": _link_next_calls("finish", {"token": token, "reason": "enough"}),
    }


def _link_next_calls(call: str, body: dict[str, str]) -> dict[str, Any]:
    return {"operationId": f"respondent.{call}", "parameters": OF_THE_SESSION, "requestBody": body}


WORDS = {"in": "query", "name": "words", "schema": {"type": "string"}, "description": "Include the texts of the interface"}

blueprint = ApiBlueprint("respondent", __name__, url_prefix="/api/v1", description="What the widget calls")
blueprint.before_request(check_origin)
blueprint.before_request(limit_acts)
blueprint.after_request(add_cors)


@blueprint.post("/surveys/<string:survey>/sessions")
@blueprint.arguments(StartSchema, required=False)
@blueprint.response(201, ViewSchema)
@blueprint.alt_response(200, schema=ViewSchema)
@blueprint.doc(security=ANYBODY, responses={"201": {"links": next_calls(BEGINNING)}})
def start(given: StartRequest, survey: str) -> dict[str, Any] | tuple[dict[str, Any], int]:
    """Start a survey. The response has the first question and the session's token.

    The same call with the same `start_id` leads to the same session, so it can be sent again when the response was lost. Side data that
    cannot be stored (language, channel, page, hidden fields) is left out, and the response names it in `left_out`.
    Where `consent` is false and the survey requires it, nothing is stored and the response is 200 without session and token.
    """
    p, arrival = parts(), _arrival(given)
    log_left_out(survey, given.side)
    if given.consent is False and (view := _before_consent(p, given, survey, arrival)):
        return _with_left_out(view, given), 200

    def start_session(session: Session) -> tuple[Interview, str]:
        if given.link:
            link, target = _link(session, p, given.link, survey, lock=True)
            return start_by_link(session, p.banks, link, target, arrival, p.now())
        return interview.start(session, p.banks, survey, arrival, p.now())

    begun, token = p.transact(start_session)
    view = {**view_of(begun, begun.now), "token": token}
    return _with_left_out(_with_words(view, begun.bank.bank) if given.words else view, given)


@blueprint.get("/sessions/<string:session_id>")
@blueprint.response(200, ViewSchema)
@blueprint.doc(security=OF_A_SESSION_OR_KEY, parameters=[WORDS])
def look(session_id: str) -> dict[str, Any]:
    """Return the session. With an API key also belief, explanation and log; with `?words` also the words of the interface."""
    p, token = parts(), bearer()
    is_author = is_api_key(token) and authorise(p, token, "read")
    with p.store.reading() as session:
        if is_author:
            view = interview.look(session, p.banks, session_id, None, p.now())
            return {**view, **session_insight(session, p.banks, session_id, p.now())}
        view = interview.look(session, p.banks, session_id, _token(), p.now())
        return _with_words(view, survey_at(session, p, {"session_id": session_id})[0]) if "words" in request.args else view


@blueprint.post("/sessions/<string:session_id>/answers")
@blueprint.arguments(AnswersSchema)
@blueprint.response(200, ViewSchema)
@blueprint.doc(security=OF_A_SESSION, responses={"200": {"links": next_calls(LATER)}})
def answer(given: AnswersRequest, session_id: str) -> dict[str, Any]:
    """Store one answer or several. Sending the same `answer_id` again writes nothing."""
    p, token = parts(), _token(given.token)
    acted = p.transact(lambda session: interview.record_answers(session, p.banks, session_id, token, given.answers, p.now()))
    return view_of(acted, acted.now)


@blueprint.post("/sessions/<string:session_id>/back")
@blueprint.arguments(BackSchema)
@blueprint.response(200, ViewSchema)
@blueprint.doc(security=OF_A_SESSION)
def back(given: BackRequest, session_id: str) -> dict[str, Any]:
    """Withdraw the last answer and ask its question again."""
    p, token = parts(), _token(given.token)
    acted = p.transact(lambda session: interview.go_back(session, p.banks, session_id, token, given.answer_id, p.now()))
    return view_of(acted, acted.now)


@blueprint.post("/sessions/<string:session_id>/finish")
@blueprint.arguments(FinishSchema, required=False)
@blueprint.response(200, ViewSchema)
@blueprint.doc(security=OF_A_SESSION)
def finish(given: FinishRequest, session_id: str) -> dict[str, Any]:
    """End the survey early. What was answered counts."""
    p, token = parts(), _token(given.token)
    acted = p.transact(lambda session: interview.finish(session, p.banks, session_id, token, p.now(), given.reason))
    return view_of(acted, acted.now)


@blueprint.post("/sessions/<string:session_id>/identity")
@blueprint.arguments(WhoSchema)
@blueprint.response(200, ViewSchema)
@blueprint.doc(security=OF_A_SESSION)
def identity(given: IdentityRequest, session_id: str) -> dict[str, Any]:
    """Say who is answering, by a signed identity or an email link. The session continues as that contact's."""
    p, token = parts(), _token(given.token)

    def contact_id(session: Session) -> str:
        if given.link is not None:
            return find_link(session, LinkTokens(p.keys), given.link, p.now())[0].contact_id
        return read_identity(p.keys, given.identity or "")

    return p.transact(lambda session: interview.identify(session, p.banks, session_id, token, contact_id, p.now()))


@blueprint.errorhandler(DiscernError)
def name_fields_as_sent(error: DiscernError) -> Response:
    """Name the fields of an answer that was sent on its own as they stand in its body."""
    if not isinstance(sent := g.get("body"), dict) or "answers" not in sent:
        error.errors = [{**item, "path": item["path"].removeprefix("answers.0.")} for item in error.errors]
    return problem_response(error)


def _arrival(given: StartRequest) -> Start:
    side = given.side
    return Start(
        language=side.language or (None if given.link else request.headers.get("Accept-Language")),
        page_language=side.language,
        channel=side.channel or ("email" if given.link else "web"),
        hidden=dict(side.hidden),
        page=side.page,
        contact_id=read_identity(parts().keys, given.identity) if given.identity else None,
        start_id=given.start_id,
    )


def _before_consent(p: Parts, given: StartRequest, survey: str, arrival: Start) -> dict[str, Any] | None:
    """Return the first view where the survey requires consent first, otherwise None. Writes nothing."""
    with p.store.reading() as session:
        bank = p.banks.current(session, survey)[0]
        if given.link:
            link, target = _link(session, p, given.link, survey)
            bank = p.banks.version(session, link.bank, link.bank_version)
            arrival = arrival_by_link(link, arrival, None, clicked_option(session, p.banks, link, target))
        consent = bank.bank.survey(survey).consent
        started = session_key(given.start_id, survey, arrival.person).session_id
        if consent is None or not consent.required or (started and interview.exists(session, started)):
            return None
        view = interview.preview_start(session, p.banks, survey, arrival, p.now())
    before = {name: value for name, value in view.items() if name != "session"}
    return _with_words(before, bank.bank) if given.words else before


def _link(session: Session, p: Parts, token: str, survey: str, *, lock: bool = False) -> tuple[Link, Target]:
    link, target = find_link(session, LinkTokens(p.keys), token, p.now(), lock=lock)
    if link.survey != survey:
        raise LinkOfAnotherSurvey(errors=[{"path": "link", "message": f'belongs to the survey "{link.survey}"'}])
    return link, target


def _with_words(view: dict[str, Any], bank: Bank) -> dict[str, Any]:
    """Add the words of the interface and the survey's title. They are sent when a session starts or is resumed, and stay the same in
    between.
    """
    title = in_language(bank.survey(view["survey"]).title, view["language"], bank.language)
    return {**view, "words": {**words_of_widget(view["language"]), "title": title}}


def _with_left_out(view: dict[str, Any], given: StartRequest) -> dict[str, Any]:
    """Add what was left out of the side data, for the developer of the page."""
    return {**view, "left_out": list(given.side.left_out)} if given.side.left_out else view


def _token(token: str | None = None) -> str:
    token = token or bearer()
    if not token:
        raise BadToken
    return token
