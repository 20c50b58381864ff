"""Cursors that are none, of another life of the log, beyond its end, older than its beginning."""

from __future__ import annotations

from itertools import product

import pytest
from sqlalchemy import text

from datawave.kit.cursors import list_cursor, log_cursor
from tests.bad_input.answers import refusal
from tests.client import Client, Refused
from tests.factories import documents
from tests.factories.sources import Make
from tests.fixtures.api import House

STREAMS = {
    "eventRecorded": documents.RECORDED,
    "dataSourceChanged": documents.SOURCE_CHANGED,
    "catalogChanged": documents.CATALOG_CHANGED,
}
LISTS = {
    "events": documents.EVENTS,
    "sources": "query ($after: Cursor) { dataSources(after: $after) { nodes { id } } }",
    "discoveries": "query ($after: Cursor) { discoveries(after: $after) { nodes { id } } }",
}
HALF = "\ud800"
ODD = [
    "",
    "x",
    "é",
    "\x00",
    "\ud800",
    "WyJsMSJd",
    "WyJsMSIsIjEiLC0xXQ",
    "WyJsMSIsMSwxXQ",
    "A" * 5_000,
    list_cursor(["a"]),
]
"""No base64, no JSON, too few parts, a place before the first, a list's."""


async def codes(api: Client, document: str, after: str) -> tuple[str, list[str]]:
    with pytest.raises(Refused) as refused:
        async with api.follow(document, after=after) as events:
            await anext(events)
    [error] = refused.value.args[0]
    return error["extensions"]["code"], error["extensions"]["path"]


async def test_a_stream_refuses_what_is_no_cursor_of_the_log(api: Client) -> None:
    for stream, odd in product(STREAMS, ODD):
        if odd != HALF:  # the socket's own tests send such frames
            assert await codes(api, STREAMS[stream], odd) == ("INVALID", ["after"]), (stream, odd)


async def test_a_list_refuses_what_is_no_cursor_of_its_own(api: Client) -> None:
    for name, odd in product(LISTS, ODD):
        refused = await refusal(api, LISTS[name], after=odd)
        assert (refused.code, refused.path) == ("INVALID", [] if odd == HALF else ["after"]), odd


async def test_a_cursor_of_another_life_or_beyond_the_end_is_expired(api: Client, house: House) -> None:
    async with house.core.database.connection() as connection:
        epoch, head = (await connection.execute(text("SELECT epoch, head FROM event_log"))).one()
    for cursor in (log_cursor("0" * 32, 1), log_cursor(epoch, head + 10_000), log_cursor(epoch, 2**63 - 1)):
        assert await codes(api, documents.RECORDED, cursor) == ("CURSOR_EXPIRED", ["after"])


async def test_a_cursor_older_than_the_log_is_expired(api: Client, house: House, make: Make) -> None:
    await make.source(await make.postgresql(""))
    async with house.core.database.connection() as connection:
        epoch = (await connection.execute(text("SELECT epoch FROM event_log"))).scalar_one()
        await connection.execute(text("UPDATE event_log SET oldest = head"))
    assert await codes(api, documents.RECORDED, log_cursor(epoch, 0)) == ("CURSOR_EXPIRED", ["after"])


async def test_a_stream_of_a_thing_that_is_not_there_is_refused(api: Client) -> None:
    gone = "source_" + "0" * 32
    for id_, code in ((gone, "NOT_FOUND"), ("nonsense", "INVALID"), ("run_" + "0" * 32, "INVALID")):
        with pytest.raises(Refused) as refused:
            async with api.follow(documents.SOURCE_CHANGED, id=id_) as events:
                await anext(events)
        [error] = refused.value.args[0]
        assert (error["extensions"]["code"], error["extensions"]["path"]) == (code, ["id"])
