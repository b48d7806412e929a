"""The web server: gunicorn with threads, so that slow phones do not block others."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.config import Config
from gunicorn.glogging import Logger

from survey_service.ops import logs
from survey_service.ops.metrics import ROUTE, forget_process
from survey_service.settings import Settings
from survey_service.web.middleware import NAMES

CONNECTIONS_PER_WORKER = 64
"""Without a limit one worker may take every kept-alive connection while its neighbour idles."""
MOST_HEADERS, LONGEST_HEADER, LONGEST_LINE = 64, 8190, 8190
"""Limits of a request. What a proxy adds fits in; the longest address that we make holds a signed identity of 2000 characters."""


class ServerLog(Logger):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's log in our format."""

    kind = "text"

    def setup(self, cfg: Config) -> None:
        super().setup(cfg)
        for handler in (*self.error_log.handlers, *self.access_log.handlers):
            handler.setFormatter(logs.formatter(self.kind))

    def access(self, resp: Any, req: Any, facts: Mapping[str, Any], request_time: timedelta) -> None:
        """Log what was requested and the outcome; neither the client nor the address itself, which may be a token."""
        if self.cfg.accesslog:
            asked = {"method": req.method, "route": facts.get(ROUTE, "none"), **facts.get(NAMES, {})}
            went = {"status": resp.status_code, "bytes": getattr(resp, "sent", None), "ms": round(request_time.total_seconds() * 1000)}
            self.access_log.info("answered", extra={**asked, **went})


class DiscernServer(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn, configured in code. Each worker creates its application after the fork."""

    def __init__(self, create_app: Callable[[Settings], Flask], settings: Settings, options: dict[str, Any]) -> None:
        self.create_app = create_app
        self.settings = settings
        self.options = options
        super().__init__()

    def load_config(self) -> None:
        for name, value in self.options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        logs.configure(self.settings.log_level, self.settings.log_format)
        return self.create_app(self.settings)


def serve(
    create_app: Callable[[Settings], Flask], settings: Settings, bind: str, workers: int, threads: int, *, access_log: bool = False
) -> None:
    """Serve until SIGTERM or SIGINT. Requests under way are finished first."""
    DiscernServer(create_app, settings, options_of(settings, bind, workers, threads, access_log=access_log)).run()


def options_of(settings: Settings, bind: str, workers: int, threads: int, *, access_log: bool = False) -> dict[str, Any]:
    """Return gunicorn's settings."""
    return {
        "bind": bind,
        "workers": workers,
        "threads": threads,
        "worker_class": "survey_service.server.gunicorn_worker.WebWorker",
        "worker_connections": CONNECTIONS_PER_WORKER,
        "control_socket_disable": True,
        "graceful_timeout": 20,
        "keepalive": 5,
        "limit_request_line": LONGEST_LINE,
        "limit_request_fields": MOST_HEADERS,
        "limit_request_field_size": LONGEST_HEADER,
        "loglevel": "info" if settings.log_level == "DEBUG" else settings.log_level.lower(),  # its debug lines quote the request
        "accesslog": "-" if access_log else None,
        "logger_class": type("ServerLog", (ServerLog,), {"kind": settings.log_format}),
        "errorlog": "-",
        "child_exit": lambda _, worker: forget_process(worker.pid, settings.metrics_folder),
    }
