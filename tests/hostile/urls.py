"""Addresses, methods and requests that are put together wrong on purpose."""

from __future__ import annotations

from tests.hostile.cases import case, refused
from tests.hostile.ground import Ground

AFIELD = (
    *("/assets/../../../etc/passwd", "/assets/..%2f..%2f..%2fetc%2fpasswd", "/assets/%2e%2e/%2e%2e/.env"),
    *(
        "/assets/..%5c..%5cwindows",
        "/assets//etc/passwd",
        "/assets/%00",
        "/.env",
        "/.git/config",
        "/.datawave",
    ),
    *(
        "/server-status",
        "/debug",
        "/docs",
        "/openapi.json",
        "/actuator/env",
        "/graphql/../.env",
        "/graphql%00",
    ),
)


@case("files that are none of the pages")
async def files(ground: Ground) -> None:
    for path in AFIELD:
        heard = await ground.line.raw(f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
        status = heard[9:12]
        refused(so=status in (b"400", b"404") and b"root:" not in heard, otherwise=f"{path}: {heard[:60]!r}")


@case("pages that lead elsewhere")
async def open_redirects(ground: Ground) -> None:
    for path in (
        "//evil.example",
        "/\\evil.example",
        "/graphiql?return=//evil.example",
        "/?next=https://evil.example",
    ):
        heard = await ground.line.raw(f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
        refused(so=b"\r\nlocation: //" not in heard.lower() and b"evil" not in heard.lower(), otherwise=path)


@case("a host that is somebody else's")
async def host(ground: Ground) -> None:
    heard = await ground.line.raw(
        b"GET /graphiql HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n"
    )
    refused(so=b"evil.example" not in heard, otherwise=heard[:200].decode("latin-1"))


MALFORMED = {
    "two lengths": b"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n"
    b"content-length: 50\r\n\r\nhello",
    "a length and chunks": b"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding:"
    b" chunked\r\n\r\n0\r\n\r\nGET /metrics HTTP/1.1\r\nhost: x\r\n\r\n",
    "a negative length": b"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
    "a chunk of no size": b"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    b"transfer-encoding: chunked\r\n\r\nzz\r\n\r\n",
    "a header without a name": b"GET / HTTP/1.1\r\nhost: x\r\n: value\r\n\r\n",
    "a header over two lines": b"GET / HTTP/1.1\r\nhost: x\r\nx-a: b\r\n c\r\n\r\n",
    "no HTTP at all": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64,
    "a method nobody knows": b"HACK /graphql HTTP/1.1\r\nhost: x\r\n\r\n",
    "TRACE": b"TRACE /graphql HTTP/1.1\r\nhost: x\r\nauthorization: Bearer planted\r\n\r\n",
    "CONNECT": b"CONNECT evil.example:443 HTTP/1.1\r\nhost: evil.example\r\n\r\n",
}


def _malformed(what: str, text: bytes) -> None:
    @case(what)
    async def attempt(ground: Ground) -> None:
        heard = await ground.line.raw(text, seconds=3)
        ok = heard.count(b"HTTP/1.1 200") if what != "a header over two lines" else 0
        refused(so=ok == 0 and b"Bearer planted" not in heard, otherwise=heard[:120].decode("latin-1"))


for _what, _text in MALFORMED.items():
    _malformed(_what, _text)


@case("a method behind another")
async def override(ground: Ground) -> None:
    headers = {**ground.admin.headers, "x-http-method-override": "POST", "x-method-override": "POST"}
    query = 'mutation { saveTag(input: {name: "hostile"}) { errors { code } } }'
    answer = await ground.line.request("GET", "/graphql", params={"query": query}, headers=headers)
    refused(so=answer.status_code == 405, otherwise=str(answer.status_code))


@case("a token in the address")
async def token_in_address(ground: Ground) -> None:
    query = "{ dataSources { totalCount } }"
    for name in ("access_token", "token", "authorization", "api_key", "apikey", "key"):
        for value in (ground.admin.token, f"Bearer {ground.admin.token}"):
            answer = await ground.line.request("GET", "/graphql", params={"query": query, name: value})
            refused(so="errors" in answer.json(), otherwise=f"{name}: {answer.text[:100]}")
            posted = await ground.line.request(
                "POST", "/graphql", params={name: value}, json={"query": query}
            )
            refused(so="errors" in posted.json(), otherwise=f"{name}: {posted.text[:100]}")


@case("a token in a cookie")
async def token_in_cookie(ground: Ground) -> None:
    place = ground.line.url.rpartition(":")[2]
    for name in (f"datawave_{place}", "__Host-datawave", "token", "authorization"):
        headers = {"cookie": f"{name}={ground.admin.token}", "origin": ground.line.url}
        answer = await ground.line.request(
            "POST", "/graphql", json={"query": "{ dataSources { totalCount } }"}, headers=headers
        )
        refused(so="errors" in answer.json(), otherwise=f"{name}: {answer.text[:100]}")
