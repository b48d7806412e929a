"""The preview: a survey on a phone, on a large screen, without JavaScript and in an email. Nothing that is answered here is stored."""

from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, render_template, request, url_for
from marshmallow import ValidationError

from question_bank.definitions import in_language
from question_bank.languages import negotiate
from survey_service.belief.evidence import ContactEvidence
from survey_service.email_links.first_question import first_questions
from survey_service.email_links.rendering import build_draft, render_html
from survey_service.errors import DiscernError, Invalid
from survey_service.hosted.forms import InvalidForm, field_values, submission_id
from survey_service.hosted.rendering import PageContext, name_of, render_message, render_page
from survey_service.preview import forms
from survey_service.preview.dry_run import DryRun, dry_run
from survey_service.preview.schemas import RehearsalRequest, RehearsalSchema
from survey_service.preview.theme import DEFAULTS, Theme
from survey_service.preview.tokens import PreviewClosed, check_preview, preview_token
from survey_service.preview.words import WORDS
from survey_service.respondent.translations import words_of_widget
from survey_service.web.api import read_body
from survey_service.web.api_keys import authorise
from survey_service.web.context import bearer, parts
from survey_service.web.cors import new_nonce
from survey_service.web.rate_limit_guard import limit_acts
from survey_service.web.strict_json import read_json

blueprint = Blueprint("preview", __name__, url_prefix="/preview", template_folder="templates")

SAME_ORIGIN_FRAMES = "frame-ancestors 'self'"


blueprint.before_request(limit_acts)


@blueprint.before_request
def require_author() -> None:
    """Require an API key or a signed link. Raises PreviewClosed, Unauthorised, and NotFound for a survey that does not exist."""
    p, survey = parts(), (request.view_args or {})["survey"]
    if (key := bearer()) is not None:
        authorise(p, key, "read")
    else:
        check_preview(p.keys, survey, request.args.get("t", ""))
    with p.store.reading() as session:
        p.banks.current(session, survey)


@blueprint.get("/<string:survey>")
def overview(survey: str) -> Response:
    """Show the survey on each kind of screen side by side, and whether the colours of the theme are legible."""
    p = parts()
    with p.store.reading() as session:
        bank = p.banks.current(session, survey)[0].bank
    language = negotiate(request.args.get("lang"), bank.languages)
    colours = {name: request.args.get(name, "")[:100] for name in DEFAULTS if request.args.get(name)}
    query = {"t": request.args.get("t") or preview_token(p.keys, survey), "lang": language, **colours}
    languages = [(code, name_of(code), "?" + urlencode({**query, "lang": code})) for code in bank.languages]
    reader = request.accept_languages.best_match(list(WORDS)) or "en"
    page = render_template(
        "preview.html",
        nonce=(nonce := new_nonce()),
        reader=reader,
        words=WORDS[reader],
        lang=language,
        survey=survey,
        title=in_language(bank.survey(survey).title, language, bank.language),
        languages=languages,
        query=urlencode(query),
        token=query["t"],
        colours={name: colours.get(name, "") for name in DEFAULTS},
        theme=Theme.of(colours),
    )
    return _page_response(page, f"style-src 'nonce-{nonce}'; img-src data:; frame-src 'self'; form-action 'self'; frame-ancestors 'none'")


@blueprint.get("/<string:survey>/widget")
def widget(survey: str) -> Response:
    """Show the real widget. Its calls are answered by a dry run."""
    nonce, theme = new_nonce(), Theme.of(request.args)
    rehearsal = url_for(".rehearsal", survey=survey, t=request.args.get("t"))
    page = render_template(
        "widget.html", nonce=nonce, lang=request.args.get("lang", "en"), survey=survey, rehearsal=rehearsal, colours=theme.declarations
    )
    return _page_response(page, f"script-src 'nonce-{nonce}' 'self'; connect-src 'self'; style-src 'nonce-{nonce}'; {SAME_ORIGIN_FRAMES}")


@blueprint.route("/<string:survey>/page", methods=["GET", "POST"])
def page(survey: str) -> Response:
    """Show the hosted page, rendered by the same code. The form carries the answers."""
    p, problem = parts(), None
    language = request.form.get("lang") or request.args.get("lang")
    state = forms.read_state(p.keys, request.form.get("walk", ""))
    with p.store.reading() as session:
        bank = p.banks.current(session, survey)[0].bank
        view = dry_run(session, p.banks, survey, language, state, p.now())
        try:
            state = forms.advance(state, view["question"], request.form, view["language"])
            view = dry_run(session, p.banks, survey, language, state, p.now())
        except InvalidForm as error:
            problem = error
    context = PageContext(
        nonce=(nonce := new_nonce()),
        answer_id=submission_id(request.form) if problem else f"p{len(state.answers)}{'b' if state.back else ''}",
        problem=problem.key if problem else None,
        facts=problem.facts if problem else {},
        given=field_values(view["question"], request.form if problem else None, view["language"]),
        carried={"lang": view["language"], "walk": forms.write_state(p.keys, state)},
        query=request.args.to_dict(),
        asks_consent=not state.answers,
    )
    html = render_page(view, bank, bank.survey(survey), context)
    return _page_response(html, f"style-src 'nonce-{nonce}'; form-action 'self'; {SAME_ORIGIN_FRAMES}")


@blueprint.get("/<string:survey>/email")
def email(survey: str) -> Response:
    """Show the first question as an email. Its links have no target."""
    p = parts()
    with p.store.reading() as session:
        compiled = p.banks.current(session, survey)[0]
    bank, language = compiled.bank, negotiate(request.args.get("lang"), compiled.bank.languages)
    question = first_questions(compiled, survey, [ContactEvidence(compiled, [])])[0]
    no_urls = ("#", "#", None)
    body = render_html(build_draft(bank.question(question), language, bank.language, lambda _: "#", no_urls)) if question else ""
    title = in_language(bank.survey(survey).title, language, bank.language)
    page = render_template("email_preview.html", lang=language, body=body, title=title)
    return _page_response(page, f"style-src 'unsafe-inline'; {SAME_ORIGIN_FRAMES}")  # emails have their styles in attributes


@blueprint.post("/<string:survey>/rehearsal")
def rehearsal(survey: str) -> dict[str, Any]:
    """Return what the API would answer to the widget. The token has no meaning here."""
    p = parts()
    try:
        body: RehearsalRequest = RehearsalSchema().load(read_json(read_body()))
    except ValidationError as error:
        raise Invalid(str(error)) from None
    with p.store.reading() as session:
        view = dry_run(session, p.banks, survey, body.language, DryRun(body.answers, body.back, body.stopped), p.now())
    view["words"] = words_of_widget(view["language"])
    if body.consent is False and view.get("consent", {}).get("required"):
        return {name: value for name, value in view.items() if name != "session"}
    return {**view, "token": "preview"}


@blueprint.errorhandler(PreviewClosed)
def closed(error: DiscernError) -> Response:
    """Show the error as a page, which says what to do."""
    nonce = new_nonce()
    response = _page_response(render_message("en", nonce, title=error.detail), f"style-src 'nonce-{nonce}'; frame-ancestors 'self'")
    response.status_code = error.status
    return response


def _page_response(page: str, policy: str) -> Response:
    response = Response(page)
    response.headers.update(
        {
            "Content-Security-Policy": f"default-src 'none'; base-uri 'none'; {policy}",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
            "X-Robots-Tag": "noindex",
            "X-Content-Type-Options": "nosniff",
        }
    )
    return response
