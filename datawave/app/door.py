"""The door between the transports and the platform: who comes in, and what an operation finds in its
context."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import HTTPConnection

from auth.gate import Entered, Gate
from datawave.kit.access import Viewer
from datawave.kit.errors import AccessError, UserError
from datawave.kit.secrets import Secret
from datawave.transports.credentials import bearer_token
from datawave.transports.door import Asked, Refused, Session
from schema.context import Context, Platform, set_cookie

WANTS_COOKIE = "x-datawave-cookie"
LONGEST_CLIENT = 200


@dataclass(frozen=True, kw_only=True)
class CookieStyle:
    """`__Host-` cookies want TLS; plain http on loopback gets a name with the port, so that instances do not
    mix."""

    name: str
    secure: bool

    @property
    def device(self) -> str:
        """The name of what a remembered device keeps."""
        return f"{self.name}-device" if self.secure else f"{self.name}_device"

    @classmethod
    def of(cls, origin: str, port: int) -> CookieStyle:
        if origin.startswith("https://"):
            return cls(name="__Host-datawave", secure=True)
        return cls(name=f"datawave_{port}", secure=False)


class Inside:
    """One connection's session: rights follow the gate's while the connection stands."""

    __slots__ = ("_cookie", "_device", "_entered", "_gate", "_listener", "_platform", "_wants_cookie")

    def __init__(
        self,
        gate: Gate,
        platform: Platform,
        entered: Entered,
        cookie: CookieStyle,
        *,
        wants_cookie: bool,
        device: Secret | None,
    ) -> None:
        self._gate = gate
        self._platform = platform
        self._entered = entered
        self._cookie = cookie
        self._wants_cookie = wants_cookie
        self._device = device
        self._listener: Callable[[], None] | None = None

    @property
    def expires_at(self) -> datetime | None:
        return self._entered.expires_at

    @property
    def ended(self) -> bool:
        return self._entered.ended

    @property
    def whose(self) -> str:
        viewer = self._entered.viewer
        return f"{viewer.actor_id} {viewer.rights.digest}"

    @property
    def viewer(self) -> Viewer:
        return self._entered.viewer

    def listen(self, listener: Callable[[], None] | None) -> None:
        listeners = self._entered.listeners = self._entered.listeners or set()
        if self._listener is not None:
            listeners.discard(self._listener)
        if listener is not None:
            listeners.add(listener)
        self._listener = listener

    def context(self, asked: Asked) -> Context:
        return Context(
            platform=self._platform,
            viewer=self._entered.viewer,
            current=self._current,
            wants_cookie=self._wants_cookie,
            cookie_name=self._cookie.name,
            cookie_secure=self._cookie.secure,
            device_cookie_name=self._cookie.device,
            device=self._device,
            last_event_id=asked.last_event_id,
        )

    def _current(self) -> Viewer:
        return self._entered.viewer

    async def renew(self, authorization: str) -> None:
        try:
            await self._gate.renew(self._entered, bearer_token(authorization))
        except UserError as error:
            raise Refused(error.code.value, error.message, extensions=error.extensions) from None


def is_agents(session: Session) -> bool:
    """An agent speaks our own documents, in the words of its own release: they are registered nowhere."""
    return isinstance(session, Inside) and session.viewer.actor_word == "agent"


class FrontDoor:
    def __init__(self, gate: Gate, platform: Platform, cookie: CookieStyle) -> None:
        self._gate = gate
        self._platform = platform
        self._cookie = cookie

    def lately(self, connection: HTTPConnection, *, token: str) -> Inside | None:
        address, client = where(connection)
        entered = self._gate.lately(token, address, client)
        return self._inside(connection, entered) if entered is not None else None

    async def enter(self, connection: HTTPConnection, *, token: str | None, cookie: str | None) -> Inside:
        address, client = where(connection)
        try:
            entered = await self._gate.enter(token, cookie, address=address, client=client)
        except UserError as error:
            refused = Refused(error.code.value, error.message, extensions=error.extensions)
            if token is None and isinstance(error, AccessError):
                # Else the browser could not even sign in, as long as it keeps the cookie of an ended session.
                refused.headers = {"set-cookie": set_cookie(self._cookie.name, None, 0, self._cookie.secure)}
            raise refused from None
        if token is not None and connection.scope["type"] == "http":
            # A socket's own goes on with other tokens, so it is nobody else's.
            self._gate.remember(entered, token)
        return self._inside(connection, entered)

    def _inside(self, connection: HTTPConnection, entered: Entered) -> Inside:
        wants = _wants_cookie(connection)
        kept = connection.cookies.get(self._cookie.device) if wants else None
        device = Secret(kept) if kept else None
        return Inside(self._gate, self._platform, entered, self._cookie, wants_cookie=wants, device=device)


def _wants_cookie(connection: HTTPConnection) -> bool:
    return connection.headers.get(WANTS_COOKIE) == "1"


def where(connection: HTTPConnection) -> tuple[str | None, str | None]:
    """From which address, and with what program."""
    address, client = connection.scope.get("client"), connection.headers.get("user-agent")
    return address[0] if address else None, client[:LONGEST_CLIENT] if client else None
