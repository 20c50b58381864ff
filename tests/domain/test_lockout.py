"""Failures slow whoever guesses, and keep the owner out of nothing; nobody learns who has an account."""

from __future__ import annotations

from typing import Any

import pytest

from auth.attempts import LONGEST_WAIT, Attempts
from datawave.kit.access import Viewer
from datawave.kit.database import Db
from datawave.kit.errors import ErrorCode, UnavailableError
from datawave.kit.secrets import Secret
from domain import identity
from models.identity import AuthMethod
from tests.domain.conftest import ADMIN, PASSWORD, Platform
from tests.domain.test_sign_in import refused

HOME, AWAY, ELSEWHERE = "10.0.0.1", "10.0.0.2", "10.9.{}.{}"


async def from_device(platform: Platform, device: Secret | None, address: str, password: Secret) -> Any:
    who = Viewer(address=address, client="tests")
    gate = platform.gate
    proof = await identity.prove_password(
        Db(platform.database),
        gate.passwords,
        gate.attempts,
        email=ADMIN,
        password=password,
        address=address,
        device=device,
    )
    second = identity.SecondFactor(device=device, remember=True)
    return await platform.run(
        identity.sign_in, who, name=ADMIN, method=AuthMethod.PASSWORD, proof=proof, second=second
    )


async def attacked(platform: Platform, times: int) -> list[Any]:
    """Somebody fails so often from many addresses; what they are told."""
    return [
        await refused(platform.sign_in(password=Secret("guess"), address=ELSEWHERE.format(at // 5, at % 5)))
        for at in range(times)
    ]


async def test_an_attack_from_elsewhere_keeps_no_known_device_out(platform: Platform) -> None:
    await platform.sign_in(address=HOME)
    device = (await from_device(platform, None, AWAY, PASSWORD)).device.value
    told = await attacked(platform, 50)
    assert [each.code for each in told[:10]] == [ErrorCode.UNAUTHENTICATED] * 10
    assert {each.code for each in told[10:]} == {ErrorCode.RATE_LIMITED}
    assert (await refused(platform.sign_in(address="10.8.0.1"))).code is ErrorCode.RATE_LIMITED
    assert (await platform.sign_in(address=HOME)).session.address == HOME
    assert (await from_device(platform, device, "10.7.0.1", PASSWORD)).session.address == "10.7.0.1"


async def test_a_known_device_has_a_count_of_its_own(platform: Platform) -> None:
    device = (await from_device(platform, None, HOME, PASSWORD)).device.value
    for at in range(10):
        await refused(from_device(platform, device, f"10.6.0.{at}", Secret("guess")))
    limited = await refused(from_device(platform, device, "10.6.0.99", PASSWORD))
    assert limited.code is ErrorCode.RATE_LIMITED
    assert (await platform.sign_in(address=HOME)).session.address == HOME
    assert (await platform.sign_in(address="10.6.1.1")).session.address == "10.6.1.1"


async def test_waits_grow_to_a_quarter_of_an_hour_and_are_forgotten_in_an_hour(platform: Platform) -> None:
    now = 1_800_000_000.75
    attempts = Attempts(platform.valkey, prefix="waits:", per_minute=10, now=lambda: now)
    away = Attempts(platform.valkey, prefix="waits:", per_minute=10, now=lambda: now)
    waits: list[int] = []
    for _ in range(16):
        await attempts.begin(slowing="account")
        with pytest.raises(UnavailableError) as caught:
            await away.begin(slowing="account")  # another process counts with it
            await away.begin(slowing="account")
            for _ in range(10):
                await away.begin(slowing="account")
        waits.append(caught.value.retry_after_seconds or 0)
        now += waits[-1]
    assert waits[:5] == [60, 120, 240, 480, LONGEST_WAIT]
    assert waits[5:] == [LONGEST_WAIT] * 11
    now += 3_601
    for _ in range(9):
        await attempts.begin(slowing="account")
    tries = await attempts.begin(slowing="account")
    await attempts.succeeded(tries)
    await attempts.begin(slowing="account")
    with pytest.raises(UnavailableError):
        await attempts.begin(slowing="account")


async def test_the_same_holds_while_valkey_is_away(platform: Platform) -> None:
    now = 1_800_000_000.75
    attempts = Attempts(platform.valkey, prefix="", per_minute=10, now=lambda: now)
    pool: Any = platform.valkey.connection_pool
    pool.connection_kwargs["port"] = 1
    await pool.disconnect()
    for _ in range(9):
        await attempts.begin(slowing="account")
    await attempts.succeeded(await attempts.begin(slowing="account"))
    waits: list[int] = []
    for _ in range(5):
        await attempts.begin(slowing="account")
        with pytest.raises(UnavailableError) as caught:
            await attempts.begin(slowing="account")
        waits.append(caught.value.retry_after_seconds or 0)
        now += waits[-1]
    assert waits == [60, 120, 240, 480, LONGEST_WAIT]
    await attempts.begin(slowing="another account")


async def test_an_unknown_account_takes_the_same_work_as_a_known_one(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    worked: list[str] = []
    hasher = type(platform.gate.passwords._hasher)  # pyright: ignore[reportPrivateUsage]
    verify, begin = hasher.verify, Attempts.begin

    def verifying(self: Any, *args: Any) -> Any:
        worked.append("verify")
        return verify(self, *args)

    async def beginning(self: Any, *about: Any, **more: Any) -> Any:
        worked.append("begin")
        return await begin(self, *about, **more)

    monkeypatch.setattr(hasher, "verify", verifying)
    monkeypatch.setattr(Attempts, "begin", beginning)
    told: list[Any] = []
    for email, password in (
        (ADMIN, Secret("wrong")),
        ("nobody@example.com", Secret("wrong")),
        ("nobody@example.com", Secret("x" * 1_000_000)),
        (ADMIN, Secret("x" * 1_000_000)),
    ):
        worked.clear()
        error = await refused(platform.sign_in(email, password, address="10.5.0.1"))
        told.append((error.code, error.message, [*worked]))
    assert len({str(each) for each in told}) == 1
    assert told[0][2] == ["begin", "verify"]


async def test_a_password_is_hashed_anew_under_the_parameters_of_now(platform: Platform) -> None:
    from argon2 import PasswordHasher
    from sqlalchemy import select, update

    from models.identity import User

    former = PasswordHasher(time_cost=1, memory_cost=16, parallelism=1).hash(PASSWORD.reveal())
    async with platform.database.connection() as connection:
        await connection.execute(update(User).values(password_hash=former))
    await platform.sign_in()
    async with platform.database.session() as session:
        user = (await session.scalars(select(User).where(User.email == ADMIN))).one()
    assert user.password_hash != former
    assert "m=8," in (user.password_hash or "")
    assert user.version == 1
    await platform.sign_in()
