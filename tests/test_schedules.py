"""Discoveries by themselves: a cron expression in a time zone, turned into a run once when due."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from domain.sources.schedules import next_time
from tests.client import Client
from tests.factories import documents
from tests.factories.sources import Make, postgresql_of
from tests.fixtures.clock import HouseClock

SCHEDULES = """
query ($key: String!) {
  dataSource(key: $key) {
    version
    schedules { cron timeZone enabled nextAt }
    discoveries(first: 10) { nodes { id startedBy { displayName } } }
  }
}
"""
QUARTERS = {"cron": "*/15 * * * *"}


async def scheduled(api: Client) -> tuple[list[Any], int]:
    found = (await api.data(SCHEDULES, key="shop"))["dataSource"]
    return found["schedules"], len(found["discoveries"]["nodes"])


async def test_a_due_schedule_starts_one_discovery_and_no_second_while_it_runs(
    api: Client, make: Make, house_clock: HouseClock
) -> None:
    await make.source(await make.postgresql(""), key="shop", discoverySchedule=QUARTERS)
    [[schedule], runs] = await scheduled(api)
    assert (schedule["cron"], schedule["timeZone"], schedule["enabled"], runs) == (
        "*/15 * * * *",
        "UTC",
        True,
        0,
    )
    await house_clock.shift(seconds=901)
    await house_clock.do("start_due")
    await house_clock.do("start_due")
    [[later], runs] = await scheduled(api)
    assert runs == 1 and later["nextAt"] > schedule["nextAt"]
    await house_clock.shift(seconds=900)
    await house_clock.do("start_due")
    assert (await scheduled(api))[1] == 1


async def test_a_schedule_is_changed_paused_and_ended(
    api: Client, make: Make, house_clock: HouseClock
) -> None:
    made = await make.source(await make.postgresql(""), key="shop")

    async def change(schedule: Any) -> str:
        version = (await api.data(SCHEDULES, key="shop"))["dataSource"]["version"]
        wanted = {"id": made["id"], "version": version, "discoverySchedule": schedule}
        return str((await api.done(documents.UPDATE, input=wanted))["trackingId"])

    await change({"cron": "30 2 * * 1", "timeZone": "Europe/Berlin"})
    paused = await change({"cron": "30 2 * * 1", "timeZone": "Europe/Berlin", "enabled": False})
    [[schedule], _] = await scheduled(api)
    assert (schedule["enabled"], schedule["nextAt"]) == (False, None)
    await api.done(documents.UNDO, input={"commandId": paused})
    [[schedule], _] = await scheduled(api)
    assert schedule["enabled"] and schedule["nextAt"]
    await change(None)
    assert await scheduled(api) == ([], 0)


@pytest.mark.parametrize(
    ("schedule", "field"),
    [
        ({"cron": "every day"}, "cron"),
        ({"cron": "61 * * * *"}, "cron"),
        ({"cron": "0 0 30 2 *"}, "cron"),
        ({"cron": ""}, "cron"),
        ({"cron": "* * * * *" * 1_000}, "cron"),
        ({"cron": "0 0 * * *", "timeZone": "Mars/Olympus"}, "timeZone"),
        ({"cron": "0 0 * * *", "timeZone": "../../etc/passwd"}, "timeZone"),
        ({"cron": "0 0 * * *", "timeZone": "a\x00b"}, "timeZone"),
    ],
)
async def test_a_schedule_that_never_comes_due_is_refused_at_its_field(
    api: Client, make: Make, schedule: dict[str, str], field: str
) -> None:
    at = await make.postgresql("")
    payload = await make.answer({"postgresql": postgresql_of(at)}, discoverySchedule=schedule)
    [error] = payload["errors"]
    assert (error["code"], error["path"]) == ("INVALID", ["discoverySchedule", field])


def test_the_clock_on_the_wall_decides_when_summer_time_begins_and_ends() -> None:
    def after(*when: int) -> datetime:
        return next_time("30 2 * * *", "Europe/Berlin", datetime(*when, tzinfo=UTC))  # type: ignore[arg-type]

    assert after(2026, 1, 10, 12) == datetime(2026, 1, 11, 1, 30, tzinfo=UTC)
    assert after(2026, 7, 10, 12) == datetime(2026, 7, 11, 0, 30, tzinfo=UTC)
    assert after(2026, 3, 28, 12) == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
