"""The roots of policies: what may leave a source, and who sees values."""

from __future__ import annotations

import strawberry
from sqlalchemy import select
from strawberry.scalars import ID

from auth.permissions import Permission
from datawave.kit.access import visible
from datawave.kit.ids import global_id, key_of, named_among
from datawave.kit.pages import Key
from datawave.kit.reads import Of, Rows, Shape
from domain.policies import edge
from domain.policies import rules as domain
from models import agents as agent_rows
from models import policies as rows
from schema.agents import EdgePolicy
from schema.context import Info
from schema.fields import mutation, read
from schema.policies import (
    AccessRule,
    AccessRulePayload,
    EdgePolicyPayload,
    SaveAccessRuleInput,
    SaveEdgePolicyInput,
)
from schema.shapes import DonePayload, NodeInput, given

MOST = 1_000
SCOPES = ("workspace", "source")


def edge_policies(of: Of) -> Rows:
    row = agent_rows.EdgePolicy
    query = select(row).where(visible(row, of.viewer)).limit(MOST)
    return Rows(query=query, row=row, order=[Key(row.name), Key(row.id)])


def access_rules(of: Of) -> Rows:
    row = rows.AccessRule
    query = select(row).where(visible(row, of.viewer)).limit(MOST)
    return Rows(query=query, row=row, order=[Key(row.name), Key(row.id)])


@strawberry.type
class Queries:
    edge_policies: list[EdgePolicy] = read(
        Shape.MANY,
        edge_policies,
        needs=Permission.AGENT_READ,
        description="Policies of what may be read and leave.",
    )
    access_rules: list[AccessRule] = read(
        Shape.MANY,
        access_rules,
        needs=Permission.POLICY_MANAGE,
        description="Rules of who sees values, by name: those for everywhere, or of what the viewer manages.",
    )


@strawberry.type
class Mutations:
    @mutation(
        runs=edge.save_edge_policy,
        description="Make or change a policy of what may be read and leave. Agents hear of it within seconds;"
        " kept values that may leave no longer are removed at once.",
    )
    async def save_edge_policy(self, info: Info, input: SaveEdgePolicyInput) -> EdgePolicyPayload:
        hours = given(input.quiet_hours)
        policy = await info.context.run(
            edge.save_edge_policy,
            idempotency_key=input.idempotency_key,
            policy_id=key_of("policy", wanted) if (wanted := given(input.id)) else None,
            version=given(input.version),
            name=input.name,
            sample_rows=given(input.sample_rows),
            sample_patterns=given(input.sample_patterns),
            never_sample=given(input.never_sample),
            values_leave=given(input.values_leave),
            mask_with=given(input.mask_with),
            max_query_seconds=given(input.max_query_seconds),
            quiet_hours=[span.told() for span in hours] if hours is not None else None,
        )
        return EdgePolicyPayload(policy=EdgePolicy.of(policy))

    @mutation(
        runs=domain.save_access_rule,
        description="Make or change a rule of who sees values; it counts from the next read on.",
    )
    async def save_access_rule(self, info: Info, input: SaveAccessRuleInput) -> AccessRulePayload:
        wanted = given(input.scope_id)
        scope = named_among(SCOPES, wanted, path=["scopeId"]) if wanted else None
        rule = await info.context.run(
            domain.save_access_rule,
            idempotency_key=input.idempotency_key,
            rule_id=key_of("accessrule", asked) if (asked := given(input.id)) else None,
            version=given(input.version),
            **input.told(scope),
        )
        return AccessRulePayload(rule=AccessRule.of(rule))

    @mutation(
        runs=domain.delete_access_rule,
        description="Delete a rule of who sees values; one that came with the product is switched off"
        " instead.",
    )
    async def delete_access_rule(self, info: Info, input: NodeInput) -> DonePayload:
        key = key_of("accessrule", input.id)
        await info.context.run(
            domain.delete_access_rule,
            idempotency_key=input.idempotency_key,
            rule_id=key,
            version=given(input.version),
        )
        return DonePayload(deleted_id=ID(global_id("accessrule", key)), done=True)
