"""Every root field and every field with a permission of its own, by everybody: it answers those who may, and
refuses the others before their input is looked at.

What is needed stands in `tests/access/needed.py`, by hand; what each role holds is data. A field whose
permission was left out, or changed, fails here in every column that differs.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextlib import contextmanager
from typing import Any

import pytest

from datawave.graphql import schema
from datawave.kit.reads import GUARD, NEEDS
from schema import fields
from tests.access.ground import (
    NOBODY,
    ROLELESS,
    Asker,
    Matrix,
    definition,
    expected_of_field,
    expected_of_root,
    found_of_field,
    found_of_root,
    guarded,
    matrix_in,
    roots,
)
from tests.access.needed import FIELDS, PUBLIC, ROOTS, SIGNED_IN
from tests.fixtures.api import House
from tests.fixtures.shop import Shop

AT_ONCE = 8


@pytest.fixture
async def matrix(house: House, shop: Shop) -> AsyncIterator[Matrix]:
    async with matrix_in(house, shop) as made:
        yield made


def test_the_table_knows_every_field() -> None:
    assert sorted(roots()) == sorted(ROOTS), "say in tests/access/needed.py what each root field needs"
    assert guarded() == {name: needs for name, (needs, _) in FIELDS.items()}, (
        "say in tests/access/needed.py which fields need a permission of their own"
    )


async def test_everybody_at_every_field(matrix: Matrix, capsys: pytest.CaptureFixture[str]) -> None:
    wrong: list[str] = []
    some = asyncio.Semaphore(AT_ONCE)

    async def cell(
        name: str,
        asker: Asker,
        expected: Callable[[str, Asker], str],
        found: Callable[[Matrix, str, Asker], Awaitable[str]],
    ) -> None:
        async with some:
            wanted, got = expected(name, asker), await found(matrix, name, asker)
        if wanted != got:
            wrong.append(f"{name} asked by {asker.name}: {got}, not {wanted}")

    cells = [
        *(cell(root, asker, expected_of_root, found_of_root) for root in ROOTS for asker in matrix.askers),
        *(cell(name, asker, expected_of_field, found_of_field) for name in FIELDS for asker in matrix.askers),
    ]
    await asyncio.gather(*cells)
    assert not wrong, "\n".join(sorted(wrong))
    with capsys.disabled():
        told = f"{len(ROOTS)} root fields and {len(FIELDS)} others × {len(matrix.askers)} askers"
        sys.stdout.write(f"\n{told} = {len(cells)} cells\n")
    assert len(cells) > 800


@contextmanager
def needing(root: str, needs: str) -> Generator[None]:
    """The field as if it had been declared otherwise."""
    made = definition(root)
    if root.startswith("Subscription."):
        cell = _cell_of_needs(made.base_resolver.wrapped_func)
        before, cell.cell_contents = cell.cell_contents, needs
        yield
        cell.cell_contents = before
        return
    [guard] = made.extensions
    before, guard.needs = guard.needs, needs
    metadata, made.metadata = made.metadata, {**made.metadata, GUARD: needs}
    yield
    guard.needs, made.metadata = before, metadata


def _cell_of_needs(guard: Any) -> Any:
    return guard.__closure__[guard.__code__.co_freevars.index("needs")]


async def test_a_field_declared_otherwise_is_found(matrix: Matrix) -> None:
    """Of every root: with less than it needs, or with something else, its row of the matrix fails."""
    found = 0
    for at, (root, needs) in enumerate(ROOTS.items()):
        for other in (PUBLIC, SIGNED_IN, "vault:manage", "agent:act"):
            if other == needs:
                continue
            asker = _who_differs(matrix, needs, other)
            if asker is None:
                continue  # no role that there is holds one without the other
            with needing(root, str(_declared(other))):
                got = await found_of_root(matrix, root, asker, label=f"P{at}_{found}")
            assert got != expected_of_root(root, asker), f"{root} as {other}, asked by {asker.name}: {got}"
            found += 1
    assert found >= 2 * len(ROOTS)
    await _fields_declared_otherwise(matrix)


def _declared(needs: str) -> str:
    return {PUBLIC: fields.PUBLIC, SIGNED_IN: fields.SIGNED_IN}.get(needs, needs)


def _who_differs(matrix: Matrix, needs: str, other: str) -> Asker | None:
    """Somebody for whom it makes a difference."""
    if PUBLIC in (needs, other):
        return matrix.asker(NOBODY)
    if SIGNED_IN in (needs, other):
        return matrix.asker(ROLELESS)
    return next((each for each in matrix.askers if (needs in each.held) != (other in each.held)), None)


async def _fields_declared_otherwise(matrix: Matrix) -> None:
    for at, (name, (needs, of_thing)) in enumerate(FIELDS.items()):
        declared = _field(*name.split("."))
        [guard] = [one for one in declared.extensions if hasattr(one, "needs")]
        asker = next(
            (one for one in matrix.askers if of_thing in one.everywhere and needs not in one.everywhere), None
        )
        if asker is None:
            continue  # in all roles that there are, whoever sees the thing may see the field too
        metadata, declared.metadata = declared.metadata, {**declared.metadata, NEEDS: of_thing}
        guard.needs = of_thing
        got = await found_of_field(matrix, name, asker, label=f"F{at}")
        guard.needs, declared.metadata = needs, metadata
        assert got != expected_of_field(name, asker), name


def _field(kind: str, name: str) -> Any:
    built: Any = schema()._schema  # pyright: ignore[reportPrivateUsage]  # graphql-core's own, to be walked
    return built.type_map[kind].fields[name].extensions["strawberry-definition"]
