"""Error pages: a failed request for a page gets a page in the language of the person, with a way on, instead of JSON."""

from flask import Flask, Response, request, url_for

from question_bank.languages import negotiate
from survey_service.hosted.rendering import interface_texts, render_message
from survey_service.respondent.translations import STRINGS
from survey_service.web.addresses import PAGES
from survey_service.web.api import PROBLEM_JSON
from survey_service.web.cors import new_nonce, protected

OF_PROGRAMS = "/rehearsal"  # the widget in a preview calls it
WORDS = {404: "page_missing", 410: "page_missing", 429: "busy", 500: "page_away", 502: "page_away", 503: "page_away"}
AWAY = 503
KEPT_HEADERS = ("Allow", "Retry-After")


class ErrorPages:
    """Replaces the error responses of an application's pages. It must be registered after everything that adds headers."""

    def __init__(self, app: Flask) -> None:
        app.after_request(self.replace)

    def replace(self, response: Response) -> Response:
        """Return a page where `response` is an error in JSON for a page, else `response`."""
        if response.mimetype != PROBLEM_JSON or not request.path.startswith(PAGES) or request.path.endswith(OF_PROGRAMS):
            return response
        page = error_page(response.status_code)
        for name in KEPT_HEADERS:
            if name in response.headers:
                page.headers[name] = response.headers[name]
        return page


def error_page(status: int) -> Response:
    """Return the page of an error."""
    language = preferred_language()
    words, nonce, survey = interface_texts(language), new_nonce(), (request.view_args or {}).get("survey")
    key = WORDS.get(status, "page_wrong")
    begin = url_for("pages.welcome", survey=survey) if survey and status == 404 and "ticket" in (request.view_args or {}) else None
    way, name = (begin, words["again"]) if begin else (request.path, words["retry"])
    html = render_message(language, nonce, title=words[key], way=None if key == "page_missing" and not begin else way, name_of_way=name)
    # While the database is away nobody knows who may frame the survey; in a frame that refuses the page nothing would be seen.
    return protected(Response(html, status), nonce, ("*",) if status == AWAY else ())


def preferred_language() -> str:
    """Return the language of the interface that the request asks for: that of the page, else the browser's best, else English."""
    return negotiate(request.args.get("lang") or request.headers.get("Accept-Language"), ["en", *STRINGS])
