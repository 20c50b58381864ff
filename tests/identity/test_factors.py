"""Second factors through the API: set up, asked for, lost, stolen, taken away."""

from __future__ import annotations

import asyncio
from typing import Any

from sqlalchemy import text

from tests.client import Client
from tests.fixtures.api import House
from tests.fixtures.clock import HouseClock
from tests.identity.signing_in import (
    CONFIRM,
    ENROLL,
    MINE,
    PASSWORD,
    REMOVE,
    SIGN_IN,
    Person,
    code,
    person,
    protected,
)

WHO = "{ viewer { session { id method } } }"


async def challenge(owner: Person, client: Client | None = None) -> str:
    answer = (await owner.signs_in(client))["data"]["signIn"]
    assert answer["mfaRequired"]
    assert answer["tokens"] is answer["viewer"] is None
    return answer["challenge"]


async def sessions(house: House) -> int:
    async with house.core.database.connection() as connection:
        return (await connection.execute(text("SELECT count(*) FROM auth_session"))).scalar_one()


def second(challenge: str, **more: Any) -> dict[str, Any]:
    return {"secondFactor": {"challenge": challenge} | more}


async def test_a_factor_is_set_up_and_asked_for(house: House, house_clock: HouseClock) -> None:
    client = await person(house, "owner@example.com")
    begun = await client.done(ENROLL, i={"name": "Phone", "password": PASSWORD})
    assert begun["provisioningUri"].startswith("otpauth://totp/DataWave:owner%40example.com?")
    assert (begun["factor"]["kind"], begun["factor"]["confirmedAt"]) == ("TOTP", None)
    unasked = await client.as_(None).done(
        SIGN_IN, i={"password": {"email": "owner@example.com", "password": PASSWORD}}
    )
    assert unasked["tokens"]
    wrong = await client.run(CONFIRM, id=begun["factor"]["id"], c="000000")
    assert wrong["errors"] == [{"code": "INVALID", "path": ["code"]}]
    owner = await protected(house, house_clock, "other@example.com")
    assert len(set(owner.recovery_codes)) == 10
    factors = (await owner.client.data(MINE))["viewer"]["user"]["mfaFactors"]
    assert [(each["kind"], each["codesLeft"]) for each in factors] == [("TOTP", None), ("RECOVERY_CODES", 10)]
    before = await sessions(house)
    shown = await challenge(owner)
    assert await sessions(house) == before
    done = await client.as_(None).done(SIGN_IN, i=second(shown, totp=await owner.app.code()))
    assert done["viewer"]["user"]["email"] == owner.email
    at_once = (await owner.signs_in(totp=await owner.app.code()))["data"]["signIn"]
    assert at_once["tokens"]
    assert not at_once["mfaRequired"]


async def test_a_code_works_once_even_for_two_at_once(house: House, house_clock: HouseClock) -> None:
    owner = await protected(house, house_clock)
    shown = await owner.app.code()
    both = await asyncio.gather(*(owner.signs_in(totp=shown) for _ in range(2)))
    assert sorted("errors" in each for each in both) == [False, True]
    again = await owner.signs_in(totp=shown)
    assert code(again) == "UNAUTHENTICATED"
    assert "used before" in again["errors"][0]["message"]
    recovery = owner.recovery_codes[0].upper().replace("-", " ")
    asked = {"recovery": {"email": owner.email, "password": PASSWORD, "recoveryCode": recovery}}
    both = await asyncio.gather(*(owner.client.as_(None).ask(SIGN_IN, i=asked) for _ in range(2)))
    assert sorted("errors" in each for each in both) == [False, True]
    factors = (await owner.client.data(MINE))["viewer"]["user"]["mfaFactors"]
    assert [each["codesLeft"] for each in factors] == [None, 9]


async def test_a_challenge_begins_one_session_and_only_for_whoever_got_it(
    house: House, house_clock: HouseClock
) -> None:
    owner = await protected(house, house_clock)
    nobody = owner.client.as_(None)
    shown = await challenge(owner)
    thief = Client(house.url)
    thief.http.headers["user-agent"] = "somebody else's"
    stolen = await thief.ask(SIGN_IN, i=second(shown, totp=await owner.app.code()))
    assert code(stolen) == "UNAUTHENTICATED"
    assert (await nobody.done(SIGN_IN, i=second(shown, recoveryCode=owner.recovery_codes[1])))["tokens"]
    spent = await nobody.ask(SIGN_IN, i=second(shown, totp=await owner.app.code()))
    assert code(spent) == "UNAUTHENTICATED"
    neither = await nobody.run(SIGN_IN, i=second(await challenge(owner)))
    assert neither["errors"][0]["path"] == ["secondFactor", "totp"]
    late = await challenge(owner)
    await house_clock.shift(minutes=6)
    assert code(await nobody.ask(SIGN_IN, i=second(late, totp=await owner.app.code()))) == "UNAUTHENTICATED"
    tried = await challenge(owner)
    for _ in range(5):
        assert "wrong" in (await nobody.ask(SIGN_IN, i=second(tried, totp="000000")))["errors"][0]["message"]
    over = await nobody.ask(SIGN_IN, i=second(tried, totp=await owner.app.code()))
    assert "too many" in over["errors"][0]["message"]
    made_up = await nobody.ask(SIGN_IN, i=second("made up", totp=await owner.app.code()))
    assert made_up["errors"][0]["message"] == over["errors"][0]["message"]


