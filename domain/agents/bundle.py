"""What an agent needs to work alone: the labels' taxonomy, its policy, and where it may never connect to."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import or_, select

from datawave.kit.database import Db
from domain.agents.identity import DEFAULT_POLICY
from domain.classifiers.taxonomy import LABELS
from models.agents import EdgeAgent, EdgePolicy


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """Where the platform itself listens: no connector may go there. Given by the program that knows."""

    own_ports: frozenset[int] = frozenset()
    own_addresses: frozenset[str] = frozenset()


NOWHERE = Surroundings()


@dataclass(frozen=True, kw_only=True)
class Bundle:
    version: str
    taxonomy: list[dict[str, Any]]
    policy: EdgePolicy
    surroundings: Surroundings


async def bundle_of(db: Db, agent_id: UUID, surroundings: Surroundings) -> Bundle | None:
    """The bundle as it now is for one agent."""
    query = (
        select(EdgePolicy)
        .join(
            EdgeAgent,
            or_(EdgeAgent.policy_id == EdgePolicy.id, EdgePolicy.name == DEFAULT_POLICY),
        )
        .where(EdgeAgent.id == agent_id)
        .order_by((EdgePolicy.name == DEFAULT_POLICY) & (EdgeAgent.policy_id != EdgePolicy.id))
        .limit(1)
    )
    policy: EdgePolicy | None = await db.scalar(query)
    if policy is None:
        return None
    return Bundle(
        version=version_of(policy, surroundings),
        taxonomy=taxonomy(),
        policy=policy,
        surroundings=surroundings,
    )


def version_of(policy: EdgePolicy, surroundings: Surroundings) -> str:
    """Changes when anything in the bundle does."""
    content = [
        taxonomy(),
        [policy.id.hex, policy.version],
        sorted(surroundings.own_ports),
        sorted(surroundings.own_addresses),
    ]
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


def taxonomy() -> list[dict[str, Any]]:
    """The labels there are, as data."""
    return [asdict(label) for label in LABELS]
