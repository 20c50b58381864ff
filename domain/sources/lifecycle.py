"""Sources made, changed, ended and brought back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

from sqlalchemy import select

from auth.permissions import Permission
from datawave.kit.commands import Tx, command
from datawave.kit.errors import ConflictError, ErrorCode, InputError, forbidden, not_found
from datawave.kit.ids import global_id
from domain import agents
from domain.catalog import archive
from domain.discovery.runs import cancel_open_run
from domain.discovery.starting import begin
from domain.policies import edge, rules, values
from domain.sources import schedules
from domain.sources.checks import (
    checked_options,
    checked_text,
    free_key,
    opened,
    refuse_taken_name,
    workspace_of,
)
from domain.sources.credentials import first_version
from domain.sources.events import (
    SourceChanged,
    SourceCreated,
    SourceDecommissioned,
    SourceRecommissioned,
)
from domain.sources.health import watch
from domain.sources.states import refuse_ended
from domain.workspaces import checked_name, refuse_archived
from models.agents import AgentSource, EdgePolicy
from models.discovery import DiscoveryMode
from models.sources import ConnectionTest, DataSource, HealthState, SourceState
from models.workspaces import Workspace

TEST_COUNTS_FOR = timedelta(minutes=10)
"""A change of configuration stands on a successful test of it that is no older."""


@command(needs=Permission.DATASOURCE_CREATE)
async def create_source(
    tx: Tx,
    *,
    name: str,
    kind: str,
    config: Mapping[str, Any],
    key: str | None = None,
    description: str | None = None,
    workspace_id: UUID | None = None,
    credentials: Mapping[str, Any] | None = None,
    policy_id: UUID | None = None,
    agent_ids: Sequence[UUID] | None = None,
    discover_now: bool = False,
    schedule: Mapping[str, Any] | None = None,
) -> DataSource:
    """Configures a source; its credentials go to the vault at once."""
    name = checked_name(name)
    description = checked_text(description, path="description")
    options = checked_options(kind, config)
    sealed = opened(credentials) if credentials is not None else None
    workspace = await workspace_of(tx, workspace_id)
    await refuse_taken_name(tx, workspace.id, name)
    source = await tx.add(
        DataSource(
            workspace_id=workspace.id,
            key=await free_key(tx, key, name),
            name=name,
            description=description,
            kind=kind,
            config=options,
            policy_id=await _policy(tx, policy_id),
        )
    )
    if sealed is not None:
        await first_version(tx, source, sealed)
    await assign_agents(tx, source, agent_ids)
    if schedule is not None:
        await schedules.set_schedule(tx, source, schedule)
    tx.emit(
        SourceCreated(source_id=source.id, workspace_id=workspace.id, name=name, key=source.key, kind=kind)
    )
    await watch(tx, source)
    if discover_now:
        _needs_on(tx, source, Permission.DATASOURCE_DISCOVER)
        await begin(tx, source, mode=DiscoveryMode.INCREMENTAL)
    tx.undone_by(decommission_source, source_id=source.id, keep_catalog=False)
    return source


def _needs_on(tx: Tx, source: DataSource, permission: Permission) -> None:
    if not tx.viewer.rights.on(permission, workspace_id=source.workspace_id, source_id=source.id):
        raise forbidden(permission, resource_id=global_id("source", source.id))


async def _policy(tx: Tx, policy_id: UUID | None) -> UUID | None:
    if policy_id is not None and await tx.session.get(EdgePolicy, policy_id) is None:
        raise not_found("policy", path=["policyId"])
    return policy_id


async def assign_agents(tx: Tx, source: DataSource, agent_ids: Sequence[UUID] | None) -> None:
    """Gives the source to these agents and no others; to the built-in one where none is named."""
    if agent_ids is None:
        await agents.assign_source_by_default(tx, source.id)
        return
    await agents.release_source(tx, source.id, but=agent_ids)
    for agent_id in agent_ids:
        await agents.assign_source(tx, agent_id, source.id)


@command(needs=Permission.DATASOURCE_UPDATE)
async def update_source(
    tx: Tx,
    *,
    source_id: UUID,
    version: int | None = None,
    changes: Mapping[str, Any],
    test_id: UUID | None = None,
) -> DataSource:
    """Changes what `changes` names: name, description, workspace_id, config, policy_id, agent_ids, schedule.
    A new configuration counts only with a successful test of it (`test_id`)."""
    source = await tx.get(DataSource, source_id, version=version)
    refuse_ended(source)
    before: dict[str, Any] = {}
    if "name" in changes or "workspace_id" in changes:
        await _name_and_place(tx, source, changes, before)
    if "description" in changes:
        before["description"] = source.description
        source.description = checked_text(changes["description"], path="description")
    if "config" in changes:
        before["config"] = source.config
        source.config = await _tested_config(tx, source, changes["config"], test_id)
    if "policy_id" in changes:
        before["policy_id"] = source.policy_id
        source.policy_id = await _policy(tx, _uuid(changes["policy_id"]))
        await edge.policy_of_source_changed(tx, source)
    if "agent_ids" in changes:
        before["agent_ids"] = await agents_of(tx, source)
        await assign_agents(tx, source, [_needed(_uuid(each)) for each in changes["agent_ids"]])
    if "schedule" in changes:
        before["schedule"] = await schedules.set_schedule(tx, source, changes["schedule"])
    if {"config", "agent_ids"} & before.keys():
        await watch(tx, source)
    tx.undone_by(update_source, source_id=source.id, changes=before)
    told = [
        {"field": field, "before": _said(value), "after": _said(changes[field])}
        for field, value in before.items()
    ]
    tx.emit(SourceChanged(source_id=source.id, workspace_id=source.workspace_id, changes=told))
    return source


async def _name_and_place(
    tx: Tx, source: DataSource, changes: Mapping[str, Any], before: dict[str, Any]
) -> None:
    name = checked_name(changes["name"]) if "name" in changes else source.name
    workspace_id = _uuid(changes.get("workspace_id")) or source.workspace_id
    if workspace_id != source.workspace_id:
        await tx.within(Workspace, workspace_id, path=["workspaceId"])
        await refuse_archived(tx, workspace_id, path=["workspaceId"])
        before["workspace_id"] = source.workspace_id
        await rules.source_moved(tx, source.id, workspace_id)
    if name != source.name:
        before["name"] = source.name
    await refuse_taken_name(tx, workspace_id, name, source.id)
    source.name, source.workspace_id = name, workspace_id


async def _tested_config(
    tx: Tx, source: DataSource, config: Mapping[str, Any], test_id: UUID | None
) -> dict[str, Any]:
    """Undo and redo put back what counted before; everything else must have been tried first."""
    if tx.undoes is not None:
        return dict(config)
    options = checked_options(source.kind, config)
    test = await tx.session.get(ConnectionTest, test_id) if test_id else None
    if (
        test is None
        or not test.ok
        or test.source_id != source.id
        or tx.now - test.tested_at > TEST_COUNTS_FOR
    ):
        raise InputError(
            ErrorCode.CONNECTION_FAILED,
            "The new configuration was not tried with success; the former one stays in force.",
            path=["config"],
        )
    return options


async def agents_of(tx: Tx, source: DataSource) -> list[UUID]:
    found = await tx.session.scalars(select(AgentSource.agent_id).where(AgentSource.source_id == source.id))
    return list(found.all())


@command(needs=Permission.DATASOURCE_DELETE)
async def decommission_source(
    tx: Tx,
    *,
    source_id: UUID,
    version: int | None = None,
    keep_catalog: bool = True,
    reason: str | None = None,
    grace_days: int = 7,
) -> DataSource:
    """Ends a source at once; for the days of grace undo brings all of it back."""
    source = await tx.get(DataSource, source_id, version=version)
    refuse_ended(source)
    await cancel_open_run(tx, source, reason="The source was decommissioned.")
    await agents.cancel_tasks_of(tx, source_id=source.id)
    before = source.state
    source.state_before = SourceState.GOVERNED if before is SourceState.DISCOVERING else before
    source.state = SourceState.DECOMMISSIONED
    source.decommissioned_at = tx.now
    source.destroy_after = tx.now + timedelta(days=grace_days)
    source.keep_catalog = keep_catalog
    await values.forget_source(tx, source.id)
    archived = await archive.archive(tx, source)
    tx.counts(archived=archived, reason=reason)
    tx.undone_by(recommission_source, source_id=source.id)
    tx.emit(
        SourceDecommissioned(source_id=source.id, workspace_id=source.workspace_id, keep_catalog=keep_catalog)
    )
    return source


@command(needs=Permission.DATASOURCE_DELETE)
async def recommission_source(tx: Tx, *, source_id: UUID, version: int | None = None) -> DataSource:
    """Takes a decommissioning back, while its secrets are still there."""
    source = await tx.get(DataSource, source_id, version=version)
    if source.state is not SourceState.DECOMMISSIONED:
        raise ConflictError(
            ErrorCode.WRONG_STATE, "This source is not decommissioned.", current=("source", source.id)
        )
    if source.destroyed_at is not None:
        raise ConflictError(
            ErrorCode.NOT_REVERSIBLE,
            "The days of grace are over: the secrets of this source were destroyed. Configure it anew.",
            current=("source", source.id),
        )
    await refuse_archived(tx, source.workspace_id, path=["id"])
    await refuse_taken_name(tx, source.workspace_id, source.name, source.id)
    source.state = source.state_before or SourceState.CONFIGURED
    source.state_before = source.decommissioned_at = source.destroy_after = None
    source.health_state = HealthState.UNKNOWN
    await archive.unarchive(tx, source)
    await watch(tx, source)
    tx.undone_by(decommission_source, source_id=source.id, keep_catalog=source.keep_catalog)
    tx.emit(SourceRecommissioned(source_id=source.id, workspace_id=source.workspace_id))
    return source


def _uuid(value: Any) -> UUID | None:
    return value if value is None or isinstance(value, UUID) else UUID(str(value))


def _needed(value: UUID | None) -> UUID:
    if value is None:
        raise InputError(ErrorCode.REQUIRED, "An id is missing.", path=["agentIds"])
    return value


def _said(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [str(each) for each in cast("Sequence[Any]", value)]
    return value
