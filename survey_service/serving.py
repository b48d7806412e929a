"""The web server: gunicorn with threads, which keeps slow phones from blocking the others."""

from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication

from survey_service.app import create_app
from survey_service.metrics import forget
from survey_service.settings import Settings

CONNECTIONS_PER_WORKER = 64
"""Without a cap one worker may take every kept-alive connection while its neighbour idles."""


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


def serve(settings: Settings, bind: str, workers: int, threads: int) -> None:
    """Serve until SIGTERM or SIGINT; requests under way are finished first."""
    DiscernServer(settings, options_of(settings, bind, workers, threads)).run()


def options_of(settings: Settings, bind: str, workers: int, threads: int) -> dict[str, Any]:
    """How gunicorn runs."""
    return {
        "bind": bind,
        "workers": workers,
        "threads": threads,
        "worker_class": "gthread",
        "worker_connections": CONNECTIONS_PER_WORKER,
        "control_socket_disable": True,
        "graceful_timeout": 20,
        "keepalive": 5,
        "limit_request_line": 4094,
        "loglevel": settings.log_level.lower(),
        "errorlog": "-",
        "child_exit": lambda _, worker: forget(worker.pid, settings.metrics_folder),
    }
