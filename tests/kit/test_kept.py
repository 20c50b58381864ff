"""Whole rows by kept statements: a description is asked once for each shape, and serves all values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import select

from datawave.kit.access import SYSTEM, Reach, Scope, visible
from datawave.kit.database import Db
from datawave.kit.errors import InputError, invalid
from datawave.kit.given import among, later
from datawave.kit.kept import Kept
from datawave.kit.pages import Asked, Key
from datawave.kit.reads import Of, Rows
from tests.kit.ground import Kit
from tests.kit.test_pages import many_things
from tests.kit.things import ELSEWHERE, HERE, READ, Thing, somebody


@dataclass(frozen=True)
class Wanted:
    names: list[str] | None = None
    least: int | None = None
    heavy: bool = False


class Described:
    """A description that notes for whom it was asked."""

    def __init__(self) -> None:
        self.asked: list[Reach] = []

    def __call__(self, of: Of, wanted: Wanted | None = None) -> Rows:
        self.asked.append(of.viewer.rights.scope(READ).reach)
        wanted = wanted or Wanted()
        query = select(Thing).where(visible(Thing, of.viewer))
        if wanted.names is not None:
            query = query.where(among(Thing.name, later(refuse_empty, wanted.names)))
        if wanted.least is not None:
            query = query.where(Thing.rank >= later(refuse_large, wanted.least))
        if wanted.heavy:
            query = query.where(Thing.weight > 0)
        return Rows(query=query, row=Thing, order=[Key(Thing.name), Key(Thing.id)])


def refuse_empty(names: list[str]) -> list[str]:
    if "" in names:
        raise invalid("A name is empty.", path=["names"])
    return names


def refuse_large(number: int) -> int:
    if number > 100:
        raise invalid("That is too much.", path=["least"])
    return number


async def names_of(kept: Kept, db: Db, **arguments: Any) -> list[str]:
    rows, _ = await kept.listed(db, arguments)
    return [row.name for row in rows]


async def test_a_description_is_asked_once_for_each_shape_and_reach(kit: Kit) -> None:
    await many_things(kit, [HERE, ELSEWHERE], 40)
    described = Described()
    kept = Kept(described, of_parents=False)
    here, elsewhere, all_over = (
        Db(kit.database, somebody(reads=scope))
        for scope in (
            Scope(workspaces=frozenset({HERE})),
            Scope(workspaces=frozenset({ELSEWHERE})),
            Scope(everywhere=True),
        )
    )
    mine, theirs = await names_of(kept, here), await names_of(kept, elsewhere)
    assert mine
    assert theirs
    assert not set(mine) & set(theirs)
    assert sorted(await names_of(kept, all_over)) == sorted([*mine, *theirs])
    assert described.asked == [Reach.SOMEWHERE, Reach.EVERYWHERE]
    for names in (mine[:1], mine[2:5], theirs[:3]):
        assert await names_of(kept, here, wanted=Wanted(names=names)) == [n for n in names if n in mine]
    assert len(described.asked) == 3, "other values need no other statement"
    assert await names_of(kept, here, wanted=Wanted(names=[])) == []
    await names_of(kept, here, wanted=Wanted(names=mine, heavy=True))
    assert len(described.asked) == 5, "what a description looks at does"


async def test_rows_hold_what_the_orm_would_have_read(kit: Kit) -> None:
    await many_things(kit, [HERE], 30)
    db = Db(kit.database, SYSTEM)
    rows, _ = await Kept(Described(), of_parents=False).listed(db, {})
    by_id = {row.id: row for row in await db.scalars(select(Thing))}
    assert len(rows) == len(by_id) == 30
    for row in rows:
        assert isinstance(row, Thing)
        for column in Thing.__table__.columns:
            assert getattr(row, column.name) == getattr(by_id[row.id], column.name)


async def test_of_several_values_that_will_not_do_the_first_is_told(kit: Kit) -> None:
    db, described = Db(kit.database, SYSTEM), Described()
    kept = Kept(described, of_parents=False)
    for wanted, path in (
        (Wanted(names=["a", ""], least=101), ["names"]),
        (Wanted(names=["a"], least=101), ["least"]),
    ):
        with pytest.raises(InputError) as caught:
            await kept.page(db, Asked(first=2, after="no cursor"), {"wanted": wanted})
        assert list(caught.value.path or ()) == path
    with pytest.raises(InputError) as caught:
        await kept.page(db, Asked(first=2, after="no cursor"), {"wanted": Wanted(least=1)})
    assert list(caught.value.path or ()) == ["after"]
