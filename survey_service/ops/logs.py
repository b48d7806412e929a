"""Logs: a line for each event, as JSON or for people."""

import logging
import sys

import structlog
from structlog.contextvars import merge_contextvars
from structlog.stdlib import ExtraAdder, ProcessorFormatter, add_log_level, add_logger_name


def formatter(kind: str) -> logging.Formatter:
    """Return the formatter for the records of every library. `kind` is one of the settings' LOG_FORMATS. `extra` becomes fields."""
    plain = structlog.dev.plain_traceback  # the default shows local variables where a library for that is installed: secrets among them
    as_text = structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0, exception_formatter=plain)
    as_json = structlog.processors.JSONRenderer(ensure_ascii=False, default=str)
    trace = [structlog.processors.format_exc_info] if kind == "json" else []
    return ProcessorFormatter(
        foreign_pre_chain=[
            merge_contextvars,
            add_log_level,
            add_logger_name,
            ExtraAdder(),
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="timestamp"),
        ],
        processors=[ProcessorFormatter.remove_processors_meta, *trace, as_json if kind == "json" else as_text],
    )


def configure(level: str, kind: str) -> None:
    """Send everything that this process logs to standard error, in one format."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter(kind))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
