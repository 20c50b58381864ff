"""Inputs as the commands take them."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any, cast
from uuid import UUID

import strawberry
from strawberry.scalars import ID

from datawave.kit.errors import ErrorCode, InputError
from datawave.kit.ids import key_of, keys_of
from schema.shapes import given
from schema.sources import ConnectorConfigInput, CredentialsInput, ScheduleInput, UpdateDataSourceInput


@contextmanager
def where_given(wanted: ConnectorConfigInput, *before: str) -> Generator[None]:
    """Refused options are told at the place where they were given: a kind's own, or `custom`."""
    try:
        yield
    except InputError as error:
        custom, place = given(wanted.custom), len(before) + 1
        if custom is not None and error.path[place : place + 1] == [custom.connector]:
            error.path[place : place + 1] = ["custom", "config"]
        raise


def config_of(given_config: ConnectorConfigInput, *before: str) -> tuple[str, dict[str, Any]]:
    """The kind and the options, with the API's own names."""
    custom = given(given_config.custom)
    if custom is not None:
        raw: Any = custom.config
        if not isinstance(raw, dict):
            raise InputError(
                ErrorCode.INVALID, "Give an object.", path=[*before, "config", "custom", "config"]
            )
        return custom.connector, cast("dict[str, Any]", raw)
    for kind in ("postgresql", "mysql", "sqlite"):
        options = given(getattr(given_config, kind))
        if options is not None:
            return kind, _options(options)
    raise InputError(ErrorCode.REQUIRED, "Say how to reach the source.", path=[*before, "config"])


def _options(options: Any) -> dict[str, Any]:
    named = {
        "timeout_seconds": "timeoutSeconds",
        "server_name": "serverName",
    }
    values = cast("dict[str, Any]", vars(options))
    return {
        named.get(name, name): _options(value) if name == "tls" else getattr(value, "value", value)
        for name, value in values.items()
        if given(value) is not None
    }


def credentials_of(given_credentials: CredentialsInput | None) -> Mapping[str, Any] | None:
    wanted = given(given_credentials)
    password = given(wanted.password) if wanted is not None else None
    return {"username": password.username, "password": password.password} if password is not None else None


def schedule_of(wanted: ScheduleInput | None) -> dict[str, Any] | None:
    if wanted is None:
        return None
    return {
        "cron": given(wanted.cron),
        "time_zone": given(wanted.time_zone),
        "enabled": given(wanted.enabled),
    }


def key_given(word: str, text: ID | None, path: str) -> UUID | None:
    return key_of(word, text, path=[path]) if given(text) and text is not None else None


def changes_of(input: UpdateDataSourceInput) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for name in ("name", "description"):
        if getattr(input, name) is not strawberry.UNSET:
            changes[name] = getattr(input, name)
    if changes.get("name", "") is None:
        raise InputError(ErrorCode.REQUIRED, "A source has a name.", path=["name"])
    if given(input.config) is not None and input.config is not None:
        changes["config"] = config_of(input.config)[1]
    if given(input.workspace_id):
        changes["workspace_id"] = key_given("workspace", input.workspace_id, "workspaceId")
    if input.policy_id is not strawberry.UNSET:
        changes["policy_id"] = key_given("policy", input.policy_id, "policyId")
    if (agent_ids := given(input.agent_ids)) is not None:
        changes["agent_ids"] = keys_of("agent", agent_ids, path=["agentIds"])
    if input.discovery_schedule is not strawberry.UNSET:
        changes["schedule"] = schedule_of(input.discovery_schedule)
    return changes
