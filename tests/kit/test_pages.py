"""Pages are the whole list in pieces, whatever its order; loaders ask once for many parents."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from typing import Any, cast
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from datawave.kit.access import SYSTEM, Scope, visible
from datawave.kit.cursors import list_cursor
from datawave.kit.database import Db
from datawave.kit.errors import ErrorCode, InputError
from datawave.kit.ids import new_id
from datawave.kit.kept import Kept
from datawave.kit.loaders import Loaders
from datawave.kit.pages import Asked, Key, Page
from datawave.kit.reads import Loaded, Of, Related, Rows, Shape
from tests.kit.ground import Kit
from tests.kit.things import ELSEWHERE, HERE, Thing, somebody
from tests.statements import counted

COLUMNS = (Thing.name, Thing.rank, Thing.weight, Thing.secret_hash, Thing.created_at, Thing.version)
ORDERS = some.lists(
    some.tuples(some.sampled_from(range(len(COLUMNS))), some.booleans()),
    max_size=3,
    unique_by=lambda part: part[0],
)


async def many_things(kit: Kit, parents: Sequence[UUID], many: int, *, seed: int = 3) -> None:
    chance = random.Random(seed)
    async with AsyncSession(kit.database.engine) as session:
        for number in range(many):
            session.add(
                Thing(
                    workspace_id=chance.choice(parents),
                    name=f"{chance.choice('abé_Z')}{number}",
                    rank=chance.choice([None, None, -1, 0, 7]),
                    weight=chance.choice([None, 0.1, -2.5, 1e300]),
                    secret_hash=chance.choice([None, "", "x"]),
                    version=chance.randrange(3),
                )
            )
        await session.commit()


def order_of(parts: Sequence[tuple[int, bool]], last: bool) -> list[Key]:
    return [*(Key(COLUMNS[at], descending) for at, descending in parts), Key(Thing.id, last)]


async def whole(db: Db, order: Sequence[Key]) -> list[UUID]:
    columns = [key.column.desc() if key.descending else key.column.asc() for key in order]
    return [thing.id for thing in await db.scalars(select(Thing).order_by(*columns))]


async def page_of(db: Db, query: Any, order: Sequence[Key], asked: Asked) -> Page[Any]:
    reading = Kept(lambda _of: Rows(query=query, row=Thing, order=order), of_parents=False)
    page, _at = await reading.page(db, asked, {})
    return page


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(parts=ORDERS, last=some.booleans(), size=some.integers(1, 9))
async def test_pages_are_the_whole_list_forwards_and_backwards(
    kit: Kit, parts: Sequence[tuple[int, bool]], last: bool, size: int
) -> None:
    db, order = Db(kit.database, SYSTEM), order_of(parts, last)
    if not await kit.one("SELECT count(*) FROM thing"):
        await many_things(kit, [HERE], 25)
    everything = await whole(db, order)
    forwards: list[UUID] = []
    after = None
    while True:
        page = await page_of(db, select(Thing), order, Asked(first=size, after=after))
        forwards += [thing.id for thing in page.rows]
        assert page.has_previous is (after is not None)
        if not page.has_next:
            break
        after = page.cursors[-1]
    assert forwards == everything
    backwards: list[UUID] = []
    before = None
    while True:
        page = await page_of(db, select(Thing), order, Asked(last=size, before=before))
        backwards = [thing.id for thing in page.rows] + backwards
        if not page.has_previous:
            break
        before = page.cursors[0]
    assert backwards == everything
    assert await page.total() == len(everything)


async def test_a_page_between_two_places_holds_what_is_between(kit: Kit) -> None:
    await many_things(kit, [HERE], 12)
    db, order = Db(kit.database, SYSTEM), [Key(Thing.rank, descending=True), Key(Thing.id)]
    page = await page_of(db, select(Thing), order, Asked(first=12))
    for low in range(0, 11):
        between = await page_of(
            db, select(Thing), order, Asked(first=12, after=page.cursors[low], before=page.cursors[11])
        )
        assert [thing.id for thing in between.rows] == [thing.id for thing in page.rows[low + 1 : 11]]


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        list_cursor([1]),
        list_cursor(["a", "b"]),
        list_cursor([True, "0198c0de000070008000000000000001"]),
        list_cursor([2**40, "0198c0de000070008000000000000001"]),
        list_cursor([{}, []]),
        list_cursor([None, None]),
    ],
)
async def test_cursors_of_other_lists_are_refused(kit: Kit, cursor: str) -> None:
    db, order = Db(kit.database, SYSTEM), [Key(Thing.version), Key(Thing.id)]
    with pytest.raises(InputError) as caught:
        await page_of(db, select(Thing), order, Asked(first=1, after=cursor))
    assert caught.value.code is ErrorCode.INVALID


@pytest.mark.parametrize("asked", [Asked(first=0), Asked(first=501), Asked(last=-1), Asked(first=1, last=1)])
async def test_pages_have_bounds(kit: Kit, asked: Asked) -> None:
    with pytest.raises(InputError):
        await page_of(Db(kit.database, SYSTEM), select(Thing), [Key(Thing.id)], asked)


def _things(order: Sequence[Key], *where: Any) -> Rows:
    return Rows(query=select(Thing).where(*where), row=Thing, by=Thing.workspace_id, order=order)


def _by_name(of: Of) -> Rows:
    return _things([Key(Thing.name)], visible(Thing, of.viewer))


def _by_name_reversed(of: Of) -> Rows:
    return _things([Key(Thing.name, descending=True)], visible(Thing, of.viewer))


@pytest.mark.parametrize("asked", [Asked(first=2), Asked(last=3), Asked(first=100)])
async def test_a_page_for_each_of_many_parents_is_one_statement(kit: Kit, asked: Asked) -> None:
    parents = [new_id() for _ in range(12)]
    await many_things(kit, parents[:10], 60)
    db, order = Db(kit.database, SYSTEM), [Key(Thing.rank, descending=True), Key(Thing.name)]
    read = Related(lambda _of: _things(order, Thing.version > 0), Shape.PAGE)
    loader = Loaders(db).related(read, None, {}, asked)
    with counted() as sent:
        found = await asyncio.gather(*(loader.load(parent) for parent in parents))
    pages: list[Page[Any]] = [page for page, _at in found]
    assert len(sent) == 1
    for parent, page in zip(parents, pages, strict=True):
        query = select(Thing).where(Thing.workspace_id == parent, Thing.version > 0)
        alone = await page_of(db, query, order, asked)
        assert [thing.id for thing in page.rows] == [thing.id for thing in alone.rows]
        assert (list(page.cursors), page.has_next, page.has_previous) == (
            list(alone.cursors),
            alone.has_next,
            alone.has_previous,
        )
    with counted() as sent:
        totals = await asyncio.gather(*(page.total() for page in pages))
    assert len(sent) == 1
    assert sum(totals) == await kit.one("SELECT count(*) FROM thing WHERE version > 0")


async def test_loaders_ask_once_and_hold_back_what_may_not_be_seen(kit: Kit) -> None:
    await many_things(kit, [HERE, ELSEWHERE], 20)
    db = Db(kit.database, somebody(reads=Scope(workspaces=frozenset({HERE}))))
    ids = [row.id for row in await kit.rows("SELECT id FROM thing")]
    loaders = Loaders(db)
    with counted() as sent:
        found = await asyncio.gather(*(loaders.row(Thing).load(key) for key in [*ids, new_id(), *ids]))
    assert len(sent) == 1
    assert {thing.workspace_id for thing in found if thing is not None} == {HERE}
    assert [thing.id if thing else None for thing in found[:20]] == [
        thing.id if thing else None for thing in found[21:]
    ]
    up, down = (
        loaders.related(Related(described, Shape.MANY), None, {}, None)
        for described in (_by_name, _by_name_reversed)
    )
    (here, _), (there, _), (reverse, _) = await asyncio.gather(
        up.load(HERE), up.load(ELSEWHERE), down.load(HERE)
    )
    assert there == []
    assert [thing.name for thing in here] == sorted(thing.name for thing in here)
    assert [thing.name for thing in reverse] == [thing.name for thing in reversed(here)]


async def test_one_who_is_cancelled_takes_what_was_asked_for_from_nobody_else() -> None:
    """The executor cancels what stands beside an error; another place may have asked for the same."""
    asked, answer = asyncio.Event(), asyncio.Event()

    async def load(_db: Db, keys: Sequence[int], _at: object) -> dict[int, int]:
        asked.set()
        await answer.wait()
        return {key: key for key in keys}

    loader = Loaders(Db(cast("Any", None))).loaded(Loaded(load), None)
    first, second = (asyncio.ensure_future(loader.load(1)) for _ in range(2))
    await asked.wait()
    first.cancel()
    answer.set()
    assert await second == 1
