"""The ground of every test: real servers once per run, a database per test.

Further fixtures are the modules of `tests/fixtures/`, each found by being there.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings

from tests import servers

# They import each other, so the first would import the second before its asserts could be made to tell more.
pytest.register_assert_rewrite("tests.fixtures")
pytest_plugins = [
    f"tests.fixtures.{module.stem}"
    for module in sorted((Path(__file__).parent / "fixtures").glob("*.py"))
    if module.stem != "__init__"
]

# How fast a machine is says nothing about what it computes.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

_servers = pytest.StashKey[servers.Servers]()


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput") or config.option.collectonly:
        return
    started = config.stash[_servers] = servers.Servers()
    started.start()


def pytest_unconfigure(config: pytest.Config) -> None:
    started = config.stash.get(_servers, None)
    if started is None:
        return
    try:
        asyncio.run(started.forget())
    finally:
        started.stop()


@pytest.fixture
async def database() -> AsyncIterator[str]:
    """The URL of a migrated database that is this test's alone."""
    async with servers.fresh_database() as url:
        yield url


@pytest.fixture
def valkey() -> servers.ValkeySpace:
    """The run's Valkey and a prefix that is this test's alone."""
    return servers.ValkeySpace(os.environ[servers.REDIS_URL], f"{servers.run_prefix()}{uuid4().hex[:12]}:")


@pytest.fixture(scope="session")
def source_server() -> servers.SourceServer:
    """A PostgreSQL that the platform may govern: `await source_server.database(sql)`."""
    return servers.SourceServer(os.environ[servers.SOURCE_URL])
