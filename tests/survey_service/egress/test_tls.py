"""TLS is verified for the name in the URL, whatever the address; a server that cannot prove the name gets no part of the message."""

import ssl
import warnings
from ipaddress import ip_address

import pytest

from survey_service.egress.client import Delivered, Retry
from tests.survey_service.egress.certificates import DAY, Authority
from tests.survey_service.egress.hostile_receiver import Receiver, answers, drips, never_answers, never_reads, post, says, summary

HOST = "hooks.example"


def at_loopback(host, seconds):
    return [ip_address("127.0.0.1")]


@pytest.fixture
def authority(tmp_path):
    return Authority.new(tmp_path / "trusted")


def test_a_receiver_that_proves_its_name_gets_the_message(authority):
    """SNI and Host have the name; the connection goes to the address."""
    asked = []
    server = authority.server(HOST)
    server.sni_callback = lambda wire, name, context: asked.append(name)

    with Receiver(answers(), tls=server) as receiver:
        outcome = post(receiver.url(HOST), resolve=at_loopback, ca_file=authority.file)

    assert summary(outcome) == (Delivered, 200, None)
    assert asked == [HOST]
    assert b"\r\nhost: hooks.example:%d\r\n" % receiver.port in receiver.requests[0]


def test_a_certificate_may_prove_an_ip_address(authority):
    """A certificate with an IP address proves that address."""
    with Receiver(answers(), tls=authority.server("127.0.0.1")) as receiver:
        outcome = post(receiver.url(), ca_file=authority.file)

    assert summary(outcome) == (Delivered, 200, None)


def test_a_certificate_for_another_name_is_refused_before_anything_is_sent(authority, tmp_path):
    """Refused: expired, for another name, for the address instead of the name, self-signed, signed by an unknown authority."""
    stranger = Authority.new(tmp_path / "stranger", "A stranger")
    servers = {
        "expired": authority.server(HOST, lasts=-DAY),
        "another name": authority.server("other.example"),
        "the address": authority.server("127.0.0.1"),
        "signed by itself": authority.server(HOST, self_signed=True),
        "signed by a stranger": stranger.server(HOST),
    }
    for reason, server in servers.items():
        with Receiver(answers(), tls=server) as receiver:
            outcome = post(receiver.url(HOST), resolve=at_loopback, ca_file=authority.file)

        assert summary(outcome) == (Retry, None, "certificate"), reason
        assert receiver.requests == [], reason


def test_without_a_file_the_authorities_of_the_system_are_used(authority):
    """The system's authorities do not include the test authority, so the attempt fails."""
    with Receiver(answers(), tls=authority.server(HOST)) as receiver:
        outcome = post(receiver.url(HOST), resolve=at_loopback)

    assert summary(outcome) == (Retry, None, "certificate")
    assert receiver.requests == []


def test_a_missing_authority_file_is_not_blamed_on_the_receiver(tmp_path):
    """The receiver is not blamed for it."""
    with pytest.raises(FileNotFoundError):
        post("https://127.0.0.1/", ca_file=tmp_path / "missing.pem")


@pytest.mark.parametrize("oldest", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_tls_is_refused(oldest, authority):
    """Versions before TLS 1.2 are refused, and so is plain text."""
    server = authority.server(HOST)
    server.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        server.minimum_version = server.maximum_version = oldest

    with Receiver(answers(), tls=server) as receiver:
        outcome = post(receiver.url(HOST), resolve=at_loopback, ca_file=authority.file)

    assert summary(outcome) == (Retry, None, "tls")
    assert receiver.requests == []


def over_tls(receiver: Receiver) -> str:
    return receiver.url(HOST).replace("http:", "https:")


def test_a_plain_text_server_is_not_answered_in_plain_text(authority):
    """The server received a TLS handshake only."""
    with Receiver(says(b"HTTP/1.1 200 OK\r\n\r\n"), reads=False) as receiver:
        outcome = post(over_tls(receiver), resolve=at_loopback, ca_file=authority.file)

    assert outcome.problem in {"tls", "broken_off"}  # whichever of its bytes and its close comes first


@pytest.mark.parametrize("behaviour", [never_reads, drips(b"\x16\x03\x03\x40\x00", b"\x00")], ids=["silent", "drips a record"])
def test_the_deadline_includes_the_handshake(behaviour, authority):
    """The one deadline includes the handshake."""
    with Receiver(behaviour, reads=False) as receiver:
        outcome = post(over_tls(receiver), resolve=at_loopback, ca_file=authority.file, total=0.3)

    assert summary(outcome) == (Retry, None, "deadline")


@pytest.mark.parametrize("behaviour", [never_answers, drips(b"HTTP/1.1 200 OK\r\nx: ")], ids=["never answers", "drips a header"])
def test_the_deadline_holds_under_tls(behaviour, authority):
    """Every byte arrives in a TLS record of its own."""
    with Receiver(behaviour, tls=authority.server(HOST)) as receiver:
        outcome = post(receiver.url(HOST), resolve=at_loopback, ca_file=authority.file, total=0.3)

    assert summary(outcome) == (Retry, None, "deadline")
