"""Rate limits of the respondents' routes, by token, address and survey. Reading is never limited."""

from ipaddress import ip_address, ip_network

from flask import current_app, request

from survey_service.crypto import Keyring
from survey_service.settings import Limit
from survey_service.web.context import parts
from survey_service.web.rate_limit import Charge, TooManyRequests

ADDRESS_BITS = {4: 32, 6: 64}
"""A customer with IPv6 has a whole /64, so that counts as one address."""


def limit_acts() -> None:
    """Admit or refuse an act, before the request is handled. Raises TooManyRequests with Retry-After."""
    if request.method != "POST":
        return
    p, named = parts(), request.view_args or {}
    s = p.settings
    session_id = named.get("session_id")
    token = named.get("ticket") or named.get("token") or session_id  # a session's id is as hard to guess as its token
    try:
        p.limits.admit(
            [
                *_charge(p.keys, "token", token, s.limit_per_token),
                *_charge(p.keys, "address", client_network(request.remote_addr), s.limit_per_address),
                *_survey_charge(named.get("survey"), session_id, s.limit_per_survey),
            ],
            p.now(),
        )
    except TooManyRequests:
        current_app.logger.warning("too many requests: one was refused; if all seem to come from one address, see DISCERN_TRUSTED_PROXIES")
        raise


def client_network(address: str | None) -> str | None:
    """Return what counts as one address; None where there is none (a socket file) or where it is a proxy on this machine.

    >>> client_network("2001:db8:1:2:3:4:5:6")
    '2001:db8:1:2::/64'
    >>> client_network("127.0.0.1") is None
    True
    """
    try:
        known = ip_address((address or "").removeprefix("::ffff:"))  # an IPv4 address as a dual-stack socket writes it
    except ValueError:
        return None
    if known.is_loopback:
        return None
    return str(ip_network(f"{known}/{ADDRESS_BITS[known.version]}", strict=False))


def _charge(keys: Keyring, kind: str, who: str | None, limit: Limit | None) -> list[Charge]:
    """Return the charge of one key. The address or token cannot be read back from it."""
    return [Charge(f"{kind}/{keys.digest(f'{kind} {who}')[:32]}", limit)] if who and limit else []


def _survey_charge(survey: str | None, session_id: str | None, limit: Limit | None) -> list[Charge]:
    if limit is None or not (survey or session_id):
        return []
    return [Charge(f"survey/{survey[:100]}", limit)] if survey else [Charge("survey/", limit, session_id)]
