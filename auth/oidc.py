"""OpenID Connect, seen from us: what a login service says of itself, where to send a person, and what comes
of the code they bring back. Knows the protocol and no tables.
"""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from urllib.parse import quote, urlsplit

import httpx2
import orjson
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client

from auth import id_tokens
from auth.id_tokens import NotBelieved
from auth.outside import LOOPBACK, NoAnswer, Outside
from connectors.base import Guard
from datawave.kit.secrets import Secret

KEPT = 3_600.0
"""Seconds for which a service's word about itself, and its keys, are kept."""
LOOKED_AGAIN = 30.0
"""Seconds between two looks for a key that is not known: forged `kid`s do not make us ask each time."""
MOST_KEPT = 200
METHODS = ("client_secret_basic", "client_secret_post")
AFTERWARDS = ("email", "email_verified", "name", "preferred_username")
"""What else is asked of `userinfo`, where the token does not say it."""


@dataclass(frozen=True, kw_only=True)
class Party:
    """As whom we ask which service."""

    issuer: str
    client_id: str
    client_secret: Secret | None
    scopes: Sequence[str]
    redirect_uri: str


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """What a service says of itself."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    token_methods: Sequence[str]
    names_itself: bool
    """It puts its name into every answer, so one without it is somebody else's."""


@dataclass(frozen=True, kw_only=True)
class _Kept:
    value: Any
    at: float


class LoginServices:
    """The services as this process knows them."""

    def __init__(self, allowed: Guard, *, now: Callable[[], datetime]) -> None:
        self._allowed = allowed
        self._now = now
        self._outside = Outside(allowed)
        self._metadata: dict[str, _Kept] = {}
        self._keys: dict[str, _Kept] = {}
        self._looking = asyncio.Lock()

    @property
    def loopback(self) -> bool:
        """Whether a service may be on this machine, without TLS."""
        return self._allowed.private

    async def close(self) -> None:
        await self._outside.aclose()

    async def sign_in_url(self, party: Party, *, state: Secret, nonce: Secret, verifier: Secret) -> str:
        """Where to send a person."""
        metadata = await self.metadata(party.issuer)
        async with self._client(party, metadata) as client:
            url, _ = client.create_authorization_url(
                metadata.authorization_endpoint,
                state=state.reveal(),
                code_verifier=verifier.reveal(),
                nonce=nonce.reveal(),
            )
        return url

    async def claims(
        self,
        party: Party,
        *,
        code: Secret,
        verifier: Secret,
        nonce: Secret,
        issuer: str | None,
        more: str | None,
    ) -> Mapping[str, Any]:
        """What the service vouches for, for a code that somebody brought back; `issuer` is who they say gave
        it to them, `more` a claim that is wanted beside the usual."""
        metadata = await self.metadata(party.issuer)
        if issuer != metadata.issuer and (issuer is not None or metadata.names_itself):
            raise NotBelieved("the answer is another service's")
        async with self._client(party, metadata) as client:
            tokens = await self._tokens(client, metadata, code, verifier)
            claims = await self._verified(party, metadata, tokens, nonce)
            wanted = [*AFTERWARDS, *([more] if more else [])]
            if metadata.userinfo_endpoint and any(claim_at(claims, each) is None for each in wanted):
                claims = await self._with_userinfo(client, metadata.userinfo_endpoint, claims)
        return claims

    def knows(self, issuer: str) -> bool:
        """Whether nothing needs to be asked to send somebody there."""
        kept = self._metadata.get(issuer)
        return kept is not None and time.monotonic() - kept.at < KEPT

    async def metadata(self, issuer: str) -> Metadata:
        kept = self._metadata.get(issuer)
        if kept is None or not self.knows(issuer):
            address = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
            found = self._checked(issuer, await self._document(address))
            kept = _keep(self._metadata, issuer, found)
        return kept.value

    def _checked(self, issuer: str, found: Mapping[str, Any]) -> Metadata:
        if found.get("issuer") != issuer:
            raise NoAnswer("WRONG_ISSUER", f"{host_of(issuer)} calls itself another issuer than “{issuer}”.")
        methods = found.get("token_endpoint_auth_methods_supported")
        return Metadata(
            issuer=issuer,
            authorization_endpoint=self._endpoint(issuer, found, "authorization_endpoint"),
            token_endpoint=self._endpoint(issuer, found, "token_endpoint"),
            jwks_uri=self._endpoint(issuer, found, "jwks_uri"),
            userinfo_endpoint=self._endpoint(issuer, found, "userinfo_endpoint")
            if found.get("userinfo_endpoint")
            else None,
            token_methods=cast("list[str]", methods) if isinstance(methods, list) else METHODS[:1],
            names_itself=found.get("authorization_response_iss_parameter_supported") is True,
        )

    def _endpoint(self, issuer: str, found: Mapping[str, Any], name: str) -> str:
        url = found.get(name)
        if not isinstance(url, str) or not is_address(url, loopback=self._allowed.private):
            raise NoAnswer("UNREADABLE", f"{host_of(issuer)} names no `{name}` that may be used.")
        return url

    def _client(self, party: Party, metadata: Metadata) -> Any:
        """Authlib's; the way out is shared and stays open, so leaving the client must not close it."""
        secret = party.client_secret.reveal() if party.client_secret else None
        method = "none" if secret is None else _method(metadata)
        made: Any = AsyncOAuth2Client
        client = made(
            client_id=party.client_id,
            client_secret=secret,
            token_endpoint_auth_method=method,
            scope=" ".join(party.scopes),
            redirect_uri=party.redirect_uri,
            code_challenge_method="S256",
            leeway=0,
            transport=_Shared(self._outside),
            trust_env=False,
            headers={"accept-encoding": "identity"},
        )
        client.register_client_auth_method(("client_secret_basic", _basic))
        return client

    async def _tokens(
        self, client: Any, metadata: Metadata, code: Secret, verifier: Secret
    ) -> Mapping[str, Any]:
        try:
            return await client.fetch_token(
                metadata.token_endpoint,
                grant_type="authorization_code",
                code=code.reveal(),
                code_verifier=verifier.reveal(),
            )
        except OAuthError as error:
            raise NotBelieved(f"it refused the code ({error_word(error.error)})") from None
        except (httpx2.HTTPStatusError, ValueError) as error:
            raise NoAnswer(
                "UNREADABLE", f"{host_of(metadata.token_endpoint)} gave no tokens: {type(error).__name__}."
            ) from None

    async def _verified(
        self, party: Party, metadata: Metadata, tokens: Mapping[str, Any], nonce: Secret
    ) -> Mapping[str, Any]:
        token, access = tokens.get("id_token"), tokens.get("access_token")
        header = id_tokens.header_of(token)
        return id_tokens.claims_of(
            str(token),
            await self._key(metadata.jwks_uri, header),
            expected=id_tokens.Expected(issuer=party.issuer, client_id=party.client_id, nonce=nonce),
            access_token=access if isinstance(access, str) else None,
            now=self._now(),
        )

    async def _with_userinfo(self, client: Any, address: str, claims: Mapping[str, Any]) -> Mapping[str, Any]:
        """What only `userinfo` tells; the signed token has the last word."""
        try:
            more = _object(await client.get(address, headers={"accept": "application/json"}))
        except OAuthError as error:
            raise NotBelieved(f"its tokens are of no use ({error_word(error.error)})") from None
        if more.get("sub") != claims["sub"]:
            raise NotBelieved("it speaks of two different people")
        return {**more, **claims}

    async def _key(self, address: str, header: Mapping[str, Any]) -> Any:
        """The key that the token's header names; keys rotate, so one that is not known is looked for."""
        kept = self._keys.get(address)
        if kept is None or time.monotonic() - kept.at >= KEPT:
            kept = await self._keys_at(address, before=kept)
        found = id_tokens.fitting(kept.value, header)
        if found is None and time.monotonic() - kept.at >= LOOKED_AGAIN:
            kept = await self._keys_at(address, before=kept)
            found = id_tokens.fitting(kept.value, header)
        if found is None:
            raise NotBelieved("its ID token is signed with a key it does not publish")
        return found

    async def _keys_at(self, address: str, *, before: _Kept | None) -> _Kept:
        async with self._looking:  # whoever comes while somebody looks has the keys from them
            now = self._keys.get(address)
            if now is not None and now is not before:
                return now
            listed = (await self._document(address)).get("keys")
            if not isinstance(listed, list):
                raise NoAnswer("UNREADABLE", f"{host_of(address)} publishes no keys.")
            keys = id_tokens.keys_of(cast("list[Any]", listed))
            return _keep(self._keys, address, keys)

    async def _document(self, address: str) -> Mapping[str, Any]:
        async with httpx2.AsyncClient(transport=_Shared(self._outside), trust_env=False) as client:
            asked = {"accept": "application/json", "accept-encoding": "identity"}
            return _object(await client.get(address, headers=asked))


