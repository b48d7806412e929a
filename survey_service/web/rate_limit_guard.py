"""Rate limits of the respondents' routes, by token, address and survey, and of the intake, by key and address. Reading is never limited."""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from flask import current_app, request

from survey_service.crypto import Keyring
from survey_service.settings import Limit
from survey_service.web.context import parts
from survey_service.web.rate_limit import Charge, TooManyRequests

ADDRESS_BITS = {4: 32, 6: 64}
"""A customer with IPv6 has a whole /64, so that counts as one address."""
WITH_PORT = re.compile(r"\[([^\]]+)\](?::\d*)?|([\d.]+):\d*", re.ASCII)
UNREADABLE = "unreadable"

LEAST_MESSAGES = 20
AT_ONCE = Limit(100, 10)
"""Messages under one key that are evaluated in their request: those of a few visitors, or of one act of a server."""


def limit_acts() -> None:
    """Admit or refuse an act, before the request is handled. Raises TooManyRequests with Retry-After."""
    if request.method != "POST":
        return
    p, named = parts(), request.view_args or {}
    s = p.settings
    session_id = named.get("session_id")
    token = named.get("ticket") or named.get("token") or session_id  # a session's id is as hard to guess as its token
    _admit(
        *_charge(p.keys, "token", token, s.limit_per_token),
        *_charge(p.keys, "address", client_network(request.remote_addr), s.limit_per_address),
        *_survey_charge(named.get("survey"), session_id, s.limit_per_survey),
    )


def limit_intake(key_id: str, messages: int) -> None:
    """Admit or refuse a request with so many messages under an intake key, which is public. Raises TooManyRequests with Retry-After.

    A request counts as `LEAST_MESSAGES` at least, because an empty one costs time too.
    """
    p, weight = parts(), float(max(messages, LEAST_MESSAGES))
    address = client_network(request.remote_addr)
    _admit(
        *_charge(p.keys, "intake", key_id, p.settings.limit_intake_per_key, weight),
        *_charge(p.keys, "intake-address", address, p.settings.limit_intake_per_address, weight),
    )


def may_evaluate_at_once(key_id: str, messages: int) -> bool:
    """Whether so many messages under a key are few enough to be evaluated while the request waits."""
    p = parts()
    if messages > AT_ONCE.burst:
        return False
    try:
        p.limits.admit(_charge(p.keys, "intake-at-once", key_id, AT_ONCE, float(messages)), p.now())
    except TooManyRequests:
        return False
    return True


def _admit(*charges: Charge) -> None:
    p = parts()
    try:
        p.limits.admit(charges, p.now())
    except TooManyRequests:
        current_app.logger.warning("too many requests: one was refused; if all seem to come from one address, see DISCERN_TRUSTED_PROXIES")
        raise


def client_network(address: str | None) -> str | None:
    """Return what counts as one address; None where there is none (a socket file) or where it is a proxy on this machine.

    Proxies write addresses with a port too (RFC 7239, section 6). Whatever cannot be read as an address counts as one address: without a
    limit, whoever can make a proxy write it would escape.

    >>> client_network("[2001:db8:1:2:3:4:5:6]:4711"), client_network("93.184.216.34:4711")
    ('2001:db8:1:2::/64', '93.184.216.34/32')
    >>> client_network("127.0.0.1") is None
    True
    """
    if not address or address == "unix:":  # the second is what nginx writes where it listens on a socket file itself
        return None
    try:
        known = _address_in(address)
    except ValueError:
        return UNREADABLE
    if known.is_loopback:
        return None
    return str(ip_network((int(known), ADDRESS_BITS[known.version]), strict=False))


def _address_in(text: str) -> IPv4Address | IPv6Address:
    """Return the address in a text such as 93.184.216.34:4711 or [2001:db8::1]:4711. Raises ValueError."""
    written = WITH_PORT.fullmatch(text.strip())
    known = ip_address(next(filter(None, written.groups())) if written else text.strip())
    return (isinstance(known, IPv6Address) and known.ipv4_mapped) or known  # a dual-stack socket writes IPv4 as ::ffff:93.184.216.34


def _charge(keys: Keyring, kind: str, who: str | None, limit: Limit | None, weight: float = 1.0) -> list[Charge]:
    """Return the charge of one key. The address or token cannot be read back from it."""
    return [Charge(f"{kind}/{keys.digest(f'{kind} {who}')[:32]}", limit, weight=weight)] if who and limit else []


def _survey_charge(survey: str | None, session_id: str | None, limit: Limit | None) -> list[Charge]:
    if limit is None or not (survey or session_id):
        return []
    return [Charge(f"survey/{survey[:100]}", limit)] if survey else [Charge("survey/", limit, session_id)]
