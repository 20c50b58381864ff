"""From sampled rows to what may leave: profiles and labels, and values as far as the policy says."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.base import TableSample
from connectors.entries import Entry
from domain.classifiers import ColumnSample, classify, profile
from edge_agent.values import NOTHING, Leaving


def findings(sample: TableSample, *, with_labels: bool, leaving: Leaving = NOTHING) -> list[Entry]:
    """The profile of a sampled dataset, the labels of its columns, and then what may leave of their values.
    Computes: to be called beside the loop.

    In this order, and values only together with labels: the labels of a column say who may see its values,
    so they are never behind them."""
    found: list[Entry] = [profile(sample)]
    if with_labels:
        found.extend(prediction for column in classify(_columns(sample)) for prediction in column)
        found.extend(leaving.of_sample(sample))
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
