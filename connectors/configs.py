"""The options that database connectors share, named as in the API's inputs."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, field_validator

from connectors.base import ConnectorConfig

MOST_PATTERNS = 500

TableGlob = Annotated[str, Field(min_length=1, max_length=300)]
Patterns = Annotated[tuple[TableGlob, ...], Field(max_length=MOST_PATTERNS)]


class TlsMode(StrEnum):
    """How the server's identity is checked."""

    DISABLED = "DISABLED"
    REQUIRED = "REQUIRED"
    VERIFY_CA = "VERIFY_CA"
    VERIFY_FULL = "VERIFY_FULL"


class TlsConfig(ConnectorConfig):
    """How the connection is secured. Certificates are given as text: no option names a file on the agent's
    machine."""

    mode: TlsMode = Field(default=TlsMode.VERIFY_FULL, description="How the server's identity is checked.")
    ca: str | None = Field(
        default=None, max_length=200_000, description="Certificates to trust, as PEM text."
    )
    server_name: str | None = Field(
        default=None,
        min_length=1,
        max_length=253,
        description="The name in the certificate, if not the host.",
    )

    @field_validator("ca")
    @classmethod
    def _is_pem(cls, ca: str | None) -> str | None:
        if ca is not None and "-----BEGIN CERTIFICATE-----" not in ca:
            raise ValueError(
                "is to be the text of a PEM certificate (-----BEGIN CERTIFICATE-----), not a path"
            )
        return ca


class DatabaseConfig(ConnectorConfig):
    """A database server. Without `tls`, loopback is spoken to as the server likes; any other host must prove
    itself as under VERIFY_FULL with the certificates that this machine trusts."""

    host: str = Field(min_length=1, max_length=253, description="The server's name or address.")
    port: int | None = Field(
        default=None, ge=1, le=65_535, description="The server's port, if not the usual one."
    )
    database: str | None = Field(
        default=None, min_length=1, max_length=128, description="The database to read."
    )
    tls: TlsConfig | None = Field(default=None, description="How the connection is secured.")
    include: Patterns = Field(
        default=(), description="Tables to read, as `schema.table` with * and ?; all if none."
    )
    exclude: Patterns = Field(default=(), description="Tables to leave out, as `schema.table` with * and ?.")
    timeout_seconds: int = Field(default=15, ge=1, le=300, description="How long to wait for the server.")

    @field_validator("host")
    @classmethod
    def _is_one_host(cls, host: str) -> str:
        if any(character.isspace() or character in "/\\,@?#\x00" for character in host):
            raise ValueError("is to be one host name or address, without spaces, slashes, commas or a port")
        return host

    @field_validator("database")
    @classmethod
    def _has_no_nul(cls, database: str | None) -> str | None:
        if database is not None and "\x00" in database:
            raise ValueError("holds a NUL character")
        return database


class EmbeddedDatabaseConfig(ConnectorConfig):
    """A database in a file, under the folders that the agent may read."""

    path: str = Field(min_length=1, max_length=4_096, description="The file, seen from the agent.")
    include: Patterns = Field(default=(), description="Tables to read, with * and ?; all if none.")
    exclude: Patterns = Field(default=(), description="Tables to leave out, with * and ?.")

    @field_validator("path")
    @classmethod
    def _has_no_nul(cls, path: str) -> str:
        if "\x00" in path:
            raise ValueError("holds a NUL character")
        return path
