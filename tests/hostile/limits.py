"""More than anybody needs: long, many, fast, or never ending."""

from __future__ import annotations

import asyncio
import json

import websockets

from tests.hostile.asking import SUBPROTOCOL
from tests.hostile.cases import case, refused
from tests.hostile.ground import Ground

HEAD = b"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"


@case("a body of ten megabytes")
async def body(ground: Ground) -> None:
    answer = await ground.admin.post(b'{"query": "{ settledAt }"}'.ljust(10_000_000))
    refused(so=answer.status_code == 413, otherwise=str(answer.status_code))


@case("a body whose length is a lie")
async def lying_length(ground: Ground) -> None:
    heard = await ground.line.raw(HEAD + b"content-length: 99999999999\r\n\r\n{")
    refused(so=b" 200 " not in heard[:20], otherwise=heard[:80].decode("latin-1"))


@case("a header of a megabyte")
async def header(ground: Ground) -> None:
    heard = await ground.line.raw(b"GET / HTTP/1.1\r\nhost: x\r\nx-padding: " + b"x" * 1_000_000)
    refused(so=b" 431 " in heard[:40] or heard == b"", otherwise=heard[:80].decode("latin-1"))


@case("ten thousand header lines")
async def headers(ground: Ground) -> None:
    heard = await ground.line.raw(b"GET / HTTP/1.1\r\nhost: x\r\n" + b"x-a: b\r\n" * 10_000 + b"\r\n")
    refused(so=b" 431 " in heard[:40] or heard == b"", otherwise=heard[:80].decode("latin-1"))


@case("a large body where none is wanted")
async def body_elsewhere(ground: Ground) -> None:
    answer = await ground.line.request("POST", "/healthz", content=b"x" * 1_000_000)
    refused(so=answer.status_code in (405, 413), otherwise=str(answer.status_code))


@case("a frame of ten megabytes")
async def frame(ground: Ground) -> None:
    async with ground.admin.socket() as socket:
        answer = await socket.answer({"query": "{ settledAt } #" + "x" * 10_000_000})
        refused(so=answer is None, otherwise=json.dumps(answer)[:200])


@case("a thousand messages at once")
async def messages(ground: Ground) -> None:
    async with ground.admin.socket() as socket:
        try:
            for _ in range(1_000):
                await socket.say(type="ping")
            while await socket.hear() is not None:
                pass
        except websockets.ConnectionClosed:
            pass
        refused(so=socket.opened.close_code == 4429, otherwise=f"closed {socket.opened.close_code}")


@case("more streams on a socket than it may have")
async def streams(ground: Ground) -> None:
    async with ground.admin.socket() as socket:
        for number in range(150):
            payload = {"query": "subscription { eventRecorded { type } }"}
            await socket.say(id=f"s{number}", type="subscribe", payload=payload)
        codes: list[str] = []
        while len(codes) < 50:
            message = await socket.hear()
            assert message is not None, "the socket was closed for it"
            if message["type"] == "error":
                codes.append(message["payload"][0]["extensions"]["code"])
        refused(so=set(codes) == {"RATE_LIMITED"}, otherwise=str(set(codes)))


@case("a socket that never introduces itself")
async def silent_socket(ground: Ground) -> None:
    address = ground.line.url.replace("http", "ws", 1) + "/graphql"
    async with websockets.connect(address, subprotocols=[SUBPROTOCOL], proxy=None) as opened:
        async with asyncio.timeout(9):
            await opened.wait_closed()
        refused(so=opened.close_code == 4408, otherwise=f"closed {opened.close_code}")


@case("asking on a socket before coming in")
async def unasked(ground: Ground) -> None:
    address = ground.line.url.replace("http", "ws", 1) + "/graphql"
    async with websockets.connect(address, subprotocols=[SUBPROTOCOL], proxy=None) as opened:
        await opened.send(json.dumps({"id": "1", "type": "subscribe", "payload": {"query": "{ settledAt }"}}))
        async with asyncio.timeout(9):
            await opened.wait_closed()
        refused(so=opened.close_code == 4401, otherwise=f"closed {opened.close_code}")


SAVE = "mutation ($i: SaveWorkspaceInput!) { saveWorkspace(input: $i) { errors { code message } } }"
TEXTS = {
    "a name of a thousand letters": {"name": "x" * 1_000},
    "a name with NUL": {"name": "a\u0000b"},
    "a name with a bell": {"name": "a\u0007b"},
    "a name that reads backwards": {"name": "invoice\u202efdp.exe"},
    "a text of a hundred thousand letters": {"name": "Fine", "description": "x" * 100_000},
    "a key of a thousand letters": {"name": "Fine", "idempotencyKey": "k" * 1_000},
}


def _texts(what: str, given: dict[str, str]) -> None:
    @case(what)
    async def attempt(ground: Ground) -> None:
        query = (
            "mutation ($i: SaveWorkspaceInput!) { saveWorkspace(input: $i) { errors { code message path } } }"
        )
        await ground.admin.refused(query, "INVALID", i=given)


for _what, _given in TEXTS.items():
    _texts(_what, _given)
