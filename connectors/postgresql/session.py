"""A read-only session at a PostgreSQL server, opened to the address that was checked."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from struct import pack
from typing import Any, Protocol, cast

import asyncpg

from connectors import guard, tls
from connectors.base import Credentials, Guard, Limits, SourceError
from connectors.configs import DatabaseConfig

DEFAULT_PORT = 5432
DEFAULT_DATABASE = "postgres"
APPLICATION = "datawave"
SSL_REQUEST = pack("!ii", 8, 80_877_103)

Row = Mapping[str, Any]
"""asyncpg's records read like one."""


class Cursor(Protocol):
    """A statement whose rows are fetched in chunks."""

    async def fetch(self, n: int) -> list[Row]: ...


class Connection(Protocol):
    """What we use of asyncpg's connection, which has no types of its own."""

    async def execute(self, query: str) -> str: ...
    async def fetch(self, query: str, *args: Any) -> list[Row]: ...
    async def fetchrow(self, query: str, *args: Any) -> Row | None: ...
    async def cursor(self, query: str, *args: Any) -> Cursor: ...
    def transaction(self, *, isolation: str, readonly: bool) -> AbstractAsyncContextManager[None]: ...
    def get_settings(self) -> Any: ...
    def is_closed(self) -> bool: ...
    def terminate(self) -> None: ...
    async def close(self, *, timeout: float) -> None: ...


driver: Any = asyncpg
"""For the one call whose types are unknown."""


@dataclass(frozen=True, kw_only=True)
class Door:
    """Where and how to connect, found by knocking: the driver is given nothing but this."""

    host: str
    port: int
    address: str
    context: tls.NamedContext | None


async def resolve(config: DatabaseConfig, guarding: Guard, *, seconds: float) -> guard.Target:
    return await guard.resolve(guarding, host=config.host, port=config.port or DEFAULT_PORT, seconds=seconds)


class Knock:
    """A connection that only asks whether PostgreSQL is there, whether it speaks TLS, and shakes hands if it
    is to."""

    def __init__(self, config: DatabaseConfig, target: guard.Target, *, seconds: float) -> None:
        self._target = target
        self._security = tls.security(config.tls, host=config.host, loopback=target.loopback)
        self._seconds = seconds
        self._address = ""
        self._offered = False
        self._writer: asyncio.StreamWriter | None = None

    async def connect(self) -> str:
        """To the first address that answers the question for TLS by S or N, which only PostgreSQL does."""
        self._address, reader, self._writer = await guard.connect(self._target, seconds=self._seconds)
        try:
            async with asyncio.timeout(self._seconds):
                self._writer.write(SSL_REQUEST)
                answer = await reader.read(1)
        except TimeoutError:
            raise self._silent() from None
        except OSError:
            answer = b""
        if answer not in (b"S", b"N"):
            raise SourceError(
                "WRONG_PROTOCOL",
                f"What listens on port {self._target.port} of {self._target.host} does not speak "
                "PostgreSQL’s protocol.",
                hint="Check the port, and that the source is of the right kind.",
            )
        self._offered = answer == b"S"
        return f"{self._address}, port {self._target.port}"

    async def secure(self) -> str:
        """Shakes hands as the options ask; what the server does not offer and the options insist on is
        refused."""
        context = self._security.context
        if context is None:
            return "In clear, as the options say."
        if not self._offered:
            if self._security.optional:
                return "In clear: the server offers no TLS, and the connection does not leave this machine."
            raise tls.not_offered(self._target.host)
        assert self._writer is not None, "connect comes first"
        try:
            async with asyncio.timeout(self._seconds):
                await self._writer.start_tls(context, server_hostname=context.server_name)
        except TimeoutError:
            raise self._silent() from None
        except (ssl.SSLError, OSError) as error:
            raise tls.not_trusted(self._target.host, error) from None
        secured = self._writer.get_extra_info("ssl_object")
        return f"{secured.version()}" if secured is not None else "TLS"

    def door(self) -> Door:
        return Door(
            host=self._target.host,
            port=self._target.port,
            address=self._address,
            context=self._security.context if self._offered else None,
        )

    def close(self) -> None:
        if self._writer is not None:
            self._writer.transport.abort()

    def _silent(self) -> SourceError:
        return SourceError(
            "TIMEOUT",
            f"{self._target.host} took the connection on port {self._target.port} and then kept silent for "
            f"{self._seconds:g} s.",
            hint="Check that PostgreSQL, and not something else, listens there.",
            retryable=True,
        )


