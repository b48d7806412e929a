"""The preview: how a survey looks on a phone, on a large screen, without JavaScript and in an email. It is tried here and kept nowhere."""

from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, render_template, request, url_for
from marshmallow import ValidationError

from question_bank.definitions import in_language
from survey_service.belief.evidence import ContactEvidence
from survey_service.email_links.first_question import first_questions
from survey_service.email_links.rendering import build_draft, render_html
from survey_service.errors import DiscernError, Invalid, NotFound
from survey_service.hosted.forms import InvalidForm, submission_id, field_values
from survey_service.hosted.rendering import LANGUAGE_NAMES, PageContext, render_message, render_page
from survey_service.preview import forms as walk
from survey_service.preview.dry_run import DryRun, dry_run
from survey_service.preview.schemas import RehearsalSchema
from survey_service.preview.theme import DEFAULTS, Theme
from survey_service.preview.tokens import PreviewClosed, check_preview, preview_token
from survey_service.respondent.interview import nearest_language
from survey_service.respondent.translations import words_of_widget
from survey_service.web.api import read_body
from survey_service.web.api_keys import authorise
from survey_service.web.context import bearer, parts
from survey_service.web.cors import new_nonce
from survey_service.web.strict_json import read_json

blueprint = Blueprint("preview", __name__, url_prefix="/preview", template_folder="templates")

FRAMED = "frame-ancestors 'self'"


@blueprint.before_request
def only_for_authors() -> None:
    """An API key, or a signed link. Raises PreviewClosed or Unauthorised, and NotFound for a survey that does not exist."""
    p, survey = parts(), (request.view_args or {})["survey"]
    if (key := bearer()) is not None:
        authorise(p, key, "read")
    else:
        check_preview(p.keys, survey, request.args.get("t", ""))
    with p.store.reading() as session:
        p.banks.current(session, survey)


@blueprint.get("/<string:survey>")
def overview(survey: str) -> Response:
    """Every way of seeing the survey side by side, and whether the theme is legible."""
    p = parts()
    with p.store.reading() as session:
        bank = p.banks.current(session, survey)[0].bank
    language = nearest_language(request.args.get("lang"), bank.languages)
    colours = {name: request.args.get(name, "")[:100] for name in DEFAULTS if request.args.get(name)}
    query = {"t": request.args.get("t") or preview_token(p.keys, survey), "lang": language, **colours}
    others = [
        (this_language, LANGUAGE_NAMES.get(this_language, this_language), "?" + urlencode({**query, "lang": this_language}))
        for this_language in bank.languages
    ]
    page = render_template(
        "preview.html",
        nonce=(nonce := new_nonce()),
        lang=language,
        survey=survey,
        title=in_language(bank.survey(survey).title, language, bank.language),
        languages=others,
        query=urlencode(query),
        token=query["t"],
        colours={name: colours.get(name, "") for name in DEFAULTS},
        theme=Theme.of(colours),
    )
    return _shown(page, f"style-src 'nonce-{nonce}'; frame-src 'self'; form-action 'self'; frame-ancestors 'none'")


@blueprint.get("/<string:survey>/widget")
def widget(survey: str) -> Response:
    """The real widget, whose calls are answered by a rehearsal."""
    nonce, theme = new_nonce(), Theme.of(request.args)
    rehearsal = url_for(".rehearsal", survey=survey, t=request.args.get("t"))
    page = render_template(
        "widget.html", nonce=nonce, lang=request.args.get("lang", "en"), survey=survey, rehearsal=rehearsal, colours=theme.declarations
    )
    return _shown(page, f"script-src 'nonce-{nonce}' 'self'; connect-src 'self'; style-src 'nonce-{nonce}'; {FRAMED}")


@blueprint.route("/<string:survey>/page", methods=["GET", "POST"])
def page(survey: str) -> Response:
    """The hosted page, drawn by the same code; what was answered so far is in its form."""
    p, problem = parts(), None
    language = request.form.get("lang") or request.args.get("lang")
    done = walk.read_state(p.keys, request.form.get("walk", ""))
    with p.store.reading() as session:
        bank = p.banks.current(session, survey)[0].bank
        view = dry_run(session, p.banks, survey, language, done, p.now())
        try:
            done = walk.advance(done, view["question"], request.form)
            view = dry_run(session, p.banks, survey, language, done, p.now())
        except InvalidForm as wrong:
            problem = wrong
    this_sheet = PageContext(
        nonce=(nonce := new_nonce()),
        answer_id=submission_id(request.form) if problem else f"p{len(done.answers)}{'b' if done.back else ''}",
        problem=problem.key if problem else None,
        facts=problem.facts if problem else {},
        given=field_values(view["question"], request.form if problem else None),
        carried={"lang": view["language"], "walk": walk.write_state(p.keys, done)},
        query=request.args.to_dict(),
        asks_consent=not done.answers,
    )
    return _shown(render_page(view, bank, bank.survey(survey), this_sheet), f"style-src 'nonce-{nonce}'; form-action 'self'; {FRAMED}")


@blueprint.get("/<string:survey>/email")
def email(survey: str) -> Response:
    """The first question as an email shows it; its links lead nowhere."""
    p = parts()
    with p.store.reading() as session:
        compiled = p.banks.current(session, survey)[0]
    bank, language = compiled.bank, nearest_language(request.args.get("lang"), compiled.bank.languages)
    question = first_questions(compiled, survey, [ContactEvidence(compiled, [])])[0]
    nowhere = ("#", "#", None)
    body = render_html(build_draft(bank.question(question), language, bank.language, lambda _: "#", nowhere)) if question else ""
    title = in_language(bank.survey(survey).title, language, bank.language)
    page = render_template("email_preview.html", lang=language, body=body, title=title)
    return _shown(page, f"style-src 'unsafe-inline'; {FRAMED}")  # emails have their styles in attributes


@blueprint.post("/<string:survey>/rehearsal")
def rehearsal(survey: str) -> dict[str, Any]:
    """What the API would answer to the widget, after everything that was done; the token is for show."""
    p = parts()
    try:
        given = RehearsalSchema().load(read_json(read_body()))
    except ValidationError as wrong:
        raise Invalid(str(wrong)) from None
    with p.store.reading() as session:
        view = dry_run(session, p.banks, survey, given.get("language"), DryRun(given["answers"], given["back"], given["stopped"]), p.now())
    view["words"] = words_of_widget(view["language"])
    if given["consent"] is False and view.get("consent", {}).get("required"):
        return {name: value for name, value in view.items() if name != "session"}
    return {**view, "token": "preview"}


@blueprint.errorhandler(PreviewClosed)
@blueprint.errorhandler(NotFound)
def closed(error: DiscernError) -> Response:
    """A page that says what to do."""
    nonce = new_nonce()
    response = _shown(render_message("en", nonce, title=error.detail), f"style-src 'nonce-{nonce}'; frame-ancestors 'self'")
    response.status_code = error.status
    return response


def _shown(page: str, policy: str) -> Response:
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
