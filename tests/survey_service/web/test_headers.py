"""Security headers of responses."""

import pytest

from survey_service.app import create_app
from survey_service.settings import Settings
from tests.survey_service.service import SECRET

ADDRESSES = ("/api/v1/openapi.json", "/api/v1/docs", "/api/v1/banks", "/healthz", "/metrics", "/embed/v1/widget.js", "/s/all", "/nowhere")


@pytest.mark.parametrize("path", ADDRESSES)
def test_responses_forbid_sniffing_framing_and_referrers(one_service, path):
    """Every response has them, errors too. Pages set their own rule for framing."""
    response = one_service.client.get(path)

    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert "frame-ancestors" in response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert "Set-Cookie" not in response.headers
    assert "Strict-Transport-Security" not in response.headers  # this one is served without TLS


def test_pages_ask_for_no_device_permission_and_have_no_opener(one_service):
    """Pages have no opener; responses that are not pages do not need these headers."""
    for path in ("/s/all", "/s/all/x.y.z", "/api/v1/docs", "/l/AAAA"):
        headers = one_service.client.get(path).headers
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert "camera=()" in headers["Permissions-Policy"]
    assert "Permissions-Policy" not in one_service.client.get("/api/v1/openapi.json").headers


def test_api_responses_are_not_cached(one_service):
    """API responses contain personal data."""
    for path in ("/api/v1/banks", "/api/v1/contacts", "/api/v1/contacts/nobody"):
        assert one_service.call("GET", path).headers["Cache-Control"] == "no-store"


def test_behind_tls_responses_ask_for_strict_transport(tmp_path):
    """The header is sent if BASE_URL begins with https."""
    app = create_app(Settings(f"sqlite:///{tmp_path}/x.db", (SECRET,), base_url="https://surveys.example.com"))

    assert "max-age=31536000" in app.test_client().get("/healthz").headers["Strict-Transport-Security"]
    app.extensions["discern"].store.close()
