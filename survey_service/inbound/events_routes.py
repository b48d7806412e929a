"""The intake: routes that accept events of contacts in the formats of the Segment spec, from any client library for it.

The responses are those that these libraries expect: exactly 200 with ``{"success": true}``, and errors with a `code` and a `message`. Some
libraries lose messages on anything else. Nothing here redirects, since a redirected POST arrives without its body.
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
KIND_OF_LETTER = {"i": "identify", "t": "track", "p": "page", "s": "screen", "g": "group", "a": "alias"}

blueprint = Blueprint("intake", __name__, url_prefix="/v1")


@blueprint.after_request
def allow_all_origins(response: Response) -> Response:
    """Allow calls from pages of every site. The responses contain no data, so no site has to be excluded."""
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type"
    response.headers["Access-Control-Max-Age"] = "86400"
    return response


@blueprint.errorhandler(DiscernError)
def refused(error: DiscernError) -> tuple[Response, int, dict[str, str]]:
    """Return an error in the format that the client libraries read."""
    status = 400 if error.status == Invalid.status else error.status
    return _json({"code": error.code, "message": error.detail}), status, error.headers


@blueprint.errorhandler(OperationalError)
def unavailable(error: OperationalError) -> tuple[Response, int, dict[str, str]]:
    """Answer 503, on which the client library keeps its messages and retries."""
    api.count_refusal(error)
    return _json({"code": "unavailable", "message": "Try again in a moment; nothing was stored."}), 503, {"Retry-After": "2"}


@blueprint.post("/batch")
@blueprint.post("/b")
@blueprint.post("/import")
def batch() -> Response:
    """Accept a batch of messages."""
    body = _read_object()
    messages = body.get("batch")
    if not isinstance(messages, list):
        raise Invalid('A batch has its messages in a list called "batch".')
    if len(messages) > MOST_MESSAGES:
        raise TooLarge(f"A batch has at most {MOST_MESSAGES} messages; this one has {len(messages)}.")
    return _accept(body, messages, None)


@blueprint.post("/<any(identify,track,page,screen,group,alias):kind>")
def single(kind: str) -> Response:
    """Accept a message."""
    body = _read_object()
    return _accept(body, [body], kind)


@blueprint.post("/<any(i,t,p,s,g,a):kind>")
def single_short(kind: str) -> Response:
    """Accept a message, at the short address that browsers use."""
    return single(KIND_OF_LETTER[kind])


@blueprint.get("/projects/<string:key>/settings")
def settings(key: str) -> Response:
    """Return the settings that the browser library loads first: send everything here, and load no other integrations."""
    p = parts()
    authorise(p, key, INTAKE)
    host = p.settings.base_url.removeprefix("https://").removeprefix("http://").rstrip("/")
    destination = {"apiKey": key, "apiHost": f"{host}/v1", "protocol": p.settings.base_url.partition(":")[0]}
    return _json({"integrations": {"Segment.io": destination}, "plan": {}, "edgeFunction": {}, "analyticsNextEnabled": True})


def _accept(body: dict[str, Any], raw: list[Any], kind: str | None) -> Response:
    p = parts()
    source = authorise(p, _write_key(body), INTAKE).id
    now = p.now()
    messages, skipped = _parse_messages(raw, kind, parse_time(body.get("sentAt")), now)
    result = p.transact(lambda session: ingest(session, p.keys, p.banks, source, messages, now))
    if skipped or result.skipped:
        log.info("intake %s: %d of %d messages left out", source, len(skipped) + len(result.skipped), len(raw))
    return _json({"success": True})


def _parse_messages(raw: list[Any], kind: str | None, sent_at: Any, now: Any) -> tuple[list[SegmentMessage], list[str]]:
    """Return the usable messages, and why others cannot be used. Raises Invalid where the only message cannot be used.

    An unusable message does not make the batch fail: the library would send the whole batch again for ever.
    """
    messages, skipped = [], []
    for value in raw:
        try:
            if len(json.dumps(value)) > LARGEST_MESSAGE:
                raise UnusableMessage(f"a message has at most {LARGEST_MESSAGE // 1024} kB")
            messages.append(parse_message(value, kind, sent_at, now))
        except UnusableMessage as error:
            skipped.append(str(error))
    if skipped and len(raw) == 1:
        raise Invalid(f"This message cannot be used: {skipped[0]}.")
    return messages, skipped


def _write_key(body: dict[str, Any]) -> str:
    """Return the write key from the user name of Basic, from Bearer, or from the body; libraries differ. Raises Unauthorised."""
    if request.authorization is not None:
        key = request.authorization.username if request.authorization.type == "basic" else request.authorization.token
        if key:
            return key
    key = body.get("writeKey")
    if not isinstance(key, str) or not key.startswith(MARK):
        raise Unauthorised('This needs a write key: make one with "discern key create --scope intake".')
    return key


def _read_object() -> dict[str, Any]:
    """Return the JSON object in the body, decompressed if it is gzip. Raises MalformedBody, TooLarge. The content type is ignored."""
    body = read_body(LARGEST_BATCH)
    if request.headers.get("Content-Encoding", "").lower() == "gzip":
        body = _decompress(body)
    content = read_json(body)
    if not isinstance(content, dict):
        raise MalformedBody("The body must be a JSON object.")
    return content


def _decompress(compressed: bytes) -> bytes:
    decompressor = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        plain = decompressor.decompress(compressed, LARGEST_UNZIPPED)
    except zlib.error:
        raise MalformedBody("The body says that it is gzip, and is not.") from None
    if not decompressor.eof:
        raise (
            TooLarge(f"At most {LARGEST_UNZIPPED // 1024**2} MB are unpacked.")
            if decompressor.unconsumed_tail
            else MalformedBody("The gzip body broke off.")
        )
    return plain


def _json(content: dict[str, Any]) -> Response:
    return Response(json.dumps(content), content_type="application/json")
