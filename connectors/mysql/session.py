"""A read-only session at a MySQL or MariaDB server, opened to the address that was checked."""

from __future__ import annotations

import asyncio
import ssl
import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, cast

import aiomysql
from pymysql import err
from pymysql.constants import CLIENT

from connectors import guard, tls
from connectors.base import Credentials, Guard, Limits, SourceError
from connectors.configs import DatabaseConfig

DEFAULT_PORT = 3306
APPLICATION = "datawave"
CHARSET = "utf8mb4"
PACKET_HEADER = 4
WHOLE_PACKET = 0xFF_FFFF
LOST = 2013
MOST_WHOLE_PACKETS = 4
"""A row of more than 64 MB is not ours to hold."""

Row = tuple[Any, ...]


class Cursor(Protocol):
    """What we use of a cursor."""

    async def execute(self, query: str, args: Sequence[Any] | None = None) -> int: ...
    async def fetchall(self) -> list[Row]: ...
    async def fetchmany(self, size: int) -> list[Row]: ...
    async def close(self) -> None: ...


class Connection(Protocol):
    """What we use of the driver's connection, which has no types of its own."""

    server_version: str
    closed: bool

    async def cursor(self, cursor: Any = None) -> Cursor: ...
    def close(self) -> None: ...


UNBUFFERED: Any = vars(aiomysql)["SSCursor"]

if TYPE_CHECKING:

    class Base:
        """What we use of the driver's connection beneath its own `connect`."""

        server_version: str
        server_capabilities: int
        protocol_version: int
        client_flag: int
        host_info: str
        connected_time: float
        _server_auth_plugin: str
        _secure: bool
        _ssl_context: ssl.SSLContext | None
        _next_seq_id: int
        _reader: asyncio.StreamReader
        _writer: asyncio.StreamWriter
        _loop: asyncio.AbstractEventLoop

        def __init__(self, **options: Any) -> None: ...
        def write_packet(self, payload: bytes) -> None: ...
        def close(self) -> None: ...
        async def autocommit(self, value: bool) -> None: ...
        async def _get_server_information(self) -> None: ...
        async def _request_authentication(self) -> None: ...
        async def _process_auth(self, plugin_name: bytes, auth_packet: Any) -> Any: ...
        async def _read_bytes(self, num_bytes: int) -> bytes: ...
else:
    Base = aiomysql.Connection


async def resolve(config: DatabaseConfig, guarding: Guard, *, seconds: float) -> guard.Target:
    return await guard.resolve(guarding, host=config.host, port=config.port or DEFAULT_PORT, seconds=seconds)


class Session(Base):
    """The driver's connection, opened step by step and stricter than it.

    The driver would go on in clear where a server drops TLS, and hand the password in clear to a server that
    asks for it; it would also look the host up again. Its own `connect` is never called.
    """

    def __init__(
        self, config: DatabaseConfig, credentials: Credentials | None, target: guard.Target, *, seconds: float
    ) -> None:
        self._target = target
        self._seconds = seconds
        self._security = tls.security(config.tls, host=config.host, loopback=target.loopback)
        self._whole_packets = 0
        password = credentials.password.reveal() if credentials and credentials.password else ""
        super().__init__(
            host=target.host,
            port=target.port,
            user=(credentials.username if credentials else None) or "root",
            # The driver encodes passwords as Latin-1; the server means UTF-8.
            password=password.encode("utf-8", "replace").decode("latin-1"),
            db=config.database,
            charset=CHARSET,
            ssl=self._security.context,
            local_infile=False,
            autocommit=True,
            program_name=APPLICATION,
        )

    async def reach(self) -> str:
        """To the first address that takes a connection, and reads the server's greeting."""
        address, self._reader, self._writer = await guard.connect(self._target, seconds=self._seconds)
        self._next_seq_id = 0
        self.host_info = f"{address}:{self._target.port}"
        try:
            async with asyncio.timeout(self._seconds):
                await self._get_server_information()
        except (err.InternalError, err.InterfaceError, struct.error, IndexError, UnicodeError, ValueError):
            raise _wrong_protocol(self._target) from None
        except err.OperationalError as error:
            if error.args[:1] == (LOST,):
                raise _wrong_protocol(self._target) from None
            raise failure(error, self._target.host) from None
        except TimeoutError:
            raise _silent(self._target, self._seconds) from None
        if self.protocol_version != 10:
            raise _wrong_protocol(self._target)
        return f"{address}, port {self._target.port}"

    async def secure(self) -> str:
        """Shakes hands as the options ask; what the server does not offer and the options insist on is
        refused."""
        context = self._security.context
        if context is None:
            return "In clear, as the options say."
        if not self.server_capabilities & CLIENT.SSL:
            if not self._security.optional:
                raise tls.not_offered(self._target.host)
            self._ssl_context = None
            self.client_flag &= ~CLIENT.SSL
            return "In clear: the server offers no TLS, and the connection does not leave this machine."
        charset: int = 45  # utf8mb4_general_ci
        self.write_packet(struct.pack("<iIB23s", self.client_flag, 0x1_000000 - 1, charset, b""))
        try:
            async with asyncio.timeout(self._seconds):
                await self._writer.start_tls(context, server_hostname=context.server_name)
        except TimeoutError:
            raise _silent(self._target, self._seconds) from None
        except (ssl.SSLError, OSError) as error:
            raise tls.not_trusted(self._target.host, error) from None
        self._ssl_context = None  # done: the driver is not to do it again
        self._secure = True
        secured = self._writer.get_extra_info("ssl_object")
        return str(secured.version()) if secured is not None else "TLS"

    async def sign_in(self, limits: Limits) -> str:
        """Signs in and makes the session read-only and bounded."""
        try:
            async with asyncio.timeout(self._seconds):
                self._refuse_clear(self._server_auth_plugin)
                await self._request_authentication()
                self.connected_time = self._loop.time()
                await self.autocommit(True)
                await restrict(cast(Connection, self), seconds=limits.statement_seconds)
        except Exception as error:
            raise failure(error, self._target.host) from None
        return "The login was accepted; the session is read-only."

    def _refuse_clear(self, plugin: str) -> None:
        if plugin == "mysql_old_password" or (plugin == "mysql_clear_password" and not self._secure):
            raise SourceError(
                "AUTHENTICATION_FAILED",
                f"{self._target.host} asks for the password in a form that others could read on the way.",
                hint="Switch TLS on, or give the login another authentication plugin.",
            )

    async def _process_auth(self, plugin_name: bytes, auth_packet: Any) -> Any:
        self._refuse_clear(plugin_name.decode("ascii", "replace"))
        return await super()._process_auth(plugin_name, auth_packet)

    async def show_warnings(self) -> None:
        """Not asked for: the driver would print what the server says."""

    async def _read_bytes(self, num_bytes: int) -> bytes:
        if num_bytes == WHOLE_PACKET:
            self._whole_packets += 1
        elif num_bytes != PACKET_HEADER:
            self._whole_packets = 0
        if self._whole_packets > MOST_WHOLE_PACKETS:
            self.close()
            raise err.OperationalError(2020, "a row is larger than may be read")
        return await super()._read_bytes(num_bytes)


