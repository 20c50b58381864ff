"""Sources for tests: the least valid thing, everything overridable, made through the API as a person
would."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests import servers
from tests.client import Answer, Client
from tests.factories import documents

SHOP = """
create table customer (
  id integer primary key, full_name text not null, email text not null unique, born date, credit numeric(12,2)
);
comment on table customer is 'Who buys';
comment on column customer.email is 'Where to write';
create table orders (
  id integer primary key, customer_id integer not null references customer (id), total numeric(12,2),
  placed timestamptz
);
create view customer_value as
  select c.id, c.email, sum(o.total) as total from customer c join orders o on o.customer_id = c.id
  group by c.id, c.email;
insert into customer
  select n, 'Ada Lovelace ' || n, 'ada' || n || '@example.com', date '1990-01-01' + n, n * 1.5
  from generate_series(1, 40) n;
insert into orders select n, n, n * 10, timestamptz '2024-01-01' + n * interval '1 hour'
  from generate_series(1, 40) n;
"""


@dataclass(frozen=True, kw_only=True)
class Mysql:
    """A MariaDB of this machine that tests may govern."""

    host: str
    port: int
    username: str
    password: str
    database: str
    connection: Any

    async def execute(self, *statements: str) -> None:
        async with self.connection.cursor() as cursor:
            for statement in statements:
                await cursor.execute(statement)


class Make:
    """Makes sources; what is not said is as small as it can be."""

    def __init__(self, api: Client, server: servers.SourceServer, files: Path) -> None:
        self._api = api
        self._server = server
        self._files = files

    async def postgresql(self, sql: str = SHOP) -> servers.SourceDatabase:
        """A fresh database in which the SQL has run."""
        return await self._server.database(sql)

    def sqlite(self, sql: str) -> Path:
        path = self._files / f"{uuid4().hex[:8]}.db"
        with closing(sqlite3.connect(path)) as file:
            file.executescript(sql)
        return path

    async def answer(self, config: dict[str, Any], **overrides: Any) -> Answer:
        """The whole payload of `createDataSource`, errors and all."""
        name = overrides.pop("name", f"Source {uuid4().hex[:8]}")
        wanted = {"name": name, "config": config, **overrides}
        before = await self._api.data(documents.CURSOR)
        return {**await self._api.run(documents.CREATE, input=wanted), **before}

    async def source(self, database: servers.SourceDatabase | None = None, **overrides: Any) -> Answer:
        """A PostgreSQL source, by default of a database with a small shop; `cursor` is where the log stood
        before."""
        at = database or await self.postgresql()
        config = overrides.pop("config", None) or {"postgresql": postgresql_of(at)}
        credentials = overrides.pop("credentials", password_of(at.username, at.password))
        return _made(await self.answer(config, credentials=credentials, **overrides))

    async def sqlite_source(self, path: Path, **overrides: Any) -> Answer:
        return _made(await self.answer({"sqlite": {"path": str(path)}}, **overrides))

    async def mysql_source(self, database: Mysql, **overrides: Any) -> Answer:
        config = {"host": database.host, "port": database.port, "database": database.database}
        credentials = password_of(database.username, database.password)
        return _made(await self.answer({"mysql": config}, credentials=credentials, **overrides))

    async def discovery(self, source_id: str, **options: Any) -> Answer:
        """A discovery from its start to its end, as it then is."""
        started = await self._api.done(documents.DISCOVER, input={"dataSourceId": source_id, **options})
        return await self.ended(started["discovery"]["id"])

    async def ended(self, run_id: str) -> Answer:
        """The run when it has ended: followed from the beginning of what is kept."""
        run = await self._run(run_id)
        if run["state"] not in documents.ENDED:
            async with self._api.follow(documents.RUN_ADVANCED, id=run_id, after=run["before"]) as events:
                async for _ in events:
                    pass
        return await self._run(run_id)

    async def _run(self, run_id: str) -> Answer:
        found = await self._api.data(documents.RUN, id=run_id)
        return {**found["node"], "before": found["cursor"]}


def postgresql_of(at: servers.SourceDatabase, **overrides: Any) -> dict[str, Any]:
    place = {"host": at.host, "port": at.port, "database": at.database}
    return {**place, "tls": {"mode": "DISABLED"}, **overrides}


def password_of(username: str, password: str) -> dict[str, Any]:
    return {"password": {"username": username, "password": password}}


def _made(payload: Answer) -> Answer:
    assert not payload["errors"], payload["errors"]
    return {**payload["dataSource"], "cursor": payload["cursor"]}


async def mariadb(*statements: str) -> AsyncIterator[Mysql]:
    """A fresh database on the MariaDB of this machine; a test that needs it is skipped where there is
    none."""
    import aiomysql

    place = {
        "host": os.environ.get("DATAWAVE_TEST_MYSQL_HOST", "127.0.0.1"),
        "port": int(os.environ.get("DATAWAVE_TEST_MYSQL_PORT", "3306")),
        "user": os.environ.get("DATAWAVE_TEST_MYSQL_USER", "root"),
        "password": os.environ.get("DATAWAVE_TEST_MYSQL_PASSWORD", ""),
    }
    try:
        connection = await aiomysql.connect(**place, autocommit=True, connect_timeout=3)
    except (OSError, aiomysql.MySQLError) as error:
        pytest.skip(f"no MariaDB at {place['host']}:{place['port']} ({type(error).__name__})")
    name = f"dw_{uuid4().hex[:12]}"
    made = Mysql(
        host=place["host"], port=place["port"], username=place["user"], password=place["password"],
        database=name, connection=connection,
    )  # fmt: skip
    try:
        await made.execute(f"create database {name}", f"use {name}", *statements)
        yield made
    finally:
        await made.execute(f"drop database if exists {name}")
        connection.close()
