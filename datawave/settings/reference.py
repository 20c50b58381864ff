"""The settings as rows, for the API's `configuration` and for the manual."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, cast, get_args

from pydantic.fields import FieldInfo

from datawave.kit.secrets import Secret
from datawave.settings.doubts import doubts
from datawave.settings.fields import Settings, SettingSource, variable
from datawave.settings.sources import ROOT


@dataclass(frozen=True, kw_only=True)
class SettingRow:
    """One setting in force; a secret's value is never in it."""

    key: str
    variable: str
    value: Any
    default: Any
    source: SettingSource
    description: str
    secret: bool
    mutable: bool
    restart_needed: bool
    is_set: bool
    problem: str | None


def reference(settings: Settings | None = None) -> list[SettingRow]:
    """Every setting; without settings as the manual shows them, each at its default."""
    problems = {} if settings is None else doubts(settings)
    return [
        _row(name, field, settings, problems.get(name))
        for name, field in sorted(Settings.model_fields.items())
    ]


def _row(name: str, field: FieldInfo, settings: Settings | None, problem: str | None) -> SettingRow:
    secret = _is_secret(field)
    default = _plain(field.default)
    value = default if settings is None else _plain(getattr(settings, name))
    mutable = field.json_schema_extra == {"mutable": True}
    return SettingRow(
        key=name,
        variable=variable(name),
        value=None if secret else value,
        default=None if secret else default,
        source=SettingSource.DEFAULT if settings is None else settings.source_of(name),
        description=field.description or "",
        secret=secret,
        mutable=mutable,
        restart_needed=not mutable,
        is_set=settings is not None and getattr(settings, name) is not None,
        problem=problem,
    )


def _is_secret(field: FieldInfo) -> bool:
    return field.annotation is Secret or Secret in _parts(field.annotation)


def _parts(annotation: Any) -> set[Any]:
    inside = get_args(annotation)
    return set(inside).union(*(_parts(each) for each in inside)) if inside else set()


def _plain(value: Any) -> Any:
    """As JSON has it; the checkout's own path stays out, so that the manual reads alike everywhere."""
    if isinstance(value, Path):
        return str(value.relative_to(ROOT)) if value.is_relative_to(ROOT) else str(value)
    if isinstance(value, tuple):
        return [_plain(each) for each in cast("tuple[Any, ...]", value)]
    if isinstance(value, StrEnum):
        return value.value
    return value
