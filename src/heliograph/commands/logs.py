"""Logging (O8): one line per event on stderr, readable on a terminal, JSON elsewhere. Standard output is for the commands' results."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from heliograph.options import Options
from heliograph.store import database_outages

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


_LINKS = re.compile(r"(/(?:invitation|new-password|first-start)/)[^/\s\"']+")


def without_links(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Removes the tokens of one-time links: Django logs the address of each request that it refuses."""
    for key, value in event.items():
        if isinstance(value, str) and "/" in value:
            event[key] = _LINKS.sub(r"\1…", value)
    return event


def _with_process(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Names the process: all that one start runs write to one log."""
    if sys.argv[1:2] == ["process"]:
        event["process"] = "".join(sys.argv[2:3])
    return event


def in_one_line(record: logging.LogRecord) -> bool:
    """A logging filter that keeps every record, but reduces the record of a refused request to one line, without its traceback.

    Django refuses requests with a wrong Host, forms without their token, and pages that the role does not permit. None of these is a fault of ours,
    and a stranger could fill the disk with tracebacks.
    """
    refused = record.name.startswith("django.security") or (record.name == "django.request" and getattr(record, "status_code", 500) < 500)
    if refused:
        record.msg, record.args = "".join(c if c.isprintable() else repr(c)[1:-1] for c in record.getMessage()), ()
        record.exc_info = record.exc_text = record.stack_info = None
    return True


def is_no_outage(record: logging.LogRecord) -> bool:
    """A logging filter that drops the record of an error of the database, which `store.database_outages` writes at most once a minute.

    While there is an outage, Django also logs each request that it answers with 503.
    """
    error = record.exc_info[1] if record.exc_info else None
    if database_outages.PROCESS.note(error, record.name):
        return False
    return not (database_outages.PROCESS.is_on and record.name == "django.request" and getattr(record, "status_code", 500) == 503)


def configure(options: Options) -> None:
    """Configures our own loggers, and the standard library's for Django, waitress and uvicorn."""
    level = LEVELS[options.log_level]
    as_json = options.log_format == "json" or (options.log_format == "auto" and not sys.stderr.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        _with_process,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        without_links,
    ]
    rendering: list[Any] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
        if as_json
        else [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)]
    )
    structlog.configure(
        processors=[database_outages.PROCESS.without_errors, *shared, *rendering],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
        )
    )
    handler.addFilter(is_no_outage)
    handler.addFilter(in_one_line)
    logging.basicConfig(handlers=[handler], level=max(level, logging.WARNING), force=True)
