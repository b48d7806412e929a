"""Short-lived certificates for tests: an authority, and server certificates that it signs."""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)


def named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


@dataclass(frozen=True)
class Authority:
    """A certificate authority; its own certificate is the file that an operator would configure."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    folder: Path

    @classmethod
    def new(cls, folder: Path, name: str = "Test authority") -> "Authority":
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _builder(name, key, DAY).issuer_name(named(name))
        certificate = certificate.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        folder.mkdir(exist_ok=True)
        return cls(key, certificate.sign(key, hashes.SHA256()), folder)

    @property
    def file(self) -> Path:
        path = self.folder / "authority.pem"
        path.write_bytes(self.certificate.public_bytes(Encoding.PEM))
        return path

    def server(self, host: str, lasts: timedelta = DAY, self_signed: bool = False) -> ssl.SSLContext:
        """Return the TLS context of a server at `host`."""
        key = ec.generate_private_key(ec.SECP256R1())
        alternative = x509.IPAddress(ip_address(host)) if host[0].isdigit() else x509.DNSName(host)
        certificate = _builder(host, key, lasts).issuer_name(named(host) if self_signed else self.certificate.subject)
        certificate = certificate.add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        path = self.folder / f"{host}.pem"
        path.write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            + certificate.sign(key if self_signed else self.key, hashes.SHA256()).public_bytes(Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context


def _builder(subject: str, key: ec.EllipticCurvePrivateKey, lasts: timedelta) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(named(subject))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 2 * DAY)
        .not_valid_after(now + lasts)
    )
