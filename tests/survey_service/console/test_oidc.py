"""Signing in with a provider of OpenID Connect on this machine, which speaks HTTP and signs with a real key."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwk, jwt

from survey_service.settings import Settings, SettingsInvalid
from survey_service.web.accounts import invite
from tests.survey_service.service import SECRET

CLIENT, PASSWORD = "discern", "a secret of the provider"


@dataclass
class Provider:
    """The provider: it signs in whoever is set, once a code, and checks the client and the verifier of its request."""

    key: Any = field(default_factory=lambda: jwk.RSAKey.generate_key(2048, {"kid": "1", "use": "sig", "alg": "RS256"}))
    signing: Any = None
    issuer: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)
    asked: dict[str, str] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)

    def authorize(self, address: str) -> str:
        """Act as the provider's page after somebody has signed in there. Return where it sends the browser."""
        assert address.startswith(f"{self.issuer}/authorize?")
        self.asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        return f"{self.asked['redirect_uri']}?code=c0de&state={self.asked['state']}"

    def token(self, form: dict[str, str]) -> dict[str, Any] | None:
        challenge = create_s256_code_challenge(form.get("code_verifier", ""))
        if (
            form.get("code") != "c0de"
            or challenge != self.asked["code_challenge"]
            or form.get("redirect_uri") != self.asked["redirect_uri"]
        ):
            self.refused.append(form.get("code", ""))
            return None
        standard = {"iss": self.issuer, "aud": CLIENT, "sub": "1", "exp": int(time.time()) + 300, "iat": int(time.time())}
        claims = {**standard, "nonce": self.asked["nonce"], "email": "claire@example.com", "email_verified": True, **self.claims}
        header = {"alg": "RS256", "kid": "1"}
        return {"access_token": "x", "token_type": "Bearer", "id_token": jwt.encode(header, claims, self.signing or self.key)}


@contextmanager
def served(provider: Provider) -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            endpoints = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
            about = {"issuer": provider.issuer, **{name: f"{provider.issuer}/{path}" for name, path in endpoints.items()}}
            keys = {"keys": [provider.key.as_dict(private=False)]}
            self._answer(keys if self.path == "/keys" else about | provider.about)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            assert self.headers["Authorization"].startswith("Basic ")
            token = provider.token({name: values[0] for name, values in parse_qs(body).items()})
            self._answer(token or {"error": "invalid_grant"}, 200 if token else 400)

        def _answer(self, content: Any, status: int = 200) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        provider.issuer = f"http://127.0.0.1:{server.server_address[1]}"
        yield
        server.shutdown()


@pytest.fixture
def provider(service, monkeypatch) -> Iterator[Provider]:
    """A provider that the service knows; Claire was invited."""
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")  # the provider is on this machine
    p = service.parts
    with p.store.writing() as session:
        invite(session, "claire@example.com", "Claire", "admin", p.now(), sees_contacts=True)
    with served(found := Provider()):
        settings = replace(p.settings, oidc_issuer=found.issuer, oidc_client_id=CLIENT, oidc_client_secret=PASSWORD)
        service.app.extensions["discern"] = replace(p, settings=settings)
        yield found


def sign_in(service, provider, change: Callable[[str], str] = lambda address: address):
    """Go to the provider and come back. Return the response, and the client with its cookies."""
    client = service.app.test_client()
    begun = client.get("/console/oidc")
    assert begun.status_code == 303, begun.text
    back = urlsplit(change(provider.authorize(begun.headers["Location"])))
    return client.get(f"{back.path}?{back.query}"), client


def test_an_invited_person_is_signed_in(service, provider):
    """The page that asks to sign in leads to the provider; the request has PKCE, state and nonce; the code is used once."""
    assert 'href="/console/oidc"' in service.client.get("/console").text
    done, client = sign_in(service, provider)

    assert (done.status_code, done.headers["Location"]) == (303, "/console")
    assert "Claire" in client.get("/console").text
    assert provider.asked["response_type"] == "code"
    assert provider.asked["code_challenge_method"] == "S256"
    assert len({provider.asked[name] for name in ("state", "nonce", "code_challenge")}) == 3
    assert provider.asked["scope"] == "openid email profile"


@pytest.mark.parametrize(
    ("claims", "says"),
    [
        ({"email": "eve@example.com"}, "Nobody has invited eve@example.com"),
        ({"email_verified": False}, "does not say that your e-mail address is yours"),
        ({"email_verified": "true"}, "does not say that your e-mail address is yours"),
        ({"nonce": "another"}, "ID token is not valid"),
        ({"aud": "another"}, "ID token is not valid"),
        ({"iss": "https://elsewhere.example"}, "ID token is not valid"),
        ({"exp": 1_000_000_000}, "ID token is not valid"),
    ],
)
def test_a_token_that_does_not_fit_signs_nobody_in(service, provider, claims, says):
    """Each claim is checked; the page says what to do."""
    provider.claims = claims
    done, client = sign_in(service, provider)

    assert done.status_code == 403
    assert says in done.text
    assert client.get("/console").status_code == 401


def test_a_token_of_another_key_is_refused(service, provider):
    """The signature is that of the provider's published keys."""
    provider.signing = jwk.RSAKey.generate_key(2048, {"kid": "1", "use": "sig", "alg": "RS256"})
    assert "ID token is not valid" in sign_in(service, provider)[0].text


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda address: address.replace("state=", "state=x"), "begin again"),
        (lambda address: address.replace("c0de", "wrong"), "The provider refused the code"),
        (lambda address: address.replace("code=c0de", "error=access_denied&error_description=no"), "The provider refused: no"),
    ],
)
def test_what_comes_back_changed_signs_nobody_in(service, provider, change, says):
    """Another state, another code, and a refusal."""
    done, client = sign_in(service, provider, change)
    assert (done.status_code, says in done.text) == (403, True)
    assert client.get("/console").status_code == 401


def test_the_browser_that_began_must_be_the_one_that_ends(service, provider):
    """A link to the end, sent to somebody else, signs nobody in."""
    address = provider.authorize(service.app.test_client().get("/console/oidc").headers["Location"])
    other = service.app.test_client().get(f"{urlsplit(address).path}?{urlsplit(address).query}")
    assert (other.status_code, "did not begin to sign in here" in other.text) == (403, True)


def test_a_provider_that_calls_itself_otherwise_is_refused(service, provider):
    """Without a provider there is no such page, and one that is away is said to be."""
    provider.about = {"issuer": "https://elsewhere.example"}
    assert "DISCERN_OIDC_ISSUER must be the same" in service.client.get("/console/oidc").text
    provider.about = {"token_endpoint": None}
    assert "does not name its token_endpoint" in service.client.get("/console/oidc").text
    p = service.parts
    service.app.extensions["discern"] = replace(p, settings=replace(p.settings, oidc_issuer="http://127.0.0.1:9"))
    assert "does not answer" in service.client.get("/console/oidc").text
    service.app.extensions["discern"] = replace(p, settings=replace(p.settings, oidc_issuer=None))
    assert service.client.get("/console/oidc").status_code == 404


def test_the_settings_belong_together():
    """Two of three are an error that names the third."""
    given = {"DISCERN_SECRET_KEYS": SECRET, "DISCERN_OIDC_ISSUER": "https://id.example.com", "DISCERN_OIDC_CLIENT_ID": "x"}
    with pytest.raises(SettingsInvalid, match="DISCERN_OIDC_CLIENT_SECRET: missing"):
        Settings.from_env(given)
    assert Settings.from_env(given | {"DISCERN_OIDC_CLIENT_SECRET": "y"}).oidc_client_secret == "y"
