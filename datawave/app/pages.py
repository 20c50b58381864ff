"""What is not GraphQL: the dashboard's files, health, metrics, keys, the schema as text."""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Awaitable, Callable
from hashlib import sha256
from pathlib import Path

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import (
    FileResponse,
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
)
from starlette.routing import BaseRoute, Route
from starlette.staticfiles import StaticFiles

from datawave.app.introspection import Introspection
from datawave.app.readiness import Readiness
from datawave.app.watching import RawHeaders
from datawave.graphql import sdl
from datawave.transports.door import UNAUTHENTICATED, Refused

GRAPHIQL = "/graphiql"
SCHEMA = "/schema.graphql"

PLAIN_STYLE = (
    "<style>:root{color-scheme:light dark}"
    "body{max-width:40rem;margin:4rem auto;padding:0 1rem;font:16px/1.5 system-ui,sans-serif}</style>"
)
"""Of the few pages that stand without the dashboard's files; the policy knows it by its hash."""
_PLAIN = b64encode(sha256(PLAIN_STYLE[len("<style>") : -len("</style>")].encode()).digest()).decode()
STYLES = f"style-src 'self' 'sha256-{_PLAIN}'"

# No script runs, and no style holds, that is not ours; data: images and fonts are the build's own.
POLICY = (
    f"default-src 'none'; script-src 'self'; {STYLES}; img-src 'self' data:; font-src 'self' data:;"
    " worker-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
# Monaco, GraphiQL's editor, writes styles into its page; they cannot run anything. A hash beside that
# would undo it.
EDITORS_POLICY = POLICY.replace(STYLES, "style-src 'self' 'unsafe-inline'")
OTHER_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
)
BUILDING = f"""<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="3">
<meta name="viewport" content="width=device-width"><title>DataWave</title>{PLAIN_STYLE}<body>
<h1>DataWave is running</h1>
<p>Its pages are being built and appear here by themselves in a moment.
The API answers already at <code>/graphql</code>.</p></body></html>"""


def security_headers(*, https: bool, policy: str = POLICY) -> RawHeaders:
    """What every answer carries."""
    hsts = ((b"strict-transport-security", b"max-age=31536000"),) if https else ()
    return ((b"content-security-policy", policy.encode()), *OTHER_HEADERS, *hsts)


def routes(
    *,
    web: Path,
    readiness: Readiness,
    jwks: Callable[[], Awaitable[dict[str, object]]],
    introspection: Introspection,
) -> list[BaseRoute]:
    """`web` is the folder of the built dashboard; it may appear while we run."""

    def page(name: str) -> Callable[[Request], Awaitable[Response]]:
        async def show(_request: Request) -> Response:
            file = web / name
            if not file.is_file():
                return HTMLResponse(BUILDING, headers={"cache-control": "no-store"})
            return FileResponse(file, headers={"cache-control": "no-cache"})

        return show

    async def asset(request: Request) -> Response:
        """Names carry a hash of the content: kept for ever."""
        files = StaticFiles(directory=web / "assets", check_dir=False)
        response = await files.get_response(os.path.normpath(request.path_params["path"]), request.scope)
        if response.status_code == 200:
            response.headers["cache-control"] = "public, max-age=31536000, immutable"
        return response

    async def readyz(_request: Request) -> Response:
        told = await readiness.told()
        if not told["ready"]:
            return JSONResponse(told, 503, headers={"retry-after": "2"})
        return JSONResponse(told)

    async def healthz(_request: Request) -> Response:
        return PlainTextResponse("ok")

    async def metrics(_request: Request) -> Response:
        return Response(await readiness.metrics(), media_type=CONTENT_TYPE_LATEST)

    async def keys(_request: Request) -> Response:
        return JSONResponse(await jwks(), headers={"cache-control": "public, max-age=300"})

    async def graphiql(request: Request) -> Response:
        try:
            await introspection.refuse_page(request)
        except Refused as refused:
            # Where signing in helps, the dashboard is where one does.
            return RedirectResponse("/", 303) if _lacks_sign_in(refused) else _not_shown(refused)
        return await page("graphiql.html")(request)

    async def schema_text(request: Request) -> Response:
        try:
            await introspection.refuse_page(request)
        except Refused as refused:
            return _not_shown(refused)
        return PlainTextResponse(sdl(), headers={"cache-control": "no-cache"})

    return [
        Route("/", page("index.html")),
        Route(GRAPHIQL, graphiql),
        Route("/assets/{path:path}", asset),
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        Route("/metrics", metrics),
        Route("/.well-known/jwks.json", keys),
        Route(SCHEMA, schema_text),
    ]


def _lacks_sign_in(refused: Refused) -> bool:
    return refused.code == UNAUTHENTICATED


def _not_shown(refused: Refused) -> Response:
    headers = {"cache-control": "no-store"}
    if _lacks_sign_in(refused):
        return PlainTextResponse(refused.message, 401, headers={**headers, "www-authenticate": "Bearer"})
    unavailable = refused.code == "UNAVAILABLE"
    return PlainTextResponse(refused.message, 503 if unavailable else 404, headers=headers)
