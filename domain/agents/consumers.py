"""Who takes in what agents report, by kind of task. The rooms of sources and discovery register theirs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from connectors.entries import Entry
from datawave.kit.commands import Tx
from domain.agents.jobs import fail_job, next_attempt_of_job
from models.agents import AgentCapability, AgentTask, EdgeAgent


class Consumer:
    """Everything here happens in the transaction of the report (or the claim), so it counts once or not at
    all. Unless told otherwise, a finished task queues its job's next attempt and a failed one ends its
    job."""

    async def claimed(self, tx: Tx, task: AgentTask, agent: EdgeAgent) -> None:
        """An agent has taken the task, perhaps anew: entries of an earlier attempt may come again."""

    async def apply(self, tx: Tx, task: AgentTask, entries: Sequence[Entry]) -> None:
        """One batch, checked; each batch of an attempt is applied once, in order."""

    async def progressed(self, tx: Tx, task: AgentTask, done: int, total: int | None) -> None:
        """How far the agent says it is."""

    async def finished(self, tx: Tx, task: AgentTask) -> None:
        """The last batch was applied."""
        if task.job_id is not None:
            await next_attempt_of_job(tx, task.job_id)

    async def failed(self, tx: Tx, task: AgentTask, failure: dict[str, Any]) -> None:
        """The agent gave up, or nobody claimed the task in time (code NO_AGENT)."""
        if task.job_id is not None:
            await fail_job(tx, task.job_id, failure)


C = TypeVar("C", bound=Consumer)

CONSUMERS: dict[AgentCapability, Consumer] = {}
_NOBODY = Consumer()


def consumes(kind: AgentCapability) -> Callable[[type[C]], type[C]]:
    """Registers who takes in the reports of a kind of task."""

    def registered(consumer: type[C]) -> type[C]:
        CONSUMERS[kind] = consumer()
        return consumer

    return registered


def consumer_of(task: AgentTask) -> Consumer:
    return CONSUMERS.get(task.kind, _NOBODY)
