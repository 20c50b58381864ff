"""One GraphQL operation from request to answers, whatever carries it.

Strawberry's resolvers and field extensions run as ever, on its own executor class; only its entry points are
passed by, which cannot tell a refused request from an executed one, nor keep documents.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Generator, Sequence
from contextlib import AbstractContextManager, aclosing, contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import graphql.execution
import strawberry
from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    GraphQLError,
    OperationDefinitionNode,
    OperationType,
    get_operation_ast,
)
from graphql.execution import Executor, get_variable_values
from graphql.execution.values import VariableValues
from strawberry.execution import optimized_is_awaitable

from datawave.transports.cost import charged
from datawave.transports.documents import Document, Documents
from datawave.transports.door import Asked, OperationContext, Session
from datawave.transports.errors import Present, Rejected, failure, of_request, present, rejection
from datawave.transports.groups import Groups, Key
from datawave.transports.json import encoded, encoded_whole
from datawave.transports.limits import INVALID, Limits
from datawave.transports.persisted import Persisted
from datawave.transports.plans import PlannedQuery, Plans, Unplanned, uncounted
from datawave.transports.shapes import Shape, Shapes, Touched

# Their types are generic in a context that their signatures leave open.
_core = cast("Any", graphql.execution)


@dataclass(kw_only=True, slots=True)
class Ready:
    """An operation that is valid, with its variables coerced, just before it runs."""

    asked: Asked
    document: DocumentNode
    operation: OperationDefinitionNode
    variables: dict[str, Any]
    context: OperationContext
    points: int = 0
    """What it costs."""


Admit = Callable[[Ready], Awaitable[None]]


def everybody_is_a_stranger(_session: Session) -> bool:
    return False


def everybody_may_look(_session: Session) -> None:
    """The schema is no secret here."""


Tell = Callable[[Sequence[GraphQLError]], None]
Watch = Callable[["Operation"], AbstractContextManager[Tell]]


@contextmanager
def unwatched(_operation: Operation) -> Generator[Tell]:
    """Nobody counts."""
    yield lambda _errors: None


async def admit_all(_ready: Ready) -> None:
    """No price on anything."""


@dataclass(frozen=True, kw_only=True)
class Engine:
    """The schema with what decides how its operations are admitted and how their errors are told.

    `frank` says to whom suggestions and offending values may be shown; `refuse_look` raises for whoever may
    not look at the schema; `admit` may refuse a valid operation
    before it runs, for its cost or its rate. `persisted` holds the registered documents, and `free` says who
    may ask others though only those are answered. `plans` answers queries; `counted` is told of each why it
    was not planned, or nothing. `watch` surrounds the running of each, or the opening of a stream, and is
    told of its errors. `touched` finds in a document what `OperationContext.among` needs to know; without it
    no stream is shared.
    """

    schema: strawberry.Schema
    limits: Limits
    present: Present = present
    frank: Callable[[Session], bool] = everybody_is_a_stranger
    refuse_look: Callable[[Session], None] = everybody_may_look
    admit: Admit = admit_all
    watch: Watch = unwatched
    plans: Plans | None = None
    counted: Callable[[str], None] = uncounted
    persisted: Persisted = field(default_factory=Persisted)
    free: Callable[[Session], bool] = everybody_is_a_stranger
    touched: Touched | None = None
    documents: Documents = field(init=False)
    shapes: Shapes | None = field(init=False)
    groups: Groups = field(init=False, default_factory=Groups)

    def __post_init__(self) -> None:
        schema = cast("Any", self.schema)
        if schema.extensions or schema.directives:
            raise ValueError(
                "schema extensions and operation directives are not run here: use field extensions"
            )
        if schema.config.enable_experimental_incremental_execution:
            raise ValueError("incremental execution (@defer, @stream) is not carried by these transports")
        object.__setattr__(self, "documents", Documents(schema._schema, self.limits))
        object.__setattr__(self, "shapes", Shapes(self.touched) if self.touched else None)

    async def prepare(self, asked: Asked, session: Session, *, queries_only: bool = False) -> Operation:
        """The operation, ready to run; `Rejected` with the errors of the request, `WrongMethod` for a GET."""
        frank = self.frank(session)
        asked = self.persisted.resolved(asked, free=self.free(session))
        if not asked.query:
            raise rejection(INVALID, "The request has no `query`.")
        known = self.documents.get(asked.query, frank=frank)
        if known.looks:
            self._let_look(session)
        document = known.node
        node = get_operation_ast(document, asked.operation_name)
        if queries_only and node and node.operation is OperationType.MUTATION:
            raise WrongMethod
        context = self._context(asked, session)
        operation = Operation(self, asked, known, node, context, frank=frank)
        await self._admitted(operation)
        return operation

    def _let_look(self, session: Session) -> None:
        try:
            self.refuse_look(session)
        except Exception as error:
            raise failure(error) from error

    def is_shared(self, asked: Asked, session: Session) -> bool:
        """Whether it is a stream that others may have too, as far as its document tells. Such are prepared in
        turns: a herd of them would take much memory at once."""
        if self.shapes is None or not asked.query:
            return False
        known = self.documents.get(asked.query, frank=self.frank(session))
        node = get_operation_ast(known.node, asked.operation_name)
        return node is not None and node.operation is OperationType.SUBSCRIPTION

    def again(self, asked: Asked, session: Session) -> Operation:
        """A subscription that was admitted before: it goes on for the same client, with other rights."""
        frank = self.frank(session)
        known = self.documents.get(asked.query or "", frank=frank)
        return self.operation(asked, known, self._context(asked, session), frank=frank)

    def operation(
        self, asked: Asked, known: Document, context: OperationContext, *, frank: bool
    ) -> Operation:
        """A valid one, in a context of its own."""
        node = get_operation_ast(known.node, asked.operation_name)
        return Operation(self, asked, known, node, context, frank=frank)

    def _context(self, asked: Asked, session: Session) -> OperationContext:
        try:
            context = session.context(asked)
        except Exception as error:
            raise failure(error) from error
        context.last_event_id = asked.last_event_id
        return context

    def executor(
        self, asked: Asked, document: DocumentNode, context: OperationContext, *, frank: bool
    ) -> Executor[OperationContext]:
        schema = cast("Any", self.schema)
        built: list[GraphQLError] | Executor[OperationContext] = schema.execution_context_class.build(
            schema._schema,
            document,
            None,
            context,
            asked.variables or {},
            asked.operation_name,
            max_coercion_errors=self.limits.errors,
            is_awaitable=optimized_is_awaitable,
            hide_suggestions=not frank,
            operation_extensions=asked.extensions,
        )
        if isinstance(built, list):
            raise Rejected([of_request(error, frank=frank) for error in built])
        return built

    def coerced(
        self, known: Document, node: OperationDefinitionNode, asked: Asked, *, frank: bool
    ) -> VariableValues | list[GraphQLError]:
        plain = known.plain(node).coerced(asked.variables or {})
        if plain is not None:
            return plain
        return get_variable_values(
            cast("Any", self.schema)._schema,
            node.variable_definitions or (),
            asked.variables or {},
            max_errors=self.limits.errors,
            hide_suggestions=not frank,
        )

    async def _admitted(self, operation: Operation) -> None:
        variables, context = operation.variables.coerced, operation.context
        cost = operation.known.cost(operation.node)
        points = charged(cost, variables, context, most=self.limits.points)
        if self.admit is admit_all:
            return
        ready = Ready(
            asked=operation.asked,
            document=operation.document,
            operation=operation.node,
            variables=variables,
            context=context,
            points=points,
        )
        try:
            await self.admit(ready)
        except Exception as error:
            raise failure(error, headers=operation.context.headers) from error

    def told(self, errors: list[GraphQLError]) -> list[dict[str, Any]]:
        return [self.present(error) for error in errors[: self.limits.errors]]

    def failed(self, errors: list[GraphQLError]) -> bytes:
        """The answer to a request that was not executed: it has no `data`."""
        return encoded({"errors": self.told(errors)})


class WrongMethod(Exception):
    """A mutation that came by GET."""


class Operation:
    """A valid operation: `once` for a query or mutation, `stream` for a subscription.

    A query is answered by its plan where there is one. The executor is made when it is needed, which for a
    planned query is never; for what is not a query at once, since its making may refuse the request.
    """

    def __init__(
        self,
        engine: Engine,
        asked: Asked,
        known: Document,
        node: OperationDefinitionNode | None,
        context: OperationContext,
        *,
        frank: bool,
    ) -> None:
        self.engine, self.asked, self.known = engine, asked, known
        self.context, self.frank = context, frank
        self._executor: Executor[OperationContext] | None = None
        self._plan: PlannedQuery | None = None
        if node is not None and node.operation is OperationType.QUERY and engine.plans is not None:
            coerced = engine.coerced(known, node, asked, frank=frank)
            if not isinstance(coerced, list):
                self.node, self.variables = node, coerced
                self._plan = engine.plans.plan(asked.query or "", known.node, node)
                return
        self.node = self.executor.operation
        self.variables = self.executor.variable_values

    @property
    def executor(self) -> Executor[OperationContext]:
        if self._executor is None:
            self._executor = self.engine.executor(self.asked, self.document, self.context, frank=self.frank)
        return self._executor

    @property
    def document(self) -> DocumentNode:
        return self.known.node

    @property
    def shape(self) -> Shape | None:
        shapes, asked = self.engine.shapes, self.asked
        if shapes is None:
            return None
        return shapes.of(asked.query or "", asked.operation_name, self.document, self.node)

    @property
    def key(self) -> Key | None:
        """Whose streams are the same as this one, as of now; None where it is nobody else's."""
        shape = self.shape
        among = self.context.among(shape.touched) if shape else None
        if shape is None or among is None:
            return None
        return Key(shape.key(self.variables.coerced, self.asked.extensions), among)

    def led(self) -> Operation:
        """The same for a whole group, as nobody in particular."""
        shape = self.shape
        assert shape is not None
        context = self.context.shared(shape.touched)
        context.leading = True
        return self.engine.operation(self.asked, self.known, context, frank=self.frank)

    @property
    def kind(self) -> OperationType:
        return self.node.operation

    @property
    def volatile(self) -> frozenset[str]:
        """The keys of its answer that differ though nothing else does."""
        return self.known.volatile(self.node)

    async def once(self) -> bytes:
        with self.engine.watch(self) as tell:
            if self._plan is not None:
                answer = await self._planned(self._plan, tell)
                if answer is not None:
                    return answer
            result = self.executor.execute_operation()
            if optimized_is_awaitable(result):
                result = await cast("Awaitable[ExecutionResult]", result)
            found = cast("ExecutionResult", result)
            tell(found.errors or ())
        return self._answer(found)

    async def _planned(self, plan: PlannedQuery, tell: Tell) -> bytes | None:
        """The answer of the plan; None where the executor has to make it."""
        try:
            data, errors = await plan.answer(self.context, self.variables)
            answer = encoded_whole(self._told(data, errors))
        except Unplanned as unplanned:
            self.engine.counted(unplanned.reason)
            self.context.afresh()
            return None
        tell(errors)
        self.engine.counted("")
        return answer

    async def stream(self, *, counted: bool = True) -> AsyncGenerator[bytes, None]:
        """The answers one by one: the source is pulled only when the last one was taken.

        Errors of fields are in the answers; `Rejected` is raised when there is no source, or it breaks. A
        group's own opening is nobody's operation, so it is not counted.
        """
        source = await self._source(self.engine.watch if counted else unwatched)
        answers: AsyncGenerator[ExecutionResult, None] = _core.map_source_to_response_event(
            self.executor, source
        )
        async with aclosing(answers) as results:
            while True:
                try:
                    result = await anext(results, None)
                except Rejected:
                    raise
                except Exception as error:
                    raise Rejected([self._located(error)]) from error
                if result is None:
                    return
                yield self._answer(result)

    async def _source(self, watch: Watch) -> AsyncIterable[Any]:
        with watch(self) as tell:
            source = _core.create_source_event_stream(self.executor)
            if optimized_is_awaitable(source):
                source = await cast("Awaitable[AsyncIterable[Any] | ExecutionResult]", source)
            tell(source.errors or () if isinstance(source, ExecutionResult) else ())
        if isinstance(source, ExecutionResult):
            raise Rejected(source.errors or [])
        return cast("AsyncIterable[Any]", source)

    def _located(self, error: Exception) -> GraphQLError:
        if isinstance(error, GraphQLError):
            return error
        first = self.executor.operation.selection_set.selections[0]
        path = [(first.alias or first.name).value] if isinstance(first, FieldNode) else []
        return GraphQLError(str(error), path=path, original_error=error)

    def _answer(self, result: ExecutionResult) -> bytes:
        return encoded(self._told(result.data, result.errors))

    def _told(self, data: Any, errors: Sequence[GraphQLError] | None) -> dict[str, Any]:
        answer: dict[str, Any] = {"data": data}
        if errors:
            answer["errors"] = self.engine.told(list(errors))
            self.context.partial = True
        if self.context.extensions:
            answer["extensions"] = self.context.extensions
        return answer
