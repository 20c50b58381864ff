"""A shop whose policy lets values leave."""

from __future__ import annotations

import pytest

from tests.access_rules.asking import Kept
from tests.fixtures.api import House
from tests.fixtures.shop import Shop


@pytest.fixture
async def kept(shop: Shop, house: House) -> Kept:
    return await Kept.made(shop, house)
