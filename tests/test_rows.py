"""Rows that are read past the ORM hold what the ORM's hold, of every table that the API shows."""

from __future__ import annotations

from typing import Any

from sqlalchemy import inspect, select

from datawave.graphql import schema
from datawave.kit.access import SYSTEM
from datawave.kit.database import Db
from datawave.kit.kept import Kept
from datawave.kit.reads import Rows
from schema.rows import SHOWN
from tests.fixtures.api import House
from tests.fixtures.shop import Shop


async def test_rows_of_all_tables_are_as_the_orm_reads_them(shop: Shop, house: House) -> None:
    await shop.sample()
    assert schema()
    db, compared = Db(house.core.database, SYSTEM), 0
    for table in SHOWN:
        key: Any = inspect(table).primary_key[0]
        kept = Kept(lambda _of, table=table: Rows(query=select(table), row=table), of_parents=False)
        rows, _ = await kept.listed(db, {})
        orm = {getattr(row, key.key): row for row in await db.scalars(select(table))}
        assert len(rows) == len(orm), table
        for row in rows:
            for each in inspect(table).mapper.column_attrs:
                there = getattr(orm[getattr(row, key.key)], each.key)
                assert getattr(row, each.key) == there, (table, each.key)
                compared += 1
    assert compared > 500
