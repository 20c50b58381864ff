"""The most frequent values of sampled columns, where the policy lets them leave: hidden here, before anything
is spooled or sent, as the policy says."""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from connectors.base import TableSample
from connectors.entries import MOST_VALUES, ColumnValues, TopValue
from datawave.kit.masking import MaskMethod, ValuesLeave, cut, masked
from edge_agent.policy import Policy


@dataclass(frozen=True, kw_only=True)
class Leaving:
    """How values leave this place: not at all, hidden by a method under a key, or as they are."""

    values: ValuesLeave = ValuesLeave.NEVER
    method: MaskMethod = MaskMethod.REDACT
    key: bytes = b""

    @classmethod
    def of(cls, policy: Policy, *, source: str | None, key: bytes) -> Leaving:
        """The key is this source's alone: what is masked of one source says nothing of another's. Of a source
        that the platform does not name, no value leaves."""
        if source is None:
            return NOTHING
        own = hmac.digest(key, f"values:{source}".encode(), "sha256")
        return cls(values=policy.values_leave, method=policy.mask_with, key=own)

    def of_sample(self, sample: TableSample) -> Iterator[ColumnValues]:
        """What may leave of a sampled dataset, column by column."""
        if self.values is ValuesLeave.NEVER:
            return
        for name, values in sample.columns.items():
            if top := self._top(values):
                yield ColumnValues(path=(*sample.path, name), top=top, masked_with=self._masked_with)

    @property
    def _masked_with(self) -> MaskMethod | None:
        return self.method if self.values is ValuesLeave.MASKED else None

    def _top(self, values: Sequence[str | None]) -> tuple[TopValue, ...]:
        """The most frequent first; what looks alike once it is hidden is counted as one."""
        found = Counter(value for value in values if value is not None).most_common(MOST_VALUES)
        told: Counter[str] = Counter()
        for value, count in found:
            told[self._told(value)] += count
        return tuple(TopValue(value=value, count=count) for value, count in told.most_common())

    def _told(self, value: str) -> str:
        method = self._masked_with
        return cut(value if method is None else masked(value, method, self.key))


NOTHING = Leaving()
