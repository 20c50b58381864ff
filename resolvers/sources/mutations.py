"""Sources configured, changed, tried, rotated and ended."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import strawberry
from sqlalchemy import select

from datawave.kit import tables
from datawave.kit.errors import ErrorCode, InputError
from datawave.kit.ids import key_of, keys_of
from domain.sources import credentials, lifecycle, testing
from resolvers.sources.inputs import (
    changes_of,
    config_of,
    credentials_of,
    key_given,
    schedule_of,
    where_given,
)
from resolvers.sources.trials import test_of, tested_change, try_draft, unavailable, why
from resolvers.waiting import before_it_begins, ended
from schema.context import Context, Info
from schema.fields import mutation
from schema.rows import shown
from schema.shapes import given
from schema.sources import (
    ConnectionTest,
    CreateDataSourceInput,
    DataSource,
    DataSourcePayload,
    DecommissionDataSourceInput,
    RotateCredentialsInput,
    TestConnectionInput,
    TestConnectionPayload,
    UpdateDataSourceInput,
)


@strawberry.type
class Mutations:
    @mutation(
        runs=lifecycle.create_source, description="Configure a source; its credentials go to the vault."
    )
    async def create_data_source(self, info: Info, input: CreateDataSourceInput) -> DataSourcePayload:
        kind, config = config_of(input.config)
        agent_ids = given(input.agent_ids)
        with where_given(input.config):
            source = await info.context.run(
                lifecycle.create_source,
                idempotency_key=input.idempotency_key,
                name=input.name,
                kind=kind,
                config=config,
                key=given(input.key),
                description=given(input.description),
                workspace_id=key_given("workspace", input.workspace_id, "workspaceId"),
                credentials=credentials_of(input.credentials),
                policy_id=key_given("policy", input.policy_id, "policyId"),
                agent_ids=keys_of("agent", agent_ids, path=["agentIds"]) if agent_ids is not None else None,
                discover_now=bool(input.discover_now),
                schedule=schedule_of(given(input.discovery_schedule)),
            )
        return DataSourcePayload(
            data_source=DataSource.of(source), job=await _newest_job(info.context, source.id)
        )

    @mutation(
        runs=lifecycle.update_source,
        description="Change a source; a new configuration is tested before it counts.",
    )
    async def update_data_source(self, info: Info, input: UpdateDataSourceInput) -> DataSourcePayload:
        source_id = key_of("source", input.id)
        changes = changes_of(input)
        test_id = None
        if (config := given(input.config)) is not None:
            test_id = await tested_change(info.context, source_id, input.version, config)
        source = await info.context.run(
            lifecycle.update_source,
            idempotency_key=input.idempotency_key,
            source_id=source_id,
            version=input.version,
            changes=changes,
            test_id=test_id,
        )
        return DataSourcePayload(data_source=DataSource.of(source))

    @mutation(runs=testing.test_connection, description="Try a connection: a source's, or one not saved yet.")
    async def test_connection(self, info: Info, input: TestConnectionInput) -> TestConnectionPayload:
        context = info.context
        async with before_it_begins(context) as after:
            source_id, seconds = None, 15.0
            if given(input.data_source_id):
                source_id = key_of("source", input.data_source_id or "", path=["dataSourceId"])
                job = await context.run(testing.test_connection, source_id=source_id)
            else:
                job, seconds = await try_draft(context, given(input.draft))
            tracking = context.tracking_id
            job = await ended(context, job.id, after=after, seconds=seconds + 5)
            context.tracking_id = tracking
        test = await test_of(context, job)
        source = await context.node_of(DataSource, source_id)
        if test is None and job.state.value in ("FAILED", "DEAD"):
            raise unavailable(job)
        return TestConnectionPayload(
            test=ConnectionTest.of_maybe(test),
            data_source=source,
            job=None if test is not None else shown(job),
        )

    @mutation(
        runs=credentials.rotate_credentials,
        description="Rotate credentials: a new version, tested, switched to, with a way back by undo.",
    )
    async def rotate_credentials(self, info: Info, input: RotateCredentialsInput) -> DataSourcePayload:
        context = info.context
        source_id = key_of("source", input.data_source_id, path=["dataSourceId"])
        fresh = credentials_of(input.credentials)
        if fresh is None:
            raise InputError(
                ErrorCode.REQUIRED, "Give the new user name and password.", path=["credentials", "password"]
            )
        async with before_it_begins(context) as after:
            job = await context.run(
                credentials.rotate_credentials,
                idempotency_key=input.idempotency_key,
                source_id=source_id,
                credentials=fresh,
                rotate_after_days=given(input.rotate_after_days),
            )
            tracking = context.tracking_id
            job = await ended(context, job.id, after=after, seconds=20)
            context.tracking_id = tracking
        test = await test_of(context, job)
        if test is not None and not test.ok:
            raise InputError(
                ErrorCode.CONNECTION_FAILED,
                f"The source does not let the new credentials in: {why(test)}"
                " The former version stays in force.",
                path=["credentials"],
            )
        if test is None and job.state.value in ("FAILED", "DEAD"):
            raise unavailable(job)
        source = await context.node_of(DataSource, source_id)
        return DataSourcePayload(data_source=source, job=None if test is not None else shown(job))

    @mutation(
        runs=lifecycle.decommission_source,
        description="End a source: shut its agents' work down, clean up, keep or drop its catalog.",
    )
    async def decommission_data_source(
        self, info: Info, input: DecommissionDataSourceInput
    ) -> DataSourcePayload:
        source = await info.context.run(
            lifecycle.decommission_source,
            idempotency_key=input.idempotency_key,
            source_id=key_of("source", input.id),
            version=given(input.version),
            keep_catalog=input.keep_catalog is not False,
            reason=given(input.reason),
            grace_days=info.context.platform.extras.get("grace_days", 7),
        )
        return DataSourcePayload(data_source=DataSource.of(source))


async def _newest_job(context: Context, source_id: UUID) -> Any:
    found = await context.db.scalar(
        select(tables.Job)
        .where(tables.Job.source_id == source_id)
        .order_by(tables.Job.created_at.desc())
        .limit(1)
    )
    return shown(found) if found is not None else None
