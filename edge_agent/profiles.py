"""From sampled rows to what may leave: profiles and labels, never values."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.base import TableSample
from connectors.entries import Entry
from domain.classifiers import ColumnSample, classify, profile


def findings(sample: TableSample, *, with_labels: bool) -> list[Entry]:
    """The profile of a sampled dataset, and the labels of its columns. Computes: to be called beside the
    loop."""
    found: list[Entry] = [profile(sample)]
    if with_labels:
        found.extend(prediction for column in classify(_columns(sample)) for prediction in column)
    return found


def _columns(sample: TableSample) -> Sequence[ColumnSample]:
    return [
        ColumnSample(
            path=(*sample.path, name),
            name=name,
            table=sample.path[-1],
            data_type=sample.data_types.get(name),
            values=values,
        )
        for name, values in sample.columns.items()
    ]
