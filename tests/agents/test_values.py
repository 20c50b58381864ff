"""Which values leave the place of the data, and in what form."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from connectors.base import TableSample
from connectors.entries import ColumnValues, Prediction, Profile, encoded
from datawave.kit.masking import MaskMethod, ValuesLeave
from edge_agent.keys import Keys
from edge_agent.policy import Policy
from edge_agent.profiles import findings
from edge_agent.values import Leaving
from models.agents import EdgePolicy as Policied
from tests.agents.conftest import Ground, give_source

CARDS = ["4111111111111111"] * 5 + ["5500005555555559"] * 2 + [None]
SAMPLE = TableSample(
    path=("shop", "crm", "customer"),
    columns={"card_number": CARDS, "note": ["x" * 500] * 8},
    data_types={"card_number": "STRING", "note": "STRING"},
)


def leaving(leave: ValuesLeave, method: MaskMethod = MaskMethod.REDACT, *, source: str = "shop") -> Leaving:
    return Leaving.of(Policy(values_leave=leave, mask_with=method), source=source, key=b"the agent's")


def told(which: Leaving, column: str = "card_number") -> list[tuple[str, int]]:
    found = {entry.path[-1]: entry for entry in which.of_sample(SAMPLE)}
    return [(top.value, top.count) for top in found[column].top]


def test_by_default_no_value_leaves() -> None:
    for which in (Leaving(), leaving(ValuesLeave.NEVER)):
        found = findings(SAMPLE, with_labels=True, leaving=which)
        assert not any(isinstance(entry, ColumnValues) for entry in found)
        assert not any(b"4111111111111111" in encoded(entry) for entry in found)


def test_the_most_frequent_leave_with_their_counts_and_no_longer_than_they_may() -> None:
    assert told(leaving(ValuesLeave.SAMPLES)) == [("4111111111111111", 5), ("5500005555555559", 2)]
    [(note, count)] = told(leaving(ValuesLeave.SAMPLES), "note")
    assert (len(note), note[-1], count) == (200, "…", 8)


@pytest.mark.parametrize("method", MaskMethod)
def test_what_is_masked_holds_no_value(method: MaskMethod) -> None:
    entries = list(leaving(ValuesLeave.MASKED, method).of_sample(SAMPLE))
    assert {entry.masked_with for entry in entries} == {method}
    assert all(b"411111" not in encoded(entry) and b"550000" not in encoded(entry) for entry in entries)


def test_alike_once_hidden_is_counted_as_one() -> None:
    assert told(leaving(ValuesLeave.MASKED)) == [("•••", 7)]


def test_what_is_masked_of_one_source_says_nothing_of_another() -> None:
    here, there = (
        told(leaving(ValuesLeave.MASKED, MaskMethod.HASH, source=source)) for source in ("shop", "bank")
    )
    assert [value for value, _ in here] != [value for value, _ in there]
    assert here == told(leaving(ValuesLeave.MASKED, MaskMethod.HASH))


def test_values_come_after_the_labels_of_their_columns_and_not_without_them() -> None:
    found = findings(SAMPLE, with_labels=True, leaving=leaving(ValuesLeave.SAMPLES))
    kinds = [type(entry) for entry in found]
    assert kinds[0] is Profile and kinds[-1] is ColumnValues
    assert kinds.index(ColumnValues) > max(at for at, kind in enumerate(kinds) if kind is Prediction)
    assert [
        type(entry) for entry in findings(SAMPLE, with_labels=False, leaving=leaving(ValuesLeave.SAMPLES))
    ] == [Profile]


def test_a_platform_that_does_not_name_the_source_gets_no_value() -> None:
    nameless = Leaving.of(Policy(values_leave=ValuesLeave.SAMPLES), source=None, key=b"k")
    assert list(nameless.of_sample(SAMPLE)) == []


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (("SAMPLES", "REDACT"), ("NEVER", "REDACT"), ("NEVER", None)),
        (("SAMPLES", "REDACT"), ("MASKED", "PARTIAL"), ("MASKED", "PARTIAL")),
        (("MASKED", "PARTIAL"), ("SAMPLES", "REDACT"), ("MASKED", "PARTIAL")),
        (("MASKED", "PARTIAL"), ("MASKED", "HASH"), ("MASKED", "HASH")),
        (("SAMPLES", "HASH"), ("SAMPLES", "REDACT"), ("SAMPLES", None)),
        ((None, None), ("SAMPLES", "HASH"), ("NEVER", None)),
        (("ALL", "NONE"), ("SAMPLES", "HASH"), ("NEVER", None)),
        (("MASKED", "NONE"), ("SAMPLES", "HASH"), ("MASKED", "REDACT")),
    ],
    ids=str,
)
def test_of_two_policies_the_narrower_lets_values_leave(
    one: tuple[str, str], other: tuple[str, str], both: tuple[str, str | None]
) -> None:
    first, second = (Policy.of({"valuesLeave": leave, "maskWith": method}) for leave, method in (one, other))
    for found in (first.with_(second), second.with_(first)):
        assert found.values_leave.value == both[0]
        assert both[1] is None or found.mask_with.value == both[1]


async def test_a_reading_agent_is_told_the_narrower_policy_as_it_is_at_the_claim(ground: Ground) -> None:
    seat, source = await ground.agent(), await ground.source()
    await ground.run(give_source, source_id=source.id, agent_id=seat.id)
    await ground.offer("SAMPLE", source)
    await ground.add(Policied(name="Open", values_leave=ValuesLeave.SAMPLES, mask_with=MaskMethod.HASH))
    async with ground.database.connection() as connection:
        await connection.execute(
            text("UPDATE data_source SET policy_id = (SELECT id FROM edge_policy WHERE name = 'Open')")
        )
        await connection.execute(
            text(
                "UPDATE edge_policy SET values_leave = 'MASKED', mask_with = 'PARTIAL' WHERE name = 'Default'"
            )
        )
    task = await seat.claim()
    assert task is not None
    assert task.instructions["source"] == source.key
    policy = Policy.of(task.instructions["policy"])
    assert (policy.values_leave, policy.mask_with) == (ValuesLeave.MASKED, MaskMethod.PARTIAL)


def test_the_key_of_masking_is_kept_and_nobody_elses(tmp_path: object) -> None:
    from pathlib import Path

    folder = Path(str(tmp_path))
    first = Keys.make(folder / "one")
    assert first.masking() == first.masking() == Keys.locked(folder / "one").masking()
    assert first.masking() != Keys.make(folder / "other").masking()
    assert (folder / "one" / "masking.key").stat().st_mode & 0o077 == 0