async def sign_in(
    config: DatabaseConfig, credentials: Credentials | None, door: Door, *, limits: Limits, seconds: float
) -> Connection:
    """An open session that can only read. Every argument is given, so that no variable or file of this
    machine counts."""
    password = credentials.password.reveal() if credentials and credentials.password else ""
    try:
        opened = await driver.connect(
            host=door.address,
            port=door.port,
            user=(credentials.username if credentials else None) or "postgres",
            password=password,
            database=config.database or DEFAULT_DATABASE,
            ssl=door.context or False,
            direct_tls=False,
            target_session_attrs="any",
            timeout=seconds,
            command_timeout=limits.statement_seconds + 5,
            statement_cache_size=0,
            server_settings={"application_name": APPLICATION},
        )
    except Exception as error:
        raise failure(error, config.host) from None
    connection = cast(Connection, opened)
    try:
        await restrict(connection, seconds=limits.statement_seconds)
    except BaseException as error:
        connection.terminate()
        if isinstance(error, Exception):
            raise failure(error, config.host) from None
        raise
    return connection


async def restrict(connection: Connection, *, seconds: float) -> None:
    """Nothing may be written, no statement may take long, no name means what a search path makes of it.

    Sent as a statement and not on connecting: poolers refuse settings that they do not know."""
    if connection.get_settings().server_encoding == "SQL_ASCII":
        # Such a server holds any bytes and converts none; read as Latin-1 they are at least always text.
        await connection.execute("set client_encoding = latin1")
    milliseconds = max(1, int(seconds * 1_000))
    await connection.execute(
        "set default_transaction_read_only = on; set search_path = pg_catalog; set work_mem = '32MB';"
        f"set statement_timeout = {milliseconds}; set lock_timeout = {min(milliseconds, 5_000)};"
        "set idle_in_transaction_session_timeout = '10min'; set jit = off;"
        "set datestyle = 'ISO'; set intervalstyle = 'iso_8601'; set bytea_output = 'hex';"
        "set extra_float_digits = 1"
    )


def failure(error: Exception, host: str) -> SourceError:
    """What went wrong in our words: a server's own may repeat what it was sent."""
    if isinstance(error, SourceError):
        return error
    if isinstance(error, asyncpg.PostgresError):
        return _refusal(error, host)
    if isinstance(error, ssl.SSLError):
        return tls.not_trusted(host, error)
    if isinstance(error, TimeoutError):
        return SourceError("TIMEOUT", f"{host} did not answer in time.", retryable=True)
    if isinstance(error, UnicodeError):
        return SourceError("AUTHENTICATION_FAILED", "The login holds characters that cannot be sent.")
    if isinstance(error, OSError | asyncpg.InterfaceError | asyncpg.InternalClientError):
        return SourceError(
            "CONNECTION_LOST",
            f"The connection to {host} ended before the answer was complete.",
            retryable=True,
        )
    return SourceError("SOURCE_FAILED", f"{host} could not be read ({type(error).__name__}).", retryable=True)


_REFUSALS: dict[str, tuple[str, str, str | None, bool]] = {
    "28P01": (
        "AUTHENTICATION_FAILED",
        "{host} refused the login or its password",
        "Check the user name and the password, and rotate the source's credentials.",
        False,
    ),
    "28000": (
        "AUTHENTICATION_FAILED",
        "{host} does not let this login in from the agent's address",
        "The server's pg_hba.conf decides who may connect from where, and whether TLS is needed.",
        False,
    ),
    "3D000": ("DATABASE_UNKNOWN", "{host} has no database of this name", "Check the database option.", False),
    "42501": (
        "PERMISSION_DENIED",
        "The login may not do this at {host}",
        "Grant it CONNECT on the database, USAGE on its schemas and SELECT on its tables.",
        False,
    ),
    "53300": ("TOO_MANY_CONNECTIONS", "{host} has no connection left for this login", None, True),
    "57P03": ("STARTING", "{host} is starting or stopping", "Try again in a moment.", True),
    "57014": ("TIMEOUT", "A statement took longer than it may at {host}", None, True),
    "55P03": ("TIMEOUT", "A lock was not free in time at {host}", None, True),
    "25006": ("PERMISSION_DENIED", "The session at {host} is read-only", None, False),
}


def _refusal(error: asyncpg.PostgresError, host: str) -> SourceError:
    state: Any = getattr(error, "sqlstate", None)
    code, words, hint, retryable = _REFUSALS.get(
        str(state), ("SOURCE_FAILED", "{host} refused a statement", None, False)
    )
    return SourceError(code, f"{words.format(host=host)} ({state}).", hint=hint, retryable=retryable)
