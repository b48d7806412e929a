"""The intake for what contacts do, in the shapes of the Segment spec, for every client library that speaks it.

Answers are what these libraries expect: exactly 200 with ``{"success": true}``, and errors with a `code` and a `message`; some of them
lose messages on anything else. Nothing here redirects: a redirected POST arrives empty.
"""

import json
import logging
import zlib
from typing import Any

from flask import Blueprint, Response, request
from sqlalchemy.exc import OperationalError

from survey_service.errors import DiscernError, Invalid, MalformedBody, TooLarge, Unauthorised
from survey_service.inbound.ingest import ingest
from survey_service.inbound.segment import SegmentMessage, UnusableMessage, parse_message, parse_time
from survey_service.web import api
from survey_service.web.api import read_body
from survey_service.web.api_keys import INTAKE, MARK, authorise
from survey_service.web.context import parts
from survey_service.web.strict_json import read_json

log = logging.getLogger(__name__)

LARGEST_BATCH = 500 * 1024
LARGEST_UNZIPPED = 4 * 1024 * 1024
LARGEST_MESSAGE = 32 * 1024
MOST_MESSAGES = 2500
SHORT = {"i": "identify", "t": "track", "p": "page", "s": "screen", "g": "group", "a": "alias"}

blueprint = Blueprint("intake", __name__, url_prefix="/v1")


@blueprint.after_request
def from_any_page(response: Response) -> Response:
    """Browsers call this from every site that has the key; nothing is told to them, so no site needs to be kept out."""
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type"
    response.headers["Access-Control-Max-Age"] = "86400"
    return response


@blueprint.errorhandler(DiscernError)
def refused(error: DiscernError) -> tuple[Response, int, dict[str, str]]:
    """The shape that the libraries read."""
    status = 400 if error.status == Invalid.status else error.status
    return _json({"code": error.code, "message": error.detail}), status, error.headers


@blueprint.errorhandler(OperationalError)
def not_now(error: OperationalError) -> tuple[Response, int, dict[str, str]]:
    """The library keeps what it has, and comes back."""
    api.count_refusal(error)
    return _json({"code": "unavailable", "message": "Try again in a moment; nothing was taken."}), 503, {"Retry-After": "2"}


@blueprint.post("/batch")
@blueprint.post("/b")
@blueprint.post("/import")
def batch() -> Response:
    """Many messages at once."""
    body = _body()
    messages = body.get("batch")
    if not isinstance(messages, list):
        raise Invalid('A batch has its messages in a list called "batch".')
    if len(messages) > MOST_MESSAGES:
        raise TooLarge(f"A batch has at most {MOST_MESSAGES} messages; this one has {len(messages)}.")
    return _take(body, messages, None)


@blueprint.post("/<any(identify,track,page,screen,group,alias):kind>")
def one(kind: str) -> Response:
    """One message."""
    body = _body()
    return _take(body, [body], kind)


@blueprint.post("/<any(i,t,p,s,g,a):kind>")
def one_in_short(kind: str) -> Response:
    """One message, at the address that browsers use."""
    return one(SHORT[kind])


@blueprint.get("/projects/<string:key>/settings")
def settings(key: str) -> Response:
    """What the library for browsers asks before it sends anything: it is to send everything here, and load nothing else."""
    p = parts()
    authorise(p, key, INTAKE)
    host = p.settings.base_url.removeprefix("https://").removeprefix("http://").rstrip("/")
    destination = {"apiKey": key, "apiHost": f"{host}/v1", "protocol": p.settings.base_url.partition(":")[0]}
    return _json({"integrations": {"Segment.io": destination}, "plan": {}, "edgeFunction": {}, "analyticsNextEnabled": True})


def _take(body: dict[str, Any], raw: list[Any], kind: str | None) -> Response:
    p = parts()
    source = authorise(p, _key(body), INTAKE).id
    now = p.now()
    messages, left_out = _understood(raw, kind, parse_time(body.get("sentAt")), now)
    with p.store.writing() as session:
        taken = ingest(session, p.keys, p.banks, source, messages, now)
    if left_out or taken.left_out:
        log.info("intake %s: %d of %d messages left out", source, len(left_out) + len(taken.left_out), len(raw))
    return _json({"success": True})


def _understood(raw: list[Any], kind: str | None, sent_at: Any, now: Any) -> tuple[list[SegmentMessage], list[str]]:
    """One message that cannot be used does not take the others with it: the library would send all of them again, for ever."""
    messages, left_out = [], []
    for value in raw:
        try:
            if len(json.dumps(value)) > LARGEST_MESSAGE:
                raise UnusableMessage(f"a message has at most {LARGEST_MESSAGE // 1024} kB")
            messages.append(parse_message(value, kind, sent_at, now))
        except UnusableMessage as why:
            left_out.append(str(why))
    if left_out and len(raw) == 1:
        raise Invalid(f"This message cannot be used: {left_out[0]}.")
    return messages, left_out


def _key(body: dict[str, Any]) -> str:
    """From the user name of Basic, from Bearer, or from the body: each library has its own habit."""
    if request.authorization is not None:
        key = request.authorization.username if request.authorization.type == "basic" else request.authorization.token
        if key:
            return key
    key = body.get("writeKey")
    if not isinstance(key, str) or not key.startswith(MARK):
        raise Unauthorised('This needs a write key: make one with "discern key create --scope intake".')
    return key


def _body() -> dict[str, Any]:
    """The JSON object in the body, whatever the content type says, unpacked where it is packed."""
    body = read_body(LARGEST_BATCH)
    if request.headers.get("Content-Encoding", "").lower() == "gzip":
        body = _unzipped(body)
    read = read_json(body)
    if not isinstance(read, dict):
        raise MalformedBody("The body must be a JSON object.")
    return read


def _unzipped(packed: bytes) -> bytes:
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        plain = unpacker.decompress(packed, LARGEST_UNZIPPED)
    except zlib.error:
        raise MalformedBody("The body says that it is gzip, and is not.") from None
    if not unpacker.eof:
        raise (
            TooLarge(f"At most {LARGEST_UNZIPPED // 1024**2} MB are unpacked.")
            if unpacker.unconsumed_tail
            else MalformedBody("The gzip body broke off.")
        )
    return plain


def _json(content: dict[str, Any]) -> Response:
    return Response(json.dumps(content), content_type="application/json")
