"""The pages behind the links of an email.

Mail filters open links too, so `GET` only counts the opening. Answers are stored, and opt-outs made, by submitting a form.
"""

import secrets
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, redirect, render_template, request, url_for
from sqlmodel import Session

from question_bank.answer_values import LONGEST_TEXT
from question_bank.definitions import in_language
from question_bank.languages import direction, negotiate
from survey_service.email_links import landing, opt_out
from survey_service.email_links.landing import Landing
from survey_service.email_links.translations import strings
from survey_service.errors import DiscernError
from survey_service.hosted.brand import brand_of, core_styles
from survey_service.hosted.error_pages import preferred_language
from survey_service.hosted.forms import (
    HONEYPOT_FIELD,
    NONE,
    InvalidForm,
    field_values,
    has_input,
    read_answer,
    require_consent,
    submission_id,
)
from survey_service.hosted.page_tokens import form_shown_at, page_token, sign_form
from survey_service.hosted.rendering import bar_of, interface_texts, other_languages
from survey_service.links.lookup import ContactOptedOut, LinkExpired, LinkRevoked, clicked_option, count_open, find_link
from survey_service.links.tokens import LANDING, LEAVE, LinkInvalid, LinkTokens, Target
from survey_service.respondent.side_data import short_language
from survey_service.respondent.translations import progress
from survey_service.respondent.view import rendered
from survey_service.store.tables.links import Link
from survey_service.web.api import problem_response
from survey_service.web.context import Parts, parts
from survey_service.web.cors import new_nonce, protected
from survey_service.web.rate_limit import TooManyRequests
from survey_service.web.rate_limit_guard import limit_acts

REFUSALS: dict[type[DiscernError], tuple[str, int]] = {
    LinkInvalid: ("link_invalid", 404),
    LinkExpired: ("link_expired", 410),
    LinkRevoked: ("link_revoked", 410),
    ContactOptedOut: ("link_alone", 410),
}

blueprint = Blueprint("link_pages", __name__, url_prefix="/l", template_folder="templates")
blueprint.before_request(limit_acts)


@blueprint.get("/<string:token>")
def look(token: str) -> Response:
    """Show the chosen option and the next question, or the opt-out page. Counts one opening."""
    p = parts()

    def count_opening(session: Session) -> tuple[Link, Target]:
        link, target = find_link(session, LinkTokens(p.keys), token, p.now(), lock=True)
        count_open(session, link, target, clicked_option(session, p.banks, link, target), p.now())
        return link, target

    link, target = p.transact(count_opening)
    return _leave_page(p, link) if target == LEAVE else _landing_page(p, link, target)


@blueprint.post("/<string:token>")
def act(token: str) -> Response:
    """Store what the submitted form says, together with the clicked option."""
    p, button = parts(), request.form.get("act")
    with p.store.reading() as session:
        link, target = find_link(session, LinkTokens(p.keys), token, p.now())
    if button in OPT_OUTS:
        return _opt_out(p, token, button)
    if "to" in request.form:
        return _in_other_language(p, link, target)
    try:
        _require_consent(p, link, target)
        answer = read_answer(_question_of_form(p, link), request.form, _language(p, link))
    except InvalidForm as wrong:
        return _landing_page(p, link, target, wrong)
    if answer is None and button != "confirm":
        return _see_other(request.full_path)
    session_id = None
    try:
        with p.store.writing() as session:
            link, target = find_link(session, LinkTokens(p.keys), token, p.now(), lock=True)
            trapped = bool(request.form.get(HONEYPOT_FIELD))
            session_id = landing.submit(
                session,
                p.banks,
                link,
                target,
                answer,
                submission_id(request.form),
                p.now(),
                changing=_is_change(),
                trapped=trapped,
                shown_at=form_shown_at(p.keys, link.id, request.form.get("form", "")),
                language=_language(p, link),
            )
    except tuple(REFUSALS):
        raise
    except DiscernError:
        pass  # a second tab, a double click or an old page: show the current state of the survey
    if session_id is None:
        return _see_other(url_for(".look", token=token))
    return _see_other(url_for("pages.look", survey=link.survey, ticket=page_token(p.keys, link.survey, session_id)))


@blueprint.errorhandler(LinkInvalid)
@blueprint.errorhandler(LinkExpired)
@blueprint.errorhandler(LinkRevoked)
@blueprint.errorhandler(ContactOptedOut)
def refused(error: DiscernError) -> Response:
    """Show why the link cannot be used, and what to do."""
    key, status = REFUSALS[type(error)]
    language = preferred_language()
    return _message(language, strings(language)[key], status)


@blueprint.errorhandler(TooManyRequests)
def too_many(error: TooManyRequests) -> Response:
    """Show the same page with what was filled in, so that it can be submitted again."""
    p = parts()
    try:
        with p.store.reading() as session:
            link, target = find_link(session, LinkTokens(p.keys), (request.view_args or {})["token"], p.now())
    except DiscernError:
        return problem_response(error)
    response = _landing_page(p, link, target, InvalidForm("busy"))
    response.status_code = error.status
    response.headers.update(error.headers)
    return response


def _require_consent(p: Parts, link: Link, target: Target) -> None:
    """Check that the form gives the consent that the survey requires. Raises InvalidForm."""
    with p.store.reading() as session:
        require_consent(landing.view_landing(session, p.banks, link, target, p.now()).view, request.form)