async def restrict(connection: Connection, *, seconds: float) -> None:
    """Nothing may be written, and no statement may take long; the two servers call that limit differently."""
    if "mariadb" in connection.server_version.lower():
        limit = f"max_statement_time = {max(0.001, seconds):.3f}"
    else:
        limit = f"max_execution_time = {max(1, int(seconds * 1_000))}"
    lock = max(1, min(5, int(seconds)))
    cursor = await connection.cursor()
    try:
        await cursor.execute("set session transaction read only")
        await cursor.execute(
            f"set session {limit}, lock_wait_timeout = {lock}, innodb_lock_wait_timeout = {lock}"
        )
    finally:
        await cursor.close()


def _wrong_protocol(target: guard.Target) -> SourceError:
    return SourceError(
        "WRONG_PROTOCOL",
        f"What listens on port {target.port} of {target.host} does not speak MySQL’s protocol.",
        hint="Check the port, and that the source is of the right kind.",
    )


def _silent(target: guard.Target, seconds: float) -> SourceError:
    return SourceError(
        "TIMEOUT",
        f"{target.host} took the connection on port {target.port} and then kept silent for {seconds:g} s.",
        hint="Check that MySQL or MariaDB, and not something else, listens there.",
        retryable=True,
    )


_AUTHENTICATION = (
    "AUTHENTICATION_FAILED",
    "{host} refused the login or its password",
    "Check the user name and the password, and rotate the source's credentials.",
    False,
)
_ADDRESS = (
    "AUTHENTICATION_FAILED",
    "{host} does not let logins in from the agent's address",
    "The server's grants name the hosts a login may come from.",
    False,
)
_RIGHTS = ("PERMISSION_DENIED", "The login may not do this at {host}", "Grant it SELECT.", False)
_FULL = ("TOO_MANY_CONNECTIONS", "{host} has no connection left for this login", None, True)
_SLOW = ("TIMEOUT", "A statement took longer than it may at {host}", None, True)
_LOST = ("CONNECTION_LOST", "The connection to {host} ended before the answer was complete", None, True)

_REFUSALS: dict[int, tuple[str, str, str | None, bool]] = {
    **dict.fromkeys((1045, 1698, 1251, 2059, 1862), _AUTHENTICATION),
    **dict.fromkeys((1129, 1130), _ADDRESS),
    **dict.fromkeys((1044, 1142, 1143, 1227, 1370), _RIGHTS),
    **dict.fromkeys((1040, 1203, 1226), _FULL),
    **dict.fromkeys((1205, 1317, 1969, 3024), _SLOW),
    **dict.fromkeys((1053, 2006, 2013), _LOST),
    1049: ("DATABASE_UNKNOWN", "{host} has no database of this name", "Check the database option.", False),
}


def failure(error: Exception, host: str) -> SourceError:
    """What went wrong in our words: a server's own may repeat what it was sent."""
    if isinstance(error, SourceError):
        return error
    if isinstance(error, err.MySQLError):
        number: Any = error.args[0] if error.args else None
        known = _REFUSALS.get(number) if isinstance(number, int) else None
        code, words, hint, retryable = known or ("SOURCE_FAILED", "{host} refused a statement", None, False)
        return SourceError(code, f"{words.format(host=host)} ({number}).", hint=hint, retryable=retryable)
    if isinstance(error, TimeoutError):
        return SourceError("TIMEOUT", f"{host} did not answer in time.", retryable=True)
    if isinstance(error, ssl.SSLError):
        return tls.not_trusted(host, error)
    if isinstance(error, OSError):
        return SourceError("CONNECTION_LOST", f"The connection to {host} ended too early.", retryable=True)
    return SourceError("SOURCE_FAILED", f"{host} could not be read ({type(error).__name__}).", retryable=True)