async def test_a_wrong_password_says_nothing_of_a_second_factor(
    house: House, house_clock: HouseClock
) -> None:
    owner = await protected(house, house_clock)
    plain = await person(house, "plain@example.com")
    told: list[Any] = []
    for email, more in (
        (owner.email, {}),
        (owner.email, {"totp": await owner.app.code()}),
        ("plain@example.com", {}),
        ("nobody@example.com", {"totp": "123456"}),
    ):
        asked = {"password": {"email": email, "password": "not it at all"} | more}
        told.append((await plain.as_(None).ask(SIGN_IN, i=asked))["errors"][0])
    assert {(each["message"], each["extensions"]["code"]) for each in told} == {
        ("The e-mail or the password is wrong, or the account is not active.", "UNAUTHENTICATED")
    }


async def test_wrong_codes_are_counted_for_the_account(house: House, house_clock: HouseClock) -> None:
    owner = await protected(house, house_clock)
    for _ in range(10):
        await house_clock.shift(minutes=1)  # the address has its own count, by the minute
        await house.served.gate.look()
        assert code(await owner.signs_in(totp="000000")) == "UNAUTHENTICATED"
    limited = (await owner.signs_in(totp=await owner.app.code()))["data"]["signIn"]
    assert limited["errors"][0]["code"] == "RATE_LIMITED"


async def test_taking_a_factor_away_needs_a_fresh_proof_or_an_administrator(
    house: House, house_clock: HouseClock, api: Client
) -> None:
    owner = await protected(house, house_clock)
    stranger = await person(house, "stranger@example.com")
    totp, codes = (await owner.client.data(MINE))["viewer"]["user"]["mfaFactors"]
    bare = await owner.client.run(REMOVE, i={"id": totp["id"]})
    assert bare["errors"] == [{"code": "REQUIRED", "path": ["password"]}]
    wrong = await owner.client.run(REMOVE, i={"id": totp["id"], "password": "not it"})
    assert wrong["errors"] == [{"code": "INVALID", "path": ["password"]}]
    guessed = await owner.client.run(REMOVE, i={"id": totp["id"], "code": "000000"})
    assert guessed["errors"] == [{"code": "INVALID", "path": ["code"]}]
    theirs = await stranger.run(REMOVE, i={"id": totp["id"], "password": PASSWORD})
    assert theirs["errors"] == [{"code": "NOT_FOUND", "path": ["id"]}]
    renewed = await owner.client.run(ENROLL, i={"kind": "RECOVERY_CODES"})
    assert renewed["errors"] == [{"code": "REQUIRED", "path": ["password"]}]
    renewed = await owner.client.done(ENROLL, i={"kind": "RECOVERY_CODES", "code": await owner.app.code()})
    assert len(renewed["recoveryCodes"]) == 10
    assert not set(renewed["recoveryCodes"]) & set(owner.recovery_codes)
    assert renewed["factor"]["id"] != codes["id"]
    done = await owner.client.done(REMOVE, i={"id": totp["id"], "code": renewed["recoveryCodes"][0]})
    assert done["deletedId"] == totp["id"]
    assert (await owner.client.data(MINE))["viewer"]["user"]["mfaFactors"] == []
    assert (await owner.signs_in())["data"]["signIn"]["tokens"]
    another = await protected(house, house_clock, "another@example.com")
    [lost, _] = (await another.client.data(MINE))["viewer"]["user"]["mfaFactors"]
    assert (await api.done(REMOVE, i={"id": lost["id"]}))["done"]
    assert (await another.signs_in())["data"]["signIn"]["tokens"]
    query = "{ users { nodes { email mfaFactors { kind } } } }"
    assert all(each["mfaFactors"] == [] for each in (await api.data(query))["users"]["nodes"])


async def test_a_mail_alone_signs_nobody_in_who_has_a_second_factor(
    house: House, house_clock: HouseClock
) -> None:
    from datawave.kit.ids import key_of
    from datawave.kit.secrets import Secret
    from models.identity import PasswordToken, TokenKind

    owner = await protected(house, house_clock)
    from auth.tokens import digest

    async with house.core.database.connection() as connection:
        from sqlalchemy import insert

        row = {
            "token_hash": digest(Secret("from a mail")),
            "user_id": key_of("user", owner.id),
            "kind": TokenKind.RESET,
            "expires_at": house.served.gate.now().replace(year=2999),
        }
        await connection.execute(insert(PasswordToken).values(**row))
    before = await challenge(owner)
    set_it = """mutation { setPassword(input: {token: {token: "from a mail",
      newPassword: "seven lanterns drift 88"}}) { errors { code } mfaRequired challenge
      tokens { accessToken } } }"""
    done = await owner.client.as_(None).done(set_it)
    assert (done["mfaRequired"], done["tokens"]) == (True, None)
    assert code(await owner.client.ask(WHO)) == "UNAUTHENTICATED"
    old = await owner.client.as_(None).ask(SIGN_IN, i=second(before, totp=await owner.app.code()))
    assert code(old) == "UNAUTHENTICATED"
    fresh = second(done["challenge"], totp=await owner.app.code())
    assert (await owner.client.as_(None).done(SIGN_IN, i=fresh))["tokens"]


async def test_no_secret_of_a_factor_is_kept_where_it_can_be_read(
    house: House, house_clock: HouseClock
) -> None:
    owner = await protected(house, house_clock)
    shown = await challenge(owner)
    used = await owner.app.code()
    done = await owner.client.as_(None).done(SIGN_IN, i=second(shown, totp=used, rememberDevice=True))
    secrets = [owner.app.secret, shown, done["deviceToken"], *owner.recovery_codes]
    kept = ""
    async with house.core.database.connection() as connection:
        tables = await connection.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))
        for [table] in tables.all():
            rows = await connection.execute(text(f'SELECT t::text FROM "{table}" t'))
            kept += "\n".join(rows.scalars())
    for secret in secrets:
        for form in (secret, secret.replace("-", ""), secret.encode().hex()):
            assert form not in kept
    code_used = f'"totp": "{used}"'
    assert code_used not in kept
