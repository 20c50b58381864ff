"""Spans for an OpenTelemetry collector, by OTLP over HTTP. Imported only where one is set: it weighs some
20 MB."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from threading import Thread

from opentelemetry import trace as otel
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from datawave.kit.telemetry import redacted
from datawave.kit.tracing import NOWHERE, Kind, Trace, Value

PATIENCE = 5.0
"""So long a collector may take; what does not fit the queue meanwhile is dropped, and nobody waits."""

LAST_WORDS = 2.0
"""What is left may take so long to be sent when the process ends."""

KINDS: dict[Kind, otel.SpanKind] = {
    "internal": otel.SpanKind.INTERNAL,
    "server": otel.SpanKind.SERVER,
    "client": otel.SpanKind.CLIENT,
    "consumer": otel.SpanKind.CONSUMER,
}

_wanted: ContextVar[str | None] = ContextVar("wanted", default=None)


class OurIds(RandomIdGenerator):
    """A trace had its id before anything of it was recorded."""

    def generate_trace_id(self) -> int:
        wanted = _wanted.get()
        return int(wanted, 16) if wanted is not None else super().generate_trace_id()


@dataclass(frozen=True, slots=True)
class RecordedSpan:
    span: otel.Span

    @property
    def trace(self) -> Trace:
        context = self.span.get_span_context()
        return Trace(f"{context.trace_id:032x}", f"{context.span_id:016x}", recorded=True)

    def failed(self, why: str) -> None:
        self.span.set_attribute("error.type", why)
        self.span.set_status(otel.StatusCode.ERROR)

    def end(self) -> None:
        self.span.end()


class Collector:
    """Sends spans in batches, from a thread of its own."""

    def __init__(
        self, endpoint: str, *, headers: Mapping[str, str], process: str, version: str, instance: str
    ) -> None:
        self._provider = TracerProvider(
            sampler=ALWAYS_ON,  # whether a trace is recorded was decided before anything was made
            resource=Resource.create(
                {
                    "service.namespace": "datawave",
                    "service.name": f"datawave-{process}",
                    "service.version": version,
                    "service.instance.id": instance,
                }
            ),
            id_generator=OurIds(),
            shutdown_on_exit=False,
        )
        exporter = OTLPSpanExporter(
            endpoint=f"{endpoint.rstrip('/')}/v1/traces", headers=dict(headers), timeout=PATIENCE
        )
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("datawave", version)

    def start(
        self, name: str, kind: Kind, above: Trace, told: Mapping[str, Value], *, ago: float
    ) -> RecordedSpan:
        shown = {key: redacted(value) if isinstance(value, str) else value for key, value in told.items()}
        token = _wanted.set(above.id)
        try:
            began = time.time_ns() - int(ago * 1e9)
            made = self._tracer.start_span(name, _context(above), KINDS[kind], shown, start_time=began)
        finally:
            _wanted.reset(token)
        return RecordedSpan(made)

    def stop(self) -> None:
        """A process that ends does not wait for a collector that is away."""
        ending = Thread(target=self._provider.shutdown, name="spans.ending", daemon=True)
        ending.start()
        ending.join(LAST_WORDS)


def _context(above: Trace) -> Context:
    if above.span == NOWHERE:
        return Context()
    place = otel.SpanContext(
        int(above.id, 16), int(above.span, 16), is_remote=True, trace_flags=otel.TraceFlags(1)
    )
    return otel.set_span_in_context(otel.NonRecordingSpan(place), Context())
