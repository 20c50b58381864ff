"""The clients that others use, from npm, against the product as it is served."""

from __future__ import annotations

import pytest

from tests import servers
from tests.clients import packages, programs
from tests.clients.ground import ground


@pytest.mark.parametrize("program", ["websocket", "sse", "multipart"])
async def test_every_case_holds(
    node: str, program: str, valkey: servers.ValkeySpace, subtests: pytest.Subtests
) -> None:
    async with ground(valkey) as there:
        found = await programs.results(node, packages.HERE / f"{program}.mjs", there.given, deeds=there.deeds)
    programs.report(subtests, found)
