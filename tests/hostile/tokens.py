"""Tokens that are forged, spent, cut off, or meant for something else."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any
from uuid import uuid4

import websockets
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.hostile.asking import PATIENCE, SUBPROTOCOL, Caller
from tests.hostile.cases import LetIn, case, refused
from tests.hostile.ground import Ground

ASK = "{ dataSources { totalCount } }"
REFRESH = """mutation ($t: Secret!) {
  refreshSession(input: {refreshToken: $t}) { errors { code } tokens { accessToken refreshToken } }
}"""
END = "mutation ($id: ID!) { endSession(input: {id: $id}) { errors { code } } }"


def coded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def decoded(part: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def parts(ground: Ground) -> tuple[dict[str, Any], dict[str, Any], str]:
    head, claims, signature = (ground.admin.token or "").split(".")
    return decoded(head), decoded(claims), signature


def made(head: dict[str, Any], claims: dict[str, Any], *, key: Ed25519PrivateKey | bytes | None) -> str:
    text = f"{coded(json.dumps(head).encode())}.{coded(json.dumps(claims).encode())}"
    if isinstance(key, Ed25519PrivateKey):
        return f"{text}.{coded(key.sign(text.encode()))}"
    signature = hmac.new(key, text.encode(), hashlib.sha256).digest() if key is not None else b""
    return f"{text}.{coded(signature)}"


async def stays_out(ground: Ground, token: str) -> None:
    """Over HTTP and over a socket."""
    caller = Caller(ground.line, token)
    await caller.refused(ASK, "UNAUTHENTICATED")
    address = ground.line.url.replace("http", "ws", 1) + "/graphql"
    async with websockets.connect(
        address, subprotocols=[SUBPROTOCOL], open_timeout=PATIENCE, proxy=None
    ) as opened:
        await opened.send(json.dumps({"type": "connection_init", "payload": caller.headers}))
        try:
            message = str(await opened.recv(decode=True))
        except websockets.ConnectionClosed:
            refused(so=opened.close_code in (4400, 4403), otherwise=f"closed {opened.close_code}")
            return
        raise LetIn(f"the socket answered {message[:100]}")


HEADS: dict[str, dict[str, Any]] = {
    "alg none": {"alg": "none"},
    "alg None": {"alg": "None"},
    "no alg": {"alg": None},
    "a key in the head": {"jwk": {"kty": "OKP", "crv": "Ed25519", "x": coded(b"x" * 32)}},
    "a key at an address": {"jku": "https://evil.example/jwks.json", "x5u": "https://evil.example/x"},
    "a kid that is a path": {"kid": "../../../../dev/null"},
    "a kid that is SQL": {"kid": "' OR 1=1 --"},
    "a kid that nobody knows": {"kid": uuid4().hex},
    "a kid that is no text": {"kid": {"a": 1}},
    "a crit that nobody knows": {"crit": ["exp"]},
    "another type": {"typ": "refresh"},
}


def _heads(what: str, changes: dict[str, Any]) -> None:
    @case(f"a forged token with {what}")
    async def attempt(ground: Ground) -> None:
        head, claims, signature = parts(ground)
        forged = {**head, **changes}
        await stays_out(ground, made(forged, claims, key=None))
        await stays_out(ground, made(forged, claims, key=Ed25519PrivateKey.generate()))
        await stays_out(ground, made(forged, claims, key=None) + signature)


for _what, _changes in HEADS.items():
    _heads(_what, _changes)

CLAIMS: dict[str, dict[str, Any]] = {
    "another audience": {"aud": "somebody-else"},
    "another issuer": {"iss": "https://evil.example"},
    "a time to come": {"iat": time.time() + 3_600, "nbf": time.time() + 3_600},
    "a time gone by": {"exp": time.time() - 3_600},
    "no end": {"exp": None},
    "an end beyond all": {"exp": 10**30},
    "another subject": {"sub": f"user_{uuid4().hex}"},
    "another session": {"sid": f"session_{uuid4().hex}"},
}


def _claims(what: str, changes: dict[str, Any]) -> None:
    @case(f"a forged token with {what}")
    async def attempt(ground: Ground) -> None:
        head, claims, signature = parts(ground)
        await stays_out(ground, made(head, {**claims, **changes}, key=Ed25519PrivateKey.generate()))
        await stays_out(ground, made(head, {**claims, **changes}, key=None) + signature)


for _what, _changes in CLAIMS.items():
    _claims(_what, _changes)


@case("a token signed with the public key as if it were a secret")
async def confusion(ground: Ground) -> None:
    head, claims, _ = parts(ground)
    keys = (await ground.line.request("GET", "/.well-known/jwks.json")).json()["keys"]
    for key in keys:
        for secret in (
            key["x"].encode(),
            base64.urlsafe_b64decode(key["x"] + "=="),
            json.dumps(key).encode(),
        ):
            await stays_out(ground, made({**head, "alg": "HS256"}, claims, key=secret))


@case("a token that was changed at one place")
async def tampered(ground: Ground) -> None:
    token = ground.admin.token or ""
    for place in (5, len(token) // 2, len(token) - 10):
        other = "A" if token[place] != "A" else "B"
        await stays_out(ground, token[:place] + other + token[place + 1 :])


@case("a token that was cut off")
async def truncated(ground: Ground) -> None:
    token = ground.admin.token or ""
    for cut in (
        token[:-20],
        token[: len(token) // 2],
        token.rpartition(".")[0],
        token.rpartition(".")[0] + ".",
    ):
        await stays_out(ground, cut)


@case("what is no token at all")
async def nonsense(ground: Ground) -> None:
    for token in ("x", "a.b.c", "..", "." * 1_000, "x" * 10_000, "%00", "null", "undefined", "{}"):
        await stays_out(ground, token)


@case("a token of another scheme, or two")
async def schemes(ground: Ground) -> None:
    token = ground.admin.token or ""
    for value in (f"Basic {token}", token, f"bearer  {token} x", "Bearer", f"Token {token}", f"DPoP {token}"):
        answer = await ground.line.request(
            "POST", "/graphql", json={"query": ASK}, headers={"authorization": value}
        )
        refused(so=answer.status_code == 401, otherwise=f"{value[:12]}: {answer.status_code}")
    twice = [("authorization", f"Bearer {token}"), ("authorization", "Bearer x")]
    answer = await ground.line.request("POST", "/graphql", json={"query": ASK}, headers=twice)
    refused(so=answer.status_code == 401, otherwise=f"two headers: {answer.status_code}")


@case("a refresh token instead of a token")
async def refresh_as_access(ground: Ground) -> None:
    await stays_out(ground, ground.refresh["admin"])


@case("a token instead of a refresh token")
async def access_as_refresh(ground: Ground) -> None:
    await ground.nobody.refused(REFRESH, "UNAUTHENTICATED", t=ground.admin.token)


@case("a refresh token that was used")
async def refresh_twice(ground: Ground) -> None:
    """Whoever has the other copy is a thief, or was robbed: the whole family ends."""
    access, refresh, _ = ground.spare.pop()
    renewed = await ground.nobody.done(REFRESH, t=refresh)
    await ground.nobody.refused(REFRESH, "UNAUTHENTICATED", t=refresh)
    await ground.nobody.refused(REFRESH, "UNAUTHENTICATED", t=renewed["tokens"]["refreshToken"])
    for token in (access, renewed["tokens"]["accessToken"]):
        await stays_out(ground, token)


@case("a token of a session that has ended")
async def ended(ground: Ground) -> None:
    access, refresh, session = ground.spare.pop()
    await Caller(ground.line, access).done(END, id=session)
    await stays_out(ground, access)
    await ground.nobody.refused(REFRESH, "UNAUTHENTICATED", t=refresh)


@case("an open socket of a session that has ended")
async def ended_stream(ground: Ground) -> None:
    access, _, session = ground.spare.pop()
    async with Caller(ground.line, access).socket() as socket:
        payload = {"query": "subscription { dataSourceChanged { id: cursor } }"}
        await socket.say(id="1", type="subscribe", payload=payload)
        began = time.monotonic()
        await ground.admin.done(END, id=session)
        while (message := await socket.hear()) is not None:
            refused(so=message["type"] != "next", otherwise=str(message)[:200])
        refused(so=time.monotonic() - began < 3, otherwise=f"open for {time.monotonic() - began:.1f} s")
        refused(so=socket.opened.close_code == 4403, otherwise=f"closed {socket.opened.close_code}")


@case("another's token on an open socket")
async def other_token(ground: Ground) -> None:
    async with ground.member.socket() as socket:
        await socket.say(type="ping", payload=ground.admin.headers)
        answer = await socket.hear()
        refused(so=answer is None, otherwise=str(answer)[:100])
        refused(so=socket.opened.close_code == 4403, otherwise=f"closed {socket.opened.close_code}")


@case("a token that is its own authority, as agents make them")
async def agents_kind(ground: Ground) -> None:
    now = int(time.time())
    claims = {"iss": f"agent_{uuid4().hex}", "sub": f"agent_{uuid4().hex}", "aud": ground.line.url}
    claims |= {"iat": now, "exp": now + 30, "jti": uuid4().hex}
    for alg in ("ES256", "EdDSA", "none"):
        await stays_out(
            ground, made({"alg": alg, "kid": uuid4().hex}, claims, key=Ed25519PrivateKey.generate())
        )
