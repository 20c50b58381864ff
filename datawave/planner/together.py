"""Rows, and the lists that belong to them, read with one statement: one round trip, and one moment.

Each level's statement stands in it as it is, as a common table expression; the keys it is given are taken
from the rows above by SQL, instead of by way of Python. Everything comes back in one record, an array for
each column: so lists of different lengths stand side by side, and the driver has few values to make.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from datawave.kit.given import Moment
from datawave.kit.pages import Asked
from datawave.kit.statements import PLACE, Parameter, Statement

if TYPE_CHECKING:
    from datawave.planner.statements import Variant
    from datawave.planner.steps import RelatedStep

Beneath: TypeAlias = "Mapping[RelatedStep, Reading]"
NOTHING: Beneath = {}


class Reading:
    """What one variant reads at one moment, and what is read beneath its rows; then, its records."""

    __slots__ = ("asked", "beneath", "beside", "moment", "records", "statement", "variant")

    def __init__(
        self, variant: Variant, statement: Statement, moment: Moment, asked: Asked | None = None
    ) -> None:
        self.variant, self.statement, self.moment, self.asked = variant, statement, moment, asked
        self.beneath: Beneath = NOTHING
        self.beside: Reading | None = None
        """What else is read of the same parents: how many rows they have in all."""
        self.records: Sequence[Any] = ()

    @property
    def is_alone(self) -> bool:
        return not self.beneath and self.beside is None

    def parts(self) -> Iterator[Reading]:
        yield self
        if self.beside is not None:
            yield self.beside
        for each in self.beneath.values():
            yield from each.parts()


class Together:
    """The one statement of several readings."""

    def __init__(self, whole: Reading) -> None:
        self._given: list[Sequence[Parameter]] = []
        self._widths: list[int] = []
        self._numbered: list[int] = []
        """Those whose records say by its number which key they belong to: the keys come back for them."""
        self._expressions: dict[str, str] = {}
        self._places = 0
        keys = self._add(whole, "")
        arrays = [
            f"(SELECT {', '.join(f'array_agg(c{at})' for at in range(width))} FROM l{number}) t{number}"
            for number, width in enumerate(self._widths)
        ]
        told = [*(f"t{number}.*" for number in range(len(self._widths))), *keys]
        expressions = [f"{name} AS ({text})" for name, text in self._expressions.items()]
        self.text = f"WITH {', '.join(expressions)} SELECT {', '.join(told)} FROM {', '.join(arrays)}"

    def values(self, parts: Sequence[Reading]) -> list[Any]:
        pairs = zip(parts, self._given, strict=True)
        return [each.value(part.moment) for part, given in pairs for each in given]

    def spread(self, record: Any, parts: Sequence[Reading]) -> None:
        """Gives each reading its records."""
        start = 0
        for part, width in zip(parts, self._widths, strict=True):
            columns = record[start : start + width]
            part.records = [] if columns[0] is None else [*zip(*columns, strict=True)]
            start += width
        for at, number in enumerate(self._numbered, start):
            parts[number].moment.keys = record[at]

    def _add(self, reading: Reading, keys: str) -> list[str]:
        """The reading and all beneath it, in the order of `Reading.parts`; what tells the keys of those that
        are numbered."""
        number = self._add_one(reading, keys)
        told: list[str] = []
        if keys and reading.variant.numbered:
            self._numbered.append(number)
            told.append(keys)
        if reading.beside is not None:
            self._add_one(reading.beside, keys)
        for step, beneath in reading.beneath.items():
            are_ids = not keys and reading.variant.source.is_id(step.place)
            told += self._add(beneath, self._keys_of(number, step.place, once=are_ids))
        return told

    def _add_one(self, reading: Reading, keys: str) -> int:
        number, width = len(self._widths), reading.statement.width
        names = ", ".join(f"c{at}" for at in range(width))
        self._widths.append(width)
        self._expressions[f"l{number}({names})"] = self._placed(reading.statement, keys)
        return number

    def _keys_of(self, number: int, place: int | None, *, once: bool) -> str:
        """`once` says that each stands there once anyway."""
        name, column = f"k{number}_{place}", f"c{place}"
        found = column if once else f"DISTINCT {column}"
        there = "" if once else f" WHERE {column} IS NOT NULL"
        self._expressions[f"{name}(keys)"] = f"SELECT ARRAY(SELECT {found} FROM l{number}{there})"
        return f"(SELECT keys FROM {name})"

    def _placed(self, statement: Statement, keys: str) -> str:
        """Its text with its values counted on from those before; keys that come from rows above are none of
        them."""
        words: dict[str, str] = {}
        sent: list[Parameter] = []
        for at, each in enumerate(statement.parameters, 1):
            if not keys or each.of_keys is None:
                sent.append(each)
                words[str(at)] = f"${self._places + len(sent)}"
            else:
                words[str(at)] = each.of_keys.format(keys=keys)
        self._given.append(sent)
        self._places += len(sent)
        return PLACE.sub(lambda found: words[found[1]], statement.text)
