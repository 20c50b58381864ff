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
from graphql.execution import Executor
from strawberry.execution import optimized_is_awaitable

from datawave.transports.documents import Documents
from datawave.transports.door import Asked, OperationContext, Session
from datawave.transports.errors import Present, Rejected, failure, of_request, present, rejection
from datawave.transports.json import encoded
from datawave.transports.limits import INVALID, Limits

# Their types are generic in a context that their signatures leave open.
_core = cast("Any", graphql.execution)


@dataclass(frozen=True, kw_only=True)
class Ready:
    """An operation that is valid, with its variables coerced, just before it runs."""

    asked: Asked
    document: DocumentNode
    operation: OperationDefinitionNode
    variables: dict[str, Any]
    context: OperationContext


Admit = Callable[[Ready], Awaitable[None]]


def everybody_is_a_stranger(_session: Session) -> bool:
    return False


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

    `frank` says to whom suggestions and offending values may be shown; `admit` may refuse a valid operation
    before it runs, for its cost or its rate. `watch` surrounds the running of each, or the opening of a
    stream, and is told of its errors.
    """

    schema: strawberry.Schema
    limits: Limits
    present: Present = present
    frank: Callable[[Session], bool] = everybody_is_a_stranger
    admit: Admit = admit_all
    watch: Watch = unwatched
    documents: Documents = field(init=False)

    def __post_init__(self) -> None:
        schema = cast("Any", self.schema)
        if schema.extensions or schema.directives:
            raise ValueError(
                "schema extensions and operation directives are not run here: use field extensions"
            )
        if schema.config.enable_experimental_incremental_execution:
            raise ValueError("incremental execution (@defer, @stream) is not carried by these transports")
        object.__setattr__(self, "documents", Documents(schema._schema, self.limits))

    async def prepare(self, asked: Asked, session: Session, *, queries_only: bool = False) -> Operation:
        """The operation, ready to run; `Rejected` with the errors of the request, `WrongMethod` for a GET."""
        frank = self.frank(session)
        if not asked.query:
            raise rejection(INVALID, "The request has no `query`.")
        document = self.documents.get(asked.query, frank=frank)
        node = get_operation_ast(document, asked.operation_name)
        if queries_only and node and node.operation is OperationType.MUTATION:
            raise WrongMethod
        context = self._context(asked, session)
        executor = self._executor(asked, document, context, frank=frank)
        await self._admitted(asked, document, context, executor)
        return Operation(engine=self, executor=executor, context=context, frank=frank)

    def _context(self, asked: Asked, session: Session) -> OperationContext:
        try:
            context = session.context(asked)
        except Exception as error:
            raise failure(error) from error
        context.last_event_id = asked.last_event_id
        return context

    def _executor(
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

    async def _admitted(
        self,
        asked: Asked,
        document: DocumentNode,
        context: OperationContext,
        executor: Executor[OperationContext],
    ) -> None:
        ready = Ready(
            asked=asked,
            document=document,
            operation=executor.operation,
            variables=executor.variable_values.coerced,
            context=context,
        )
        try:
            await self.admit(ready)
        except Exception as error:
            raise failure(error, headers=context.headers) from error

    def told(self, errors: list[GraphQLError]) -> list[dict[str, Any]]:
        return [self.present(error) for error in errors[: self.limits.errors]]

    def failed(self, errors: list[GraphQLError]) -> bytes:
        """The answer to a request that was not executed: it has no `data`."""
        return encoded({"errors": self.told(errors)})


class WrongMethod(Exception):
    """A mutation that came by GET."""


@dataclass(frozen=True, kw_only=True)
class Operation:
    """A valid operation: `once` for a query or mutation, `stream` for a subscription."""

    engine: Engine
    executor: Executor[OperationContext]
    context: OperationContext
    frank: bool

    @property
    def kind(self) -> OperationType:
        return self.executor.operation.operation

    async def once(self) -> bytes:
        with self.engine.watch(self) as tell:
            result = self.executor.execute_operation()
            if optimized_is_awaitable(result):
                result = await cast("Awaitable[ExecutionResult]", result)
            found = cast("ExecutionResult", result)
            tell(found.errors or ())
        return self._answer(found)

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """The answers one by one: the source is pulled only when the last one was taken.

        Errors of fields are in the answers; `Rejected` is raised when there is no source, or it breaks.
        """
        source = await self._source()
        answers: AsyncGenerator[ExecutionResult, None] = _core.map_source_to_response_event(
            self.executor, source
        )
        async with aclosing(answers) as results:
            while True:
                try:
                    result = await anext(results, None)
                except Exception as error:
                    raise Rejected([self._located(error)]) from error
                if result is None:
                    return
                yield self._answer(result)

    async def _source(self) -> AsyncIterable[Any]:
        with self.engine.watch(self) as tell:
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
        answer: dict[str, Any] = {"data": result.data}
        if result.errors:
            answer["errors"] = self.engine.told(result.errors)
        if self.context.extensions:
            answer["extensions"] = self.context.extensions
        return encoded(answer)
