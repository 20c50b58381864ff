"""Who acts as an agent, the built-in agent's certificate, and which agent reads which source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, ScalarSelect, delete, exists, select, text, update
from sqlalchemy.dialects.postgresql import insert

from auth.certificates import certify
from auth.permissions import Permission
from datawave.kit.commands import Tx, command, result
from datawave.kit.errors import ConflictError, ErrorCode, InputError, forbidden, invalid, not_found
from domain.agents.events import AgentEnrolled, CertificatesRevoked, SourceAssigned
from domain.agents.offering import HELD, offer_again, offered
from models.agents import (
    AgentCapability,
    AgentKind,
    AgentSource,
    AgentState,
    AgentTask,
    Authority,
    Certificate,
    EdgeAgent,
    EdgePolicy,
    TaskState,
)
from models.identity import Grant, Role
from models.sources import DataSource, SourceState

T = TypeVar("T")

BUILT_IN = "builtIn"
"""The label of agents that run beside a worker: sources that name no agent are theirs."""

ROLE = "Agent"
DEFAULT_POLICY = "Default"


async def acting_agent(tx: Tx, *, lock: bool = False) -> EdgeAgent:
    """The agent that speaks; whoever else holds its permission is no agent."""
    query = select(EdgeAgent).where(EdgeAgent.id == _own_id(tx))
    if lock:
        query = query.with_for_update(key_share=True)
    return _admitted((await tx.session.scalars(query)).one_or_none())


async def acting_agent_and(tx: Tx, asked: ScalarSelect[T]) -> tuple[EdgeAgent, T | None]:
    """The agent that speaks, and one thing more in the same statement."""
    query = select(EdgeAgent, asked.label("asked")).where(EdgeAgent.id == _own_id(tx))
    found = (await tx.session.execute(query)).one_or_none()
    return _admitted(found[0] if found else None), found[1] if found else None


def _own_id(tx: Tx) -> UUID:
    if tx.viewer.actor_word != "agent" or tx.viewer.actor_id is None:
        raise forbidden(Permission.AGENT_ACT)
    return tx.viewer.actor_id


def _admitted(agent: EdgeAgent | None) -> EdgeAgent:
    if agent is None or agent.state is AgentState.REVOKED:
        raise forbidden(Permission.AGENT_ACT)
    return agent


@result
@dataclass(frozen=True, kw_only=True)
class Certified:
    """An agent's new certificate, and the authority's, both as PEM."""

    agent: EdgeAgent
    certificate_pem: str
    authority_pem: str


@command(needs=Permission.AGENT_MANAGE)
async def certify_local_agent(
    tx: Tx,
    *,
    name: str,
    signing_request: str,
    software_version: str,
    host: str | None = None,
    capabilities: Sequence[str] = (),
) -> Certified:
    """The agent beside a worker gets a certificate; one that lost its key gets a new one, and the former is
    revoked. Run by the program that starts the agent, as the platform itself."""
    if not 1 <= len(name) <= 100:
        raise invalid("An agent's name has 1 to 100 characters.", path=["name"])
    agent = await _local_agent(tx, await _free_name(tx, name, host))
    agent.software_version, agent.host = software_version[:100], host[:255] if host else None
    agent.capabilities = _known(capabilities)
    certificate = await certify(
        tx.session,
        tx.vault.keyring,
        request=signing_request,
        actor=("agent", agent.id),
        name=agent.name,
        now=tx.now,
    )
    await _revoke_others(tx, agent.id, certificate)
    await _first_agent_waits(tx)
    await _adopt_sources(tx, agent)
    tx.emit(AgentEnrolled(agent_id=agent.id, name=agent.name, fingerprint=certificate.fingerprint))
    authority = await tx.session.get_one(Authority, True)
    return Certified(agent=agent, certificate_pem=certificate.pem, authority_pem=authority.pem)


async def _free_name(tx: Tx, name: str, host: str | None) -> str:
    """While another machine is at work under this name, ours is added to it. A name whose bearer is gone is
    taken over: containers change their hosts' names."""
    bearer = await tx.session.scalar(select(EdgeAgent).where(EdgeAgent.name == name))
    if bearer is None or host is None or bearer.host in (None, host) or bearer.state is not AgentState.ONLINE:
        return name
    return f"{name}-{host}"[:100]


async def _local_agent(tx: Tx, name: str) -> EdgeAgent:
    query = select(EdgeAgent).where(EdgeAgent.name == name).with_for_update()
    agent = (await tx.session.scalars(query)).one_or_none()
    if agent is None:
        policy = await default_policy(tx)
        agent = await tx.add(
            EdgeAgent(
                name=name,
                kind=AgentKind.FULL,
                capabilities=[],
                software_version="",
                labels={BUILT_IN: True},
                policy_id=policy.id,
            )
        )
        await _grant_role(tx, agent.id)
        return agent
    if not agent.labels.get(BUILT_IN):
        raise InputError(
            ErrorCode.ALREADY_EXISTS,
            f"An enrolled agent is called “{name}”; give the built-in one another (DATAWAVE_AGENT_NAME).",
            path=["name"],
        )
    if agent.state is AgentState.REVOKED:
        raise ConflictError(
            ErrorCode.WRONG_STATE,
            f"The agent “{name}” was shut out; give the built-in one another name.",
            path=["name"],
        )
    tx.touches(agent)
    return agent


