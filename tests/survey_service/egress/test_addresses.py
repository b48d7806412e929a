"""Blocked addresses, written by hand: this table is not derived from the one that it checks."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as some

from survey_service.egress.addresses import (
    AddressRefused,
    Forbidden,
    NotAnAddress,
    Policy,
    Unreachable,
    vet_address,
    vet_addresses,
    vet_url,
)

PUBLIC_ONLY = Policy()
LOOPBACK = Policy(allow_private=(ip_network("127.0.0.0/8"), ip_network("::1/128")))

MUST_BLOCK = """
0.0.0.0 0.255.255.255
10.0.0.0 10.1.2.3 10.255.255.255
100.64.0.0 100.100.100.200 100.127.255.255
127.0.0.0 127.0.0.1 127.255.255.255
168.63.129.16
169.254.0.0 169.254.169.254 169.254.170.2 169.254.255.255
172.16.0.0 172.17.0.1 172.31.255.255
192.0.0.0 192.0.0.192 192.0.0.255
192.0.2.0 192.0.2.255
192.88.99.0 192.88.99.255
192.168.0.0 192.168.1.1 192.168.255.255
198.18.0.0 198.19.255.255
198.51.100.0 198.51.100.255
203.0.113.0 203.0.113.255
224.0.0.0 224.0.0.251 239.255.255.255
240.0.0.0 255.255.255.255
:: ::1 ::7f00:1 ff:ffff:ffff:ffff:ffff:ffff:ffff:ffff
::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:0:0 ::ffff:0:127.0.0.1
64:ff9b:: 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::7f00:1 64:ff9b:ffff:ffff:ffff:ffff:ffff:ffff
100:: 100::ffff:ffff:ffff:ffff
2001:: 2001:0:7f00:1:: 2001:10:: 2001:20:: 2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff
2001:db8:: 2001:db8:ffff:ffff:ffff:ffff:ffff:ffff
2002:: 2002:7f00:1:: 2002:a00:1:: 2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff
3fff:: 3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff
5f00:: 5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff
fc00:: fd00:ec2::254 fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff
fe80:: fe80::1%eth0 febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff
fec0:: feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff
ff00:: ff02::1 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff
"""

JUST_OUTSIDE = """
1.0.0.0 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0
168.63.129.15 168.63.129.17 169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0
191.255.255.255 192.0.1.0 192.0.1.255 192.0.3.0 192.88.98.255 192.88.100.0 192.167.255.255 192.169.0.0
198.17.255.255 198.20.0.0 198.51.99.255 198.51.101.0 203.0.112.255 203.0.114.0 223.255.255.255
::ffff:8.8.8.8
100:0:0:1:: 2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff 2001:200:: 2001:db7:ffff:ffff:ffff:ffff:ffff:ffff 2001:db9::
2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff 2003:: 3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff 3fff:1000::
5eff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 5f01:: fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff
fe00:: fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff 2606:4700::6810:84e5
"""


def as_url(address: str) -> str:
    return f"https://[{address}]/hook" if ":" in address else f"https://{address}/hook"


@pytest.mark.parametrize("address", MUST_BLOCK.split())
def test_no_address_inside_a_block_is_reached(address):
    """First, last and well-known addresses of every block are refused at save and at send, also wrapped in IPv6."""
    with pytest.raises(Forbidden):
        vet_address(ip_address(address), PUBLIC_ONLY)
    with pytest.raises(AddressRefused):
        vet_url(as_url(address), PUBLIC_ONLY)


@pytest.mark.parametrize("address", JUST_OUTSIDE.split())
def test_the_neighbours_of_a_block_are_reached(address):
    """The addresses just outside a block are allowed: a block too wide would exclude customers."""
    vet_address(ip_address(address), PUBLIC_ONLY)
    vet_url(as_url(address), PUBLIC_ONLY)


def test_an_ipv4_address_is_taken_out_of_its_ipv6_wrapping():
    """The policy checks, and the client connects to, the embedded IPv4 address."""
    assert vet_address(ip_address("::ffff:8.8.8.8"), PUBLIC_ONLY) == ip_address("8.8.8.8")


NOT_AN_ADDRESS = {
    "backslash": "https://evil.example\\@127.0.0.1/",
    "tab in the host": "https://exa\tmple.com/",
    "line break": "https://example.com/\nx",
    "space": "https://example.com/a b",
    "leading space": " https://example.com/",
    "trailing line break": "https://example.com/\n",
    "NUL": "https://example.com/\0",
    "DEL": "https://example.com/\x7f",
    "user": "https://user@example.com/",
    "user and password": "https://example.com:443@127.0.0.1/",
    "empty user": "https://@example.com/",
    "fragment": "https://example.com/#x",
    "fragment before @": "https://example.com#@127.0.0.1/",
    "scope id": "https://[fe80::1%25eth0]/",
    "scope id, bare": "https://[fe80::1%eth0]/",
    "full-width dots": "https://127。0。0。1/",
    "full-width digits": "https://１２７.0.0.1/",
    "not an A-label": "https://zoé.example/",
    "Kelvin sign": "https://\u212adns.example/",
    "soft hyphen": "https://exam\u00adple.com/",
    "hexadecimal": "https://0x7f.1/",
    "one hexadecimal": "https://0x7f000001/",
    "empty hexadecimal": "https://127.0.0.0x/",
    "one number": "https://2130706433/",
    "octal": "https://0177.0.0.1/",
    "leading zeros": "https://127.000.000.001/",
    "two numbers": "https://127.1/",
    "three numbers": "https://127.0.1/",
    "five numbers": "https://127.0.0.0.1/",
    "number too large": "https://256.0.0.1/",
    "number at the end of a name": "https://example.1/",
    "trailing dot": "https://example.com./",
    "trailing dot of an address": "https://127.0.0.1./",
    "two dots": "https://example..com/",
    "leading dot": "https://.example.com/",
    "hyphen first": "https://-example.com/",
    "label of 64": f"https://{'a' * 64}.com/",
    "host of 254": f"https://{'a.' * 126}aa/",
    "URL too long": f"https://example.com/{'a' * 2048}",
    "percent in the host": "https://127%2e0.0.1/",
    "broken percent": "https://example.com/%zz",
    "IPv4 in brackets": "https://[127.0.0.1]/",
    "future address form": "https://[v1.fe80]/",
    "open bracket": "https://[::1/",
    "name in brackets": "https://[example.com]/",
    "two addresses": "https://[::1][::2]/",
    "http": "http://example.com/",
    "ftp": "ftp://example.com/",
    "file": "file:///etc/passwd",
    "scheme in capitals": "HTTPS://example.com/",
    "no scheme": "//example.com/",
    "one slash": "https:/example.com/",
    "three slashes": "https:///example.com/",
    "no host": "https:///",
    "no host but a port": "https://:443/",
    "port 80": "https://example.com:80/",
    "port 8443": "https://example.com:8443/",
    "port 0": "https://example.com:0/",
    "port too large": "https://example.com:65536/",
    "port empty": "https://example.com:/",
    "port with zeros": "https://example.com:0443/",
    "port in other digits": "https://example.com:٤٤٣/",
    "two ports": "https://example.com:443:443/",
    "empty": "",
}


@pytest.mark.parametrize("url", NOT_AN_ADDRESS.values(), ids=NOT_AN_ADDRESS)
def test_ambiguous_urls_are_refused(url):
    """The URL is refused before any DNS query."""
    with pytest.raises(NotAnAddress):
        vet_url(url, PUBLIC_ONLY)


@pytest.mark.parametrize("url", [url for name, url in NOT_AN_ADDRESS.items() if name != "http" and "port 8" not in name])
def test_an_allow_list_does_not_permit_ambiguous_urls(url):
    """An allowed network permits addresses, not ambiguous spellings."""
    with pytest.raises(NotAnAddress):
        vet_url(url, LOOPBACK)


@pytest.mark.parametrize(
    ("url", "host", "port", "path", "authority"),
    [
        ("https://hooks.example.com", "hooks.example.com", 443, "/", "hooks.example.com"),
        ("https://Hooks.Example.com:443/A?b=c&d=%20", "hooks.example.com", 443, "/A?b=c&d=%20", "hooks.example.com"),
        ("https://xn--zo-cja.example/", "xn--zo-cja.example", 443, "/", "xn--zo-cja.example"),
        ("https://example.com?@127.0.0.1/", "example.com", 443, "/?@127.0.0.1/", "example.com"),
        ("https://8.8.8.8/~a:b@c;d/", "8.8.8.8", 443, "/~a:b@c;d/", "8.8.8.8"),
        ("https://[2606:4700::0:1111]/", "2606:4700::1111", 443, "/", "[2606:4700::1111]"),
        (f"https://{'a' * 63}.com/", f"{'a' * 63}.com", 443, "/", f"{'a' * 63}.com"),
    ],
)
def test_a_plain_address_is_read_once(url, host, port, path, authority):
    """The connection, the TLS name and the Host header all use this one parse."""
    target = vet_url(url, PUBLIC_ONLY)

    assert (target.host, target.port, target.path, target.authority) == (host, port, path, authority)


def test_an_allowed_network_may_use_http_and_any_port():
    """An operator's own receivers are reached this way."""
    target = vet_url("http://127.0.0.1:8000/hook", LOOPBACK)

    assert (target.scheme, target.authority) == ("http", "127.0.0.1:8000")
    assert vet_url("http://[::1]/", LOOPBACK).authority == "[::1]"


