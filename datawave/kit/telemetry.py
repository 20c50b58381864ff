"""Logs: for people on a terminal, JSON elsewhere, with the request they belong to and without secrets.

Whatever is registered as a secret is cut out of the finished line, so also out of tracebacks and of what
libraries say. A `Secret` hides itself; plain values under telling names are hidden by name.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections import OrderedDict
from collections.abc import Mapping, MutableMapping
from contextvars import ContextVar
from random import getrandbits
from typing import Any, Literal, TextIO, cast

import structlog

from datawave.kit import tracing
from datawave.kit.secrets import HIDDEN, Secret

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)

MOST_SECRETS = 2_000
SHORTEST_SECRET = 6
"""Shorter ones would blot out ordinary words."""

_TELLING = re.compile(
    r"(password|passwd|secret|token|authorization|cookie|api_?key|credential)s?$", re.IGNORECASE
)
_REQUEST_ID = re.compile(r"^[A-Za-z0-9._-]{1,64}$")
_PLAIN = (str, int, float, bool, type(None))


class Redactor:
    """Knows the newest secrets of this process and cuts them out of text."""

    def __init__(self, most: int = MOST_SECRETS) -> None:
        self._most = most
        self._known: OrderedDict[str, None] = OrderedDict()
        self._shapes: list[str] = []
        self._pattern: re.Pattern[str] | None = None

    def add(self, value: str | Secret) -> None:
        text = value.reveal() if isinstance(value, Secret) else value
        if len(text) < SHORTEST_SECRET:
            return
        # A finished JSON line holds a quote or an umlaut escaped.
        for spelling in {text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}:
            self._known[spelling] = None
            self._known.move_to_end(spelling)
        while len(self._known) > self._most:
            self._known.popitem(last=False)
        self._pattern = None

    def add_shape(self, pattern: str) -> None:
        """Whatever looks so is a secret, though nobody told us of it."""
        self._shapes = [*self._shapes, pattern]
        self._pattern = None

    def clean(self, text: str) -> str:
        if not self._known and not self._shapes:
            return text
        if self._pattern is None:
            longest_first = sorted(self._known, key=len, reverse=True)
            self._pattern = re.compile("|".join([*map(re.escape, longest_first), *self._shapes]))
        return self._pattern.sub(HIDDEN, text)


_redactor = Redactor()


def register_secret(value: str | Secret) -> None:
    """From now on this value appears in no log line of this process."""
    _redactor.add(value)


def register_shape(pattern: str) -> None:
    """From now on nothing of this shape (a regular expression) appears in a log line of this process."""
    _redactor.add_shape(pattern)


def redacted(text: str) -> str:
    """The text without any registered secret: for errors that leave the process another way."""
    return _redactor.clean(text)


class bound:  # it is used as a function
    """Everything logged inside belongs to this request."""

    __slots__ = ("_request", "_token")

    def __init__(self, request: str) -> None:
        self._request = request

    def __enter__(self) -> None:
        self._token = request_id.set(self._request)

    def __exit__(self, *_: object) -> None:
        request_id.reset(self._token)


def request_id_of(given: str | None) -> str:
    """The id that a caller gave its request, where it is one; else a new one."""
    return given if given and _REQUEST_ID.match(given) else f"{getrandbits(64):016x}"


def set_up(
    *,
    log_format: Literal["auto", "console", "json"] = "auto",
    level: str = "info",
    process: str = "",
    stream: TextIO | None = None,
) -> None:
    """Send our logs and those of libraries through the same way; call once, first thing in a process."""
    output: TextIO = stream or sys.stderr
    console = log_format == "console" or (log_format == "auto" and output.isatty())
    shared = _shared_processors(process)
    render = _console(output) if console else _json()
    handler = logging.StreamHandler(output)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _hide, *render, _clean],
        )
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for loud in (
        "asyncio",
        "urllib3",
        "httpx2",
        "httpcore2",
        "websockets",
        "aiosqlite",
        "alembic.runtime.plugins",
        "arq",
        "uvicorn",
        "opentelemetry",
    ):
        logging.getLogger(loud).setLevel(max(logging.WARNING, logging.getLevelNamesMapping()[level.upper()]))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _shared_processors(process: str) -> list[structlog.typing.Processor]:
    def where(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        if process:
            event.setdefault("process", process)
        for name, value in (("request_id", request_id.get()), ("trace_id", tracing.trace_id())):
            if value is not None:
                event.setdefault(name, value)
        return event

    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        where,
    ]


def _console(stream: TextIO) -> list[structlog.typing.Processor]:
    colours = stream.isatty()
    return [
        structlog.dev.ConsoleRenderer(
            colors=colours, timestamp_key="time", exception_formatter=structlog.dev.plain_traceback
        )
    ]


def _json() -> list[structlog.typing.Processor]:
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(_dumps)]


def _dumps(event: Any, **_: Any) -> str:
    return json.dumps(event, default=_shown, ensure_ascii=False, separators=(",", ":"))


def _shown(value: object) -> str:
    """Whatever JSON does not know, in its own words; a broken `__repr__` must not cost the line."""
    try:
        return str(value) if isinstance(value, Secret) else repr(value)
    except Exception:
        return f"<{type(value).__name__}>"


def _hide(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name, value in event.items():
        event[name] = HIDDEN if _TELLING.search(name) and isinstance(value, str) else _without_secrets(value)
    return event


def _without_secrets(value: Any) -> Any:
    """Copies of dicts and lists with telling names hidden, at any depth."""
    if isinstance(value, Mapping):
        inside = cast("Mapping[Any, Any]", value)
        return {
            key: HIDDEN if isinstance(each, str) and _TELLING.search(str(key)) else _without_secrets(each)
            for key, each in inside.items()
        }
    if isinstance(value, list | tuple):
        items = cast("list[Any] | tuple[Any, ...]", value)
        return [each if isinstance(each, _PLAIN) else _without_secrets(each) for each in items]
    return value


def _clean(_: Any, __: str, line: Any) -> str:
    return _redactor.clean(str(line))
