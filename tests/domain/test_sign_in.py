"""Sessions: begun by who proves it, refreshed once, ended everywhere, limited in their failures."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from sqlalchemy import select

from auth.gate import Gate
from auth.tokens import ALGORITHM
from datawave.kit.access import NOBODY
from datawave.kit.database import Db
from datawave.kit.errors import AccessError, ErrorCode, InputError, UnavailableError, UserError
from datawave.kit.ids import new_id
from datawave.kit.secrets import Secret
from datawave.kit.tables import AuditEntry, Outcome
from domain import identity
from models.identity import AuthMethod, AuthSession, RefreshToken
from tests.domain.conftest import ADMIN, PASSWORD, Platform


async def refused(awaited: Any) -> UserError:
    with pytest.raises(UserError) as caught:
        await awaited
    return caught.value


async def test_a_token_lets_in_whoever_signed_in(platform: Platform) -> None:
    signed = await platform.sign_in()
    entered = await platform.enter(signed)
    assert entered.viewer.actor_id == platform.admin.actor_id
    assert entered.viewer.display_name == "Administrator"
    assert entered.viewer.rights.scope("datasource:create").everywhere
    assert entered.session_id == signed.session.id
    [entry] = await platform.entries(AuditEntry.action == "sign_in")
    assert (entry.outcome, entry.actor_id, entry.address) == (
        Outcome.DONE,
        platform.admin.actor_id,
        "10.0.0.1",
    )


async def test_a_fresh_process_knows_all_who_come_at_once(platform: Platform) -> None:
    token = await platform.token(await platform.sign_in())
    fresh = Gate(platform.database, platform.keyring, platform.valkey, prefix="", issuer="http://test")
    entered = await asyncio.gather(*(fresh.enter(token, None) for _ in range(5)))
    assert {each.viewer.actor_id for each in entered} == {platform.admin.actor_id}


async def test_a_wrong_password_an_unknown_mail_and_a_suspended_account_are_told_alike(
    platform: Platform,
) -> None:
    wrong = await refused(platform.sign_in(password=Secret("wrong")))
    unknown = await refused(platform.sign_in("nobody@example.com", address="10.0.0.2"))
    assert (wrong.code, wrong.message) == (unknown.code, unknown.message)
    assert wrong.code is ErrorCode.UNAUTHENTICATED
    entries = await platform.entries(AuditEntry.outcome == Outcome.REFUSED)
    assert [(each.action, each.actor_id) for each in entries] == [("sign_in", None), ("sign_in", None)]
    assert PASSWORD.reveal() not in str([each.detail for each in entries])


async def test_no_secret_of_signing_in_is_recorded(platform: Platform) -> None:
    signed = await platform.sign_in()
    assert signed.refresh is not None
    assert signed.refresh.value is not None
    await platform.run(identity.refresh_session, NOBODY, refresh_token=signed.refresh.value)
    kept = str([each.detail for each in await platform.entries()])
    for secret in (PASSWORD.reveal(), signed.refresh.value.reveal(), "$argon2"):
        assert secret not in kept


async def test_failures_are_limited_for_an_account_from_anywhere(platform: Platform) -> None:
    for at in range(10):
        await refused(platform.sign_in(password=Secret("wrong"), address=f"10.1.0.{at}"))
    limited = await refused(platform.sign_in(address="10.2.0.1"))
    assert isinstance(limited, UnavailableError)
    assert limited.code is ErrorCode.RATE_LIMITED
    assert 0 < (limited.retry_after_seconds or 0) <= 60


async def test_failures_are_limited_for_an_address_and_successes_do_not_count(platform: Platform) -> None:
    for _ in range(12):
        await platform.sign_in(address="10.3.0.1")
    for at in range(10):
        await refused(platform.sign_in(f"someone{at}@example.com", address="10.3.0.1"))
    assert (await refused(platform.sign_in(address="10.3.0.1"))).code is ErrorCode.RATE_LIMITED


async def test_failures_are_counted_while_valkey_is_away(platform: Platform) -> None:
    pool: Any = platform.valkey.connection_pool
    pool.connection_kwargs["port"] = 1
    await pool.disconnect()
    for _ in range(10):
        await refused(platform.sign_in(password=Secret("wrong"), address="10.4.0.1"))
    assert (await refused(platform.sign_in(address="10.4.0.1"))).code is ErrorCode.RATE_LIMITED


async def test_a_refresh_token_works_once_and_its_second_use_ends_the_session(platform: Platform) -> None:
    signed = await platform.sign_in()
    entered = await platform.enter(signed)
    assert signed.refresh is not None
    first = signed.refresh.value
    assert first is not None
    again = await platform.run(identity.refresh_session, NOBODY, refresh_token=first)
    assert again.session.id == signed.session.id
    with pytest.raises(identity.UsedAgain) as caught:
        await platform.run(identity.refresh_session, NOBODY, refresh_token=first)
    await platform.run(identity.end_reused_session, session_id=caught.value.session_id)
    await platform.gate.sessions.look()
    assert entered.ended
    over = await refused(platform.run(identity.refresh_session, NOBODY, refresh_token=again.refresh.value))
    assert over.code is ErrorCode.UNAUTHENTICATED


async def test_an_ended_session_is_out_at_once_where_it_is_heard_and_soon_where_it_is_not(
    platform: Platform,
) -> None:
    signed, other = await platform.sign_in(), await platform.sign_in()
    told, untold = await platform.enter(signed), await platform.enter(other)
    viewer = told.viewer
    await platform.run(identity.end_session, viewer)
    await platform.run(identity.end_session, viewer, session_id=other.session.id)
    [event, _] = await platform.events("SessionsEnded")
    platform.gate.heard({"events": [[0, _wire(event)]]})
    assert told.ended
    assert not untold.ended
    await platform.gate.look()
    assert untold.ended
    assert (await refused(platform.enter(signed))).code is ErrorCode.UNAUTHENTICATED


def _wire(event: Any) -> list[Any]:
    from datawave.kit.events import WIRE

    plain = {"position": 1, "at": event.at.isoformat()}
    values = [plain.get(name, getattr(event, name)) for name in WIRE]
    return [
        value.hex if hasattr(value, "hex") and not isinstance(value, bytes | float) else value
        for value in values
    ]


async def test_anothers_session_ends_only_with_the_permission(platform: Platform) -> None:
    signed = await platform.sign_in()
    stranger = await platform.holder("stranger@example.com")
    manager = await platform.holder("manager@example.com", "user:update")
    error = await refused(platform.run(identity.end_session, stranger, session_id=signed.session.id))
    assert error.code is ErrorCode.NOT_FOUND
    await platform.run(identity.end_session, manager, session_id=signed.session.id)
    assert (await refused(platform.enter(signed))).code is ErrorCode.UNAUTHENTICATED


@pytest.mark.parametrize(
    "token", ["", "x", "a.b.c", "€" * 20, "\ud800", "x" * 5_000, "eyJhbGciOiJub25lIn0.e30."]
)
async def test_what_is_no_token_is_refused(platform: Platform, token: str) -> None:
    assert (await refused(platform.gate.enter(token, None))).code is ErrorCode.UNAUTHENTICATED


async def test_tokens_of_others_and_tampered_ones_are_refused(platform: Platform) -> None:
    from joserfc import jwt
    from joserfc.jwk import OctKey, OKPKey

    signed = await platform.sign_in()
    token = await platform.token(signed)
    head, body, signature = token.split(".")
    claims = {
        "iss": "http://test",
        "aud": "datawave",
        "sub": f"user_{new_id().hex}",
        "sid": signed.session.id.hex,
        "iat": int(time.time()),
        "exp": int(time.time()) + 60,
    }
    [public] = (await platform.gate.tokens.jwks())["keys"]
    foreign = jwt.encode(
        {"alg": ALGORITHM, "kid": public["kid"], "typ": "at+jwt"},
        claims,
        OKPKey.generate_key("Ed25519"),
        algorithms=[ALGORITHM],
    )
    confused = jwt.encode(
        {"alg": "HS256", "kid": public["kid"], "typ": "at+jwt"},
        claims,
        OctKey.import_key(public["x"]),
        algorithms=["HS256"],
    )
    for wrong in (
        foreign,
        confused,
        f"{head}.{body}.{signature[:-4]}AAAA",
        f"{head}.{body}",
        f"{head}..{signature}",
    ):
        assert (await refused(platform.gate.enter(wrong, None))).code is ErrorCode.UNAUTHENTICATED


async def test_who_came_in_a_moment_ago_is_let_in_until_the_session_ends(platform: Platform) -> None:
    signed, gate = await platform.sign_in(), platform.gate
    token, here = await platform.token(signed), ("192.0.2.1", "tests")
    entered = await gate.enter(token, None, address=here[0], client=here[1])
    assert gate.lately(token, *here) is None
    gate.remember(entered, token)
    assert gate.lately(token, *here) is entered
    assert gate.lately(token, "192.0.2.2", "tests") is gate.lately(f"{token}x", *here) is None
    manager = await platform.holder("manager@example.com", "user:update")
    await platform.run(identity.end_session, manager, session_id=signed.session.id)
    await gate.look()
    assert gate.lately(token, *here) is None


async def test_a_moment_passes_and_the_token_expires(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed, gate = await platform.sign_in(), platform.gate
    token = await platform.token(signed)
    entered = await gate.enter(token, None)
    gate.remember(entered, token)
    await platform.advance(minutes=11)
    await gate.look()
    assert gate.lately(token, None, None) is None
    monkeypatch.setattr("auth.gate.A_MOMENT", 0)
    token = await platform.token(signed)
    gate.remember(await gate.enter(token, None), token)
    assert gate.lately(token, None, None) is not None
    loop = asyncio.get_running_loop()
    passed = loop.create_future()
    loop.call_later(0, passed.set_result, None)
    await passed
    assert gate.lately(token, None, None) is None


async def test_a_token_expires_by_the_platforms_clock(platform: Platform) -> None:
    signed = await platform.sign_in()
    token = await platform.token(signed)
    await platform.gate.enter(token, None)
    await platform.advance(minutes=11)
    await platform.gate.look()
    assert "expired" in (await refused(platform.gate.enter(token, None))).message
    assert (await platform.enter(signed)).viewer.signed_in


async def test_a_cookie_lasts_while_it_is_used(platform: Platform) -> None:
    signed = await platform.sign_in(cookie=True)
    assert signed.refresh is None
    entered = await platform.enter(signed)
    before = entered.expires_at
    await platform.advance(hours=11)
    entered = await platform.enter(signed)
    for known in platform.gate.sessions._known.values():  # pyright: ignore[reportPrivateUsage] - a minute goes by
        known.touched -= 61
    await platform.gate.look()
    assert before is not None
    assert entered.expires_at is not None
    assert (entered.expires_at - before).total_seconds() > 10 * 3600
    del entered
    await platform.advance(hours=13)
    await platform.gate.look()
    assert (await refused(platform.enter(signed))).code is ErrorCode.UNAUTHENTICATED


async def test_a_jwt_is_no_cookie_and_a_cookie_no_token(platform: Platform) -> None:
    programs, browsers = await platform.sign_in(), await platform.sign_in(cookie=True)
    assert browsers.cookie is not None
    assert browsers.cookie.value is not None
    await refused(platform.gate.enter(None, await platform.token(programs)))
    await refused(platform.gate.enter(browsers.cookie.value.reveal(), None))


async def test_a_mirror_in_valkey_that_nobody_signed_makes_no_session(platform: Platform) -> None:
    cookie = "made up by somebody who reaches Valkey"
    from hashlib import sha256

    name = f"cookie:{sha256(cookie.encode()).hexdigest()}"
    sessions = platform.gate.sessions
    key = sessions._prefix + name  # pyright: ignore[reportPrivateUsage] - the attacker knows it
    await platform.valkey.set(key, bytes(32) + b'{"id": "%s"}' % new_id().hex.encode())
    await refused(platform.gate.enter(None, cookie))


async def test_an_open_socket_goes_on_with_a_new_token_of_the_same_actor_only(platform: Platform) -> None:
    mine, others = await platform.sign_in(), await platform.person("other@example.com")
    entered = await platform.enter(mine)
    fresh = await platform.sign_in()
    await platform.gate.renew(entered, await platform.token(fresh))
    assert entered.session_id == fresh.session.id
    theirs = await platform.sign_in(others.email)
    await refused(platform.gate.renew(entered, await platform.token(theirs)))
    await refused(platform.gate.renew(await platform.gate.enter(None, None), await platform.token(fresh)))
    assert entered.viewer.actor_id == platform.admin.actor_id


async def change(platform: Platform, viewer: Any, current: Secret, new: Secret) -> identity.NewPassword:
    db = Db(platform.database, viewer)
    return await identity.prepare_change(
        db, platform.gate.passwords, platform.gate.attempts, current=current, new=new
    )


async def test_a_changed_password_ends_all_sessions_and_begins_one(platform: Platform) -> None:
    entered = await platform.enter(await platform.sign_in())
    new = Secret("tangerine window orbit 42")
    prepared = await change(platform, entered.viewer, PASSWORD, new)
    signed = await platform.run(identity.set_password, entered.viewer, new=prepared)
    await platform.gate.look()
    assert entered.ended
    assert (await platform.enter(signed)).viewer.signed_in
    assert (await refused(platform.sign_in())).code is ErrorCode.UNAUTHENTICATED
    assert (await platform.sign_in(password=new)).session.actor_id == platform.admin.actor_id


async def test_a_new_password_has_to_be_hard_to_guess(platform: Platform) -> None:
    for weak in ("short", "password1234", "administrator", "x" * 129, ADMIN):
        error = await refused(change(platform, platform.admin, PASSWORD, Secret(weak)))
        assert isinstance(error, InputError)
        assert error.path == ["change", "newPassword"]
    error = await refused(
        change(platform, platform.admin, Secret("not it"), Secret("tangerine window orbit 42"))
    )
    assert error.path == ["change", "currentPassword"]
    error = await refused(change(platform, NOBODY, PASSWORD, Secret("tangerine window orbit 42")))
    assert isinstance(error, AccessError)


async def test_a_program_signs_in_with_no_more_than_it_asked_for(platform: Platform) -> None:
    role = await platform.role("Analyst")
    made = await platform.run(identity.create_service_account, display_name="Partner", role_ids=[role.id])
    db = Db(platform.database)
    proof = await identity.prove_client(
        db,
        platform.gate.attempts,
        client_id=made.account.client_id,
        client_secret=made.client_secret.value,
        address=None,
    )
    signed = await platform.run(
        identity.sign_in,
        NOBODY,
        name=made.account.client_id,
        method=AuthMethod.CLIENT_CREDENTIALS,
        proof=proof,
        scopes=["asset:read", "user:update"],
    )
    rights = (await platform.enter(signed)).viewer.rights
    assert set(rights.held) == {"asset:read"}
    wrong = await identity.prove_client(
        db, platform.gate.attempts, client_id=made.account.client_id, client_secret=Secret("x"), address=None
    )
    assert wrong is None


async def test_sessions_long_over_are_forgotten_with_their_tokens(platform: Platform) -> None:
    await platform.sign_in()
    await platform.advance(days=100)
    await platform.duty("forget_old_sessions")
    await platform.advance(days=30)
    await platform.duty("forget_old_sessions")
    async with platform.database.session() as session:
        assert (await session.scalars(select(AuthSession.id))).all() == []
        assert (await session.scalars(select(RefreshToken.session_id))).all() == []
