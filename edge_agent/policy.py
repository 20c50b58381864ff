"""What may be read here, and when: the data policy, kept where the data lives."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from fnmatch import translate
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from connectors.base import TableSample
from connectors.entries import Path
from datawave.kit.masking import MaskMethod, ValuesLeave, stricter

WIDTH = [ValuesLeave.NEVER, ValuesLeave.MASKED, ValuesLeave.SAMPLES]
"""The narrowest first."""


@dataclass(frozen=True, kw_only=True)
class Quiet:
    """A daily span in which nothing is read; days count from 1, Monday, and are those on which it begins."""

    begins: time
    ends: time
    zone: ZoneInfo
    days: frozenset[int] = frozenset(range(1, 8))

    def covers(self, at: datetime) -> bool:
        here = at.astimezone(self.zone)
        now, today = here.time(), here.isoweekday()
        if self.begins <= self.ends:
            return today in self.days and self.begins <= now < self.ends
        yesterday = (here - timedelta(days=1)).isoweekday()
        return (today in self.days and now >= self.begins) or (yesterday in self.days and now < self.ends)


@dataclass(frozen=True, kw_only=True)
class Policy:
    """By default profiles and labels leave, values never do. Patterns are over `schema.table` or
    `schema.table.column`, with * and ?; what is both asked for and forbidden is forbidden."""

    sample_rows: int = 200
    sample_patterns: tuple[str, ...] = ()
    further_patterns: tuple[str, ...] = ()
    """Of the other of two policies: what is sampled is asked for by both."""
    never_sample: tuple[str, ...] = ()
    max_query_seconds: float = 60.0
    quiet: tuple[Quiet, ...] = field(default=())
    values_leave: ValuesLeave = ValuesLeave.NEVER
    mask_with: MaskMethod = MaskMethod.REDACT

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Policy:
        """As the API tells it."""
        return cls(
            sample_rows=max(0, int(told.get("sampleRows", 200))),
            sample_patterns=tuple(told.get("samplePatterns") or ()),
            never_sample=tuple(told.get("neverSample") or ()),
            max_query_seconds=max(1.0, float(told.get("maxQuerySeconds", 60))),
            quiet=tuple(quiet for span in told.get("quietHours") or () if (quiet := _quiet(span))),
            values_leave=_leave(told.get("valuesLeave")),
            mask_with=_method(told.get("maskWith")),
        )

    def with_(self, other: Policy) -> Policy:
        """Both policies at once: the narrower of each."""
        return replace(
            self,
            sample_rows=min(self.sample_rows, other.sample_rows),
            sample_patterns=self.sample_patterns or other.sample_patterns,
            further_patterns=other.sample_patterns if self.sample_patterns else (),
            never_sample=(*self.never_sample, *other.never_sample),
            max_query_seconds=min(self.max_query_seconds, other.max_query_seconds),
            quiet=(*self.quiet, *other.quiet),
            values_leave=min(self.values_leave, other.values_leave, key=WIDTH.index),
            mask_with=self._masks(other),
        )

    def _masks(self, other: Policy) -> MaskMethod:
        """Of two that mask the stricter; one that does not mask has nothing to say of how."""
        if other.values_leave is not ValuesLeave.MASKED:
            return self.mask_with
        if self.values_leave is not ValuesLeave.MASKED:
            return other.mask_with
        return stricter(self.mask_with, other.mask_with) or MaskMethod.REDACT

    def is_quiet(self, at: datetime) -> bool:
        return any(quiet.covers(at) for quiet in self.quiet)

    def datasets(self, paths: Iterable[Path]) -> list[Path]:
        """Those that may be sampled."""
        if self.sample_rows == 0:
            return []
        never = _compiled(self.never_sample)
        return [
            path
            for path in paths
            if not _matches(never, path)
            and all(_matches(only, path) or _has_columns(asked, path) for asked, only in self._asked())
        ]

    def _asked(self) -> list[tuple[Sequence[str], re.Pattern[str] | None]]:
        """What is to be sampled, by whoever says so; nothing where everything may be."""
        asked = (self.sample_patterns, self.further_patterns)
        return [(patterns, _compiled(patterns)) for patterns in asked if patterns]

    def without_forbidden(self, sample: TableSample) -> TableSample:
        """The sample without the columns that may not be looked at."""
        never, asked = _compiled(self.never_sample), [only for _, only in self._asked()]
        if never is None and not asked:
            return sample
        by_column = [only for only in asked if not _matches(only, sample.path)]
        kept = [
            name
            for name in sample.columns
            if not _matches(never, (*sample.path, name))
            and all(_matches(only, (*sample.path, name)) for only in by_column)
        ]
        return replace(
            sample,
            columns={name: sample.columns[name] for name in kept},
            data_types={name: sample.data_types[name] for name in kept if name in sample.data_types},
        )


def _has_columns(patterns: Sequence[str], path: Path) -> bool:
    """Whether a pattern asks for columns of this dataset."""
    tables = [pattern.rpartition(".")[0] for pattern in patterns if pattern.count(".") >= 2]
    return _matches(_compiled(tables), path)


def _leave(told: object) -> ValuesLeave:
    """What is not known, or not said, lets nothing leave."""
    return ValuesLeave(told) if told in {each.value for each in ValuesLeave} else ValuesLeave.NEVER


def _method(told: object) -> MaskMethod:
    return MaskMethod(told) if told in {each.value for each in MaskMethod} else MaskMethod.REDACT


def _quiet(span: Mapping[str, Any]) -> Quiet | None:
    try:
        zone = ZoneInfo(str(span.get("timeZone") or "UTC"))
        begins, ends = time.fromisoformat(span["from"]), time.fromisoformat(span["to"])
    except (ZoneInfoNotFoundError, ValueError, KeyError):
        return None
    days = frozenset(int(day) for day in span.get("days") or range(1, 8))
    return Quiet(begins=begins, ends=ends, zone=zone, days=days)


def _compiled(patterns: Sequence[str]) -> re.Pattern[str] | None:
    """Brackets are letters here; case does not count."""
    if not patterns:
        return None
    return re.compile("|".join(translate(each.replace("[", "[[]")) for each in patterns), re.IGNORECASE)


def _matches(pattern: re.Pattern[str] | None, path: Path) -> bool:
    """A pattern is about the last names of a path: `crm.customer` is good for `shop.crm.customer`."""
    if pattern is None:
        return False
    return any(pattern.match(".".join(path[start:])) for start in range(len(path)))