def _known(capabilities: Sequence[str]) -> list[str]:
    every = {each.value for each in AgentCapability}
    unknown = [name for name in capabilities if name not in every]
    if unknown:
        raise invalid(f"{unknown[0][:50]} is no capability of an agent.", path=["capabilities"])
    return list(dict.fromkeys(capabilities))


async def default_policy(tx: Tx) -> EdgePolicy:
    """The policy of agents and sources that have none of their own: profiles leave, values do not."""
    await tx.session.execute(
        insert(EdgePolicy)
        .values(name=DEFAULT_POLICY, values_leave="NEVER", mask_with="REDACT")
        .on_conflict_do_nothing(index_elements=["name"])
    )
    return (await tx.session.scalars(select(EdgePolicy).where(EdgePolicy.name == DEFAULT_POLICY))).one()


async def _grant_role(tx: Tx, agent_id: UUID) -> None:
    role = await tx.session.scalar(select(Role.id).where(Role.name == ROLE, Role.built_in))
    if role is None:
        return
    await tx.session.execute(
        insert(Grant)
        .values(
            actor_id=agent_id, actor_word="agent", role_id=role, granted_by_word="system", granted_at=tx.now
        )
        .on_conflict_do_nothing()
    )


async def _revoke_others(tx: Tx, agent_id: UUID, kept: Certificate) -> None:
    revoked = await tx.session.scalars(
        update(Certificate)
        .where(Certificate.actor_id == agent_id, Certificate.id != kept.id, Certificate.revoked_at.is_(None))
        .values(revoked_at=tx.now)
        .returning(Certificate.fingerprint)
    )
    if fingerprints := list(revoked):
        tx.emit(CertificatesRevoked(actor_id=agent_id, fingerprints=fingerprints))


async def _adopt_sources(tx: Tx, agent: EdgeAgent) -> None:
    """Sources configured before any agent was there."""
    orphans = await tx.session.scalars(
        select(DataSource).where(
            DataSource.state != SourceState.DECOMMISSIONED,
            ~exists().where(AgentSource.source_id == DataSource.id),
        )
    )
    for source in orphans.all():
        await assign_source(tx, agent.id, source.id)


async def assign_source(tx: Tx, agent_id: UUID, source_id: UUID) -> bool:
    """Within a command: the agent reads the source from now on; False where it did already."""
    agent = await tx.session.get(EdgeAgent, agent_id)
    if agent is None or agent.state is AgentState.REVOKED:
        raise not_found("agent", path=["agentIds"])
    fresh = await tx.session.execute(
        insert(AgentSource)
        .values(agent_id=agent_id, source_id=source_id)
        .on_conflict_do_nothing()
        .returning(AgentSource.agent_id)
    )
    if fresh.one_or_none() is None:
        return False
    source = await tx.session.get_one(DataSource, source_id)
    tx.emit(SourceAssigned(agent_id=agent_id, source_id=source_id, workspace_id=source.workspace_id))
    for task in await _tasks_of(tx, source_id, AgentTask.state == TaskState.OFFERED):
        tx.emit(await offered(tx.session, task))
    return True


async def release_source(tx: Tx, source_id: UUID, *, but: Sequence[UUID] = ()) -> list[UUID]:
    """Within a command: no agent reads the source any more, save those named; returns who did. What they
    were at is offered anew to whoever is left or comes next."""
    gone = await tx.session.scalars(
        delete(AgentSource)
        .where(AgentSource.source_id == source_id, AgentSource.agent_id.not_in(list(but)))
        .returning(AgentSource.agent_id)
    )
    released = list(gone)
    for task in await _tasks_of(tx, source_id, AgentTask.agent_id.in_(released), AgentTask.state.in_(HELD)):
        await offer_again(tx, task)
    return released


async def _tasks_of(tx: Tx, source_id: UUID, *where: ColumnElement[bool]) -> Sequence[AgentTask]:
    query = select(AgentTask).where(AgentTask.source_id == source_id, *where).order_by(AgentTask.id)
    return (await tx.session.scalars(query.with_for_update())).all()


async def assign_source_by_default(tx: Tx, source_id: UUID) -> UUID | None:
    """A source that names no agent goes to the built-in one; where there is none yet, the first adopts it."""
    found = await _built_in(tx)
    if found is None:
        await _first_agent_waits(tx)
        found = await _built_in(tx)
    if found is not None:
        await assign_source(tx, found, source_id)
    return found


async def _built_in(tx: Tx) -> UUID | None:
    return await tx.session.scalar(
        select(EdgeAgent.id)
        .where(
            EdgeAgent.labels[BUILT_IN].as_boolean(),
            EdgeAgent.state.not_in((AgentState.REVOKED, AgentState.DRAINING)),
        )
        .order_by(text("state = 'ONLINE' DESC"), EdgeAgent.created_at)
        .limit(1)
    )


async def _first_agent_waits(tx: Tx) -> None:
    """A source that finds no agent and the agent that looks for such sources never pass each other unseen."""
    await tx.session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended('datawave.first_agent', 0))")
    )
