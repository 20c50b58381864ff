"""Traces: to which request, job or agent's task a piece of work belongs, and how long its parts take.

A trace goes by W3C's `traceparent` from the caller through command and job to the agent and back to us; its
id is in every log line and is the `correlationId` of its events. Its spans are recorded only where they have
somewhere to go (`record`), and only of the share of traces that is decided on where a trace begins: for the
others nothing is made. OpenTelemetry is imported by `record` alone.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from random import getrandbits, random
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

Kind = Literal["internal", "server", "client", "consumer"]
Value = str | int | float | bool

NOTHING: Mapping[str, Value] = {}
NOWHERE = "0" * 16
"""The span of a trace that has none yet."""

LONGEST = 2_000
"""So much of a statement's text is kept."""

_TRACEPARENT = re.compile(r"^[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$")


@dataclass(frozen=True, slots=True)
class Trace:
    """A place in a trace: its id, the span we are in, and whether spans are recorded."""

    id: str
    span: str = NOWHERE
    recorded: bool = False

    def __str__(self) -> str:
        return f"00-{self.id}-{self.span}-{'01' if self.recorded else '00'}"


class Span(Protocol):
    """A part of a trace that is being recorded."""

    @property
    def trace(self) -> Trace: ...

    def failed(self, why: str) -> None:
        """It did not go well; `why` is a code or the name of an exception, never its words."""
        ...

    def end(self) -> None: ...


class Recorder(Protocol):
    def start(
        self, name: str, kind: Kind, above: Trace, told: Mapping[str, Value], *, ago: float
    ) -> Span: ...

    def stop(self) -> None:
        """Sends what is left, within a bounded time."""
        ...


_here: ContextVar[Trace | None] = ContextVar("trace", default=None)
_recorder: Recorder | None = None
_share = 0.0


def here() -> Trace | None:
    return _here.get()


def trace_id() -> str | None:
    trace = _here.get()
    return trace.id if trace is not None else None


def traceparent() -> str | None:
    """What others are told, so that what they do belongs to this trace."""
    trace = _here.get()
    return str(trace) if trace is not None else None


def begun(id: str | None = None) -> Trace:
    """A new trace; whether it is recorded is decided here."""
    return Trace(id or f"{getrandbits(128):032x}", recorded=_recorder is not None and random() < _share)


def continued(traceparent: str | None) -> Trace | None:
    """The trace a caller names; None where it names none, or not as W3C has it."""
    matched = _TRACEPARENT.match(traceparent or "")
    return Trace(matched[1], matched[2], bool(int(matched[3], 16) & 1)) if matched else None


class within:  # it is used as a function
    """Everything inside belongs to this trace."""

    __slots__ = ("_token", "_trace")

    def __init__(self, trace: Trace) -> None:
        self._trace = trace

    def __enter__(self) -> None:
        self._token = _here.set(self._trace)

    def __exit__(self, *_: object) -> None:
        _here.reset(self._token)


def started(
    name: str, kind: Kind = "internal", told: Mapping[str, Value] = NOTHING, *, ago: float = 0.0
) -> Span | None:
    """A span that whoever asked for it ends, begun so many seconds ago; None where nothing is recorded."""
    above = _here.get()
    if above is None or not above.recorded or _recorder is None:
        return None
    return _recorder.start(name, kind, above, told, ago=ago)


@contextmanager
def span(
    name: str,
    kind: Kind = "internal",
    told: Mapping[str, Value] = NOTHING,
    *,
    expected: tuple[type[Exception], ...] = (),
) -> Generator[Span | None]:
    """A part of the trace we are in; what happens inside are its parts. It failed with whatever is raised
    and is not `expected`."""
    made = started(name, kind, told)
    if made is None:
        yield None
        return
    try:
        with within(made.trace):
            yield made
    except expected:
        raise
    except BaseException as error:
        made.failed(type(error).__name__)
        raise
    finally:
        made.end()


def record(recorder: Recorder, *, share: float) -> None:
    """From now on spans of this process are recorded, of so large a share of the traces that begin here."""
    global _recorder, _share
    stop()
    _recorder, _share = recorder, share


def stop() -> None:
    """Nothing is recorded any more."""
    global _recorder, _share
    former, _recorder, _share = _recorder, None, 0.0
    if former is not None:
        former.stop()


def follow(engine: AsyncEngine) -> None:
    """Each statement of the pool is a span of the trace it belongs to: its text, never its parameters."""
    from sqlalchemy import event as hooks

    if _recorder is None:
        return

    def begins(
        _connection: Any, _cursor: Any, statement: str, _given: Any, context: Any, _many: bool
    ) -> None:
        context.datawave_span = _statement(statement)

    def ends(_connection: Any, _cursor: Any, _statement: str, _given: Any, context: Any, _many: bool) -> None:
        if context.datawave_span is not None:
            context.datawave_span.end()

    def fails(problem: Any) -> None:
        made: Span | None = getattr(problem.execution_context, "datawave_span", None)
        if made is not None:
            made.failed(type(problem.original_exception).__name__)
            made.end()

    def connects(connection: Any, _record: Any) -> None:
        connection.driver_connection.add_query_logger(tells)

    def tells(query: Any) -> None:
        """What was said to the driver itself is told of afterwards."""
        made = _statement(query.query, ago=query.elapsed)
        if made is not None:
            if query.exception is not None:
                made.failed(type(query.exception).__name__)
            made.end()

    hooks.listen(engine.sync_engine, "before_cursor_execute", begins)
    hooks.listen(engine.sync_engine, "after_cursor_execute", ends)
    hooks.listen(engine.sync_engine, "handle_error", fails)
    hooks.listen(engine.sync_engine, "connect", connects)


def _statement(words: str, *, ago: float = 0.0) -> Span | None:
    if (trace := _here.get()) is None or not trace.recorded:
        return None
    verb = words.lstrip().partition(" ")[0][:20].strip(";").upper()
    told = {"db.system.name": "postgresql", "db.operation.name": verb, "db.query.text": words[:LONGEST]}
    return started(verb, "client", told, ago=ago)
