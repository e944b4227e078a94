"""Traces (O21): a change from the door through its recording to each attempt, as OpenTelemetry spans.

    door      the request that brought the change: a child of its traceparent (W3C), or the first span of a trace
    record    its transaction and the decisions of flows
    deliver   each attempt, first or retry; the outgoing request has the traceparent of this span

The change stores the traceparent of its door, so a retry days later belongs to the same trace. Spans name no account, person or text.

Without the extra `otel`, or without an OTEL_ variable that names where spans go, there is no tracer, and nothing here costs anything. The SDK
reads these variables itself.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

import structlog

from heliograph import __version__

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, SpanKind

log = structlog.get_logger(__name__)

TRACEPARENT: Final = "traceparent"
CLOSING: Final = 1.0
_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_VALID: Final = re.compile("[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")

type Facts = Mapping[str, str | int]


def is_wanted(environ: Mapping[str, str]) -> bool:
    """Whether the operator wants traces: a variable names where they go, and none turns them off."""
    is_off = environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or environ.get("OTEL_TRACES_EXPORTER", "otlp") != "otlp"
    return not is_off and any(environ.get(name) for name in _ENDPOINTS)


def open_tracer() -> Tracer | None:
    """The tracer of this process; None if traces are not wanted, or cannot be had."""
    if not is_wanted(os.environ):
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 -- the extra `otel`
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError:
        log.warning("traces_need_the_extra_otel", cure="pip install 'heliograph[otel]'")
        return None
    name = os.environ.get("OTEL_SERVICE_NAME") or "heliograph"
    provider = TracerProvider(shutdown_on_exit=False, resource=Resource.create({"service.name": name, "service.version": __version__}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return Tracer(provider)


def traceparent_of(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The traceparent among ASGI's headers; "" for none, for several, and for one that is not valid."""
    values = [value.decode("latin-1").strip() for name, value in headers if name == b"traceparent"]
    return valid(values[0]) if len(values) == 1 else ""


def valid(traceparent: str) -> str:
    """The traceparent itself if it is valid (W3C Trace Context, version 00 and those that begin like it), else ""."""
    return traceparent if _VALID.fullmatch(traceparent) and not traceparent.startswith("ff") else ""


class Tracer:
    """Makes the spans of one process, and exports them on a thread of its own."""

    def __init__(self, provider: TracerProvider) -> None:
        from opentelemetry import trace  # noqa: PLC0415
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

        self._provider, self._kinds, self._in_context = provider, trace.SpanKind, trace.set_span_in_context
        self._tracer = provider.get_tracer("heliograph", __version__)
        self._propagator = TraceContextTextMapPropagator()

    def receives(self, path: str, parent: str) -> TracedSpan:
        """Begins the span of a request at a door. parent: its traceparent, "" for none."""
        return self._begin("door", self._kinds.SERVER, parent, {"http.request.method": "POST", "url.path": path})

    def delivers(self, parent: str, facts: Facts) -> TracedSpan:
        """Begins the span of an attempt. parent: the traceparent of its change, "" for none."""
        return self._begin("deliver", self._kinds.CLIENT, parent, facts)

    def recorded(self, parent: str, began: int, ended: int, facts: Facts) -> None:
        """Adds the span of a recorded document. Times are nanoseconds since the epoch."""
        context = self._propagator.extract({TRACEPARENT: parent})
        self._tracer.start_span("record", context, attributes=dict(facts), start_time=began).end(ended)

    def close(self) -> None:
        """Exports what is left, in CLOSING seconds: a collector that is gone does not hold up the end of a process."""
        closing = threading.Thread(target=self._provider.shutdown, name="traces", daemon=True)
        closing.start()
        closing.join(CLOSING)

    def _begin(self, name: str, kind: SpanKind, parent: str, facts: Facts) -> TracedSpan:
        context = self._propagator.extract({TRACEPARENT: parent} if parent else {})
        span = self._tracer.start_span(name, context, kind=kind, attributes=dict(facts))
        carrier: dict[str, str] = {}
        self._propagator.inject(carrier, self._in_context(span))
        return TracedSpan(span, carrier.get(TRACEPARENT, ""))


class TracedSpan:
    """A span that has begun.

    traceparent: names it, for its children
    """

    def __init__(self, span: Span, traceparent: str) -> None:
        self._span, self.traceparent = span, traceparent

    def end(self, *, status: int | None, error: str = "") -> None:
        """Ends it. status: of the HTTP answer, if there was one; error: what kind of failure, "" for none."""
        if status is not None:
            self._span.set_attribute("http.response.status_code", status)
        if error:
            from opentelemetry.trace import StatusCode  # noqa: PLC0415

            self._span.set_attribute("error.type", error)
            self._span.set_status(StatusCode.ERROR)
        self._span.end()
