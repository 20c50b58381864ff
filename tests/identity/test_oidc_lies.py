"""Login services that lie, fall apart, or are somebody else; and what stays in the house of a sign-in."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, OctKey, RSAKey
from sqlalchemy import text
from starlette.responses import PlainTextResponse, Response
from structlog.testing import capture_logs

from auth.oidc import LOOKED_AGAIN, LoginServices
from auth.outside import NoAnswer
from connectors.base import Guard
from tests import servers
from tests.client import Client
from tests.fixtures.api import House
from tests.identity.liar import ACCESS_TOKEN, CLIENT, CODE, Liar, liar
from tests.identity.login_service import Browser
from tests.identity.providers import entries, private_house, saved

SECRET = "planted-client-secret-77ab"
OTHER = RSAKey.generate_key(2048, parameters={"kid": "first"})
SECOND = RSAKey.generate_key(2048, parameters={"kid": "second"})


@dataclass(frozen=True, kw_only=True)
class There:
    house: House
    api: Client
    liar: Liar
    provider: dict[str, Any]

    async def comes_back(self, browser: Browser) -> httpx2.Response:
        begun = await browser.open(self.provider["signInUrl"])
        assert begun.status_code == 302, begun.text
        sent = parse_qs(urlsplit(begun.headers["location"]).query)
        assert sent["code_challenge_method"] == ["S256"]
        assert len(sent["code_challenge"][0]) == 43
        self.liar.nonce = sent["nonce"][0]
        return await browser.open(f"/auth/oidc/callback?state={sent['state'][0]}&code={CODE}")


@pytest.fixture
async def there(valkey: servers.ValkeySpace) -> AsyncIterator[There]:
    async with liar() as service, private_house(valkey) as house:
        api = await house.as_admin()
        provider = await saved(
            api,
            name="Liar",
            issuer=service.issuer,
            clientId=CLIENT,
            clientSecret=SECRET,
            createsUsers=True,
        )
        yield There(house=house, api=api, liar=service, provider=provider)
        await api.close()


def bent(**claims: Any) -> Callable[[Liar], None]:
    def bend(service: Liar) -> None:
        service.bend = lambda honest: {**honest, **claims}

    return bend


def header(key: Any = None, **header: Any) -> Callable[[Liar], None]:
    def bend(service: Liar) -> None:
        service.header = header
        service.signed_with = key or service.key

    return bend


def with_the_public_key_as_secret(service: Liar) -> None:
    """Who takes the algorithm from the token takes a public key for a shared secret."""
    service.header = {"alg": "HS256", "kid": "first"}
    service.signed_with = service.key.as_pem(private=False)


def published_as_shared(service: Liar) -> None:
    shared = OctKey.generate_key(256, parameters={"kid": "shared"})
    service.published = [*service.published, shared.as_dict()]
    service.header, service.signed_with = {"alg": "HS256", "kid": "shared"}, shared


def two_people(service: Liar) -> None:
    service.bend = lambda honest: {**honest, "name": None}
    service.userinfo = {"sub": "somebody else", "name": "Administrator"}


NOW = time.time()
LIES: dict[str, tuple[Callable[[Liar], None], str]] = {
    "no algorithm": (header(alg="none"), "proves nothing"),
    "the public key as a secret": (with_the_public_key_as_secret, "proves nothing"),
    "a published secret": (published_as_shared, "proves nothing"),
    "another's key": (header(OTHER, alg="RS256", kid="first"), "not signed by it"),
    "an unknown key": (header(SECOND, alg="RS256", kid="second"), "a key it does not publish"),
    "a key of another kind": (
        header(ECKey.generate_key("P-256"), alg="ES256", kid="first"),
        "a key it does not publish",
    ),
    "another issuer": (bent(iss="https://evil.example"), "another issuer"),
    "an issuer with a slash": (lambda s: bent(iss=s.issuer + "/")(s), "another issuer"),
    "another audience": (bent(aud="another program"), "somebody else"),
    "several audiences": (bent(aud=[CLIENT, "another program"]), "somebody else"),
    "made for another": (bent(azp="another program"), "somebody else"),
    "no audience": (bent(aud=None), "somebody else"),
    "another nonce": (bent(nonce="of another sign-in"), "not for this sign-in"),
    "no nonce": (bent(nonce=None), "not for this sign-in"),
    "expired": (bent(exp=NOW - 3_600), "expired"),
    "expiring never": (bent(exp=None), "expired"),
    "expiring in words": (bent(exp="tomorrow"), "expired"),
    "from the future": (bent(iat=NOW + 86_400), "future"),
    "old": (bent(iat=NOW - 86_400), "old"),
    "not yet": (bent(nbf=NOW + 86_400), "not hold yet"),
    "nobody": (bent(sub=None), "nobody"),
    "a number": (bent(sub=7), "nobody"),
    "too long": (bent(sub="a" * 256), "nobody"),
    "another access token": (bent(at_hash="AAAA"), "belong together"),
    "two people": (two_people, "two different people"),
}


async def test_every_lie_is_refused_and_in_the_record(there: There, subtests: pytest.Subtests) -> None:
    async with Browser(there.house.url) as browser:
        for name, (bend, why) in LIES.items():
            with subtests.test(name):
                there.liar.honest()
                bend(there.liar)
                refused = await there.comes_back(browser)
                assert (refused.status_code, why in refused.text) == (401, True), refused.text
        there.liar.honest()
        there.liar.bend = lambda honest: {**honest, "aud": [CLIENT, "another program"], "azp": CLIENT}
        assert (await there.comes_back(browser)).status_code == 303
    found = await entries(there.house, "sign_in_by_provider")
    assert sum(each.count for each in found if each.outcome.value == "REFUSED") == len(LIES)
    assert [each.outcome.value for each in found].count("DONE") == 1


async def test_short_keys_are_none(there: There) -> None:
    with pytest.warns(SecurityWarning):
        short = RSAKey.generate_key(1024, parameters={"kid": "first"})
    there.liar.published, there.liar.signed_with = [short.as_dict(private=False)], short
    async with Browser(there.house.url) as browser:
        assert "does not publish" in (await there.comes_back(browser)).text


async def test_keys_that_rotate_are_looked_for(there: There, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Browser(there.house.url) as browser:
        assert (await there.comes_back(browser)).status_code == 303
        there.liar.published = [SECOND.as_dict(private=False)]
        header(SECOND, alg="RS256", kid="second")(there.liar)
        before = there.liar.asked.count("keys")
        assert (await there.comes_back(browser)).status_code == 401
        assert there.liar.asked.count("keys") == before, f"not again within {LOOKED_AGAIN:g} s"
        monkeypatch.setattr("auth.oidc.LOOKED_AGAIN", 0.0)
        assert (await there.comes_back(browser)).status_code == 303


def elsewhere(service: Liar) -> Response:
    return PlainTextResponse("", 302, headers={"location": f"{service.issuer}/away"})


BROKEN: dict[str, Callable[[Liar], Response | dict[str, Any]]] = {
    "no JSON": lambda _: PlainTextResponse("<html>"),
    "a list": lambda _: PlainTextResponse("[]"),
    "an error": lambda _: PlainTextResponse("no", 500),
    "a redirect": elsewhere,
    "too much": lambda _: PlainTextResponse("[" + " " * 2_000_000 + "]"),
    "packed": lambda _: PlainTextResponse("{}", headers={"content-encoding": "gzip"}),
    "another issuer": lambda _: {"issuer": "https://evil.example"},
    "an endpoint without TLS": lambda _: {"token_endpoint": "http://evil.example/token"},
    "an endpoint that is no address": lambda _: {"authorization_endpoint": "javascript:alert(1)"},
    "no keys": lambda _: {"jwks_uri": None},
}


async def test_a_service_that_makes_no_sense_is_away(there: There, subtests: pytest.Subtests) -> None:
    async with Browser(there.house.url) as browser:
        for name, make in BROKEN.items():
            with subtests.test(name):
                made = make(there.liar)
                there.liar.whole = made if isinstance(made, Response) else None
                there.liar.metadata = {} if isinstance(made, Response) else made
                async with there.house.core.database.connection() as connection:
                    await connection.execute(
                        text("UPDATE circuit_breaker SET state = 'CLOSED', failures = 0")
                    )
                away = await browser.open(there.provider["signInUrl"])
                assert (away.status_code, "location" in away.headers) == (503, False), away.text
                assert "does not answer as it should" in away.text


async def test_what_is_not_allowed_is_not_asked(there: There) -> None:
    """The platform's own ports, addresses where clouds keep secrets, and this machine in production."""
    await there.api.done(
        """mutation($i: SaveOidcProviderInput!) { saveOidcProvider(input: $i) { errors { code } } }""",
        i={"name": "Metadata", "issuer": "https://169.254.169.254", "clientId": "x"},
    )
    await saved(there.api, name="Own", issuer=there.house.url, clientId="x")
    services = LoginServices(Guard(), now=there.house.served.gate.now)
    with pytest.raises(NoAnswer, match="not allowed here unless listed"):
        await services.metadata(there.liar.issuer)
    await services.close()
    async with Browser(there.house.url) as browser:
        found = (await browser.asks("{ oidcProviders { name signInUrl } }"))["data"]["oidcProviders"]
        for each in found:
            if each["name"] in ("Metadata", "Own"):
                assert (await browser.open(each["signInUrl"])).status_code == 503
    said = await there.api.data("{ circuitBreakers { nodes { name lastFailure { code } } } }")
    codes = {each["name"]: each["lastFailure"]["code"] for each in said["circuitBreakers"]["nodes"]}
    assert codes == dict.fromkeys(("login service Metadata", "login service Own"), "FORBIDDEN_ADDRESS")


