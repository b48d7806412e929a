"""The intake: routes that accept events of contacts in the formats of the Segment spec, from any client library for it.

The responses are those that these libraries expect: exactly 200 with ``{"success": true}``, and errors with a `code` and a `message`. Some
libraries lose messages on anything else. Nothing here redirects, since a redirected POST arrives without its body.
"""

import json
import logging
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

from flask import Blueprint, Response, request
from sqlalchemy.exc import OperationalError
from sqlmodel import Session

from survey_service.errors import DiscernError, Invalid, MalformedBody, TooLarge, Unauthorised
from survey_service.inbound import intake_queue
from survey_service.inbound.batch_reader import ReadBody, fault_of, read_messages, size_fault_of, unpack
from survey_service.inbound.ingest import LeftOut
from survey_service.inbound.segment import SegmentMessage, Unstorable, UnusableMessage, parse_message, parse_time
from survey_service.store.faults import contained
from survey_service.web import api
from survey_service.web.api import read_body
from survey_service.web.api_keys import INTAKE, MARK, authorise
from survey_service.web.context import Parts, parts
from survey_service.web.rate_limit_guard import limit_intake, may_evaluate_at_once

log = logging.getLogger(__name__)

LARGEST_BATCH = 500 * 1024
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
    messages = body.content.get("batch")
    if not isinstance(messages, list):
        raise Invalid('A batch has its messages in a list called "batch".')
    if len(messages) > MOST_MESSAGES:
        raise TooLarge(f"A batch has at most {MOST_MESSAGES} messages; this one has {len(messages)}.")
    return _accept(body, messages, None)


@blueprint.post("/<any(identify,track,page,screen,group,alias):kind>")
def single(kind: str) -> Response:
    """Accept a message."""
    body = _read_object()
    return _accept(body, [body.content], kind)


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


def _accept(body: ReadBody, raw: list[Any], kind: str | None) -> Response:
    p = parts()
    source = authorise(p, _write_key(body.content), INTAKE).id
    now = p.now()
    limit_intake(source, len(raw))
    messages, left_out = _parse_messages(raw, kind, parse_time(body.content.get("sentAt")), now, is_storable=body.is_storable)
    store = partial(_append, source, messages, left_out, now)
    if not may_evaluate_at_once(source, len(messages)):
        p.transact(store)
        return _json({"success": True})
    with contained(f"intake source={source}") as attempt:
        p.transact(partial(_evaluate, p, source, messages, left_out, now))
    if attempt.failed:
        p.transact(store)
    return _json({"success": True})


def _append(source: str, messages: Sequence[SegmentMessage], left_out: Sequence[LeftOut], now: datetime, session: Session) -> None:
    intake_queue.append(session, source, messages, now)
    intake_queue.record_left_out(session, {source: left_out})


def _evaluate(
    p: Parts, source: str, messages: Sequence[SegmentMessage], left_out: Sequence[LeftOut], now: datetime, session: Session
) -> None:
    """Evaluate a few messages now, so that the next request sees their effect."""
    intake_queue.evaluate(session, p.keys, p.banks, source, messages, left_out, now)


def _parse_messages(
    raw: list[Any], kind: str | None, sent_at: datetime | None, now: datetime, *, is_storable: bool
) -> tuple[list[SegmentMessage], list[LeftOut]]:
    """Return the usable messages, and why others cannot be used. Raises Invalid where the only message cannot be used.

    An unusable message does not make the batch fail: the library would send the whole batch again for ever, or drop it.
    """
    messages, left_out = [], []
    for value in raw:
        try:
            if (fault := (None if is_storable else fault_of(value)) or size_fault_of(value)) is not None:
                raise Unstorable(f"it {fault}")
            messages.append(parse_message(value, kind, sent_at, now))
        except UnusableMessage as error:
            left_out.append(LeftOut(error.code, str(error)))
    if left_out and len(raw) == 1:
        raise Invalid(f"This message cannot be used: {left_out[0].reason}.")
    return messages, left_out


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


def _read_object() -> ReadBody:
    """Return the JSON object in the body, unpacked. Raises MalformedBody, TooLarge. The content type is ignored."""
    body = read_messages(unpack(read_body(LARGEST_BATCH), request.headers.get("Content-Encoding", "")))
    if not isinstance(body.content, dict):
        raise MalformedBody("The body must be a JSON object.")
    around = type(body.content)((name, value) for name, value in body.content.items() if name != "batch")
    if not body.is_storable and "batch" in body.content and (fault := fault_of(around)) is not None:
        raise MalformedBody(f"The body around the messages {fault}.")
    return body


def _json(content: dict[str, Any]) -> Response:
    return Response(json.dumps(content), content_type="application/json")
