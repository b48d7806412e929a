"""The errors that a caller can meet, all in one shape (RFC 9457, problem+json)."""

from collections.abc import Mapping, Sequence
from typing import Any


class DiscernError(Exception):
    """Something is wrong with this request."""

    status = 400
    code = "bad_request"

    def __init__(self, detail: str | None = None, *, errors: Sequence[Mapping[str, str]] = (), headers: Mapping[str, str] | None = None):
        self.detail = detail or (type(self).__doc__ or "").strip()
        self.errors = list(errors)
        self.headers = dict(headers or {})
        super().__init__(self.detail)


class MalformedBody(DiscernError):
    """The body is not readable JSON."""

    code = "malformed_body"


class Unauthorised(DiscernError):
    """This needs a valid API key: send it as "Authorization: Bearer ..."."""

    status, code = 401, "unauthorised"


class BadToken(DiscernError):
    """The session token is missing or does not fit this session."""

    status, code = 401, "bad_token"


class ScopeMissing(DiscernError):
    """This API key does not have the scope that is needed here."""

    status, code = 403, "scope_missing"


class OriginNotAllowed(DiscernError):
    """This survey may not be embedded on that site: list its origin in the survey's origins and publish the bank."""

    status, code = 403, "origin_not_allowed"


class NotFound(DiscernError):
    """There is nothing at this address."""

    status, code = 404, "not_found"


class Conflict(DiscernError):
    """This conflicts with what is already stored."""

    status, code = 409, "conflict"


class SurveyPaused(DiscernError):
    """This survey is paused: it begins no new session. Sessions that are open go on."""

    status, code = 409, "survey_paused"


class SessionClosed(DiscernError):
    """The session has ended; what was answered is kept. Start a new one to answer again."""

    status, code = 409, "session_closed"


class SessionExpired(DiscernError):
    """The session was open too long; what was answered is kept. Start a new one to go on."""

    status, code = 409, "session_expired"


class AnswerIdReused(DiscernError):
    """This answer_id already stands for another answer: make a new one for each answer."""

    status, code = 409, "answer_id_reused"


class TooLarge(DiscernError):
    """The body is larger than what is read here."""

    status, code = 413, "body_too_large"


class WrongMediaType(DiscernError):
    """The body has a media type that is not read here: send application/json."""

    status, code = 415, "unsupported_media_type"


class Invalid(DiscernError):
    """Some fields are missing or wrong."""

    status, code = 422, "invalid"


class UnknownQuestion(Invalid):
    """The survey has no such question."""

    code = "unknown_question"


class QuestionNotOpen(Invalid):
    """This question is asked only after a certain answer to an earlier one, which has not been given."""

    code = "question_not_open"


class ValueImpossible(Invalid):
    """This answer is not one of the possible ones."""

    code = "impossible_value"


class Unavailable(DiscernError):
    """The service cannot answer just now; nothing was lost. Try again in a moment."""

    status, code = 503, "unavailable"


TITLES = {
    400: "Bad request",
    401: "Not authorised",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    410: "Gone",
    412: "Changed meanwhile",
    413: "Too large",
    414: "Address too long",
    415: "Media type not read",
    417: "Not expected",
    422: "Not valid",
    428: "Precondition missing",
    429: "Too many requests",
    431: "Headers too large",
    500: "Internal error",
    501: "Not implemented",
    503: "Not available",
}


def problem(status: int, code: str, detail: str, errors: Sequence[Mapping[str, str]] = ()) -> dict[str, Any]:
    """Return the body of an error."""
    body: dict[str, Any] = {
        "type": f"urn:discern:error:{code}",
        "title": TITLES.get(status, "Error"),
        "status": status,
        "detail": detail,
        "code": code,
    }
    if errors:
        body["errors"] = [dict(error) for error in errors]
    return body
