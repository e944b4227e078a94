"""A receiver of OpenTelemetry spans on this machine: OTLP over HTTP, as protobuf."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse

from tests.waiting import until


class ReceivedSpan(NamedTuple):
    """A span, with its ids in hexadecimal digits; parent is "" for the first of a trace."""

    name: str
    trace: str
    id: str
    parent: str
    attributes: dict[str, str | int]
    failed: bool


@dataclass
class Collector:
    """url: for OTEL_EXPORTER_OTLP_ENDPOINT."""

    url: str = ""
    spans: list[ReceivedSpan] = field(default_factory=list)

    def of(self, trace: str) -> list[ReceivedSpan]:
        """The spans of a trace, in the order of their arrival."""
        return [span for span in self.spans if span.trace == trace]

    def wait_for(self, trace: str, names: list[str]) -> None:
        """Waits until the spans of a trace have these names, in alphabetical order."""
        until(lambda: sorted(span.name for span in self.of(trace)) == names)


@contextmanager
def collector() -> Iterator[Collector]:
    """A collector, until the block ends."""
    received = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            request = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["Content-Length"])))
            for spans in (scope.spans for resource in request.resource_spans for scope in resource.scope_spans):
                for span in spans:
                    values = {each.key: each.value.string_value or each.value.int_value for each in span.attributes}
                    ids = (span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex())
                    received.spans.append(ReceivedSpan(span.name, *ids, values, failed=span.status.code == 2))
            body = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Logs nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    received.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield received
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
