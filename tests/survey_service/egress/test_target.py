"""An attempt connects only to an address that was checked in the same attempt, with one DNS query."""

import socket
from ipaddress import ip_address
from threading import Event

import pytest

from survey_service.egress.addresses import Policy
from survey_service.egress.client import Delivered, Retry
from survey_service.egress.connection import Unresolved, system_resolver
from tests.survey_service.egress.hostile_receiver import LOOPBACK, Receiver, answers, post, summary


class Names:
    """A resolver that returns these answers in order and counts the queries."""

    def __init__(self, *found: str) -> None:
        self._found = list(found)
        self.asked: list[str] = []

    def __call__(self, host, seconds):
        self.asked.append(host)
        return [ip_address(address) for address in self._found.pop(0).split()]


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect"])
def test_a_redirect_is_a_failure_and_is_never_followed(status):
    """The target of the redirect gets no request."""
    with Receiver(answers()) as inside, Receiver(answers(status, Location=inside.url())) as receiver:
        outcome = post(receiver.url())

    assert summary(outcome) == (Retry, int(status[:3]), "redirect")
    assert (len(receiver.requests), inside.connections) == (1, 0)


@pytest.mark.parametrize(
    "found", ["127.0.0.1", "93.184.216.34 127.0.0.1", "127.0.0.1 93.184.216.34", "::ffff:127.0.0.1", "64:ff9b::7f00:1"]
)
def test_a_name_with_a_private_address_is_blocked_before_a_byte_is_sent(found):
    """A public address beside the private one does not help; the tenant sees the message of any unreachable address."""
    names = Names(found)
    with Receiver(answers()) as inside:
        outcome = post(inside.url("hooks.example").replace("http:", "https:"), Policy(ports=frozenset({inside.port})), resolve=names)

    assert summary(outcome) == (Retry, None, "ssrf_blocked")
    assert outcome.public_problem == "unreachable"
    assert inside.connections == 0


def test_a_name_is_resolved_once_per_attempt():
    """The client connects to the address that it checked: a second query could return another one."""
    names = Names("127.0.0.1", "93.184.216.34")
    with Receiver(answers()) as receiver:
        outcomes = [post(receiver.url("hooks.example"), resolve=names) for _ in range(2)]

    assert [summary(outcome) for outcome in outcomes] == [(Delivered, 200, None), (Retry, None, "ssrf_blocked")]
    assert names.asked == ["hooks.example", "hooks.example"]
    [request] = receiver.requests
    assert b"\r\nhost: hooks.example:%d\r\n" % receiver.port in request


@pytest.mark.parametrize(("host", "family"), [("127.0.0.1", socket.AF_INET), ("[::1]", socket.AF_INET6)])
def test_an_address_needs_no_resolver(host, family):
    """An IP address in the URL is checked without a resolver."""
    names = Names()
    try:
        receiver = Receiver(answers(), family=family)
    except OSError:
        pytest.skip("this machine has no such loopback")
    with receiver:
        outcome = post(receiver.url(host), resolve=names)

    assert summary(outcome) == (Delivered, 200, None)
    assert names.asked == []


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1/", "https://[::1]/", "http://hooks.example/", "https://user@hooks.example/", "nonsense"]
)
def test_what_was_refused_at_save_is_refused_at_send(url):
    """An endpoint saved under an older policy is checked by the current one."""
    outcome = post(url, Policy(), resolve=Names())

    assert (summary(outcome), outcome.public_problem) == ((Retry, None, "ssrf_blocked"), "unreachable")


def test_the_next_address_is_tried_when_the_first_is_dead():
    """The number of tried addresses is limited: a hundred dead ones would be a port scan."""
    with Receiver(answers()) as receiver:
        fallen_back = post(receiver.url("hooks.example"), resolve=Names("127.0.0.2 127.0.0.1"))
        too_late = post(receiver.url("hooks.example"), resolve=Names("127.0.0.2 127.0.0.3 127.0.0.4 127.0.0.5 127.0.0.1"))

    assert summary(fallen_back) == (Delivered, 200, None)
    assert (summary(too_late), too_late.public_problem) == ((Retry, None, "connect"), "unreachable")


def test_a_closed_port_is_unreachable():
    """The message is the same as for a forbidden address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    outcome = post(f"http://127.0.0.1:{port}/")

    assert (summary(outcome), outcome.public_problem) == ((Retry, None, "connect"), "unreachable")


@pytest.mark.parametrize("variable", ["http_proxy", "https_proxy", "all_proxy"])
def test_the_environment_cannot_put_a_proxy_in_between(variable, monkeypatch):
    """A proxy would resolve the name again without our check."""
    with Receiver(answers()) as proxy, Receiver(answers()) as receiver:
        for name in (variable, variable.upper()):
            monkeypatch.setenv(name, proxy.url(path=""))
        monkeypatch.delenv("no_proxy", raising=False)
        outcome = post(receiver.url())

    assert summary(outcome) == (Delivered, 200, None)
    assert (len(receiver.requests), proxy.connections) == (1, 0)


def no_such_name(*question: object, **options: object) -> list[object]:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def test_a_name_without_an_address_is_unreachable():
    """This holds for an unknown name and for a name without addresses."""

    def unknown(host, seconds):
        return system_resolver(host, seconds, lookup=no_such_name)

    for resolve in (unknown, Names("")):
        outcome = post("https://hooks.example/", Policy(), resolve=resolve)
        assert (summary(outcome), outcome.public_problem) == ((Retry, None, "dns"), "unreachable")


def test_an_attempt_does_not_wait_for_a_hanging_resolver():
    """The system's resolver may need half a minute to give up; the attempt does not wait for it."""
    answered = Event()

    def hangs(*question, **options):
        answered.wait()
        return []

    with pytest.raises(Unresolved):
        system_resolver("hooks.example", 0.05, lookup=hangs)
    answered.set()


def test_the_system_resolves_exactly_the_name_that_was_checked():
    """The name is passed as bytes, which nothing rewrites; each address is returned once, in the order that the system prefers."""
    asked = []

    def lookup(host, port, **options):
        asked.append(host)
        stream = (socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
        return [(socket.AF_INET6, *stream, ("fe80::1%2", 0, 0, 2)), *[(socket.AF_INET, *stream, ("8.8.8.8", 0))] * 2]

    assert system_resolver("xn--zo-cja.example", 1, lookup=lookup) == (ip_address("fe80::1%2"), ip_address("8.8.8.8"))
    assert asked == [b"xn--zo-cja.example"]


def test_the_system_knows_localhost():
    """Uses the real resolver once."""
    assert ip_address("127.0.0.1") in system_resolver("localhost", 3)
    with Receiver(answers()) as receiver:
        assert isinstance(post(receiver.url("localhost"), LOOPBACK), Delivered)