def _opt_out(p: Parts, token: str, button: str) -> Response:

    def opt_out_in(session: Session) -> Link:
        link, _ = find_link(session, LinkTokens(p.keys), token, p.now(), lock=True)
        if button == "not_me":
            opt_out.unlink_wrong_recipient(session, p.banks, link, p.now())
        elif button == "no_profile":
            opt_out.stop_profiling(session, p.banks, link, p.now())
        else:
            opt_out.stop_asking(session, link, p.now())
        return link

    link = p.transact(opt_out_in)
    return _message(link.language, strings(link.language)[OPT_OUTS[button]], 200)


OPT_OUTS = {"not_me": "not_me_done", "leave_alone": "alone_done", "no_profile": "profile_done"}
"""The buttons of the page to leave by, and the words that confirm each."""


def _question_of_form(p: Parts, link: Link) -> dict[str, Any] | None:
    """Return the question that the form answers, rendered; None where the bank has no such question."""
    with p.store.reading() as session:
        bank = p.banks.version(session, link.bank, link.bank_version)
    question_id = request.form.get("question", "")
    if question_id not in bank.index:
        return None
    return rendered(bank.bank.question_by_id[question_id], _language(p, link), bank.bank.language)


def _language(p: Parts, link: Link) -> str:
    """Return the language of the page: what the person chose there, else that of the link."""
    chosen = short_language(request.form.get("to") or request.form.get("lang") or request.args.get("lang"))
    with p.store.reading() as session:
        languages = p.banks.version(session, link.bank, link.bank_version).bank.languages
    return negotiate(chosen, (link.language, *languages))


def _in_other_language(p: Parts, link: Link, target: Target) -> Response:
    """Show the page in another language with what was filled in, or redirect where nothing was."""
    if has_input(request.form):
        return _landing_page(p, link, target, filled=True)
    return _see_other(f"{request.path}?{urlencode({**request.args.to_dict(), 'lang': _language(p, link)})}")


def _is_change() -> bool:
    return "change" in request.args


def _see_other(address: str) -> Response:
    response = redirect(address, 303)
    response.headers.update({"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})
    return response  # type: ignore[return-value]


def _landing_page(p: Parts, link: Link, target: Target, wrong: InvalidForm | None = None, *, filled: bool = False) -> Response:
    """Return the page of a link. With `wrong` or `filled` it shows the question of the submitted form with what was filled in."""
    language, filled = _language(p, link), filled or wrong is not None
    with p.store.reading() as session:
        shown = landing.view_landing(session, p.banks, link, target, p.now(), changing=_is_change(), language=language)
        bank = p.banks.version(session, link.bank, link.bank_version).bank
    survey, words, nonce = bank.survey(link.survey), interface_texts(language), new_nonce()
    title = in_language(survey.title, language, bank.language)
    question, form = shown.view["question"], request.form.get("form", "")
    if form_shown_at(p.keys, link.id, form) is None:
        form = sign_form(p.keys, link.id, p.now())
    if filled:
        question = _question_of_form(p, link) or question
    page = render_template(
        "landing.html",
        **_template_values(shown, words),
        question=question,
        words=words,
        mail=strings(language),
        lang=language,
        title=title,
        title_above=title,
        brand=brand_of(bank, language),
        bar=bar_of(shown.view),
        languages=other_languages(bank, language, request.args.to_dict()),
        form=form,
        asks_none=wrong is not None and wrong.key == NONE,
        problem=wrong and words[wrong.key].format(**wrong.facts),
        given=field_values(question, request.form if filled else None, language),
        answer_id=secrets.token_urlsafe(9),
        leave=_link_url(p, link, LEAVE),
        nonce=nonce,
    )
    return protected(Response(page, 422 if wrong else 200), nonce, ())


def _template_values(shown: Landing, words: Any) -> dict[str, Any]:
    consent, result = shown.view.get("consent"), shown.view["result"]
    return {
        "about": shown.about,
        "chosen": shown.chosen,
        "changing": shown.asks_email_question,
        "provisional": shown.provisional,
        "progress": progress(words, shown.view),
        "consent": consent and consent["text"],
        "consent_lang": consent and consent.get("lang"),
        "must_agree": bool(consent and consent["required"]),
        "has_agreed": "agree" in request.form,
        "result": result and result["text"],
        "result_lang": result and result.get("lang"),
    }


@blueprint.context_processor
def _layout_values() -> dict[str, Any]:
    """Return what the templates of the hosted page use on every page."""
    return {"direction": direction, "longest_text": LONGEST_TEXT, "core_styles": core_styles}


def _leave_page(p: Parts, link: Link) -> Response:
    nonce, words = new_nonce(), strings(link.language)
    page = render_template(
        "leave.html", lang=link.language, title=words["leave_title"], mail=words, back=_link_url(p, link, LANDING), nonce=nonce
    )
    return protected(Response(page), nonce, ())


def _link_url(p: Parts, link: Link, target: Target) -> str:
    return url_for(".look", token=LinkTokens(p.keys).write(link.id, target))


def _message(language: str, words: str, status: int) -> Response:
    nonce = new_nonce()
    return protected(Response(render_template("message.html", lang=language, title=words, nonce=nonce), status), nonce, ())