KEPT = """SELECT string_agg(t::text, ' ') FROM (
  SELECT to_jsonb(x) AS t FROM event x UNION ALL SELECT to_jsonb(x) FROM audit_entry x
  UNION ALL SELECT to_jsonb(x) FROM command x UNION ALL SELECT to_jsonb(x) FROM job x
  UNION ALL SELECT to_jsonb(x) FROM idempotency x UNION ALL SELECT to_jsonb(x) FROM auth_session x
  UNION ALL SELECT to_jsonb(x) FROM oidc_attempt x UNION ALL SELECT to_jsonb(x) FROM oidc_provider x
  UNION ALL SELECT to_jsonb(x) FROM external_identity x UNION ALL SELECT to_jsonb(x) FROM vault_entry x
  UNION ALL SELECT to_jsonb(x) FROM circuit_breaker x) AS all_of_it"""


async def test_nothing_secret_of_a_sign_in_stays(there: There) -> None:
    with capture_logs() as logs:
        async with Browser(there.house.url) as browser:
            begun = await browser.open(there.provider["signInUrl"])
            waiting = parse_qs(urlsplit(begun.headers["location"]).query)
            cookie = begun.headers["set-cookie"].split("=")[1].split(";")[0]
            answers = [(await there.comes_back(browser))]
            session = answers[0].headers.get_list("set-cookie")[0].split("=")[1].split(";")[0]
            there.liar.bend = lambda honest: {**honest, "nonce": "wrong"}
            answers.append(await there.comes_back(browser))
    assert [each.status_code for each in answers] == [303, 401]
    async with there.house.core.database.connection() as connection:
        kept = str(await connection.scalar(text(KEPT)))
    seen = f"{kept} {logs} {[each.text for each in answers]}"
    assert "ada@example.com" in kept, "it is looked at where people are named"
    secrets = [SECRET, CODE, ACCESS_TOKEN, waiting["state"][0], waiting["nonce"][0], cookie, session]
    for planted in (*secrets, *there.liar.told):
        assert len(planted) > 10
        assert planted not in seen
