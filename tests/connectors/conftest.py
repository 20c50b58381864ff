"""Connectors to the run's own PostgreSQL, closed at the end of the test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from connectors.base import Credentials, Guard, Limits
from connectors.configs import DatabaseConfig
from connectors.postgresql import Postgresql
from datawave.kit.secrets import Secret
from tests.connectors.shop import Connect
from tests.servers import SourceDatabase


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Makes connectors that are closed at the end."""
    made: list[Postgresql] = []

    def make(
        source: SourceDatabase,
        *,
        limits: Limits | None = None,
        login: tuple[str, str] | None = None,
        **options: object,
    ) -> Postgresql:
        config = {"host": source.host, "port": source.port, "database": source.database, **options}
        name, password = login or (source.username, source.password)
        connector = Postgresql(
            DatabaseConfig.model_validate(config),
            Credentials(username=name, password=Secret(password)),
            limits=limits or Limits(),
            guard=Guard(private=True),
        )
        made.append(connector)
        return connector

    yield make
    for connector in made:
        await connector.close()
