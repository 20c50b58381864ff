"""Traces: one from a client's request to the agent and back, told to a collector that speaks OTLP."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from datawave.kit import tracing
from datawave.kit.spans import Collector
from tests.client import Client
from tests.factories.sources import Make
from tests.fixtures.agent import Agent, Worker
from tests.fixtures.api import House

TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
RECORDED = {"traceparent": f"00-{TRACE}-{CALLER}-01"}
NOT_RECORDED = {"traceparent": f"00-{TRACE}-{CALLER}-00"}
EVENTS = "query ($of: String) { events(filter: {correlationId: $of}, first: 50) { nodes { type } } }"
VIEWER = "query Me { viewer { actor { id } } }"


class Receiver:
    """A collector: takes what is exported to it, by its protocol."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.services: set[str] = set()
        self.headers: list[str | None] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.take(self.path, self.headers.get("x-team"), body)
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def take(self, path: str, team: str | None, body: bytes) -> None:
        assert path == "/v1/traces"
        self.headers.append(team)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            named = {each.key: each.value.string_value for each in resource.resource.attributes}
            self.services.add(named["service.name"])
            for scope in resource.scope_spans:
                self.spans += scope.spans

    def of(self, trace: str) -> list[Span]:
        return [span for span in self.spans if span.trace_id.hex() == trace]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Made before the house, whose pool tells of its statements where spans are recorded."""
    made = Receiver()
    collector = Collector(made.url, headers={"x-team": "us"}, process="test", version="1", instance="one")
    tracing.record(collector, share=0.0)
    yield made
    tracing.stop()
    made.close()


async def all_told() -> None:
    """What was recorded has arrived: ending the recording sends the rest."""
    await asyncio.to_thread(tracing.stop)


def named(spans: list[Span], beginning: str) -> list[Span]:
    return [span for span in spans if span.name.startswith(beginning)]


async def test_one_trace_leads_from_a_request_to_the_agent_and_back(
    receiver: Receiver, house: House, api: Client, make: Make, agent: Agent, worker: Worker
) -> None:
    made = await make.source(key="shop")
    api.http.headers.update(RECORDED)
    run = await make.discovery(made["id"])
    assert run["state"] == "SUCCEEDED"
    await worker.drained()
    await all_told()
    spans = receiver.of(TRACE)
    by_id = {span.span_id.hex(): span for span in spans}

    def above(span: Span) -> list[str]:
        """The names of what the span is a part of, nearest first."""
        parent = by_id.get(span.parent_span_id.hex())
        return [parent.name, *above(parent)] if parent is not None else []

    [asked] = named(spans, "mutation startDiscovery")
    assert asked.parent_span_id.hex() == CALLER and asked.kind == Span.SPAN_KIND_SERVER
    [command] = named(spans, "command start_discovery")
    assert above(command) == ["mutation startDiscovery"]
    [task] = named(spans, "task DISCOVER")
    assert above(task)[-1] == "mutation startDiscovery"
    reports = named(spans, "mutation reportTask")
    assert reports and all("mutation startDiscovery" in above(report) for report in reports)
    copied = named(spans, "COPY asset")
    assert copied and all(any(name.startswith("command") for name in above(each)) for each in copied)
    statements = [each for each in spans if each.name in ("SELECT", "INSERT", "UPDATE")]
    assert statements and all(above(each) for each in statements)
    assert all(each.end_time_unix_nano >= each.start_time_unix_nano for each in spans)
    assert receiver.services == {"datawave-test"} and set(receiver.headers) == {"us"}


async def test_the_events_of_a_request_bear_its_trace_as_correlation(api: Client, make: Make) -> None:
    api.http.headers.update(NOT_RECORDED)
    await make.source(key="shop")
    api.http.headers.update({"traceparent": f"00-{CALLER}{CALLER}-{CALLER}-00"})
    await api.done("mutation { rotateVaultKey(input: {}) { errors { code } } }")
    found = (await api.data(EVENTS, of=TRACE))["events"]["nodes"]
    assert {event["type"] for event in found} == {"SourceCreated", "TaskOffered"}
    found = (await api.data(EVENTS, of=CALLER * 2))["events"]["nodes"]
    assert {event["type"] for event in found} == {"JobChanged"}  # told by the database itself


async def test_what_is_not_recorded_makes_no_spans(receiver: Receiver, house: House, api: Client) -> None:
    """Neither where the caller says so, nor of the share that begins here (none, in this test)."""
    await api.data(VIEWER)
    api.http.headers.update(NOT_RECORDED)
    await api.data(VIEWER)
    await all_told()
    assert receiver.spans == []


async def test_an_operation_over_a_socket_is_a_trace_of_its_own(receiver: Receiver, api: Client) -> None:
    collector = Collector(receiver.url, headers={}, process="test", version="1", instance="one")
    tracing.record(collector, share=1.0)
    async with api.socket() as socket:
        for _ in range(2):
            async for answer in socket.subscribe(VIEWER):
                assert answer["data"]["viewer"]
    await all_told()
    asked = named(receiver.spans, "query viewer")
    assert len({span.trace_id for span in asked}) == 2 and not any(span.parent_span_id for span in asked)
    told = {each.key: each.value.string_value for each in asked[0].attributes}
    assert told == {"graphql.operation.type": "query", "graphql.operation.name": "Me"}


async def test_an_error_is_told_by_its_code_and_no_secret_leaves(
    receiver: Receiver, house: House, api: Client, make: Make
) -> None:
    api.http.headers.update(RECORDED)
    await make.source(key="shop", credentials={"password": {"username": "ada", "password": "planted-4711"}})
    api.token = None
    await api.ask("{ users { nodes { id } } }")
    await all_told()
    [refused] = named(receiver.of(TRACE), "query users")
    told = {each.key: each.value.string_value for each in refused.attributes}
    assert refused.status.code == Status.STATUS_CODE_ERROR and told["error.type"] == "UNAUTHENTICATED"
    assert all(b"planted-4711" not in span.SerializeToString() for span in receiver.spans)


def test_a_collector_that_is_away_holds_nobody_up() -> None:
    tracing.record(
        Collector("http://127.0.0.1:9", headers={}, process="test", version="1", instance="one"), share=1.0
    )
    with tracing.within(tracing.begun()), tracing.span("work") as span:
        assert span is not None
    ending = threading.Thread(target=tracing.stop, daemon=True)
    ending.start()
    ending.join(60)
    assert not ending.is_alive()


@pytest.mark.parametrize(
    "wrong", [None, "", "00-xyz", f"00-{'0' * 32}-{'1' * 16}-01", f"00-{TRACE}-{CALLER}-01-more", "ü" * 55]
)
def test_what_is_no_traceparent_is_passed_over(wrong: str | None) -> None:
    assert tracing.continued(wrong) is None


def test_a_trace_is_told_as_it_was_read() -> None:
    assert str(tracing.continued(f"00-{TRACE}-{CALLER}-01")) == f"00-{TRACE}-{CALLER}-01"
    assert tracing.begun().id != tracing.begun().id and tracing.begun(TRACE).id == TRACE
