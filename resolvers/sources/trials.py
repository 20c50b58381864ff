"""Connections tried on behalf of a mutation: it waits for the agent's answer and tells what came of it."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from datawave.kit import tables
from datawave.kit.errors import ErrorCode, InputError, UnavailableError
from domain.sources import testing
from models import sources as rows
from resolvers.sources.inputs import config_of, credentials_of, key_given, where_given
from resolvers.waiting import before_it_begins, ended
from schema.context import Context
from schema.sources import ConnectionDraftInput, ConnectorConfigInput


async def tested_change(
    context: Context, source_id: UUID, version: int, wanted: ConnectorConfigInput
) -> UUID:
    """Tries a changed configuration with the credentials the source has; a failing one is refused at
    `config`."""
    kind, config = config_of(wanted)
    async with before_it_begins(context) as after:
        with where_given(wanted):
            job = await context.run(
                testing.try_change, source_id=source_id, version=version, kind=kind, config=config
            )
        job = await ended(context, job.id, after=after, seconds=20)
    test = await test_of(context, job)
    if test is None:
        raise unavailable(job)
    if not test.ok:
        raise InputError(
            ErrorCode.CONNECTION_FAILED,
            f"The new configuration does not work: {why(test)} The former one stays in force.",
            path=["config"],
        )
    return test.id


async def try_draft(context: Context, draft: ConnectionDraftInput) -> tuple[tables.Job, float]:
    kind, config = config_of(draft.config, "draft")
    with where_given(draft.config, "draft"):
        job = await context.run(
            testing.test_draft,
            workspace_id=key_given("workspace", draft.workspace_id, "workspaceId"),
            kind=kind,
            config=config,
            credentials=credentials_of(draft.credentials),
            agent_id=key_given("agent", draft.agent_id, "agentId"),
        )
    return job, float(config.get("timeoutSeconds", 15))


async def test_of(context: Context, job: tables.Job) -> rows.ConnectionTest | None:
    key = (job.result or {}).get("test")
    if key is None:
        return None
    test = rows.ConnectionTest
    return await context.db.scalar(select(test).where(test.id == UUID(key)))


def why(test: rows.ConnectionTest) -> str:
    return (test.failure or {}).get("message", "the source refused.")


def unavailable(job: tables.Job) -> UnavailableError:
    failure = job.failure or {}
    return UnavailableError(
        ErrorCode.UNAVAILABLE,
        " ".join(filter(None, [failure.get("message"), failure.get("hint")]))
        or "No agent took the test in time.",
        retry_after_seconds=10,
    )
