"""What may be read where the data lives, and when; and how entries are packed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.base import TableSample
from connectors.entries import MOST_BYTES, MOST_ENTRIES, Container, ContainerKind, encoded
from edge_agent.client import blocks
from edge_agent.outbox import Pack
from edge_agent.policy import Policy

CUSTOMER, SALARY = ("shop", "crm", "customer"), ("shop", "staff", "salary")


def test_without_patterns_everything_may_be_sampled() -> None:
    assert Policy().datasets([CUSTOMER, SALARY]) == [CUSTOMER, SALARY]


def test_what_is_forbidden_is_not_sampled() -> None:
    assert Policy(never_sample=("staff.*",)).datasets([CUSTOMER, SALARY]) == [CUSTOMER]
    assert Policy(sample_rows=0).datasets([CUSTOMER]) == []


def test_only_what_is_asked_for_is_sampled() -> None:
    assert Policy(sample_patterns=("crm.*",)).datasets([CUSTOMER, SALARY]) == [CUSTOMER]
    assert Policy(sample_patterns=("crm.customer.email",)).datasets([CUSTOMER, SALARY]) == [CUSTOMER]
    assert Policy(sample_patterns=("crm.*",), never_sample=("*customer",)).datasets([CUSTOMER]) == []


def test_forbidden_columns_are_taken_out() -> None:
    sample = TableSample(
        path=CUSTOMER,
        columns={"email": ["a"], "iban": ["b"]},
        data_types={"email": "STRING", "iban": "STRING"},
    )
    kept = Policy(never_sample=("customer.iban",)).without_forbidden(sample)
    assert (list(kept.columns), list(kept.data_types)) == (["email"], ["email"])
    only = Policy(sample_patterns=("crm.customer.iban",)).without_forbidden(sample)
    assert list(only.columns) == ["iban"]


def test_of_two_policies_the_narrower_counts() -> None:
    both = Policy(sample_rows=50, never_sample=("a.*",)).with_(Policy(sample_rows=100, never_sample=("b.*",)))
    assert (both.sample_rows, both.never_sample) == (50, ("a.*", "b.*"))


def test_of_two_that_ask_for_something_both_must() -> None:
    both = Policy(sample_patterns=("crm.*",)).with_(Policy(sample_patterns=("*customer", "*.salary")))
    assert both.datasets([CUSTOMER, SALARY, ("shop", "crm", "orders")]) == [CUSTOMER]
    one = Policy(sample_patterns=("crm.customer.email",)).with_(Policy(sample_patterns=("crm.*",)))
    sample = TableSample(path=CUSTOMER, columns={"email": ["a"], "iban": ["b"]}, data_types={})
    assert list(one.without_forbidden(sample).columns) == ["email"]
    assert one.datasets([CUSTOMER, SALARY]) == [CUSTOMER]
    for alone in (
        Policy(sample_patterns=("crm.*",)).with_(Policy()),
        Policy().with_(Policy(sample_patterns=("crm.*",))),
    ):
        assert alone.datasets([CUSTOMER, SALARY]) == [CUSTOMER]


@pytest.mark.parametrize(
    ("at", "quiet"),
    [
        (datetime(2026, 1, 5, 21, 59, tzinfo=UTC), False),
        (datetime(2026, 1, 5, 22, 0, tzinfo=UTC), True),
        (datetime(2026, 1, 6, 5, 59, tzinfo=UTC), True),
        (datetime(2026, 1, 6, 6, 0, tzinfo=UTC), False),
        (datetime(2026, 1, 6, 23, 0, tzinfo=UTC), False),
    ],
    ids=str,
)
def test_quiet_hours_go_over_midnight_on_their_days(at: datetime, quiet: bool) -> None:
    span = {"from": "22:00", "to": "06:00", "timeZone": "UTC", "days": [1]}
    assert Policy.of({"quietHours": [span]}).is_quiet(at) is quiet


def test_quiet_hours_that_make_no_sense_are_passed_over() -> None:
    assert Policy.of({"quietHours": [{"from": "x", "to": "06:00", "timeZone": "Nowhere/At_All"}]}).quiet == ()


@given(st.lists(st.text(min_size=1, max_size=1_000), max_size=60), st.integers(1, 400))
def test_packs_keep_to_the_bounds_and_lose_nothing(names: list[str], times: int) -> None:
    parts: list[bytes] = [
        encoded(Container(path=(name,), kind=ContainerKind.SCHEMA, digest="")) for name in names
    ] * times
    pack, packed = Pack(), list[bytes]()
    for part in parts[:20_000]:
        if not pack.takes(part):
            packed.append(pack.taken())
        pack.add(part)
    packed.append(pack.taken())
    read: list[list[Any]] = [orjson.loads(each) for each in packed]
    assert all(len(each) <= MOST_ENTRIES and len(orjson.dumps(each)) <= MOST_BYTES for each in read)
    assert [entry for each in read for entry in each] == [orjson.loads(part) for part in parts[:20_000]]


async def test_an_event_stream_is_read_block_by_block() -> None:
    async def lines() -> Any:
        for line in (
            ":",
            "",
            "event: next",
            'data: {"a": 1}',
            "id: c1",
            "",
            "id: c2",
            "",
            "event: complete",
            "data:",
            "",
        ):
            yield line

    found = [block async for block in blocks(lines())]
    assert found == [("", "", None), ("next", '{"a": 1}', "c1"), ("", "", "c2"), ("complete", "", "c2")]
