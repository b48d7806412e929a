"""What every API route shares: strict reading of bodies, one shape of errors, and an OpenAPI document that says what validation refuses."""

import json
import logging
import time
from collections.abc import Callable, Mapping
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from flask import Flask, Response, g, jsonify, request
from flask_smorest import Api, Blueprint
from marshmallow import RAISE, Schema, ValidationError, fields, post_load, validate
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, InterfaceError, InternalError, OperationalError
from webargs import missing
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from survey_service.errors import Conflict, DiscernError, Invalid, MalformedBody, NotFound, TooLarge, Unavailable, WrongMediaType, problem
from survey_service.web.strict_json import NUL, read_json

SECONDS = 1.0

log = logging.getLogger(__name__)


UNIQUE_VIOLATIONS = ("23505", "SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY")
"""The codes of PostgreSQL and SQLite for a value that another transaction has stored in the meantime."""

View = TypeVar("View", bound=Callable[..., Any])
"""A function that handles a route: decorators return it with the same type."""


class LogSampler:
    """Log at most once in so many seconds, with the number of events in between."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds, self._lock = seconds, Lock()
        self._last, self._since = -seconds, 0

    def due_count(self, now: float) -> int:
        """Return how many events there were since the last log line, or 0 where it is too early for another."""
        with self._lock:
            self._since += 1
            if now - self._last < self._seconds:
                return 0
            counted, self._last, self._since = self._since, now, 0
            return counted


_seldom = LogSampler()


def count_refusal(error: DBAPIError) -> None:
    """Count one more request that was refused because the database is away."""
    if refused := _seldom.due_count(time.monotonic()):
        log.warning("the database did not answer", extra={"problem": str(error.orig).partition("\n")[0], "refused": refused})


LARGEST_BODY = 64 * 1024
LONGEST_SILENCE = 10.0
JSON_TYPES = ("application/json", "text/plain", "application/x-www-form-urlencoded", "")  # the third is what `curl -d` sends
PROBLEM_JSON = "application/problem+json"


class StrictSchema(Schema):
    """A body in which an unknown field is an error, not a silent loss.

    `also` is what its JSON Schema says beyond its fields. `request` is the frozen dataclass that a valid body is loaded into; without one
    a body is a mapping of the fields that were sent, as a PATCH needs it.
    """

    also: ClassVar[Mapping[str, Any]] = {}
    request: ClassVar[type | None] = None

    class Meta:
        unknown = RAISE

    @post_load
    def _to_request(self, data: dict[str, Any], **_: Any) -> Any:
        return data if self.request is None else self.request(**data)

    @classmethod
    def described(cls, fields_of_it: dict[str, Any], _name_of: Callable[[type[Schema]], dict[str, Any]]) -> dict[str, Any]:
        """Return the JSON Schema of the body, from that of its fields."""
        return {**fields_of_it, **cls.also}


class ProblemItemSchema(StrictSchema):
    path = fields.String(metadata={"description": "Where in the request, for example answers.0.value"})
    message = fields.String(metadata={"description": "What is wrong and what to do"})
    key = fields.String(
        validate=validate.OneOf(["choose", "number", "plain", "outside", "write", "too_long"]),
        metadata={"description": "Of an impossible answer: which text of the widget says what is wrong"},
    )


class ProblemSchema(StrictSchema):
    """RFC 9457."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    code = fields.String(required=True)
    errors = fields.List(fields.Nested(ProblemItemSchema))


class BodyParser(FlaskParser):
    """Reads JSON whatever the content type says, unless it names another format.

    A page that sends ``text/plain`` needs no CORS preflight, which saves a phone one round trip.
    """

    DEFAULT_UNKNOWN_BY_LOCATION: ClassVar[dict[str, str | None]] = {"json": RAISE, "query": RAISE}  # type: ignore[misc]

    def load_json(self, req: Any, schema: Schema) -> Any:
        kind = (req.mimetype or "").lower()
        if kind not in JSON_TYPES and not kind.endswith("+json"):
            raise WrongMediaType
        body = read_body()
        g.body = read_json(body) if body.strip() else missing
        return g.body

    def handle_error(
        self,
        error: ValidationError,
        req: Any,
        schema: Schema,
        *,
        error_status_code: int | None,
        error_headers: Mapping[str, str] | None,
    ) -> Any:
        raise Invalid(errors=list(_listed(error.messages)))


class ApiBlueprint(Blueprint):  # type: ignore[misc]  # flask-smorest has no types
    """A flask-smorest blueprint whose decorators have types."""

    ARGUMENTS_PARSER = BodyParser()

    if TYPE_CHECKING:

        def get(self, rule: str, **options: Any) -> Callable[[View], View]: ...
        def post(self, rule: str, **options: Any) -> Callable[[View], View]: ...
        def put(self, rule: str, **options: Any) -> Callable[[View], View]: ...
        def patch(self, rule: str, **options: Any) -> Callable[[View], View]: ...
        def delete(self, rule: str, **options: Any) -> Callable[[View], View]: ...
        def response(self, status: int, schema: Any = None, **options: Any) -> Callable[[View], View]: ...
        def alt_response(self, status: int, **options: Any) -> Callable[[View], View]: ...
        def doc(self, **fields: Any) -> Callable[[View], View]: ...
        def before_request(self, function: View) -> View: ...
        def after_request(self, function: View) -> View: ...
        def errorhandler(self, error: type[Exception] | int) -> Callable[[View], View]: ...

    def arguments(self, schema: type[Schema] | Schema, **more: Any) -> Callable[[View], View]:
        """As flask-smorest's, but the schema is made once and not for every request."""
        decorator: Callable[[View], View] = super().arguments(schema() if isinstance(schema, type) else schema, **more)
        return decorator


