"""The whole script against a house that is served for real: all that is tried is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests import furnished, servers
from tests.fixtures.api import House, house_at
from tests.hostile.cases import ORDER, cases
from tests.hostile.trying import tried


@pytest.fixture
async def house(valkey: servers.ValkeySpace) -> AsyncIterator[House]:
    async with (
        furnished.fresh_database() as url,
        house_at(url, valkey, introspection="signed-in") as served,
    ):
        yield served


def test_every_group_has_cases_and_each_its_own_name() -> None:
    names = [each.name for each in cases()]
    assert len(names) == len(set(names))
    assert {each.group for each in cases()} == set(ORDER)


async def test_all_that_is_tried_is_refused(house: House) -> None:
    password = furnished.ADMIN.password
    assert password is not None
    said: list[str] = []
    outcome = await tried(house.url, email=furnished.ADMIN.email, password=password.reveal(), say=said.append)
    assert outcome.let_in == [], "\n".join(outcome.let_in)
    assert outcome.tried == outcome.refused > 150
    assert said[-1] == f"tried {outcome.tried}, refused {outcome.refused}"
