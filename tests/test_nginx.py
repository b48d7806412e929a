"""Behind nginx, configured as we ship it: surveys are served, the client's address arrives and cannot be made up, and its limit holds."""

import json
import re
import socket
from http.client import HTTPResponse

import pytest
import yaml

from tests.gateways import SHIPPED, echo, nginx
from tests.processes import ROOT, Web, discern, environment, web_server

BANK = ROOT / "question_bank" / "examples" / "car-buyers.yaml"
VISITOR, OTHER = "93.184.216.34", "2001:db8:1:2:3:4:5:6"
FROM_ANYWHERE = " proxy_protocol; set_real_ip_from 127.0.0.1; real_ip_header proxy_protocol"
"""Lets a test connect as any client: on this machine all of them are 127.0.0.1, which has no limit."""


def call(port, address, method, path, body=b"", **headers):
    """Send a request to nginx as a client with this address. Return the status and the body."""
    kind = "TCP6" if ":" in address else "TCP4"
    head = {"Host": "surveys.example.com", "Connection": "close", "Content-Length": str(len(body)), **headers}
    lines = [f"PROXY {kind} {address} {address} 4711 80", f"{method} {path} HTTP/1.1", *(f"{name}: {head[name]}" for name in head)]
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        response = HTTPResponse(connection, method=method)
        response.begin()
        return response.status, response.read()


def test_what_the_client_says_of_itself_is_replaced():
    """Address, protocol and request id are nginx's own; host, path and query arrive as they were sent; the largest batch gets through."""
    with echo() as upstream, nginx(upstream, FROM_ANYWHERE) as port:
        made_up = {"X-Forwarded-For": "1.1.1.1", "X-Forwarded-Proto": "https", "X-Request-Id": "made-up-by-client"}
        status, body = call(port, VISITOR, "POST", "/s/a%2Fb//c?x=%20y", b"x" * 500 * 1024, **made_up)
        found = json.loads(body)
        headers = {name.lower(): value for name, value in found["headers"]}

    assert (status, found["path"], found["length"]) == (200, "/s/a%2Fb//c?x=%20y", 500 * 1024)
    assert (headers["x-forwarded-for"], headers["x-forwarded-proto"], headers["host"]) == (VISITOR, "http", "surveys.example.com")
    assert re.fullmatch("[0-9a-f]{32}", headers["x-request-id"])


def test_a_survey_is_served_and_each_address_has_its_limit(database_url, monkeypatch):
    """The limit of three holds for a client that sends addresses of its own, and another client is unaffected."""
    own = environment(database_url)
    limits = {"DISCERN_LIMIT_PER_ADDRESS": "1/h 3", "DISCERN_TRUSTED_PROXIES": "1"}
    monkeypatch.setattr("tests.processes.environment", lambda _: {**own, **limits})
    assert discern("publish", str(BANK), database_url=database_url).returncode == 0

    with web_server(database_url) as (web, _), nginx(web.port, FROM_ANYWHERE) as port:
        statuses = [
            call(port, VISITOR, "POST", "/api/v1/surveys/website/sessions", b"{}", **{"X-Forwarded-For": f"8.8.8.{number}"})[0]
            for number in range(5)
        ]
        assert statuses == [201, 201, 201, 429, 429]
        status, view = call(port, OTHER, "POST", "/api/v1/surveys/website/sessions", b"{}")
        assert (status, json.loads(view)["status"]) == (201, "open")
        status, page = call(port, VISITOR, "GET", "/s/website")
        assert (status, b"<form" in page) == (200, True)
        status, script = call(port, VISITOR, "GET", "/embed/v1/widget.js")
        assert status == 200, script
        assert call(port, VISITOR, "GET", "/metrics")[0] == 404
        assert Web(web.port).is_ready()


@pytest.mark.parametrize("written", ["93.184.216.34:{}", "[2001:db8:1:2:3:4:5:6]:{}"])
def test_an_address_that_a_proxy_writes_with_a_port_has_its_limit(database_url, monkeypatch, written):
    """Azure's gateways write the port of the client too, which is another for each connection."""
    own = environment(database_url)
    limits = {"DISCERN_LIMIT_PER_ADDRESS": "1/h 3", "DISCERN_TRUSTED_PROXIES": "1"}
    monkeypatch.setattr("tests.processes.environment", lambda _: {**own, **limits})
    assert discern("publish", str(BANK), database_url=database_url).returncode == 0
    with web_server(database_url) as (web, _):
        path = "/api/v1/surveys/website/sessions"
        statuses = [direct(web.port, path, f"1.1.1.1, {written.format(port)}") for port in range(4711, 4716)]

    assert statuses == [201, 201, 201, 429, 429]


def direct(port, path, forwarded):
    """Start a session as if a proxy had sent this header. Return the status."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\nX-Forwarded-For: {forwarded}\r\n\r\n"
        connection.sendall(head.encode() + b"{}")
        response = HTTPResponse(connection, method="POST")
        response.begin()
        return response.status


class Compose(yaml.SafeLoader):
    """Reads compose files, whose `!reset` is no YAML of the standard."""


Compose.add_constructor("!reset", lambda loader, node: loader.construct_sequence(node))


def test_the_compose_files_mount_what_these_tests_start():
    """A configuration that no test starts would be found wrong by the first operator who does. Others: test_pgbouncer.py, test_caddy.py."""
    mounted, proxied = {}, {}
    for file in SHIPPED.glob("compose*.yaml"):
        for name, service in yaml.load(file.read_text(encoding="utf-8"), Compose)["services"].items():  # a SafeLoader
            mounted |= dict(volume.split(":")[:2] for volume in service.get("volumes", ()) if volume.startswith("./"))
            if "proxied" in file.name:
                proxied[name] = service

    assert mounted == {
        "./nginx.conf": "/etc/nginx/nginx.conf",
        "./pgbouncer.ini": "/etc/pgbouncer/pgbouncer.ini",
        "./Caddyfile": "/etc/caddy/Caddyfile",
    }
    assert proxied["web"]["environment"]["DISCERN_TRUSTED_PROXIES"] == "${DISCERN_TRUSTED_PROXIES:-1}"
    assert {"@pool:6432/" in proxied[name]["environment"]["DISCERN_DATABASE_URL"] for name in ("web", "worker", "migrate")} == {True}
