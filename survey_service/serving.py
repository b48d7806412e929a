"""The web server: gunicorn with threads, which keeps slow phones from blocking the others."""

from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication

from survey_service.app import create_app
from survey_service.metrics import forget
from survey_service.settings import Settings

CONNECTIONS_PER_WORKER = 64
"""Without a cap one worker may take every kept-alive connection while its neighbour idles."""
MOST_HEADERS, LONGEST_HEADER, LONGEST_LINE = 64, 8190, 4094
"""Of a request. What a proxy adds fits in; the longest thing that we put into an address is a signed identity of 2000 characters."""
ACCESS = "%(t)s %(m)s %({discern.route}e)s %(s)s %(b)s %(M)sms"
"""A line of the access log: when, what, how it went. Not who, and not the address itself, which may be a token."""


class DiscernServer(BaseApplication):
    """gunicorn, configured in code; the application is made in each worker, after the fork."""

    def __init__(self, settings: Settings, options: dict[str, Any]) -> None:
        self.settings = settings
        self.options = options
        super().__init__()

    def load_config(self) -> None:
        for name, value in self.options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return create_app(self.settings)


def serve(settings: Settings, bind: str, workers: int, threads: int, *, access_log: bool = False) -> None:
    """Serve until SIGTERM or SIGINT; requests under way are finished first."""
    DiscernServer(settings, options_of(settings, bind, workers, threads, access_log=access_log)).run()


def options_of(settings: Settings, bind: str, workers: int, threads: int, *, access_log: bool = False) -> dict[str, Any]:
    """How gunicorn runs."""
    return {
        "bind": bind,
        "workers": workers,
        "threads": threads,
        "worker_class": "survey_service.web_worker.WebWorker",
        "worker_connections": CONNECTIONS_PER_WORKER,
        "control_socket_disable": True,
        "graceful_timeout": 20,
        "keepalive": 5,
        "limit_request_line": LONGEST_LINE,
        "limit_request_fields": MOST_HEADERS,
        "limit_request_field_size": LONGEST_HEADER,
        "loglevel": "info" if settings.log_level == "DEBUG" else settings.log_level.lower(),  # its debug lines quote what was sent
        "accesslog": "-" if access_log else None,
        "access_log_format": ACCESS,
        "errorlog": "-",
        "child_exit": lambda _, worker: forget(worker.pid, settings.metrics_folder),
    }
