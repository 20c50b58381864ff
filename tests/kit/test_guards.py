"""What stands beside: the vault, circuit breakers, standing duties."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from datawave.kit import breakers, duties
from datawave.kit.duties import Duty, Standing
from datawave.kit.errors import ErrorCode, UnavailableError
from datawave.kit.secrets import Secret
from datawave.kit.tables import BreakerState, CircuitBreaker
from datawave.kit.vault import Keyring, Vault, VaultError
from tests.fixtures.clock import Clock
from tests.kit.ground import MASTER, Kit

OLD, NEW = Secret("the former master key, long enough"), Secret("the present master key, long enough")


async def kept(kit: Kit, vault: Vault, reference: str, value: dict[str, object], **rest: Any) -> None:
    async with AsyncSession(kit.database.engine) as session:
        await vault.put(session, reference, value, **rest)
        await session.commit()


async def opened(kit: Kit, vault: Vault, reference: str) -> dict[str, object] | None:
    async with kit.database.session() as session:
        return await vault.get(session, reference)


async def test_what_goes_into_the_vault_comes_out_and_is_nowhere_in_clear(kit: Kit) -> None:
    vault = Vault(Keyring(MASTER))
    await kept(kit, vault, "source:1:1", {"password": "planted-secret"})
    await kept(kit, vault, "source:1:1", {"password": "planted-secret-2"})
    assert await opened(kit, Vault(Keyring(MASTER)), "source:1:1") == {"password": "planted-secret-2"}
    assert await opened(kit, vault, "source:1:2") is None
    for table in ("vault_entry", "vault_key"):
        rows = await kit.rows(f"SELECT row_to_json(t)::text AS row FROM {table} t")
        assert rows
        assert not [row for row in rows if "planted" in row.row or b"planted".hex() in row.row]


async def test_an_entry_moved_or_altered_is_not_opened_and_the_error_says_no_value(kit: Kit) -> None:
    vault = Vault(Keyring(MASTER))
    await kept(kit, vault, "a", {"password": "planted-secret"})
    await kept(kit, vault, "b", {"password": "another"})
    await kit.rows(
        "UPDATE vault_entry SET sealed = o.sealed, nonce = o.nonce FROM vault_entry o"
        " WHERE vault_entry.reference = 'b' AND o.reference = 'a'"
    )
    with pytest.raises(VaultError) as caught:
        await opened(kit, vault, "b")
    assert "planted" not in str(caught.value)
    with pytest.raises(VaultError, match="DATAWAVE_SECRET_KEY"):
        await opened(kit, Vault(Keyring(NEW)), "a")


async def test_a_new_master_key_opens_what_the_former_sealed_and_then_needs_it_no_more(kit: Kit) -> None:
    await kept(kit, Vault(Keyring(OLD)), "a", {"password": "one"})
    both = Vault(Keyring(NEW, former=OLD))
    assert await opened(kit, both, "a") == {"password": "one"}
    async with AsyncSession(kit.database.engine) as session:
        assert await both.rewrap(session) == 1
        await both.new_data_key(session)
        await session.commit()
    await kept(kit, both, "b", {"password": "two"})
    alone = Vault(Keyring(NEW))
    assert [await opened(kit, alone, reference) for reference in "ab"] == [
        {"password": "one"},
        {"password": "two"},
    ]
    with pytest.raises(VaultError):
        await opened(kit, Vault(Keyring(OLD)), "a")


async def test_many_first_uses_of_the_vault_make_one_key(kit: Kit) -> None:
    await asyncio.gather(*(kept(kit, Vault(Keyring(MASTER)), f"r{n}", {"n": n}) for n in range(6)))
    assert await kit.one("SELECT count(*) FROM vault_key") == 1


async def test_what_expires_is_gone_with_its_time(kit: Kit, clock: Clock) -> None:
    vault = Vault(Keyring(MASTER))
    now = await kit.one("SELECT datawave_now()")
    await kept(kit, vault, "draft", {"password": "x"}, expires_at=now + timedelta(minutes=5))
    assert await opened(kit, vault, "draft")
    await clock.advance(minutes=6)
    assert await opened(kit, vault, "draft") is None
    [forget] = [standing for standing in duties.DUTIES if standing.step is duties.forget_expired]
    await duties.do(forget, kit.database, kit.commands)
    assert await kit.one("SELECT count(*) FROM vault_entry") == 0


class Guard:
    """One breaker, and calls of which it is told."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    async def call(self, *, works: bool, admitted: bool = False) -> CircuitBreaker:
        async with AsyncSession(self._kit.database.engine, expire_on_commit=False) as session:
            now = (await session.execute(text("SELECT datawave_now()"))).scalar_one()
            breaker = await breakers.of(session, "source shop")
            if not admitted:
                breakers.admit(breaker, now)
            _ = breakers.succeeded(breaker) if works else breakers.failed(breaker, now, {"code": "X"})
            await session.commit()
            return breaker


async def test_a_breaker_opens_tries_again_and_closes(kit: Kit, clock: Clock) -> None:
    guard = Guard(kit)
    for _ in range(4):
        assert (await guard.call(works=False)).state is BreakerState.CLOSED
    assert (await guard.call(works=True)).failures == 0
    calls = [await guard.call(works=False) for _ in range(5)]
    assert calls[-1].state is BreakerState.OPEN
    with pytest.raises(UnavailableError) as caught:
        await guard.call(works=True)
    assert caught.value.code is ErrorCode.CIRCUIT_OPEN
    assert 25 <= (caught.value.retry_after_seconds or 0) <= 30
    await clock.advance(seconds=31)
    assert (await guard.call(works=False)).state is BreakerState.OPEN
    await clock.advance(seconds=31)
    with pytest.raises(UnavailableError):
        await guard.call(works=True)
    await clock.advance(seconds=31)
    assert (await guard.call(works=True)).state is BreakerState.CLOSED


async def test_calls_that_were_under_way_do_not_make_the_pause_longer(kit: Kit) -> None:
    guard = Guard(kit)
    calls = [await guard.call(works=False, admitted=True) for _ in range(15)]
    assert calls[4].state is BreakerState.OPEN
    assert calls[14].next_try_at == calls[4].next_try_at


async def test_a_step_is_done_by_one_at_a_time_and_its_failure_writes_nothing(kit: Kit) -> None:
    began, go_on, done = asyncio.Event(), asyncio.Event(), 0

    async def step(standing: Duty) -> None:
        nonlocal done
        done += 1
        began.set()
        await go_on.wait()

    standing = Standing("test.step", 1.0, step)
    first = asyncio.create_task(duties.do(standing, kit.database, kit.commands))
    await began.wait()
    assert not await duties.do(standing, kit.database, kit.commands)
    go_on.set()
    assert await first
    assert await duties.do(standing, kit.database, kit.commands)
    assert done == 2

    async def breaks(standing: Duty) -> None:
        await standing.session.execute(text("INSERT INTO clock (single, shift_seconds) VALUES (true, 5)"))
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError):
        await duties.do(Standing("test.breaks", 1.0, breaks), kit.database, kit.commands)
    assert await kit.one("SELECT count(*) FROM clock") == 0
