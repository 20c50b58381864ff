"""Sums and products of which parts are known and parts wait for the variables of a request.

What is known is reckoned at once, so that most formulas are plain numbers by the time they are asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias, cast

Values: TypeAlias = Mapping[str, Any]
Amount: TypeAlias = "int | Callable[[Values], int]"
"""A number, or what makes one of the variables."""


def value_of(amount: Amount, values: Values) -> int:
    return amount if isinstance(amount, int) else amount(values)


def total(amounts: Iterable[Amount]) -> Amount:
    known, open_ = 0, list[Callable[[Values], int]]()
    for amount in amounts:
        if isinstance(amount, int):
            known += amount
        else:
            open_.append(amount)
    if not open_:
        return known
    if len(open_) == 1 and not known:
        return open_[0]
    return lambda values: known + sum([part(values) for part in open_])


def product(one: Amount, other: Amount) -> Amount:
    if isinstance(one, int) and isinstance(other, int):
        return one * other
    if isinstance(one, int):
        one, other = other, one
    first = cast("Callable[[Values], int]", one)
    if isinstance(other, int):
        factor = other
        if factor == 0:
            return 0
        return first if factor == 1 else lambda values: factor * first(values)
    second = other
    return lambda values: first(values) * second(values)


def greatest(amounts: Sequence[Amount]) -> Amount:
    if all(isinstance(amount, int) for amount in amounts):
        return max(cast("Sequence[int]", amounts), default=0)
    return lambda values: max(value_of(amount, values) for amount in amounts)
