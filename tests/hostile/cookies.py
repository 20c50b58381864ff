"""What pages of others may make a browser send, with the browser's own cookie."""

from __future__ import annotations

import json
from typing import Any

import websockets

from tests.hostile.asking import PATIENCE, SUBPROTOCOL
from tests.hostile.cases import LetIn, case, refused
from tests.hostile.ground import SIGN_IN, Ground

EVIL = ("https://evil.example", "null", "http://127.0.0.1:1", "https://127.0.0.1.evil.example")
ASK = {"query": "{ viewer { actor { id } } }"}
CHANGE = {"query": 'mutation { saveTag(input: {name: "hostile"}) { errors { code } } }'}


async def carried(ground: Ground) -> str:
    """The administrator's cookie, as a browser has it; made once."""
    if "cookie" not in ground.ids:
        body = {"query": SIGN_IN, "variables": {"email": ground.email, "password": ground.password}}
        headers = {"x-datawave-cookie": "1", "origin": ground.line.url, "cookie": "datawave_8000=fixed"}
        answer = await ground.line.request("POST", "/graphql", json=body, headers=headers)
        ground.line.http.cookies.clear()
        ground.ids["set-cookie"] = answer.headers["set-cookie"]
        ground.ids["cookie"] = answer.headers["set-cookie"].partition(";")[0]
        own = await ground.line.request(
            "POST", "/graphql", json=ASK, headers={"cookie": ground.ids["cookie"], "origin": ground.line.url}
        )
        if not (own.json().get("data") or {}).get("viewer"):
            raise RuntimeError("the script cannot go on: the cookie does not count for our own pages")
    return ground.ids["cookie"]


def is_nobody(answer: dict[str, Any]) -> bool:
    return not (answer.get("data") or {}).get("viewer")


@case("a page of another origin that asks")
async def foreign_post(ground: Ground) -> None:
    cookie = await carried(ground)
    for origin in EVIL:
        for body in (ASK, CHANGE):
            answer = await ground.line.request(
                "POST", "/graphql", json=body, headers={"cookie": cookie, "origin": origin}
            )
            told = answer.json()
            refused(so="errors" in told or is_nobody(told), otherwise=f"{origin}: {answer.text[:100]}")
            refused(
                so=not [name for name in answer.headers if name.startswith("access-control-allow")],
                otherwise=f"{origin} may read it",
            )


@case("a request without an origin")
async def no_origin(ground: Ground) -> None:
    answer = await ground.line.request(
        "POST", "/graphql", json=ASK, headers={"cookie": await carried(ground)}
    )
    refused(so=is_nobody(answer.json()), otherwise=answer.text[:100])


@case("a page of another origin that asks whether it may")
async def preflight(ground: Ground) -> None:
    for origin in EVIL:
        headers = {"origin": origin, "access-control-request-method": "POST"}
        answer = await ground.line.request("OPTIONS", "/graphql", headers=headers)
        refused(so="access-control-allow-origin" not in answer.headers, otherwise=origin)


FORMS: dict[str, dict[str, Any]] = {
    "a form": {"data": {"query": CHANGE["query"]}},
    "plain text": {"content": json.dumps(CHANGE), "headers": {"content-type": "text/plain"}},
    "an upload": {"files": {"operations": json.dumps(CHANGE).encode()}},
    "no type": {"content": json.dumps(CHANGE)},
}


def _forms(what: str, form: dict[str, Any]) -> None:
    @case(f"{what} sent by a page of another origin")
    async def attempt(ground: Ground) -> None:
        cookie = await carried(ground)
        for origin in (*EVIL, ground.line.url):
            headers = {**form.get("headers", {}), "cookie": cookie, "origin": origin}
            answer = await ground.line.request("POST", "/graphql", **{**form, "headers": headers})
            refused(so=answer.status_code == 415, otherwise=f"{origin}: {answer.status_code}")


for _what, _form in FORMS.items():
    _forms(_what, _form)


@case("an image whose address is a query or a change")
async def foreign_get(ground: Ground) -> None:
    cookie = await carried(ground)
    for site in ("cross-site", "same-site", "none", None):
        headers = {"cookie": cookie, **({"sec-fetch-site": site} if site else {})}
        read = await ground.line.request("GET", "/graphql", params=ASK, headers=headers)
        refused(so=is_nobody(read.json()), otherwise=f"{site}: {read.text[:100]}")
        changed = await ground.line.request("GET", "/graphql", params=CHANGE, headers=headers)
        refused(so=changed.status_code == 405, otherwise=f"{site}: {changed.status_code}")


@case("a socket that a page of another origin opens")
async def foreign_socket(ground: Ground) -> None:
    cookie = await carried(ground)
    for origin in EVIL:
        address = ground.line.url.replace("http", "ws", 1) + "/graphql"
        try:
            async with websockets.connect(
                address,
                subprotocols=[SUBPROTOCOL],
                additional_headers={"cookie": cookie, "origin": origin},
                open_timeout=PATIENCE,
                proxy=None,
            ):
                raise LetIn(f"{origin} got a socket")
        except websockets.InvalidStatus as status:
            refused(so=status.response.status_code == 403, otherwise=str(status))


@case("our pages within another's")
async def framed(ground: Ground) -> None:
    for path in ("/", "/graphiql", "/graphql", "/nothing"):
        answer = await ground.line.request("GET", path)
        policy = answer.headers.get("content-security-policy", "")
        refused(
            so="frame-ancestors 'none'" in policy and answer.headers.get("x-frame-options") == "DENY",
            otherwise=path,
        )


@case("a script that was put into a name")
async def script(ground: Ground) -> None:
    """Names are data: they come back as JSON, which no browser runs, under a policy that runs nothing."""
    answer = await ground.line.request(
        "GET", "/graphql", params={"query": "{ a: __typename } #<script>alert(1)</script>"}
    )
    policy = answer.headers.get("content-security-policy", "")
    refused(
        so="json" in answer.headers["content-type"]
        and answer.headers.get("x-content-type-options") == "nosniff"
        and "script-src 'self'" in policy
        and "unsafe-eval" not in policy,
        otherwise=str(answer.headers),
    )


@case("a cookie that somebody fixed beforehand")
async def fixation(ground: Ground) -> None:
    cookie = await carried(ground)
    refused(so=not cookie.endswith("=fixed"), otherwise="the cookie was kept")
    name = cookie.partition("=")[0]
    for value in ("fixed", "", "x" * 5_000, "..%2f", ground.sessions["admin"], ground.admin.token or ""):
        headers = {"cookie": f"{name}={value}", "origin": ground.line.url}
        answer = await ground.line.request("POST", "/graphql", json=ASK, headers=headers)
        told = answer.json()
        refused(so=is_nobody(told), otherwise=f"{value[:20]}: {answer.text[:100]}")


@case("a cookie within reach of scripts")
async def attributes(ground: Ground) -> None:
    await carried(ground)
    given = {part.strip().lower().partition("=")[0] for part in ground.ids["set-cookie"].split(";")[1:]}
    refused(
        so={"httponly", "samesite", "path"} <= given,
        otherwise=ground.ids["set-cookie"].partition("=")[2][40:],
    )
    refused(so="domain" not in given, otherwise="other hosts get it")
    if ground.line.url.startswith("https"):
        refused(
            so="secure" in given and ground.ids["cookie"].startswith("__Host-"), otherwise="it goes over http"
        )
