"""The pages of `docs/clients`: their code runs as it stands there, with the libraries it names."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests import servers
from tests.clients import packages, pages, programs
from tests.clients.ground import Ground, ground

JAVASCRIPT = ["apollo", "urql", "relay"]


@pytest.fixture
async def there(valkey: servers.ValkeySpace) -> AsyncIterator[Ground]:
    async with ground(valkey) as made:
        yield made


def test_every_page_is_run() -> None:
    assert {page.stem for page in pages.CLIENTS.glob("*.md")} == {"README", "gql", *JAVASCRIPT}


async def test_javascript(node: str, there: Ground, tmp_path: Path, subtests: pytest.Subtests) -> None:
    for page in JAVASCRIPT:
        pages.javascript(pages.CLIENTS / f"{page}.md", tmp_path / page, there.given["url"])
    given = {**there.given, "folder": str(tmp_path), "pages": JAVASCRIPT}
    found = await programs.results(node, packages.HERE / "pages.mjs", given, deeds=there.deeds)
    programs.report(subtests, found)
