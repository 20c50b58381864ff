"""The audit of GraphQL over HTTP that the `graphql-http` package brings, on the product as it is served."""

from __future__ import annotations

import pytest

from tests.clients import packages, programs
from tests.fixtures.api import House

AUDITS = 61


async def test_every_audit_is_ok(node: str, house: House, subtests: pytest.Subtests) -> None:
    found = await programs.results(node, packages.HERE / "audit.mjs", {"url": f"{house.url}/graphql"})
    programs.report(subtests, found)
    assert len(found) == AUDITS
