"""Which queries of a block were planned, and why the others were not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager

from datawave.kit import metrics


def _counts() -> Counter[str]:
    [family] = metrics.PLANS.collect()
    return Counter(
        {each.labels["reason"]: int(each.value) for each in family.samples if each.name.endswith("_total")}
    )


@contextmanager
def planning() -> Generator[Counter[str]]:
    """Filled when the block ends: the reason that the executor had to answer, or `planned`, and how often."""
    before, counted = _counts(), Counter[str]()
    yield counted
    counted.update(_counts() - before)
