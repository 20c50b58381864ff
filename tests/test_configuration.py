"""The settings in force, in the API: their values, what is doubtful about them, what they turn on."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from auth.sessions import Lifetimes
from datawave.app.processes import lifetimes, limits, serving
from datawave.settings import Settings, load
from tests import furnished, servers
from tests.client import Answer
from tests.fixtures.api import house_at
from tests.test_identity import code

CONFIGURATION = """{ configuration {
  profile settings { key problem } problems { key problem } features { name state reason } } }"""


def read(monkeypatch: pytest.MonkeyPatch, **values: str) -> Settings:
    elsewhere = {"database_url": "postgresql://a:b@127.0.0.1/c", "redis_url": "redis://127.0.0.1/0"}
    for name, value in {**elsewhere, **values}.items():
        monkeypatch.setenv(f"DATAWAVE_{name.upper()}", value)
    return load(_env_file=None)


async def configuration(valkey: servers.ValkeySpace, settings: Settings) -> Answer:
    extras = serving(settings).extras
    async with furnished.fresh_database() as url, house_at(url, valkey, extras=extras) as house:
        admin = await house.as_admin()
        found = (await admin.data(CONFIGURATION))["configuration"]
        await admin.close()
        return found


def by(name: str, found: list[Answer]) -> dict[str, Any]:
    return {each[name]: each for each in found}


async def test_features_are_as_their_parts_are_and_as_settings_say(
    valkey: servers.ValkeySpace, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = await configuration(valkey, read(monkeypatch, demo="0", sample_rows="0", profile="test"))
    assert found["problems"] == []
    told = by("name", found["features"])
    assert [told[each]["state"] for each in ("live_streams", "events", "credentials_vault")] == [
        "HEALTHY"
    ] * 3
    for off in ("demo", "sampling", "event_retention"):
        assert (
            told[off]["state"] == "UNKNOWN"
            and f"DATAWAVE_{off.split('_')[0].upper()}"[:14] in told[off]["reason"]
        )
    assert told["sources_at_private_addresses"] == {
        "name": "sources_at_private_addresses", "state": "HEALTHY", "reason": None
    }  # fmt: skip


async def test_a_doubtful_setting_says_why(
    valkey: servers.ValkeySpace, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = read(
        monkeypatch,
        host="0.0.0.0",
        limit_body_bytes="1000",
        former_secret_key="f" * 40,
        secret_key="k" * 40,
        admin_password="planted",
    )
    found = await configuration(valkey, settings)
    problems = {each["key"]: each["problem"] for each in found["problems"]}
    assert {each["key"]: each["problem"] for each in found["settings"] if each["problem"]} == problems
    assert "production" in problems["host"] and "https://" in problems["public_url"]
    assert "DATAWAVE_LIMIT_BODY_BYTES" in problems["limit_document_bytes"]
    assert "datawave migrate" in problems["former_secret_key"]
    assert "at least 12" in problems["admin_password"] and "planted" not in str(found)
    assert "secret_key" not in problems


async def test_pages_are_as_long_as_the_setting_says(
    valkey: servers.ValkeySpace, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = serving(read(monkeypatch, limit_page_size="60"))
    async with (
        furnished.fresh_database() as url,
        house_at(url, valkey, page_size=settings.page_size) as house,
    ):
        admin = await house.as_admin()
        assert (await admin.data("{ users(first: 60) { nodes { id } } }"))["users"]["nodes"]
        for document in ("{ users(first: 61) { nodes { id } } }", "{ tags(first: 61) { nodes { id } } }"):
            refused = await admin.ask(document)
            assert code(refused) == "INVALID" and "1 and 60" in refused["errors"][0]["message"]
        await admin.close()


def test_limits_of_header_lines_are_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    found = limits(read(monkeypatch, limit_header_bytes="2000", limit_header_seconds="0.5"))
    assert (found.header_bytes, found.header_seconds) == (2_000, 0.5)


def test_how_long_signing_in_lasts_is_said_by_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = lifetimes(read(monkeypatch))
    assert usual == Lifetimes()
    said = {"session_idle_hours": "0.5", "session_days": "7", "refresh_idle_days": "2", "refresh_days": "3"}
    found = lifetimes(read(monkeypatch, **said, signing_key_days="14"))
    assert (found.idle, found.longest) == (timedelta(minutes=30), timedelta(days=7))
    assert (found.refresh_idle, found.refresh_longest) == (timedelta(days=2), timedelta(days=3))
    assert found.signing_key == timedelta(days=14)
