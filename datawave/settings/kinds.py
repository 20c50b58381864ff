"""Kinds of values that settings have, and how one is declared."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import AliasChoices, Field, PlainSerializer, PlainValidator
from pydantic_settings import NoDecode

from datawave.kit.secrets import HIDDEN, Secret


def _secret(value: object) -> Secret:
    if isinstance(value, Secret):
        return value
    if not isinstance(value, str) or not value:
        raise ValueError("must be a text that is not empty")
    return Secret(value)


def listed(value: object) -> object:
    """`a, b` in the environment, a list in the profile file."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


SecretText = Annotated[Secret, PlainValidator(_secret), PlainSerializer(lambda _: HIDDEN)]
Names = Annotated[tuple[str, ...], NoDecode]
Folders = Annotated[tuple[Path, ...], NoDecode]
Port = Annotated[int, Field(ge=1, le=65535)]
Amount = Annotated[int, Field(ge=1)]
Days = Annotated[int, Field(ge=1, le=3_650)]
Seconds = Annotated[float, Field(gt=0, le=3600)]


def setting(
    default: Any, description: str, *, mutable: bool = False, alias: AliasChoices | None = None
) -> Any:
    """A field with words for whoever sets it; `mutable` ones take effect without a restart."""
    return Field(
        default=default,
        description=description,
        validation_alias=alias,
        json_schema_extra={"mutable": mutable},
    )
