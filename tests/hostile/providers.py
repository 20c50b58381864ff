"""Login services: codes and states that are made up or used again, and ways back that lead elsewhere."""

from __future__ import annotations

from uuid import uuid4

from tests.hostile.cases import case, refused
from tests.hostile.ground import Ground

SAVE = """mutation ($i: SaveOidcProviderInput!) {
  saveOidcProvider(input: $i) { errors { code message path } provider { id signInUrl } }
}"""
DELETE = "mutation ($id: ID!) { deleteOidcProvider(input: {id: $id}) { errors { code } } }"
BY_CODE = """mutation ($i: OidcCodeInput!) {
  signIn(input: {oidcCode: $i}) { errors { code } viewer { session { id } } }
}"""


@case("a state and a code that are made up", needs="saveOidcProvider")
async def made_up(ground: Ground) -> None:
    for parameters in (
        {},
        {"state": "x"},
        {"state": "x", "code": "y"},
        {"state": uuid4().hex * 2, "code": uuid4().hex},
        {"state": "x" * 5_000, "code": "y" * 5_000},
        {"state": "x", "error": "<script>alert(1)</script>", "error_description": "planted"},
    ):
        answer = await ground.line.request("GET", "/auth/oidc/callback", params=parameters)
        refused(so=400 <= answer.status_code < 500, otherwise=f"{parameters}: {answer.status_code}")
        refused(
            so="set-cookie" not in answer.headers or "max-age=0" in answer.headers["set-cookie"].lower(),
            otherwise="a cookie was given",
        )
        refused(so="<script>" not in answer.text, otherwise=answer.text[:100])
    for state in ("x", uuid4().hex):
        await ground.nobody.refused(BY_CODE, i={"state": state, "code": "y"})


@case("a way back that leads elsewhere", needs="saveOidcProvider")
async def way_back(ground: Ground) -> None:
    answer = await ground.line.request(
        "GET", f"/auth/oidc/{uuid4().hex}/start", params={"return": "//evil.example"}
    )
    refused(so=answer.status_code in (400, 404), otherwise=str(answer.status_code))
    for back in (
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "/%2f/evil.example",
        "javascript:x",
    ):
        for path in ("/auth/oidc/callback", "/auth/oidc/x/start"):
            told = await ground.line.request("GET", path, params={"return": back, "state": "x", "code": "y"})
            location = told.headers.get("location", "")
            refused(so="evil" not in location and "javascript" not in location, otherwise=location)


@case("a login service within our own walls", needs="saveOidcProvider")
async def own_walls(ground: Ground) -> None:
    for issuer in (
        "http://169.254.169.254",
        "http://metadata.google.internal",
        "file:///etc/passwd",
        "https://",
    ):
        wanted = {"name": f"Evil {ground.words}", "issuer": issuer, "clientId": "x"}
        answer = await ground.admin.ask(SAVE, i=wanted)
        payload = (answer.get("data") or {}).get("saveOidcProvider") or {}
        if made := payload.get("provider"):
            start = await ground.line.request("GET", f"/auth/oidc/{made['id']}/start")
            await ground.admin.done(DELETE, id=made["id"])
            refused(so=start.status_code != 302, otherwise=f"{issuer} is sent to")


@case("making a login service without the right to", needs="saveOidcProvider")
async def not_allowed(ground: Ground) -> None:
    wanted = {"name": "Evil", "issuer": "https://evil.example", "clientId": "x"}
    await ground.member.refused(SAVE, "FORBIDDEN", i=wanted)
    await ground.nobody.refused(SAVE, "UNAUTHENTICATED", i=wanted)


@case("the secrets of a login service, as a stranger", needs="saveOidcProvider")
async def strangers(ground: Ground) -> None:
    answer = await ground.nobody.ask("{ oidcProviders { id name issuer clientId groupMappings { value } } }")
    for each in (answer.get("data") or {}).get("oidcProviders") or []:
        refused(so=not (each["issuer"] or each["clientId"] or each["groupMappings"]), otherwise=str(each))
