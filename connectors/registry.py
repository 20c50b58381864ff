"""Which connectors are installed: found by entry point, so that others can add theirs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, cast

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from connectors.base import Connector, ConnectorConfig

GROUP = "datawave.connectors"

AnyConnector = type[Connector[Any]]


class UnknownConnector(LookupError):
    """No connector of this kind is installed."""

    def __init__(self, kind: str) -> None:
        known = ", ".join(sorted(entry_names())) or "none"
        super().__init__(f"No connector “{kind[:100]}” is installed; installed are: {known}.")
        self.kind = kind


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What is wrong with one option; `path` leads to it by JSON names."""

    path: tuple[str, ...]
    message: str


class ConfigRefused(ValueError):
    """Options that the connector cannot take; never repeats the values."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(f"{'.'.join(each.path)}: {each.message}" for each in problems))
        self.problems = problems


@cache
def _points() -> Mapping[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def entry_names() -> frozenset[str]:
    """The kinds that are installed, without importing them."""
    return frozenset(_points())


@cache
def connector(kind: str) -> AnyConnector:
    """The connector of this kind, imported on first use; UnknownConnector if there is none."""
    point = _points().get(kind)
    if point is None:
        raise UnknownConnector(kind)
    found = point.load()
    if not (isinstance(found, type) and issubclass(found, Connector)):
        raise TypeError(f"The entry point {GROUP}:{kind} ({point.value}) is not a Connector.")
    return cast(AnyConnector, found)


@cache
def connectors() -> Mapping[str, AnyConnector]:
    """All installed connectors by kind."""
    return {kind: connector(kind) for kind in sorted(_points())}


def checked_config(kind: str, raw: Mapping[str, Any]) -> ConnectorConfig:
    """The options as the connector takes them; ConfigRefused names each field that it cannot take."""
    model = connector(kind).Config
    try:
        return model.model_validate(dict(raw))
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
        raise ConfigRefused(tuple(_problem(each) for each in details)) from None


def config_schema(kind: str) -> dict[str, Any]:
    """The JSON Schema of a connector's options, with the names that the API uses."""
    return connector(kind).Config.model_json_schema(by_alias=True)


def _problem(detail: ErrorDetails) -> Problem:
    words = {"missing": "is needed", "extra_forbidden": "is not an option of this connector"}
    message = words.get(detail["type"], detail["msg"].removeprefix("Value error, "))
    return Problem(path=tuple(str(part) for part in detail["loc"]), message=message)
