"""Error pages: a failed request for a page gets a page in the language of the person, with a way on, instead of JSON."""

import re
from contextlib import suppress

from flask import Flask, Response, request, url_for
from sqlalchemy.exc import SQLAlchemyError

from question_bank.languages import negotiate
from survey_service.errors import DiscernError
from survey_service.hosted.rendering import interface_texts, render_message
from survey_service.links.lookup import language_of_link
from survey_service.links.tokens import LinkTokens
from survey_service.respondent.translations import STRINGS
from survey_service.web.addresses import PAGES, UNREAD
from survey_service.web.api import PROBLEM_JSON
from survey_service.web.context import parts
from survey_service.web.cors import new_nonce, protected

OF_PROGRAMS = "/rehearsal"  # the widget in a preview calls it
WORDS = {404: "page_missing", 410: "page_missing", 429: "busy", 500: "page_away", 502: "page_away", 503: "page_away"}
OF_CODES = ("survey_paused",)
AWAY, BUSY, TOO_LONG = 503, 429, 414
LANGUAGES = ("en", *STRINGS)
LONGEST_PATH = 1000
"""Characters of the path of a page. Our own have less than 300; what is longer was broken on the way."""
LANG = re.compile(r"[?&;]lang=([\w-]{1,35})", re.ASCII)
KEPT_HEADERS = ("Allow", "Retry-After")


class ErrorPages:
    """Replaces the error responses of an application's pages. It must be registered after everything that adds headers."""

    def __init__(self, app: Flask) -> None:
        app.after_request(self.replace)
        app.extensions[UNREAD] = page_of_unread

    def replace(self, response: Response) -> Response:
        """Return a page where `response` is an error in JSON for a page, else `response`."""
        if response.mimetype != PROBLEM_JSON or not request.path.startswith(PAGES) or request.path.endswith(OF_PROGRAMS):
            return response
        page = error_page(response.status_code, (response.get_json(silent=True) or {}).get("code"))
        for name in KEPT_HEADERS:
            if name in response.headers:
                page.headers[name] = response.headers[name]
        return page


def error_page(status: int, code: str | None = None) -> Response:
    """Return the page of an error, by its code where pages have words for that."""
    # While the database is away, or busy, it is not asked for the language.
    language = preferred_language() if status < 500 and status != BUSY else _asked_language() or LANGUAGES[0]
    words, nonce, survey = interface_texts(language), new_nonce(), (request.view_args or {}).get("survey")
    key = code if code in OF_CODES else WORDS.get(status, "page_wrong")
    begin = url_for("pages.welcome", survey=survey) if survey and status == 404 and "ticket" in (request.view_args or {}) else None
    way, name = (begin, words["again"]) if begin else (request.path, words["retry"])
    html = render_message(language, nonce, title=words[key], way=None if key == "page_missing" and not begin else way, name_of_way=name)
    # While the database is away nobody knows who may frame the survey; in a frame that refuses the page nothing would be seen.
    return protected(Response(html, status), nonce, ("*",) if status == AWAY else ())


def page_of_unread(status: int, target: str) -> tuple[dict[str, str], bytes] | None:
    """Return headers and body of the page for a request that the server refused before it was read, None where it was not for a page.

    `target` is the path and the query of the request as far as they are known. What was added to the address of a survey can make it too
    long: then the page leads to the survey without the additions.
    """
    path, _, query = target.partition("?")
    if not path.startswith(PAGES):
        return None
    named = LANG.search(f"?{query}")
    language = negotiate(named and named[1], LANGUAGES)
    words, nonce, way, name = interface_texts(language), new_nonce(), None, "retry"
    key = WORDS.get(status, "page_wrong")
    if status == TOO_LONG:
        key, name = ("page_missing", "retry") if len(path) > LONGEST_PATH else ("page_long", "open")
    if len(path) <= LONGEST_PATH and not path.startswith("/preview/"):  # a preview is nothing without the signature in its query
        way = f"?lang={language}" if named else "?"
    html = render_message(language, nonce, title=words[key], way=way, name_of_way=words[name])
    response = protected(Response(html, status), nonce, ("*",))  # in a frame that refuses the page nothing would be seen
    return dict(response.headers), response.get_data()


def preferred_language() -> str:
    """Return the language of the interface that the request asks for: that of the page, else the browser's best, else that of the survey
    or the link of the address, else English.
    """
    return _asked_language() or negotiate(_language_of_subject(), LANGUAGES)


def _asked_language() -> str | None:
    asked = request.args.get("lang") or request.headers.get("Accept-Language")
    return negotiate(asked, LANGUAGES) if asked else None


def _language_of_subject() -> str | None:
    """Return the languages of the survey, or the language of the link, that the address names; None where that is not known."""
    p, (kind, name) = parts(), request.path.split("/")[1:3]
    with suppress(DiscernError, SQLAlchemyError), p.store.reading() as session:
        if kind == "l":
            return language_of_link(session, LinkTokens(p.keys), name)
        bank = p.banks.current(session, name)[0].bank
        return ",".join((bank.language, *bank.languages))
    return None
