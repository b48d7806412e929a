"""Which addresses a webhook may go to: judged when an endpoint is saved and again at every attempt, by the same two functions.

Parsers disagree about the host of a URL, and a name may resolve to anything tomorrow. So there is one parser, it refuses what two parsers
could read differently, and every address behind a name is checked against the table below.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

from survey_service.errors import DiscernError

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

# Not `is_private` nor `is_global`: on Python 3.11 they let through 16 and 14 of 41 addresses that must be blocked.
BLOCKED: tuple[IPNetwork, ...] = tuple(
    ip_network(block)
    for block in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared by carriers, and metadata services of some clouds
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # host agent of Azure
        "169.254.0.0/16",  # link-local, metadata services
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
        "::/8",  # unspecified, loopback, IPv4-compatible
        "64:ff9b::/32",  # NAT64: an IPv4 address in disguise
        "100::/64",  # discard
        "2001::/23",  # Teredo, ORCHID and other assignments
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: an IPv4 address in disguise
        "3fff::/20",  # documentation
        "5f00::/16",  # segment routing
        "fc00::/7",  # private
        "fe80::/10",  # link-local
        "fec0::/10",  # site-local
        "ff00::/8",  # multicast
    )
)
LONGEST_URL = 2048
LONGEST_HOST = 253
DEFAULT_PORTS = {"https": 443, "http": 80}

_URL = re.compile(
    r"(?P<scheme>https?)://"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._-]+)"
    r"(?::(?P<port>[1-9][0-9]{0,4}))?"
    r"(?P<path>(?:/(?:[\w.~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*)?)"
    r"(?P<query>(?:\?(?:[\w.~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*)?)",
    re.ASCII,
)
_LABEL = re.compile(r"[0-9a-z_](?:[0-9a-z_-]{0,61}[0-9a-z_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


class AddressRefused(DiscernError):
    """Nothing can be sent to this address."""

    status, code = 422, "address_refused"


class NotAnAddress(AddressRefused):
    """A webhook address reads https://host/path: plain ASCII, no user name, no fragment, no unusual port."""


class Unreachable(AddressRefused):
    """This address cannot be reached."""

    code = "unreachable"


class Forbidden(Unreachable):
    # The same words as Unreachable: the difference would let a caller map our network.
    """This address cannot be reached."""


@dataclass(frozen=True)
class Policy:
    """What the operator allows beyond public addresses. The default allows nothing."""

    allow_private: tuple[IPNetwork, ...] = ()  # also over http and to any port
    ports: frozenset[int] = frozenset({443})

    def allows(self, address: IPAddress) -> bool:
        return any(address in network for network in self.allow_private)


@dataclass(frozen=True)
class Target:
    """A URL, parsed once. A second parser might find another host."""

    scheme: str
    host: str
    port: int
    path: str
    address: IPAddress | None  # where the host is an address itself
    private_only: bool  # over http or to an unusual port, which only allowed networks may use

    @property
    def authority(self) -> str:
        """The value of the ``Host`` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


def vet_url(url: str, policy: Policy) -> Target:
    """Parse a URL and refuse what can be refused without the DNS. Raises NotAnAddress or Forbidden."""
    read = _URL.fullmatch(url)
    if read is None or len(url) > LONGEST_URL:
        raise NotAnAddress
    scheme, host = read["scheme"], read["host"].lower()
    port = int(read["port"] or DEFAULT_PORTS[scheme])
    private_only = scheme == "http" or port not in policy.ports
    if port > 65535 or (private_only and not policy.allow_private):
        raise NotAnAddress
    address = _address_of(host)
    target = Target(scheme, str(address or host), port, (read["path"] or "/") + read["query"], address, private_only)
    if address is not None:
        vet_addresses(target, [address], policy)
    return target


def vet_addresses(target: Target, addresses: Iterable[IPAddress], policy: Policy) -> tuple[IPAddress, ...]:
    """Return the addresses to connect to. Raises Forbidden where a single one of them is not allowed."""
    vetted = tuple(vet_address(address, policy) for address in addresses)
    if target.private_only and not all(policy.allows(address) for address in vetted):
        raise Forbidden
    return vetted


def vet_address(address: IPAddress, policy: Policy) -> IPAddress:
    """Return the address, unwrapped where an IPv6 address holds an IPv4 one. Raises Forbidden."""
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or IPv6Address(int(address))  # only the number: a scope id chooses an interface
    if not policy.allows(address) and any(address in block for block in BLOCKED):
        raise Forbidden
    return address


def _address_of(host: str) -> IPAddress | None:
    """Return the address that a host spells, None for a name. Refuses 127.1, 0x7f.1 and 2130706433, which some parsers read as an
    address.
    """
    labels = host.split(".")
    try:
        if host.startswith("["):
            return IPv6Address(host[1:-1])
        if _NUMBER.fullmatch(labels[-1]):
            return IPv4Address(host)
    except ValueError:
        raise NotAnAddress from None
    if len(host) > LONGEST_HOST or not all(_LABEL.fullmatch(label) for label in labels):
        raise NotAnAddress
    return None
