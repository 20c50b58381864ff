"""Wrong, expired, reused and missing tokens."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, OKPKey

from auth.gate import Gate
from auth.tokens import ALGORITHM
from tests import furnished
from tests.bad_input.answers import refusal
from tests.client import Client
from tests.fixtures.api import SIGN_IN, House
from tests.fixtures.clock import HouseClock

SOURCES = "{ dataSources(first: 1) { totalCount } }"
REFRESH = """
mutation ($token: Secret!) {
  refreshSession(input: {refreshToken: $token}) {
    errors { code path message } tokens { accessToken refreshToken }
  }
}
"""


async def tokens(api: Client) -> tuple[str, str]:
    password = furnished.ADMIN.password.reveal()
    payload = await api.as_(None).done(SIGN_IN, email=furnished.ADMIN.email, password=password)
    return payload["tokens"]["accessToken"], payload["tokens"]["refreshToken"]


def forged(token: str) -> str:
    """The same claims with no signature to speak of."""
    header, claims, signature = token.split(".")
    return ".".join([header, claims, signature[::-1]])


def unsigned(token: str) -> str:
    claims = token.split(".")[1]
    header = base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT"}).encode()).decode().rstrip("=")
    return f"{header}.{claims}."


async def test_nobody_is_let_in_without_a_token(api: Client) -> None:
    refused = await refusal(api.as_(None), SOURCES)
    assert refused.code == "UNAUTHENTICATED"


async def test_a_token_of_nobodys_is_refused(api: Client) -> None:
    for token in ("x", "a.b.c", "é" * 20, "a" * 10_000, "eyJhbGciOiJub25lIn0.e30."):
        headers = {"authorization": f"Bearer {token}".encode()}
        answer = await api.http.post("/graphql", json={"query": SOURCES}, headers=headers)
        assert answer.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED", token
        assert answer.status_code < 500


async def test_a_forged_signature_is_refused(api: Client) -> None:
    access, _ = await tokens(api)
    for each in (forged(access), unsigned(access)):
        assert (await refusal(api.as_(each), SOURCES)).code == "UNAUTHENTICATED"


async def test_an_expired_token_is_refused(api: Client, house: House, house_clock: HouseClock) -> None:
    access, _ = await tokens(api)
    await house_clock.shift(hours=1)
    await house.served.gate.look()
    assert (await refusal(api.as_(access), SOURCES)).code == "UNAUTHENTICATED"


async def test_a_refresh_token_used_twice_ends_its_family(api: Client) -> None:
    access, refresh = await tokens(api)
    renewed = await api.as_(None).done(REFRESH, token=refresh)
    refused = await refusal(api.as_(None), REFRESH, token=refresh)
    assert refused.code == "UNAUTHENTICATED"
    for token in (access, renewed["tokens"]["accessToken"]):
        assert (await refusal(api.as_(token), SOURCES)).code == "UNAUTHENTICATED"
    assert (
        await refusal(api.as_(None), REFRESH, token=renewed["tokens"]["refreshToken"])
    ).code == "UNAUTHENTICATED"


async def test_a_socket_with_a_bad_token_is_told_why_and_closed(api: Client) -> None:
    with pytest.raises(
        (AssertionError, Exception), match=r"4403|connection_ack|UNAUTHENTICATED|[Ff]orbidden"
    ):
        async with api.as_("a.b.c").socket():
            raise AssertionError("it was let in")


def _signed(key: Any, header: dict[str, Any], claims: dict[str, Any], algorithm: str = ALGORITHM) -> str:
    return jwt.encode(header, claims, key, algorithms=[algorithm], default_type=None)


def platforms_key(gate: Gate) -> tuple[str, OKPKey]:
    """The worst of thefts."""
    kept = gate.tokens._signing  # pyright: ignore[reportPrivateUsage]
    assert kept is not None
    return kept


def wrong_tokens(gate: Gate, access: str) -> dict[str, str]:
    """What somebody may try who has a token, the public keys and keys of their own; and the platform's own
    key on claims that it never makes."""
    kid, key = platforms_key(gate)
    claims: dict[str, Any] = dict(jwt.decode(access, key, algorithms=[ALGORITHM]).claims)
    header = {"alg": ALGORITHM, "kid": kid, "typ": "at+jwt"}
    now, own = int(gate.now().timestamp()), OKPKey.generate_key("Ed25519")
    public: dict[str, Any] = dict(key.as_dict(private=False))
    confused = {"alg": "HS256", "kid": kid, "typ": "at+jwt"}
    head, body, signature = access.split(".")
    return {
        "of another key": _signed(own, header, claims),
        "with its key in the header": _signed(own, header | {"jwk": own.as_dict(private=False)}, claims),
        "with an address of keys": _signed(own, header | {"jku": "https://evil.example/jwks.json"}, claims),
        "of a key nobody knows": _signed(own, header | {"kid": own.thumbprint()}, claims),
        "whose kid is a path": _signed(own, header | {"kid": "../../dev/null"}, claims),
        "whose kid is SQL": _signed(own, header | {"kid": "' OR '1'='1"}, claims),
        "keyed with the public key": _signed(
            OctKey.import_key(public["x"]), confused, claims, algorithm="HS256"
        ),
        "keyed with the public JWK": _signed(
            OctKey.import_key(json.dumps(public)), confused, claims, algorithm="HS256"
        ),
        "with no signature": unsigned(access),
        "with no signature of our kind": f"{_part(header | {'alg': 'none'})}.{body}.",
        "cut short": f"{head}.{body}",
        "cut in its signature": f"{head}.{body}.{signature[:-4]}",
        "with other claims": f"{head}.{_part(claims | {'sub': 'user_' + '0' * 32})}.{signature}",
        "for another service": _signed(key, header, claims | {"aud": "elsewhere"}),
        "for several": _signed(key, header, claims | {"aud": ["datawave", "elsewhere"]}),
        "of another service": _signed(key, header, claims | {"iss": "https://evil.example"}),
        "from the future": _signed(key, header, claims | {"iat": now + 120}),
        "that has run out": _signed(key, header, claims | {"exp": now - 1}),
        "without an end": _signed(key, header, {k: v for k, v in claims.items() if k != "exp"}),
        "whose end is a word": _signed(key, header, claims | {"exp": "never"}),
        "of no session": _signed(key, header, claims | {"sid": "0" * 32}),
        "of an agent": _signed(key, header, claims | {"sub": "agent_" + "0" * 32}),
        "of another kind": _signed(key, header | {"typ": "JWT"}, claims),
        "of another's session": _signed(key, header, claims | {"sub": "user_" + "0" * 32}),
    }


def _part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


async def test_every_kind_of_wrong_token_is_refused(api: Client, house: House) -> None:
    access, _ = await tokens(api)
    wrong = wrong_tokens(house.served.gate, access)
    let_in = [
        name
        for name, token in wrong.items()
        if (await refusal(api.as_(token), SOURCES)).code != "UNAUTHENTICATED"
    ]
    assert let_in == []
    assert (await api.as_(access).data(SOURCES))["dataSources"] is not None


async def test_a_clock_that_is_a_little_ahead_is_forgiven(api: Client, house: House) -> None:
    access, _ = await tokens(api)
    gate = house.served.gate
    kid, key = platforms_key(gate)
    claims = dict(jwt.decode(access, key, algorithms=[ALGORITHM]).claims)
    header = {"alg": ALGORITHM, "kid": kid, "typ": "at+jwt"}
    ahead = _signed(key, header, claims | {"iat": int(gate.now().timestamp()) + 30})
    assert (await api.as_(ahead).data(SOURCES))["dataSources"] is not None


async def test_a_token_of_a_megabyte_is_refused_before_it_is_read(api: Client) -> None:
    headers = {"authorization": f"Bearer {'a' * 1_000_000}"}
    answer = await api.http.post("/graphql", json={"query": SOURCES}, headers=headers)
    assert 400 <= answer.status_code < 500
    assert (await refusal(api.as_(None), SOURCES)).code == "UNAUTHENTICATED"
