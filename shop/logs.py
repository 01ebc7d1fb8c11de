"""Structured logs: one JSON object a line, each with the id of its request or job."""

import logging
import time
import uuid

import structlog
from flask import Flask, g, request

log = structlog.get_logger("shop.request")
_QUIET = ("/healthz", "/readyz", "/static/")


def configure(settings) -> None:
    """Call once per process. A second call only sets the same again."""
    renderer = structlog.processors.JSONRenderer() if settings.LOG_FORMAT == "json" else structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, settings.LOG_LEVEL)),
        cache_logger_on_first_use=True,
    )


def init_app(app: Flask) -> None:
    app.before_request(_begin)
    app.after_request(_end)


def _begin() -> None:
    g.request_id = uuid.uuid4().hex[:16]
    g.began = time.perf_counter()
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _end(response):
    if "request_id" not in g:
        return response
    response.headers["X-Request-ID"] = g.request_id
    if not request.path.startswith(_QUIET):
        # The rule, not the path: a path can hold a private link.
        rule = request.url_rule.rule if request.url_rule else "unmatched"
        took = round((time.perf_counter() - g.began) * 1000, 1)
        log.info("request", method=request.method, rule=rule, status=response.status_code, ms=took)
    return response
