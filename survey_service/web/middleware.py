"""Headers and request ids of every response. A route that sets a header itself keeps it."""

import re
import secrets

from flask import Flask, Response, request
from structlog.contextvars import bind_contextvars, clear_contextvars

from survey_service.settings import Settings

NAMES = "discern.names"
"""The key under which the access log finds the ids after the request."""

FROM_PROXY = re.compile(r"[A-Za-z0-9._-]{8,64}")
SESSION = re.compile(r"ses_[a-z2-7]{26}")


class RequestIds:
    """Gives each request of an application an id and adds it to the log lines, with the session where there is one."""

    def __init__(self, app: Flask, *, behind_proxy: bool) -> None:
        self._behind_proxy = behind_proxy
        app.before_request(self._begin)
        app.after_request(self._end)
        app.teardown_request(lambda _: clear_contextvars())

    def _begin(self) -> None:
        # Anybody can send an id. It gets into the log only where a proxy of ours sent it.
        given = request.headers.get("X-Request-Id", "") if self._behind_proxy else ""
        names = {"request_id": given if FROM_PROXY.fullmatch(given) else secrets.token_hex(8)}
        if SESSION.fullmatch(session := (request.view_args or {}).get("session_id", "")):
            names["session"] = session
        request.environ[NAMES] = names
        clear_contextvars()
        bind_contextvars(**names)

    def _end(self, response: Response) -> Response:
        response.headers["X-Request-Id"] = request.environ[NAMES]["request_id"]
        return response


A_YEAR = 365 * 24 * 60 * 60


class Headers:
    """Adds the security headers that browsers obey."""

    def __init__(self, app: Flask, settings: Settings) -> None:
        self._https = settings.base_url.startswith("https://")
        app.after_request(self.add)

    def add(self, response: Response) -> Response:
        headers = response.headers
        headers.setdefault("X-Content-Type-Options", "nosniff")
        headers.setdefault("Referrer-Policy", "no-referrer")
        if response.mimetype == "text/html":
            headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
            headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()")
        else:  # data is no page: it is not framed and runs nothing
            headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
        if request.path.startswith(("/api/", "/v1/")):
            headers.setdefault("Cache-Control", "no-store")
        if self._https:
            headers.setdefault("Strict-Transport-Security", f"max-age={A_YEAR}; includeSubDomains")
        return response
