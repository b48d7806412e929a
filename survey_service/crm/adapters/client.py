"""One request to a CRM, through the same guarded connection as webhooks."""

import json
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlencode

from survey_service.crm.adapters.protocol import Request, Response
from survey_service.egress.addresses import AddressRefused, Policy, vet_url
from survey_service.egress.client import TOTAL_SECONDS, error_name, read, write_head
from survey_service.egress.connection import Deadline, GuardedConnection, Resolve, system_resolver

LONGEST_ANSWER = 2 * 1024 * 1024
"""Bytes. A hundred contacts with fifty fields each are a tenth of that."""
FORM = "application/x-www-form-urlencoded"
HIDDEN = ("ssrf_blocked", "dns", "connect")

Call = Callable[[Request, Policy], Response]


class Unanswered(Exception):
    """There was no response, or none that can be read. `problem` says why, in words for the owner of the connection."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


def call(
    request: Request, policy: Policy, resolve: Resolve = system_resolver, total: float = TOTAL_SECONDS, ca_file: Path | None = None
) -> Response:
    """Send a request once and read the whole response. Raises Unanswered."""
    body = encoded(request)
    try:
        target = vet_url(request.url, policy)
        connection = GuardedConnection(target, policy, resolve, Deadline(total), ca_file, LONGEST_ANSWER)
        write_head(connection, request.method, target, request.headers, len(body))
        with connection:
            connection.endheaders(body)
            response = connection.answer()
            content = read(response)
    except (AddressRefused, OSError, HTTPException, ValueError) as wrong:
        problem = error_name(wrong)
        raise Unanswered("unreachable" if problem in HIDDEN else problem) from wrong
    return Response(response.status, {name.lower(): value for name, value in response.getheaders()}, content)


def encoded(request: Request) -> bytes:
    """Return the bytes of a body."""
    if request.body is None:
        return b""
    if request.headers.get("content-type") == FORM:
        return urlencode(request.body).encode()
    return json.dumps(request.body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
