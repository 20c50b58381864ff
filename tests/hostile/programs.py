"""What programs bring: API keys, client secrets at the token's address, certificates."""

from __future__ import annotations

from base64 import b64encode

from tests.hostile.asking import Caller
from tests.hostile.cases import case, refused
from tests.hostile.ground import Ground
from tests.hostile.tokens import ASK, stays_out

MAKE = """mutation ($n: String!, $a: ID, $p: [String!]) {
  createApiKey(input: {name: $n, actorId: $a, permissions: $p}) {
    errors { code message path } value apiKey { id }
  }
}"""
REVOKE = "mutation ($id: ID!) { revokeApiKey(input: {id: $id}) { errors { code } } }"


async def a_key(ground: Ground) -> tuple[str, str]:
    made = await ground.admin.done(
        MAKE, n=f"Hostile {ground.words}", a=ground.ids["member"], p=["datasource:read"]
    )
    await Caller(ground.line, made["value"]).data(ASK)
    return made["value"], made["apiKey"]["id"]


@case("an API key in an address", needs="createApiKey")
async def key_in_address(ground: Ground) -> None:
    key, _ = await a_key(ground)
    ground.line.plant(key)
    for name in ("api_key", "apiKey", "key", "token", "access_token", "authorization"):
        answer = await ground.line.request("GET", "/graphql", params={"query": ASK, name: key})
        refused(so="errors" in answer.json(), otherwise=f"{name}: {answer.text[:100]}")


@case("an API key that was cut off, changed, or made up", needs="createApiKey")
async def broken_key(ground: Ground) -> None:
    key, _ = await a_key(ground)
    for wrong in (key[:-1], key[:-8], key[:20], key.upper(), key + "x", "dwk_" + "a" * 60, key.swapcase()):
        if wrong != key:
            await stays_out(ground, wrong)


@case("an API key that was revoked", needs="createApiKey")
async def revoked_key(ground: Ground) -> None:
    key, id = await a_key(ground)
    async with Caller(ground.line, key).socket() as socket:
        await ground.admin.done(REVOKE, id=id)
        while await socket.hear() is not None:
            pass
    await stays_out(ground, key)


@case("an API key with more rights than its holder", needs="createApiKey")
async def wide_key(ground: Ground) -> None:
    for asking in (ground.admin, ground.member):
        answer = await asking.ask(MAKE, n="Wide", a=ground.ids["member"], p=["vault:manage"])
        payload = (answer.get("data") or {}).get("createApiKey") or {}
        if payload.get("value"):
            query = 'mutation { rotateVaultKey(input: {reason: "hostile"}) { errors { code } } }'
            await Caller(ground.line, payload["value"]).refused(query, "FORBIDDEN")


@case("a flood of API keys in one request", needs="createApiKey")
async def key_flood(ground: Ground) -> None:
    made = " ".join(
        f'a{i}: createApiKey(input: {{name: "f{i}"}}) {{ errors {{ code }} }}' for i in range(500)
    )
    await ground.admin.refused(f"mutation {{ {made} }}", "TOO_COSTLY", "INVALID")


WRONG: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "a wrong secret": ({"grant_type": "client_credentials", "client_secret": "planted-guess"}, {}),
    "no secret": ({"grant_type": "client_credentials"}, {}),
    "another grant": ({"grant_type": "password", "username": "a", "password": "b"}, {}),
    "a grant for a code": ({"grant_type": "authorization_code", "code": "x"}, {}),
    "JSON": ({}, {"content-type": "application/json"}),
}


def _wrong(what: str, form: dict[str, str], headers: dict[str, str]) -> None:
    @case(f"a token for {what}", needs="createApiKey")
    async def attempt(ground: Ground) -> None:
        data = {"client_id": ground.ids["client"], **form}
        more = {"content": b"{}"} if headers else {"data": data}
        answer = await ground.line.request("POST", "/auth/token", headers=headers, **more)
        refused(
            so=400 <= answer.status_code < 500 and "access_token" not in answer.text,
            otherwise=f"{answer.status_code} {answer.text[:100]}",
        )


for _what, (_form, _headers) in WRONG.items():
    _wrong(_what, _form, _headers)


@case("a token by GET, with the secret in the address", needs="createApiKey")
async def token_by_get(ground: Ground) -> None:
    parameters = {
        "grant_type": "client_credentials",
        "client_id": ground.ids["client"],
        "client_secret": ground.secret,
    }
    answer = await ground.line.request("GET", "/auth/token", params=parameters)
    refused(so=answer.status_code in (404, 405), otherwise=str(answer.status_code))
    answer = await ground.line.request(
        "POST", "/auth/token", params=parameters, data={"grant_type": "client_credentials"}
    )
    refused(so="access_token" not in answer.text, otherwise=answer.text[:60])


@case("a token by two secrets at once", needs="createApiKey")
async def two_ways(ground: Ground) -> None:
    basic = b64encode(f"{ground.ids['client']}:{ground.secret}".encode()).decode()
    data = {"grant_type": "client_credentials", "client_id": "other", "client_secret": "other"}
    answer = await ground.line.request(
        "POST", "/auth/token", data=data, headers={"authorization": f"Basic {basic}"}
    )
    refused(so="access_token" not in answer.text, otherwise=answer.text[:60])


@case("a form of a megabyte at the token's address", needs="createApiKey")
async def large_form(ground: Ground) -> None:
    answer = await ground.line.request("POST", "/auth/token", data={"scope": "x" * 1_000_000})
    refused(so=answer.status_code in (400, 413), otherwise=str(answer.status_code))


@case("a certificate for another", needs="issueCertificate")
async def certificate(ground: Ground) -> None:
    query = """mutation ($a: ID!, $s: String!) {
      issueCertificate(input: {actorId: $a, signingRequest: $s}) { errors { code } }
    }"""
    await ground.member.refused(query, "FORBIDDEN", "NOT_FOUND", a=ground.ids["admin"], s="x")
    await ground.admin.refused(query, a=ground.ids["member"], s="-----BEGIN CERTIFICATE REQUEST-----\nx")
