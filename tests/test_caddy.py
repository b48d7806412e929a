"""Behind Caddy, configured as we ship it: TLS, the client's address arrives and cannot be made up, metrics are not public."""

import json
import shutil
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest

from tests.gateways import SHIPPED, echo, program
from tests.processes import PATIENCE, free_port, until

UNVERIFIED = ssl.create_default_context()
UNVERIFIED.check_hostname, UNVERIFIED.verify_mode = False, ssl.CERT_NONE  # the certificate is Caddy's own here


@pytest.fixture(scope="module")
def caddy() -> Iterator[str]:
    """Caddy with the shipped configuration on a port of this machine. Yields its address."""
    folder, port, plain = Path(mkdtemp(prefix="discern-caddy-")), free_port(), free_port()
    local = "{\n\tadmin off\n\tskip_install_trust\n\tlocal_certs\n" + f"\thttp_port {plain}\n\thttps_port {port}\n"
    text = (SHIPPED / "Caddyfile").read_text(encoding="utf-8")
    assert text.count("\n{\n") == 1
    (folder / "Caddyfile").write_text(text.replace("\n{\n", f"\n{local}", 1), encoding="utf-8")
    with echo() as upstream, (folder / "log").open("wb") as log:
        settings = {"DISCERN_DOMAIN": "localhost", "DISCERN_UPSTREAM": f"127.0.0.1:{upstream}", "HOME": str(folder)}
        command = [program("caddy"), "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]
        running = subprocess.Popen(command, env=settings, stdout=log, stderr=log)
        try:
            address = f"https://localhost:{port}"
            until(lambda: running.poll() is not None or _answers(address), "Caddy answers")
            assert running.poll() is None, (folder / "log").read_text()
            yield address
            assert "/l/secret" not in (folder / "log").read_text()
        finally:
            running.terminate()
            running.wait(PATIENCE)
            shutil.rmtree(folder, ignore_errors=True)


def _answers(address: str) -> bool:
    try:
        return call(address, "/healthz")[0] == 200
    except OSError:
        return False


def call(address: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(urllib.request.Request(address + path, body, headers), timeout=20, context=UNVERIFIED) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read()


def test_what_the_client_says_of_itself_is_replaced(caddy):
    """The address is the connection's, the scheme https, and each request has an id."""
    status, body = call(caddy, "/l/secret", **{"X-Forwarded-For": "1.2.3.4", "X-Forwarded-Proto": "gopher", "X-Request-Id": "mine"})
    got = {name.lower(): value for name, value in json.loads(body)["headers"]}
    assert status == 200
    assert (got["x-forwarded-for"], got["x-forwarded-proto"]) in {("127.0.0.1", "https"), ("::1", "https")}
    assert got["x-request-id"] != "mine"
    assert got["host"].startswith("localhost")


def test_metrics_are_not_public_and_large_bodies_are_refused(caddy):
    """Everything else goes through, up to the size of a batch."""
    assert call(caddy, "/metrics")[0] == 404
    assert call(caddy, "/s/website")[0] == 200
    assert call(caddy, "/v1/batch", b"x" * 500_000)[0] == 200
    assert call(caddy, "/v1/batch", b"x" * 2_000_000)[0] >= 400
