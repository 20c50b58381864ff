"""Where settings come from, strongest first: the call, environment, `.env`, profile file, profile."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

ROOT = Path(__file__).resolve().parents[2]

PROFILES: Mapping[str, Mapping[str, Any]] = {
    "development": {},
    "test": {"demo": False, "log_level": "warning"},
    "production": {
        "demo": False,
        "log_format": "json",
        "allow_private_sources": False,
        "trace_share": 0.1,
        "introspection": "signed-in",
    },
}


class Origins(dict[str, str]):
    """Which kind of source gave each setting."""


class ProfileFileError(ValueError):
    """The profile file cannot be read, or names what is no setting."""


found: ContextVar[Origins | None] = ContextVar("found", default=None)


class _Recorded(PydanticBaseSettingsSource):
    """Another source, and a note of what it gave."""

    def __init__(
        self, settings_cls: type[BaseSettings], inner: PydanticBaseSettingsSource, origin: str
    ) -> None:
        super().__init__(settings_cls)
        self.inner = inner
        self.origin = origin

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        return self.inner.get_field_value(field, field_name)

    def __call__(self) -> dict[str, Any]:
        given = {_field_name(self.settings_cls, key): value for key, value in self.inner().items()}
        note(given, self.origin)
        return given


class _ProfileFile(PydanticBaseSettingsSource):
    """`datawave.toml`: settings at the top for every profile, in a table of its name for one."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        chosen = self.current_state.get("config")
        file = Path(str(chosen)) if chosen else ROOT / "datawave.toml"
        if not chosen and not file.exists():
            return {}
        read = _read(file)
        tables = {name: read.pop(name) for name in PROFILES if isinstance(read.get(name), dict)}
        profile = self.current_state.get("profile") or read.get("profile") or "development"
        given = {**read, **tables.get(str(profile), {})}
        unknown = sorted(set(given) - set(self.settings_cls.model_fields))
        if unknown:
            raise ProfileFileError(f"{file}: {', '.join(unknown)} is no setting")
        note(given, "PROFILE")
        return given


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text())
    except OSError as refused:
        raise ProfileFileError(f"{file} cannot be read: {refused.strerror}") from refused
    except ValueError as refused:
        raise ProfileFileError(f"{file} is not TOML: {refused}") from refused


class _Profile(PydanticBaseSettingsSource):
    """What the profile itself sets otherwise than the defaults."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        given = dict(PROFILES.get(str(self.current_state.get("profile", "development")), {}))
        note(given, "PROFILE")
        return given


def in_order(
    settings_cls: type[BaseSettings],
    init: PydanticBaseSettingsSource,
    environment: PydanticBaseSettingsSource,
    dotenv: PydanticBaseSettingsSource,
) -> tuple[PydanticBaseSettingsSource, ...]:
    return (
        _Recorded(settings_cls, init, "ENVIRONMENT"),
        _Recorded(settings_cls, environment, "ENVIRONMENT"),
        _Recorded(settings_cls, dotenv, "ENVIRONMENT"),
        _ProfileFile(settings_cls),
        _Profile(settings_cls),
    )


def note(given: Mapping[str, Any], origin: str) -> None:
    """The strongest source is asked first, so the first note of a setting stands."""
    origins = found.get()
    if origins is not None:
        for name in given:
            origins.setdefault(name, origin)


def _field_name(settings_cls: type[BaseSettings], key: str) -> str:
    """Aliases arrive as they are spelt in the environment."""
    if key in settings_cls.model_fields:
        return key
    return key.lower().removeprefix("datawave_")
