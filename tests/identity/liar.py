"""A login service that can lie: it answers as it should but for what a test bends. The certified one (see
`login_service`) cannot be made to."""

from __future__ import annotations

import asyncio
import hmac
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs

import uvicorn
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from tests.fixtures.api import free_port

CLIENT = "datawave"
ACCESS_TOKEN = "planted-access-token-5f1c"
CODE = "planted-code-8d27"
Bend = Callable[[dict[str, Any]], Mapping[str, Any]]


def truth(claims: dict[str, Any]) -> Mapping[str, Any]:
    return claims


class Liar:
    def __init__(self, port: int) -> None:
        self.issuer = f"http://127.0.0.1:{port}"
        self.key = RSAKey.generate_key(2048, parameters={"kid": "first", "use": "sig"})
        self.published: list[dict[str, Any]] = [self.key.as_dict(private=False)]
        self.nonce = ""
        self.bend: Bend = truth
        self.header: dict[str, Any] = {"alg": "RS256", "kid": "first"}
        self.signed_with: Any = self.key
        self.userinfo: dict[str, Any] = {"sub": "ada"}
        self.metadata: dict[str, Any] = {}
        self.whole: Response | None = None
        """In place of the metadata."""
        self.told: list[str] = []
        """The tokens it gave away."""
        self.asked: list[str] = []

    def honest(self) -> None:
        self.bend, self.header, self.signed_with = truth, {"alg": "RS256", "kid": "first"}, self.key
        self.published = [self.key.as_dict(private=False)]
        self.userinfo = {"sub": "ada"}

    def token(self) -> str:
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "sub": "ada",
            "aud": CLIENT,
            "exp": now + 60,
            "iat": now,
            "nonce": self.nonce,
            "email": "ada@example.com",
            "email_verified": True,
            "name": "Ada",
            "preferred_username": "ada",
        }
        bent = {name: value for name, value in self.bend(claims).items() if value is not None}
        if self.header["alg"] == "none":
            signed = jwt.encode(self.header, bent, OctKey.generate_key(256), algorithms=["none"])
        elif isinstance(self.signed_with, bytes):
            signed = _by_hand(self.header, bent, self.signed_with)
        else:
            signed = jwt.encode(self.header, bent, self.signed_with, algorithms=[self.header["alg"]])
        self.told.append(signed)
        return signed

    def routes(self) -> list[Route]:
        async def metadata(_request: Request) -> Response:
            self.asked.append("metadata")
            if self.whole is not None:
                return self.whole
            return JSONResponse(
                {
                    "issuer": self.issuer,
                    "authorization_endpoint": f"{self.issuer}/authorize",
                    "token_endpoint": f"{self.issuer}/token",
                    "jwks_uri": f"{self.issuer}/keys",
                    "userinfo_endpoint": f"{self.issuer}/userinfo",
                    **self.metadata,
                }
            )

        async def keys(_request: Request) -> Response:
            self.asked.append("keys")
            return JSONResponse({"keys": self.published})

        async def token(request: Request) -> Response:
            form = parse_qs((await request.body()).decode())
            assert form["code_verifier"]
            assert form["grant_type"] == ["authorization_code"]
            given = {"access_token": ACCESS_TOKEN, "token_type": "Bearer", "expires_in": 60}
            return JSONResponse({**given, "id_token": self.token()})

        async def userinfo(request: Request) -> Response:
            assert request.headers["authorization"] == f"Bearer {ACCESS_TOKEN}"
            return JSONResponse(self.userinfo)

        async def away(_request: Request) -> Response:
            return PlainTextResponse("", 302, headers={"location": f"{self.issuer}/keys"})

        return [
            Route("/.well-known/openid-configuration", metadata),
            Route("/keys", keys),
            Route("/token", token, methods=["POST"]),
            Route("/userinfo", userinfo),
            Route("/away", away),
        ]


def _by_hand(header: Mapping[str, Any], claims: Mapping[str, Any], secret: bytes) -> str:
    """With something for a secret that no library would take."""
    parts = [urlsafe_b64encode(json.dumps(each).encode()).rstrip(b"=") for each in (header, claims)]
    signature = urlsafe_b64encode(hmac.digest(secret, b".".join(parts), "sha256")).rstrip(b"=")
    return b".".join([*parts, signature]).decode()


@asynccontextmanager
async def liar() -> AsyncGenerator[Liar]:
    port = free_port()
    made = Liar(port)
    config = uvicorn.Config(
        Starlette(routes=made.routes()), host="127.0.0.1", port=port, log_config=None, lifespan="off"
    )
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]  # pytest keeps its own
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  # uvicorn tells of it by this flag alone
        await asyncio.sleep(0.005)
    try:
        yield made
    finally:
        server.should_exit = True
        await task
