"""Somebody with rights that a test decides, who asks the served platform as a plan or field by field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from connectors.entries import ColumnProfile as Profiled
from connectors.entries import ColumnValues, Evidence, Prediction, Profile, TopValue
from datawave.graphql import schema
from datawave.kit.access import SYSTEM, Rights, Scope, Viewer
from datawave.kit.commands import INSIDE, Tx, command
from datawave.kit.ids import new_id
from datawave.kit.masking import MaskMethod, ValuesLeave
from datawave.planner.plans import Planner
from datawave.transports.door import Asked
from datawave.transports.execution import Engine
from datawave.transports.limits import Limits
from domain import agents, classification
from domain.catalog import ingest
from domain.policies import edge, values
from models.agents import EdgeAgent
from schema.context import Context, Platform
from tests.fixtures.api import House
from tests.fixtures.shop import Shop

VALUES = "profile { topValues { value count masked } }"
BY_NAME = f"""query($n: String!) {{ asset(qualifiedName: $n) {{ id ... on Column {{ {VALUES} }} }} }}"""
CARD = "4111 1111 1111 1234"
MAIL = ("db", "s", "customer", "mail")
HELD = ("asset:read", "sample:read")


@dataclass(eq=False)
class Asking:
    """A session whose viewer the test decides."""

    platform: Platform
    viewer: Viewer
    expires_at: datetime | None = None
    ended: bool = False
    whose: str = "test"

    def context(self, asked: Asked) -> Context:
        return Context(platform=self.platform, viewer=self.viewer)

    def listen(self, listener: Any) -> None:
        raise NotImplementedError

    async def renew(self, authorization: str) -> None:
        raise NotImplementedError


@command(needs=INSIDE, recorded=False)
async def add_agent(tx: Tx) -> EdgeAgent:
    """An agent that goes by the default policy."""
    policy = await agents.default_policy(tx)
    return await tx.add(EdgeAgent(name="far", capabilities=[], software_version="1", policy_id=policy.id))


@dataclass
class Kept:
    """A shop whose values may be kept, and who asks for them."""

    shop: Shop
    house: House
    agent_id: UUID

    @classmethod
    async def made(cls, shop: Shop, house: House, leave: ValuesLeave = ValuesLeave.SAMPLES) -> Kept:
        agent = (await shop.ground.commands.run(add_agent, SYSTEM, {})).value
        made = cls(shop, house, agent.id)
        await made.policy(values_leave=leave)
        return made

    async def policy(self, **changes: Any) -> None:
        """Changes the policy of everybody that has none of their own."""
        ground = self.shop.ground
        found = await ground.value("SELECT id FROM edge_policy WHERE name = 'Default'")
        wanted = {"policy_id": found, "name": "Default", **changes}
        await ground.commands.run(edge.save_edge_policy, SYSTEM, wanted)

    async def bring(
        self,
        *told: str,
        labels: Sequence[str] = (),
        masked_with: MaskMethod | None = None,
        column: tuple[str, ...] = MAIL,
    ) -> None:
        """What an agent's report of one column does."""
        run_id = await self.shop.ground.new_run()
        top = tuple(TopValue(value=value, count=len(told) - at) for at, value in enumerate(told))
        reported = ColumnValues(path=column, top=top, masked_with=masked_with)
        profile = Profile(path=column[:-1], columns=(Profiled(name=column[-1], count=9, null_ratio=0),))
        evidence = (Evidence(kind="NAME", text="the name", weight=1.0),)
        predicted = [
            Prediction(path=column, label=label, confidence=0.9, layer="NAME", evidence=evidence)
            for label in labels
        ]

        async def work(tx: Any, source: Any, run: Any) -> None:
            await ingest.profiles(tx, source, run, [profile])
            await values.take_in(tx, source, [reported], agent_id=self.agent_id)
            await classification.suggest(tx, source, run, predicted)

        await self.shop.ground.within(run_id, work)
        await self.shop.ground.end(run_id)

    def viewer(self, *permissions: str, scope: Scope | None = None, actor_id: UUID | None = None) -> Viewer:
        """They hold this everywhere, or where it is said; the catalog they always see."""
        held = {each: scope or Scope(everywhere=True) for each in permissions}
        held |= {"asset:read": Scope(everywhere=True)}
        digest = repr(sorted((name, repr(each)) for name, each in held.items()))
        return Viewer(
            actor_id=actor_id or new_id(), actor_word="user", rights=Rights(held=held, digest=digest)
        )

    async def answer(
        self, viewer: Viewer, document: str = BY_NAME, *, planned: bool = True, **variables: Any
    ) -> dict[str, Any]:
        """The whole answer; the same is asked of a plan or of the executor."""
        engine = ENGINES[planned]
        asked = Asked(query=document, variables=variables or {"n": "shop.db.s.customer.mail"})
        return orjson.loads(
            await (await engine.prepare(asked, Asking(self.house.served.platform, viewer))).once()
        )

    async def told(self, viewer: Viewer, *, planned: bool = True) -> Any:
        """What they are told of the column's values: (value, masked) in order; None where nothing is."""
        answer = await self.answer(viewer, planned=planned)
        assert not answer.get("errors"), answer
        found = answer["data"]["asset"]["profile"]["topValues"]
        return None if found is None else [(each["value"], each["masked"]) for each in found]

    async def readings(self) -> list[Any]:
        """What the audit trail has of them."""
        return await self.shop.ground.rows(
            "SELECT actor_id, permission, subject_id, detail, outcome FROM audit_entry"
            " WHERE action = 'read_values' ORDER BY number"
        )


LIMITS = Limits(depth=40)
ENGINES = {
    True: Engine(schema=schema(), limits=LIMITS, plans=Planner(schema())),
    False: Engine(schema=schema(), limits=LIMITS),
}
