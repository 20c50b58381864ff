"""Guesses at passwords, and what might tell whether somebody has an account."""

from __future__ import annotations

import json
from typing import Any

from tests.hostile.cases import case, refused
from tests.hostile.ground import SIGN_IN, Ground

ONE = 'signIn(input: {password: {email: "a@b.example", password: "planted-x"}}) { errors { code } }'
CHANGE = """mutation ($c: Secret!, $n: Secret!) {
  setPassword(input: {change: {currentPassword: $c, newPassword: $n}}) { errors { code } }
}"""
RESET = "mutation ($e: String!) { requestPasswordReset(input: {email: $e}) { errors { code message } done } }"
SECOND = """mutation ($c: Secret!, $t: String) {
  signIn(input: {secondFactor: {challenge: $c, totp: $t}}) { errors { code } viewer { session { id } } }
}"""
LOOK_ALIKES = {"a": "а", "e": "е", "o": "о", "i": "і", "c": "с", "p": "р", "d": "ԁ", "n": "ո", "m": "м"}
"""Of the Latin alphabet in the Cyrillic and the Armenian."""
NAMED = {
    "aliases": "mutation {" + " ".join(f"a{i}: {ONE}" for i in range(50)) + "}",
    "a fragment": f"mutation {{ a: {ONE} ...F }} fragment F on Mutation {{ b: {ONE} }}",
    "two ways to come in": f'mutation {{ a: {ONE} refreshSession(input: {{refreshToken: "planted-y"}})'
    " { errors { code } } }",
}


def _named(what: str, query: str) -> None:
    @case(f"several guesses in a request, by {what}")
    async def attempt(ground: Ground) -> None:
        await ground.nobody.refused(query, "INVALID", "TOO_COSTLY")


for _what, _query in NAMED.items():
    _named(_what, _query)


@case("several guesses in a batch")
async def batch(ground: Ground) -> None:
    answer = await ground.nobody.post([{"query": f"mutation {{ {ONE} }}"}] * 20)
    refused(so=answer.status_code == 400, otherwise=str(answer.status_code))


@case("a password of a megabyte")
async def huge(ground: Ground) -> None:
    await ground.nobody.refused(SIGN_IN, email=ground.email, password="x" * 900_000)


@case("an address that looks like another's")
async def look_alike(ground: Ground) -> None:
    name, at, domain = ground.email.partition("@")
    other = next((name.replace(a, b) for a, b in LOOK_ALIKES.items() if a in name), f"{name}\u200b")
    for email in (f"{other}{at}{domain}", f"{name}\u200b{at}{domain}", f"{name}{at}{domain}\u202e"):
        await ground.nobody.refused(SIGN_IN, email=email, password=ground.password)


@case("half a character, NUL, and SQL in an address")
async def odd_addresses(ground: Ground) -> None:
    for email in ("' OR 1=1 --", "a\u0000@b.example", "", "@", "x" * 9_000):
        await ground.nobody.refused(SIGN_IN, email=email, password=ground.password)


@case("a new password that is guessed soon")
async def weak(ground: Ground) -> None:
    for new in ("password", "Password123!", "x" * 100_000, "", ground.email):
        await ground.admin.refused(CHANGE, c=ground.password, n=new)


@case("a password changed without the old one")
async def unproved(ground: Ground) -> None:
    new = ground.line.plant("tangerine window orbit 42 planted")
    await ground.nobody.refused(CHANGE, c="planted-guess", n=new)
    by_token = """mutation ($t: Secret!, $n: Secret!) {
      setPassword(input: {token: {token: $t, newPassword: $n}}) { errors { code } }
    }"""
    await ground.nobody.refused(by_token, t=ground.line.plant(), n=new)


@case("asking who has an account, by signing in")
async def enumeration(ground: Ground) -> None:
    """The words are the same for a wrong password and for nobody."""
    told: list[Any] = []
    for email in (ground.email, "nobody.at.all@example.com"):
        answer = await ground.nobody.ask(SIGN_IN, email=email, password="planted, and wrong")
        told.append(json.dumps(answer.get("errors") or answer.get("data")))
    limited = ["RATE_LIMITED" in each for each in told]
    refused(so=any(limited) or told[0] == told[1], otherwise=f"{told[0][:150]} and {told[1][:150]}")


@case("asking who has an account, by asking for a new password", needs="requestPasswordReset")
async def reset_enumeration(ground: Ground) -> None:
    told: list[str] = []
    for email in (f"{ground.words}@example.com", "nobody.at.all@example.com"):
        answer = await ground.nobody.ask(RESET, e=email)
        told.append(json.dumps([answer.get("errors"), answer.get("data")]))  # what it costs counts down
    refused(
        so=told[0] == told[1] or "RATE_LIMITED" in told[1], otherwise=f"{told[0][:150]} and {told[1][:150]}"
    )


@case("a second factor without the first", needs="enrollMfa")
async def second_alone(ground: Ground) -> None:
    for challenge in ("x", "planted-challenge", ground.admin.token or ""):
        for code in ("000000", "123456", "' OR 1=1", "x" * 1_000):
            await ground.nobody.refused(SECOND, c=challenge, t=code)


@case("a hundred guesses at one account")
async def guesses(ground: Ground) -> None:
    """Somebody who is nobody's: the administrator is not locked out by this script."""
    codes: list[str] = []
    for number in range(100):
        codes += await ground.nobody.codes(
            SIGN_IN, email=f"{ground.words}@example.com", password=f"planted guess {number}"
        )
        if "RATE_LIMITED" in codes:
            return
    refused(so=False, otherwise="none was one too many")
