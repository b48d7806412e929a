"""Headers that every answer has, whatever room it comes from. A room that says something else is heard first."""

from flask import Flask, Response, request

from survey_service.settings import Settings

A_YEAR = 365 * 24 * 60 * 60


class Headers:
    """What browsers may do with our answers."""

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
        else:  # data is nobody's page: it is not framed and runs nothing
            headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
        if request.path.startswith(("/api/", "/v1/")):
            headers.setdefault("Cache-Control", "no-store")
        if self._https:
            headers.setdefault("Strict-Transport-Security", f"max-age={A_YEAR}; includeSubDomains")
        return response