class _Shared(httpx2.AsyncBaseTransport):
    """The way out for one client, which leaves it open."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        return await self._outside.handle_async_request(request)


def is_address(url: str, *, loopback: bool) -> bool:
    """Whether this is an address by https with nothing odd in it; `loopback` allows http on this machine."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    plain = loopback and parts.scheme == "http" and host in LOOPBACK
    odd = any(not 32 < ord(c) < 127 or c in '"<>\\^`{|}' for c in url)
    secure = parts.scheme == "https" or plain
    return bool(host) and secure and not odd and "@" not in parts.netloc and not parts.fragment


def host_of(url: str) -> str:
    return urlsplit(url).hostname or url


def claim_at(claims: Mapping[str, Any], path: str) -> Any:
    """A claim by its name, which may hold dots of its own (`https://example.com/roles`), or by a path of
    names with dots between (`realm_access.roles`)."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for name in path.split("."):
        if not isinstance(found, Mapping):
            return None
        found = cast("Mapping[str, Any]", found).get(name)
    return found


def _keep(memory: dict[str, _Kept], key: str, value: Any) -> _Kept:
    while len(memory) >= MOST_KEPT:
        memory.pop(next(iter(memory)))
    memory[key] = _Kept(value=value, at=time.monotonic())
    return memory[key]


def _method(metadata: Metadata) -> str:
    return next((each for each in METHODS if each in metadata.token_methods), METHODS[0])


def _basic(client: Any, _method: str, uri: str, headers: Any, body: Any) -> tuple[str, Any, Any]:
    """As RFC 6749 has it (2.3.1): both are form-encoded first, since a secret may hold a colon or a plus."""
    pair = f"{quote(client.client_id, safe='')}:{quote(client.client_secret, safe='')}"
    headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    return uri, headers, body


def _object(response: httpx2.Response) -> Mapping[str, Any]:
    host = response.request.headers.get("host", "The service")
    if response.status_code != 200:
        raise NoAnswer("UNREADABLE", f"{host} answered with the status {response.status_code}.")
    try:
        found = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise NoAnswer("UNREADABLE", f"{host} answered with something else than a JSON object.")
    return cast("dict[str, Any]", found)


def error_word(error: Any) -> str:
    """An error code as the standard has them; anything else may be anything."""
    text = str(error or "")
    return text if 0 < len(text) <= 60 and text.replace("_", "").isalnum() and text.isascii() else "no reason"
