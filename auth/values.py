"""Who is told which sampled values: one pure decision for one column.

A rule counts for a column that carries one of its labels in a state that it names, within its scope. Where
the viewer holds its permission on the column it asks nothing; of those that ask something the strictest wins.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from datawave.kit.access import Rights
from datawave.kit.masking import STRICTNESS, MaskMethod, masked, stricter
from models.classification import Severity
from models.lineage import ReviewState

Value = tuple[str, int]
"""A value, and how often it was seen."""

BY_SENSITIVITY = list(Severity)
"""The least first."""


@dataclass(frozen=True, kw_only=True)
class Carried:
    """A label that a column carries, or what it is in."""

    label: UUID
    sensitivity: Severity
    state: ReviewState


@dataclass(frozen=True, kw_only=True)
class Rule:
    """`method` is how values are hidden from who has not the permission; None: nothing of them is told."""

    permission: str
    method: MaskMethod | None
    labels: frozenset[UUID] = frozenset()
    """With all that is beneath them in the taxonomy; none: whatever label."""
    least: Severity | None = None
    states: frozenset[ReviewState] = frozenset({ReviewState.SUGGESTED, ReviewState.ACCEPTED})
    workspace_id: UUID | None = None
    source_id: UUID | None = None

    def is_of(self, column: Column) -> bool:
        return self._reaches(column) and any(self._counts(label) for label in column.labels)

    def _reaches(self, column: Column) -> bool:
        if self.source_id is not None:
            return self.source_id == column.source_id
        return self.workspace_id is None or self.workspace_id == column.workspace_id

    def _counts(self, label: Carried) -> bool:
        return (
            label.state in self.states
            and (not self.labels or label.label in self.labels)
            and (self.least is None or _place(label.sensitivity) >= _place(self.least))
        )


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column, where it is, and what it is taken to be."""

    source_id: UUID
    workspace_id: UUID
    labels: Sequence[Carried] = ()


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What is told. `values` is None where a rule hides them. `under` are the permissions by which values are
    told as they are that others are not told: such a reading is put on record."""

    values: Sequence[Value] | None
    masked_with: MaskMethod | None = None
    under: frozenset[str] = field(default=frozenset())


def shown(
    values: Sequence[Value],
    column: Column,
    rules: Iterable[Rule],
    rights: Rights,
    *,
    masked_with: MaskMethod | None = None,
    key: bytes,
) -> Shown:
    """What the viewer is told of a column's values, which may have been hidden before they left their
    place."""
    asking = [rule for rule in rules if rule.is_of(column)]
    refusing = [rule for rule in asking if not _holds(rights, rule, column)]
    if any(rule.method is None for rule in refusing):
        return Shown(values=None)
    method: MaskMethod | None = None
    for rule in refusing:
        method = stricter(method, rule.method)
    if STRICTNESS[method] > STRICTNESS[masked_with]:
        assert method is not None, "nothing is stricter than what is hidden already"
        return Shown(values=_masked(values, method, key), masked_with=method)
    under = frozenset(rule.permission for rule in asking) if masked_with is None else frozenset[str]()
    return Shown(values=values, masked_with=masked_with, under=under)


def _holds(rights: Rights, rule: Rule, column: Column) -> bool:
    return rights.on(rule.permission, workspace_id=column.workspace_id, source_id=column.source_id)


def _masked(values: Sequence[Value], method: MaskMethod, key: bytes) -> list[Value]:
    """What looks alike once it is hidden is counted as one."""
    told: dict[str, int] = {}
    for value, count in values:
        hidden = masked(value, method, key)
        told[hidden] = told.get(hidden, 0) + count
    return sorted(told.items(), key=lambda each: -each[1])


def _place(sensitivity: Severity) -> int:
    return BY_SENSITIVITY.index(sensitivity)
