"""A browser's way to a login service and back: two addresses, a cookie for ten minutes, and then the
session's.

What a browser is told to open comes from strangers as often as from our own pages, so nothing in these
addresses is believed: where to go afterwards must be a page of ours, and the answer must come to the browser
that began.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from auth.gate import Entered, Gate
from auth.oidc import error_word
from datawave.app.door import LONGEST_CLIENT, CookieStyle
from datawave.app.pages import PLAIN_STYLE
from datawave.kit.access import NOBODY, Viewer
from datawave.kit.commands import Commands
from datawave.kit.errors import (
    AccessError,
    ConflictError,
    ErrorCode,
    InputError,
    UnavailableError,
    UserError,
    unauthenticated,
)
from datawave.kit.ids import key_of
from datawave.kit.secrets import Secret
from datawave.transports.credentials import Cookies
from domain import identity

CALLBACK = "/auth/oidc/callback"
MINUTES_10 = 600
DAYS_30 = 30 * 86_400
LONGEST = 4_096
LONGEST_PATH = 1_000
ODD = re.compile(r"[\x00-\x1f\x7f-\xa0\\]|//")
NEVER_KEPT = {"cache-control": "no-store"}

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>DataWave</title>{style}<body>
<h1>You are not signed in</h1><p>{message}</p><p><a href="/">Back to DataWave</a></p></body></html>"""


@dataclass(frozen=True, kw_only=True)
class Doorstep:
    """What both addresses need."""

    sign_ins: identity.ProviderSignIns
    commands: Commands
    gate: Gate
    session: CookieStyle
    cookies: Cookies

    @property
    def waiting(self) -> str:
        """The name of the cookie that a browser has while it is at the login service."""
        return f"{self.session.name}_oidc"


def routes(
    sign_ins: identity.ProviderSignIns, commands: Commands, gate: Gate, cookie: CookieStyle, origin: str
) -> list[BaseRoute]:
    doorstep = Doorstep(
        sign_ins=sign_ins,
        commands=commands,
        gate=gate,
        session=cookie,
        cookies=Cookies([cookie.name], [origin]),
    )

    async def start(request: Request) -> Response:
        try:
            return await _started(doorstep, request)
        except UserError as error:
            return _told(error)

    async def callback(request: Request) -> Response:
        try:
            response = await _back(doorstep, request)
        except UserError as error:
            response = _told(error)
        _set(response, doorstep, doorstep.waiting, "", 0)
        return response

    return [Route("/auth/oidc/{id}/start", start), Route(CALLBACK, callback)]


async def _started(doorstep: Doorstep, request: Request) -> Response:
    aim = identity.Aim(return_to=page_of_ours(request.query_params.get("return", "/")))
    viewer = _viewer(request)
    if request.query_params.get("link") == "1":
        entered = await _entered(doorstep, request)
        viewer = entered.viewer
        aim = identity.Aim(return_to=aim.return_to, link_to=viewer.actor_id, session_id=entered.session_id)
    provider_id = key_of("oidc_provider", request.path_params["id"])
    prepared = await doorstep.sign_ins.prepare(viewer, provider_id, aim)
    await doorstep.commands.run(identity.begin_oidc_sign_in, viewer, {"prepared": prepared})
    assert prepared.browser is not None, "a browser is known again by it"
    response = RedirectResponse(prepared.url, 302, headers=NEVER_KEPT)
    _set(response, doorstep, doorstep.waiting, prepared.browser.reveal(), MINUTES_10)
    return response


async def _entered(doorstep: Doorstep, request: Request) -> Entered:
    """Whoever is signed in, if a page of ours sent them: a stranger's page must not make anybody link an
    identity that is not theirs."""
    cookie = doorstep.cookies.counted(request)
    address, client = _where(request)
    entered = await doorstep.gate.enter(None, cookie, address=address, client=client)
    if entered.viewer.actor_word != "user" or entered.session_id is None:
        raise unauthenticated("Sign in first, and link from a page of DataWave.")
    return entered


async def _back(doorstep: Doorstep, request: Request) -> Response:
    given = request.query_params
    if any(len(given.getlist(name)) > 1 or len(given[name]) > LONGEST for name in given):
        raise InputError(ErrorCode.INVALID, "This is no answer of a login service.")
    answer = identity.Answer(
        state=Secret(given.get("state", "")),
        code=Secret(given.get("code", "")),
        issuer=given.get("iss"),
        error=error_word(given["error"]) if "error" in given else None,
        browser=Secret(request.cookies.get(doorstep.waiting, "")),
    )
    came = await doorstep.sign_ins.come_back(_viewer(request), answer, cookie=True)
    response = RedirectResponse(page_of_ours(came.return_to or "/"), 303, headers=NEVER_KEPT)
    if came.signed is not None and came.signed.cookie is not None and came.signed.cookie.value is not None:
        _set(response, doorstep, doorstep.session.name, came.signed.cookie.value.reveal(), DAYS_30)
    return response


def page_of_ours(path: str) -> str:
    """A path on this very origin, however it is written: browsers read a backslash as a slash, leave out
    tabs, and proxies take encoded ones apart."""
    plain, decoded = path.partition("?")[0].partition("#")[0], ""
    while decoded != plain:
        decoded, plain = plain, unquote(plain)
    odd = any(not 32 < ord(c) < 127 for c in path) or "\\" in path or ODD.search(decoded)
    if len(path) > LONGEST_PATH or not path.startswith("/") or odd or decoded.startswith("/auth/"):
        raise InputError(
            ErrorCode.INVALID, "The page to return to is a path of DataWave.", path=["return"], expected="/…"
        )
    return path


def _set(response: Response, doorstep: Doorstep, name: str, value: str, seconds: int) -> None:
    secure = "; Secure" if doorstep.session.secure else ""
    cookie = f"{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}"
    response.headers.append("set-cookie", cookie)


def _where(request: Request) -> tuple[str | None, str | None]:
    client = request.headers.get("user-agent")
    return request.client.host if request.client else None, client[:LONGEST_CLIENT] if client else None


def _viewer(request: Request) -> Viewer:
    """Nobody yet, from somewhere."""
    address, client = _where(request)
    return Viewer(rights=NOBODY.rights, address=address, client=client)


def _told(error: UserError) -> Response:
    """A page for people: they came by a link."""
    match error:
        case UnavailableError(code=ErrorCode.RATE_LIMITED):
            status = 429
        case UnavailableError():
            status = 503
        case AccessError(code=ErrorCode.UNAUTHENTICATED):
            status = 401
        case AccessError():
            status = 403
        case ConflictError():
            status = 409
        case _:
            status = 404 if error.code is ErrorCode.NOT_FOUND else 400
    headers = dict(NEVER_KEPT)
    if isinstance(error, UnavailableError) and error.retry_after_seconds is not None:
        headers["retry-after"] = str(error.retry_after_seconds)
    return HTMLResponse(
        PAGE.format(style=PLAIN_STYLE, message=escape(error.message)), status, headers=headers
    )
