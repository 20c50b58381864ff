"""One running of a plan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from graphql import GraphQLResolveInfo
from graphql.execution.values import VariableValues
from graphql.pyutils import Path

from datawave.kit.access import Viewer
from datawave.kit.database import Database, Db, translated
from datawave.kit.given import Moment
from datawave.kit.statements import Statement

if TYPE_CHECKING:
    from datawave.planner.making import Asked
    from datawave.planner.plans import Plan


class Refused:
    """Stands in an answer where the viewer may not see a field, until its error is made."""


REFUSED = Refused()


class Info:
    """What resolvers look at that need the context only."""

    __slots__ = ("context",)

    def __init__(self, context: Any) -> None:
        self.context = context


class Run:
    """Who asks, with what variables; and whether something was refused on the way."""

    __slots__ = ("_plan", "any_refused", "context", "database", "db", "info", "variables", "viewer")

    def __init__(self, plan: Plan, context: Any, variables: VariableValues) -> None:
        self._plan = plan
        self.context = context
        self.viewer: Viewer = context.viewer
        self.db: Db = context.db
        self.database: Database = context.platform.database
        self.variables = variables
        self.info = Info(context)
        self.any_refused = False

    @property
    def refused(self) -> Refused:
        self.any_refused = True
        return REFUSED

    async def fetch(self, statement: Statement, moment: Moment) -> list[Any]:
        return await self.fetched(statement.text, statement.values(moment))

    async def fetched(self, text: str, values: Sequence[Any]) -> list[Any]:
        with translated():
            return await self.database.readers.fetch(text, values)

    def resolving(self, asked: Asked) -> Any:
        """For a field that its own resolver answers."""
        path = None
        for key in asked.path:
            path = Path(path, key, asked.kind.name)
        plan = self._plan
        return GraphQLResolveInfo(
            field_name=asked.name,
            field_nodes=list(asked.nodes),
            return_type=asked.type,
            parent_type=asked.kind,
            path=cast("Path", path),
            schema=plan.collector.schema,
            fragments=dict(plan.collector.fragments),
            root_value=None,
            operation=plan.operation,
            variable_values=self.variables,
            context=self.context,
            is_awaitable=cast("Any", None),
            abort_signal=None,
            async_helpers=cast("Any", None),
        )