@pytest.mark.parametrize("url", ["http://8.8.8.8/", "https://8.8.8.8:8443/", "http://10.0.0.1/", "https://10.0.0.1/"])
def test_an_allowed_network_permits_no_other(url):
    """It permits neither plain http to public addresses nor other private networks."""
    with pytest.raises(Forbidden):
        vet_url(url, LOOPBACK)


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://hooks.example/", ["8.8.8.8", "10.0.0.1"]),
        ("https://hooks.example/", ["::ffff:10.0.0.1"]),
        ("http://hooks.example/", ["127.0.0.1", "8.8.8.8"]),
        ("https://hooks.example:8443/", ["8.8.8.8"]),
    ],
)
def test_one_forbidden_address_of_a_name_forbids_it(url, found):
    """A name used with http or another port is allowed only if all its addresses are in allowed networks."""
    target = vet_url(url, LOOPBACK)

    with pytest.raises(Forbidden):
        vet_addresses(target, map(ip_address, found), LOOPBACK)


def test_the_operator_may_open_another_port():
    """The additional port is open for public addresses, over TLS only."""
    policy = Policy(ports=frozenset({443, 8443}))

    assert vet_url("https://example.com:8443/", policy).authority == "example.com:8443"
    with pytest.raises(NotAnAddress):
        vet_url("http://example.com:8443/", policy)


def test_forbidden_and_unreachable_have_the_same_message():
    """Different messages would let a tenant map the internal network."""
    assert str(Forbidden()) == str(Unreachable()) == "This address cannot be reached."
    assert (Forbidden.status, Forbidden.code) == (Unreachable.status, Unreachable.code)


@given(some.text(max_size=60) | some.text(alphabet="htps:/[]@.%\\#?0127xaf é", max_size=60).map("https://{}".format))
def test_any_text_is_parsed_or_refused(url):
    """The parser accepts or refuses any text without another exception, because a stranger chooses it."""
    try:
        target = vet_url(url, PUBLIC_ONLY)
    except AddressRefused:
        return
    assert target.host.isascii()
    assert target.address is None or target.address.is_global