class DiscernApi(Api):  # type: ignore[misc]  # flask-smorest has no types
    """flask-smorest with our shape of errors, and an OpenAPI document that is made when somebody first reads it.

    Describing the views takes nearly as long as making the rest of the application, and few processes are ever asked for the document.
    """

    ERROR_SCHEMA = ProblemSchema

    def __init__(self, app: Flask, **options: Any) -> None:
        self._lock = Lock()
        self._blueprints: list[ApiBlueprint] = []
        self._document: dict[str, Any] | None = None
        super().__init__(app, **options)

    def register_blueprint(self, blueprint: ApiBlueprint) -> None:
        """Register the views of a blueprint, which are in the OpenAPI document too."""
        self._app.register_blueprint(blueprint)
        self._blueprints.append(blueprint)

    def document(self) -> Mapping[str, Any]:
        """Return the OpenAPI document."""
        with self._lock:
            if self._document is None:
                self._describe_errors()
                for blueprint in self._blueprints:
                    blueprint.register_views_in_doc(self, self._app, self.spec, name=blueprint.name, parameters=None)
                    self.spec.tag({"name": blueprint.name, "description": blueprint.description})
                self._document = self.spec.to_dict()
            return self._document

    def _openapi_json(self) -> Response:
        return jsonify(self.document())

    def handle_http_exception(self, error: HTTPException) -> Response:
        if isinstance(error, RequestEntityTooLarge):
            return problem_response(TooLarge())
        code = (error.name or "error").lower().replace(" ", "_")
        response = _problem_json(error.code or 500, code, error.description or "")
        for name, value in error.get_headers():
            if name.lower() in ("allow", "retry-after"):
                response.headers[name] = value
        return response

    def _register_responses(self) -> None:
        """Do nothing when the application is created: `document` registers the error responses."""

    def _describe_errors(self) -> None:
        # Error responses are documented under the default content type, which is not theirs; there is no public setting for it.
        self.DEFAULT_RESPONSE_CONTENT_TYPE = PROBLEM_JSON
        super()._register_responses()
        self.DEFAULT_RESPONSE_CONTENT_TYPE = Api.DEFAULT_RESPONSE_CONTENT_TYPE


def register_errors(app: Flask) -> None:
    """Answer every failure that is not a bug with problem+json."""
    app.register_error_handler(DiscernError, problem_response)
    app.register_error_handler(IntegrityError, _integrity_failed)
    app.register_error_handler(DataError, lambda _: problem_response(Invalid("Something in this request cannot be stored.")))
    for kind in (OperationalError, InterfaceError, InternalError):  # PostgreSQL raises the last one when it has become read-only
        app.register_error_handler(kind, _database_failed)
    app.before_request(limit_read_time)
    app.before_request(refuse_nul)


def problem_response(error: DiscernError) -> Response:
    response = _problem_json(error.status, error.code, error.detail, error.errors)
    response.headers.update(error.headers)
    return response


def read_body(limit: int = LARGEST_BODY) -> bytes:
    """Return the whole body. Raises TooLarge also where its length was not announced, and MalformedBody where it broke off."""
    if (request.content_length or 0) > limit:
        raise TooLarge
    request.max_content_length = limit + 1
    try:
        body = request.get_data()
    except OSError:
        raise MalformedBody("The body broke off, or its chunks are not readable.") from None
    if len(body) > limit:
        raise TooLarge
    return body


def limit_read_time() -> None:
    """Limit the time in which a body may arrive, before every request: a client that stops gives its thread back."""
    connection = request.environ.get("gunicorn.socket")
    if connection is not None:
        connection.settimeout(LONGEST_SILENCE)


def refuse_nul() -> None:
    """Refuse NUL in addresses and queries, before every request: PostgreSQL does not store it, SQLite does."""
    if NUL in request.path:
        raise NotFound
    for name, value in request.args.items(multi=True):
        if NUL in name + value:
            raise Invalid(errors=[{"path": name.replace(NUL, ""), "message": "has a NUL character"}])


def _listed(messages: Any, path: str = "") -> Any:
    """Flatten marshmallow's nested messages to {path, message}."""
    if isinstance(messages, Mapping):
        for key, inner in messages.items():
            deeper = path if key in ("json", "query", "_schema") and not path else f"{path}.{key}".lstrip(".")
            yield from _listed(inner, deeper)
    elif isinstance(messages, list):
        for inner in messages:
            yield from _listed(inner, path)
    else:
        yield {"path": path, "message": str(messages)}


def _problem_json(status: int, code: str, detail: str, errors: Any = ()) -> Response:
    body = json.dumps(problem(status, code, detail, errors), ensure_ascii=False)
    return Response(body, status, content_type=PROBLEM_JSON)


def _integrity_failed(error: IntegrityError) -> Response:
    """Answer a lost race for a unique value with a conflict. Any other violated constraint is a bug, which is logged with its cause."""
    original: Any = error.orig
    code = getattr(original, "sqlstate", None) or getattr(original, "sqlite_errorname", None)
    if code not in UNIQUE_VIOLATIONS:
        raise error
    return problem_response(Conflict("Somebody else changed this at the same moment: try again."))


def _database_failed(error: DBAPIError) -> Response:
    count_refusal(error)
    return problem_response(Unavailable(headers={"Retry-After": "2"}))
