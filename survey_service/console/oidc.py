"""Sign in with the company's own accounts: OpenID Connect by the authorization code with PKCE, through Authlib.

A provider says whose address somebody has. Whether this address may use the console is decided here, by an invitation, as for everybody.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.fernet import InvalidToken

from survey_service.crypto import Keyring
from survey_service.errors import Conflict, DiscernError
from survey_service.settings import Settings

WELL_KNOWN = "/.well-known/openid-configuration"
SCOPE = "openid email profile"
TIMEOUT = 10.0
"""Seconds that the provider has for one response."""
LEEWAY = 60
"""Seconds that its clock may be off."""


class SignInFailed(DiscernError):
    """Signing in did not work: begin again."""

    status, code = 403, "sign_in_failed"


class OidcMissing(Conflict):
    """Signing in with a provider needs the extra: pip install 'discern-survey[oidc]'."""

    code = "oidc_missing"


@dataclass(frozen=True)
class Begun:
    """Where to send the browser, and what its cookie keeps until it comes back, encrypted."""

    address: str
    cookie: str


def is_configured(settings: Settings) -> bool:
    return settings.oidc_issuer is not None


def begin(settings: Settings, keys: Keyring, callback: str) -> Begun:
    """Begin to sign somebody in. Raises SignInFailed where the provider does not answer, OidcMissing."""
    kept = {name: secrets.token_urlsafe(32) for name in ("state", "nonce", "code_verifier")}
    client, about = _client(settings, callback), _metadata(settings)
    address, _ = client.create_authorization_url(about["authorization_endpoint"], **kept)
    return Begun(str(address), keys.encrypt(json.dumps(kept)))


def finish(settings: Settings, keys: Keyring, callback: str, given: Mapping[str, str], cookie: str) -> str:
    """Return the verified e-mail address of who comes back from the provider. Raises SignInFailed, OidcMissing."""
    try:
        kept = json.loads(keys.decrypt(cookie))
    except (InvalidToken, ValueError):
        raise SignInFailed("This browser did not begin to sign in here, or too long ago: begin again.") from None
    if not secrets.compare_digest(given.get("state", "").encode(), kept["state"].encode()):
        raise SignInFailed
    if "code" not in given:
        raise SignInFailed(f"The provider refused: {given.get('error_description') or given.get('error', 'no reason')}"[:300])
    about = _metadata(settings)
    claims = _claims(settings, about, _id_token(settings, about, callback, given["code"], kept), kept["nonce"])
    if claims.get("email_verified") is not True or not isinstance(claims.get("email"), str):
        raise SignInFailed("The provider does not say that your e-mail address is yours (the claims email and email_verified).")
    return str(claims["email"])


def _client(settings: Settings, callback: str) -> Any:
    try:
        from authlib.integrations.requests_client import OAuth2Session
    except ImportError:
        raise OidcMissing from None
    return OAuth2Session(
        settings.oidc_client_id, settings.oidc_client_secret, scope=SCOPE, redirect_uri=callback, code_challenge_method="S256"
    )


def _metadata(settings: Settings) -> Mapping[str, Any]:
    """Return what the provider says of itself. Raises SignInFailed."""
    found = _json(f"{settings.oidc_issuer}{WELL_KNOWN}")
    if found.get("issuer") != settings.oidc_issuer:
        raise SignInFailed(
            f"The provider at {settings.oidc_issuer} calls itself {found.get('issuer')!r}: DISCERN_OIDC_ISSUER must be the same."
        )
    needed = ("authorization_endpoint", "token_endpoint", "jwks_uri")
    if missing := [name for name in needed if not isinstance(found.get(name), str)]:
        raise SignInFailed(f"The provider does not name its {', '.join(missing)}.")
    return found


def _json(address: str) -> Mapping[str, Any]:
    import requests

    try:
        response = requests.get(address, timeout=TIMEOUT)
        response.raise_for_status()
        found = response.json()
    except (requests.RequestException, ValueError) as wrong:
        raise SignInFailed(f"The provider does not answer: {type(wrong).__name__}. Try again in a moment.") from None
    if not isinstance(found, dict):
        raise SignInFailed("The provider's answer cannot be read.")
    return found


def _id_token(settings: Settings, about: Mapping[str, Any], callback: str, code: str, kept: Mapping[str, str]) -> str:
    """Exchange the code for the ID token. Raises SignInFailed."""
    import requests
    from authlib.common.errors import AuthlibBaseError

    try:
        token = _client(settings, callback).fetch_token(
            about["token_endpoint"], code=code, code_verifier=kept["code_verifier"], timeout=TIMEOUT
        )
    except (AuthlibBaseError, requests.RequestException, ValueError) as wrong:
        raise SignInFailed(f"The provider refused the code: {type(wrong).__name__}. Begin again.") from None
    if not isinstance(token.get("id_token"), str):
        raise SignInFailed("The provider sent no ID token.")
    return str(token["id_token"])


def _claims(settings: Settings, about: Mapping[str, Any], id_token: str, nonce: str) -> Mapping[str, Any]:
    """Return the claims of an ID token, whose signature, issuer, audience, time and nonce are checked. Raises SignInFailed."""
    from joserfc import jwk, jwt
    from joserfc.errors import JoseError

    algorithms = ["RS256", "ES256", "PS256"]  # none of them is symmetric, nor "none"
    expected = jwt.JWTClaimsRegistry(
        leeway=LEEWAY,
        iss={"essential": True, "value": str(settings.oidc_issuer)},
        aud={"essential": True, "value": settings.oidc_client_id},
        exp={"essential": True},
        nonce={"essential": True, "value": nonce},
    )
    try:
        token = jwt.decode(id_token, jwk.KeySet.import_key_set(_json(about["jwks_uri"])), algorithms=algorithms)  # type: ignore[arg-type]
        expected.validate(token.claims)
    except (JoseError, ValueError, KeyError) as wrong:
        raise SignInFailed(f"The provider's ID token is not valid: {type(wrong).__name__}. Begin again.") from None
    return token.claims
