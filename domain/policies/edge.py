"""Policies of what agents may read and send: made, changed, taken back. A narrower one counts at once, for
what is kept and for what is on its way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import time
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import ColumnElement, exists, or_, select

from auth.permissions import Permission
from datawave.kit.commands import Tx, command
from datawave.kit.database import UNWRITABLE
from datawave.kit.errors import ConflictError, ErrorCode, InputError, invalid
from datawave.kit.masking import MaskMethod, ValuesLeave
from domain import agents
from domain.policies.events import EdgePolicyRemoved, EdgePolicySaved
from domain.policies.values import forget_forbidden
from domain.workspaces import checked_name
from models.agents import AgentCapability, AgentTask, EdgeAgent, EdgePolicy
from models.sources import DataSource

MOST_PATTERNS = 500
MOST_SPANS = 20
MOST_ROWS = 10_000
LONGEST_QUERY = 3_600


@command(needs=Permission.POLICY_MANAGE)
async def save_edge_policy(
    tx: Tx,
    *,
    name: str,
    policy_id: UUID | None = None,
    version: int | None = None,
    sample_rows: int | None = None,
    sample_patterns: Sequence[str] | None = None,
    never_sample: Sequence[str] | None = None,
    values_leave: ValuesLeave | None = None,
    mask_with: MaskMethod | None = None,
    max_query_seconds: int | None = None,
    quiet_hours: Sequence[Mapping[str, Any]] | None = None,
) -> EdgePolicy:
    """Makes a policy or changes one; what is not said stays as it is, or as it is by default."""
    asked = {
        "sample_rows": _within(sample_rows, 0, MOST_ROWS, path="sampleRows"),
        "sample_patterns": _patterns(sample_patterns, path="samplePatterns"),
        "never_sample": _patterns(never_sample, path="neverSample"),
        "values_leave": values_leave,
        "mask_with": mask_with,
        "max_query_seconds": _within(max_query_seconds, 1, LONGEST_QUERY, path="maxQuerySeconds"),
        "quiet_hours": _spans(quiet_hours),
    }
    given = {field: value for field, value in asked.items() if value is not None}
    name = checked_name(name)
    if policy_id is None:
        await _refuse_taken_name(tx, name, None)
        policy = await tx.add(EdgePolicy(**{**NEW, **given}, name=name))
        tx.undone_by(remove_edge_policy, policy_id=policy.id)
    else:
        policy = await _changed(tx, policy_id, version, name, given)
    tx.emit(
        EdgePolicySaved(
            policy_id=policy.id,
            name=name,
            values_leave=policy.values_leave.value,
            agent_ids=list(await tx.session.scalars(select(EdgeAgent.id).where(_of_agent(policy)))),
        )
    )
    return policy


NEW: dict[str, Any] = {
    "sample_rows": 200,
    "sample_patterns": [],
    "never_sample": [],
    "values_leave": ValuesLeave.NEVER,
    "mask_with": MaskMethod.REDACT,
    "max_query_seconds": 60,
    "quiet_hours": [],
}


async def _changed(
    tx: Tx, policy_id: UUID, version: int | None, name: str, given: Mapping[str, Any]
) -> EdgePolicy:
    policy = await tx.get(EdgePolicy, policy_id, version=version)
    if policy.name == agents.DEFAULT_POLICY and name != policy.name:
        raise invalid(
            "The policy of agents and sources that have none of their own keeps its name.",
            path=["name"],
            expected=agents.DEFAULT_POLICY,
        )
    await _refuse_taken_name(tx, name, policy.id)
    before = {field: getattr(policy, field) for field in NEW}
    tx.undone_by(save_edge_policy, policy_id=policy.id, name=policy.name, **before)
    policy.name = name
    for field, value in given.items():
        setattr(policy, field, value)
    await tx.session.flush()
    await sample_anew(tx, or_(_task_of_agent(policy), _task_of_source(policy)))
    await forget_forbidden(tx)
    return policy


@command(needs=Permission.POLICY_MANAGE)
async def remove_edge_policy(tx: Tx, *, policy_id: UUID) -> None:
    """Takes back the making of a policy that nobody goes by yet."""
    policy = await tx.get(EdgePolicy, policy_id)
    used = or_(
        exists().where(EdgeAgent.policy_id == policy.id), exists().where(DataSource.policy_id == policy.id)
    )
    if await tx.session.scalar(select(used)):
        raise ConflictError(
            ErrorCode.WRONG_STATE,
            f"Agents or sources go by the policy “{policy.name}”; give them another one first.",
            path=["id"],
            current=("policy", policy.id),
        )
    kept = {field: getattr(policy, field) for field in NEW}
    tx.undone_by(restore_edge_policy, policy_id=policy.id, name=policy.name, settings=kept)
    await tx.session.delete(policy)
    tx.emit(EdgePolicyRemoved(policy_id=policy_id, name=policy.name))


@command(needs=Permission.POLICY_MANAGE)
async def restore_edge_policy(
    tx: Tx, *, policy_id: UUID, name: str, settings: Mapping[str, Any]
) -> EdgePolicy:
    """The policy again, under its own id."""
    await _refuse_taken_name(tx, name, None)
    policy = await tx.add(EdgePolicy(**{**settings, "id": policy_id, "name": name}))
    tx.undone_by(remove_edge_policy, policy_id=policy.id)
    tx.emit(
        EdgePolicySaved(policy_id=policy.id, name=name, values_leave=str(policy.values_leave), agent_ids=[])
    )
    return policy


async def policy_of_source_changed(tx: Tx, source: DataSource) -> None:
    """Within a command: the source goes by another policy from now on."""
    await tx.session.flush()
    await sample_anew(tx, AgentTask.source_id == source.id)
    await forget_forbidden(tx, source_id=source.id)


async def sample_anew(tx: Tx, where: ColumnElement[bool]) -> None:
    """Who is sampling under a policy that no longer counts stops; whoever takes the task next is told of the
    one that does. Else what they send would be refused."""
    task = AgentTask
    under_way = (
        select(task)
        .where(task.kind == AgentCapability.SAMPLE, task.state.in_(agents.HELD), where)
        .order_by(task.id)
        .with_for_update()
    )
    for each in (await tx.session.scalars(under_way)).all():
        await agents.offer_again(tx, each)


def _of_agent(policy: EdgePolicy) -> ColumnElement[bool]:
    own = EdgeAgent.policy_id == policy.id
    is_default = policy.name == agents.DEFAULT_POLICY
    return or_(own, EdgeAgent.policy_id.is_(None)) if is_default else own


def _task_of_agent(policy: EdgePolicy) -> ColumnElement[bool]:
    return AgentTask.agent_id.in_(select(EdgeAgent.id).where(_of_agent(policy)))


def _task_of_source(policy: EdgePolicy) -> ColumnElement[bool]:
    own = DataSource.policy_id == policy.id
    is_default = policy.name == agents.DEFAULT_POLICY
    of = or_(own, DataSource.policy_id.is_(None)) if is_default else own
    return AgentTask.source_id.in_(select(DataSource.id).where(of))


async def _refuse_taken_name(tx: Tx, name: str, own: UUID | None) -> None:
    taken = await tx.session.scalar(select(EdgePolicy.id).where(EdgePolicy.name == name))
    if taken is not None and taken != own:
        raise InputError(
            ErrorCode.ALREADY_EXISTS, f"A policy named “{name}” exists; choose another name.", path=["name"]
        )


def _within(number: int | None, least: int, most: int, *, path: str) -> int | None:
    if number is not None and not least <= number <= most:
        raise invalid(f"This is a number from {least} to {most:,}.", path=[path])
    return number


def _patterns(patterns: Sequence[str] | None, *, path: str) -> list[str] | None:
    if patterns is None:
        return None
    if len(patterns) > MOST_PATTERNS:
        raise invalid(f"There are at most {MOST_PATTERNS} patterns.", path=[path])
    for at, pattern in enumerate(patterns):
        if not 0 < len(pattern) <= 300 or UNWRITABLE.search(pattern):
            raise invalid(
                "A pattern has 1 to 300 characters, none of them NUL.",
                path=[path, str(at)],
                expected="schema.table or schema.table.column, with * and ?",
            )
    return list(patterns)


def _spans(spans: Sequence[Mapping[str, Any]] | None) -> list[dict[str, Any]] | None:
    if spans is None:
        return None
    if len(spans) > MOST_SPANS:
        raise invalid(f"There are at most {MOST_SPANS} spans of quiet.", path=["quietHours"])
    return [_span(span, at) for at, span in enumerate(spans)]


def _span(span: Mapping[str, Any], at: int) -> dict[str, Any]:
    days = sorted(set(span["days"]))
    if not days or days[0] < 1 or days[-1] > 7:
        raise invalid("Days count from 1, Monday, to 7.", path=["quietHours", str(at), "days"])
    return {
        "from": _hour(span["from"], at, "from"),
        "to": _hour(span["to"], at, "to"),
        "timeZone": _zone(span["timeZone"], at),
        "days": days,
    }


def _hour(told: str, at: int, field: str) -> str:
    try:
        return time.fromisoformat(told).strftime("%H:%M")
    except ValueError:
        raise invalid(
            "This is no time of day.", path=["quietHours", str(at), field], expected="22:00"
        ) from None


def _zone(name: str, at: int) -> str:
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise invalid(
            "There is no such time zone.",
            path=["quietHours", str(at), "timeZone"],
            expected="a name such as Europe/Berlin",
        ) from None
