"""What stands between: PgBouncer in front of a database and nginx in front of a web server, with the configurations that we ship.

A test changes only where they listen, whom they ask, and what it names.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import mkdtemp
from threading import Thread

import psycopg

from tests.processes import PATIENCE, ROOT, free_port, until
from tests.survey_service.databases import Postgres

SHIPPED = ROOT / "docs" / "operations"
PASSWORD = "a password for tests"


def program(name: str) -> str:
    """Return the path of a program. Fails where it is missing: what operators run is tested everywhere."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    assert found, f"{name} is missing: ./requirements/test-machine.sh installs it"
    return found


def changed(text: str, changes: Mapping[str, str]) -> str:
    """Return a configuration with these changes. Each must be in it."""
    for before, after in changes.items():
        assert before in text, before
        text = text.replace(before, after)
    return text


@contextmanager
def echo() -> Iterator[int]:
    """Run a web server that answers with the headers and the path it got, and how long the body was. Yield its port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            length = len(self.rfile.read(int(self.headers.get("Content-Length", 0))))
            body = json.dumps({"headers": self.headers.items(), "path": self.path, "length": length}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@contextmanager
def pgbouncer(server: Postgres, database: str, changes: Mapping[str, str] | None = None) -> Iterator[str]:
    """Run PgBouncer with the shipped configuration in front of a database. Yield the address to connect to."""
    port, folder = free_port(), Path(mkdtemp(prefix="discern-pgbouncer-"))
    user = "postgres" if os.geteuid() == 0 else None  # it refuses to run as root
    moved = {
        "host=database port=5432 dbname=discern": f"host={server.folder} dbname={database}",
        "listen_addr = 0.0.0.0\nlisten_port = 6432": f"listen_addr = 127.0.0.1\nlisten_port = {port}",
        "/etc/pgbouncer/userlist.txt": str(folder / "userlist.txt"),
    }
    (folder / "userlist.txt").write_text(f'"postgres" "{PASSWORD}"\n', encoding="utf-8")
    (folder / "pgbouncer.ini").write_text(
        changed((SHIPPED / "pgbouncer.ini").read_text(encoding="utf-8"), {**moved, **(changes or {})}), encoding="utf-8"
    )
    for path in (folder, *folder.iterdir()):
        shutil.chown(path, user) if user else None
    with (folder / "log").open("wb") as log:
        running = subprocess.Popen([program("pgbouncer"), folder / "pgbouncer.ini"], stdout=log, stderr=log, user=user)
    url = f"postgresql+psycopg://postgres:{PASSWORD.replace(' ', '%20')}@127.0.0.1:{port}/discern"
    try:
        until(lambda: running.poll() is not None or _listens(url), "PgBouncer answers")
        assert running.poll() is None, (folder / "log").read_text()
        yield url
    finally:
        running.terminate()
        running.wait(PATIENCE)
        shutil.rmtree(folder)


def _listens(url: str) -> bool:
    try:
        psycopg.connect(url.replace("+psycopg", "")).close()
    except psycopg.OperationalError as problem:
        return "Connection refused" not in str(problem)  # it answers, if only with an error
    return True


@contextmanager
def nginx(upstream: int, listen: str = "") -> Iterator[int]:
    """Run nginx with the shipped configuration in front of a port of this machine. Yield its own port.

    `listen` is added to the line that says where it listens.
    """
    port, folder = free_port(), Path(mkdtemp(prefix="discern-nginx-"))
    moved = {"web:8000": f"127.0.0.1:{upstream}", "listen 80;": f"listen 127.0.0.1:{port}{listen};", "/tmp/": f"{folder}/"}
    (folder / "nginx.conf").write_text(changed((SHIPPED / "nginx.conf").read_text(encoding="utf-8"), moved), encoding="utf-8")
    with (folder / "log").open("wb") as log:
        command = [program("nginx"), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-g", "daemon off;"]
        running = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        until(lambda: running.poll() is not None or (folder / "nginx.pid").exists(), "nginx runs")
        assert running.poll() is None, (folder / "log").read_text()
        yield port
    finally:
        running.terminate()
        running.wait(PATIENCE)
        shutil.rmtree(folder)
