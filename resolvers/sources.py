"""Data sources: read, configured, tried, rotated, ended, followed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Mapping
from contextlib import contextmanager
from typing import Any, cast
from uuid import UUID

import strawberry
from sqlalchemy import or_, select
from strawberry.scalars import ID

from auth.permissions import Permission
from connectors.base import Family
from connectors.registry import connectors
from datawave.kit import tables
from datawave.kit.access import visible
from datawave.kit.commands import SIGNED_IN
from datawave.kit.errors import ErrorCode, InputError, UnavailableError
from datawave.kit.events import Logged
from datawave.kit.ids import key_of, keys_of
from datawave.kit.pages import Asked, Key, page_of
from domain.sources import credentials, lifecycle, testing
from domain.sources.events import SOURCE_EVENTS
from models import sources as rows
from models.workspaces import Workspace
from resolvers.waiting import before_it_begins, ended
from schema.context import Context, Info
from schema.directives import DeliveryMode
from schema.fields import mutation, query, subscription
from schema.rows import shown
from schema.scalars import Cursor
from schema.shapes import Connection, connection, given
from schema.sources import (
    ConnectionDraftInput,
    ConnectionTest,
    Connector,
    ConnectorConfigInput,
    CreateDataSourceInput,
    CredentialsInput,
    DataSource,
    DataSourceChanged,
    DataSourcePayload,
    DecommissionDataSourceInput,
    RotateCredentialsInput,
    ScheduleInput,
    TestConnectionInput,
    TestConnectionPayload,
    UpdateDataSourceInput,
    connector_of,
)

BY_NAME = [Key(rows.DataSource.name), Key(rows.DataSource.id)]
SHOWN_EVENTS = frozenset(event.__name__ for event in SOURCE_EVENTS) | {"RunStateChanged"}


@strawberry.type
class Queries:
    @query(needs=SIGNED_IN, description="Kinds of source that can be connected.")
    async def connectors(self, info: Info, family: Family | None = strawberry.UNSET) -> list[Connector]:
        wanted = given(family)
        return [connector_of(kind) for kind, found in connectors().items() if wanted in (None, found.family)]

    @query(needs=Permission.DATASOURCE_READ, description="A source by its key.")
    async def data_source(self, info: Info, key: str) -> DataSource | None:
        found = select(rows.DataSource).where(
            rows.DataSource.key == key, visible(rows.DataSource, info.context.viewer)
        )
        return DataSource.of_maybe(await info.context.db.scalar(found))

    @query(needs=Permission.DATASOURCE_READ, description="Sources.")
    async def data_sources(
        self,
        info: Info,
        search: str | None = strawberry.UNSET,
        kinds: list[str] | None = strawberry.UNSET,
        states: list[rows.SourceState] | None = strawberry.UNSET,
        workspace_id: ID | None = strawberry.UNSET,
        first: int | None = 50,
        after: Cursor | None = strawberry.UNSET,
    ) -> Connection[DataSource]:
        source = rows.DataSource
        found = select(source).where(visible(source, info.context.viewer))
        if words := given(search):
            found = found.where(
                or_(
                    source.name.icontains(words, autoescape=True),
                    source.key.icontains(words, autoescape=True),
                )
            )
        if given(kinds):
            found = found.where(source.kind.in_(kinds or []))
        if given(states):
            found = found.where(source.state.in_(states or []))
        else:
            found = found.where(source.state != rows.SourceState.DECOMMISSIONED)
        if given(workspace_id):
            found = found.where(
                source.workspace_id == key_of("workspace", workspace_id or "", path=["workspaceId"])
            )
        page = await page_of(info.context.db, found, BY_NAME, Asked(first=first, after=given(after)))
        return connection(page, DataSource.of)


@contextmanager
def _where_given(wanted: ConnectorConfigInput, *before: str) -> Generator[None]:
    """Refused options are told at the place where they were given: a kind's own, or `custom`."""
    try:
        yield
    except InputError as error:
        custom, place = given(wanted.custom), len(before) + 1
        if custom is not None and error.path[place : place + 1] == [custom.connector]:
            error.path[place : place + 1] = ["custom", "config"]
        raise


def _config(given_config: ConnectorConfigInput, *before: str) -> tuple[str, dict[str, Any]]:
    """The kind and the options, with the API's own names."""
    custom = given(given_config.custom)
    if custom is not None:
        raw: Any = custom.config
        if not isinstance(raw, dict):
            raise InputError(
                ErrorCode.INVALID, "Give an object.", path=[*before, "config", "custom", "config"]
            )
        return custom.connector, cast("dict[str, Any]", raw)
    for kind in ("postgresql", "mysql", "sqlite"):
        options = given(getattr(given_config, kind))
        if options is not None:
            return kind, _options(options)
    raise InputError(ErrorCode.REQUIRED, "Say how to reach the source.", path=[*before, "config"])


def _options(options: Any) -> dict[str, Any]:
    named = {
        "timeout_seconds": "timeoutSeconds",
        "server_name": "serverName",
    }
    values = cast("dict[str, Any]", vars(options))
    return {
        named.get(name, name): _options(value) if name == "tls" else getattr(value, "value", value)
        for name, value in values.items()
        if given(value) is not None
    }


def _credentials(given_credentials: CredentialsInput | None) -> Mapping[str, Any] | None:
    wanted = given(given_credentials)
    password = given(wanted.password) if wanted is not None else None
    return {"username": password.username, "password": password.password} if password is not None else None


def _schedule(wanted: ScheduleInput | None) -> dict[str, Any] | None:
    if wanted is None:
        return None
    return {
        "cron": given(wanted.cron),
        "time_zone": given(wanted.time_zone),
        "enabled": given(wanted.enabled),
    }


@strawberry.type
class Mutations:
    @mutation(
        runs=lifecycle.create_source, description="Configure a source; its credentials go to the vault."
    )
    async def create_data_source(self, info: Info, input: CreateDataSourceInput) -> DataSourcePayload:
        kind, config = _config(input.config)
        agent_ids = given(input.agent_ids)
        with _where_given(input.config):
            source = await info.context.run(
                lifecycle.create_source,
                idempotency_key=input.idempotency_key,
                name=input.name,
                kind=kind,
                config=config,
                key=given(input.key),
                description=given(input.description),
                workspace_id=_id("workspace", input.workspace_id, "workspaceId"),
                credentials=_credentials(input.credentials),
                policy_id=_id("policy", input.policy_id, "policyId"),
                agent_ids=keys_of("agent", agent_ids, path=["agentIds"]) if agent_ids is not None else None,
                discover_now=bool(input.discover_now),
                schedule=_schedule(given(input.discovery_schedule)),
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
        changes = _changes(input)
        test_id = None
        if (config := given(input.config)) is not None:
            test_id = await _tested(info.context, source_id, input.version, config)
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
                job, seconds = await _try_draft(context, given(input.draft))
            tracking = context.tracking_id
            job = await ended(context, job.id, after=after, seconds=seconds + 5)
            context.tracking_id = tracking
        test = await _test_of(context, job)
        source = await context.node("source", source_id) if source_id else None
        if test is None and job.state.value in ("FAILED", "DEAD"):
            raise _unavailable(job)
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
        fresh = _credentials(input.credentials)
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
        test = await _test_of(context, job)
        if test is not None and not test.ok:
            raise InputError(
                ErrorCode.CONNECTION_FAILED,
                f"The source does not let the new credentials in: {_why(test)} The former version stays in force.",
                path=["credentials"],
            )
        if test is None and job.state.value in ("FAILED", "DEAD"):
            raise _unavailable(job)
        source = await context.node("source", source_id)
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


def _id(word: str, text: ID | None, path: str) -> UUID | None:
    return key_of(word, text, path=[path]) if given(text) and text is not None else None


def _changes(input: UpdateDataSourceInput) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for name in ("name", "description"):
        if getattr(input, name) is not strawberry.UNSET:
            changes[name] = getattr(input, name)
    if changes.get("name", "") is None:
        raise InputError(ErrorCode.REQUIRED, "A source has a name.", path=["name"])
    if given(input.config) is not None and input.config is not None:
        changes["config"] = _config(input.config)[1]
    if given(input.workspace_id):
        changes["workspace_id"] = _id("workspace", input.workspace_id, "workspaceId")
    if input.policy_id is not strawberry.UNSET:
        changes["policy_id"] = _id("policy", input.policy_id, "policyId")
    if (agent_ids := given(input.agent_ids)) is not None:
        changes["agent_ids"] = keys_of("agent", agent_ids, path=["agentIds"])
    if input.discovery_schedule is not strawberry.UNSET:
        changes["schedule"] = _schedule(input.discovery_schedule)
    return changes


async def _tested(context: Context, source_id: UUID, version: int, wanted: ConnectorConfigInput) -> UUID:
    """Tries a changed configuration with the credentials the source has; a failing one is refused at `config`."""
    kind, config = _config(wanted)
    async with before_it_begins(context) as after:
        with _where_given(wanted):
            job = await context.run(
                testing.try_change, source_id=source_id, version=version, kind=kind, config=config
            )
        job = await ended(context, job.id, after=after, seconds=20)
    test = await _test_of(context, job)
    if test is None:
        raise _unavailable(job)
    if not test.ok:
        raise InputError(
            ErrorCode.CONNECTION_FAILED,
            f"The new configuration does not work: {_why(test)} The former one stays in force.",
            path=["config"],
        )
    return test.id


async def _try_draft(context: Context, draft: ConnectionDraftInput) -> tuple[tables.Job, float]:
    kind, config = _config(draft.config, "draft")
    with _where_given(draft.config, "draft"):
        job = await context.run(
            testing.test_draft,
            workspace_id=_id("workspace", draft.workspace_id, "workspaceId"),
            kind=kind,
            config=config,
            credentials=_credentials(draft.credentials),
            agent_id=_id("agent", draft.agent_id, "agentId"),
        )
    return job, float(config.get("timeoutSeconds", 15))


async def _test_of(context: Context, job: tables.Job) -> rows.ConnectionTest | None:
    key = (job.result or {}).get("test")
    if key is None:
        return None
    test = rows.ConnectionTest
    return await context.db.scalar(select(test).where(test.id == UUID(key)))


def _why(test: rows.ConnectionTest) -> str:
    return (test.failure or {}).get("message", "the source refused.")


def _unavailable(job: tables.Job) -> UnavailableError:
    failure = job.failure or {}
    return UnavailableError(
        ErrorCode.UNAVAILABLE,
        " ".join(filter(None, [failure.get("message"), failure.get("hint")]))
        or "No agent took the test in time.",
        retry_after_seconds=10,
    )


async def _newest_job(context: Context, source_id: UUID) -> Any:
    found = await context.db.scalar(
        select(tables.Job)
        .where(tables.Job.source_id == source_id)
        .order_by(tables.Job.created_at.desc())
        .limit(1)
    )
    return shown(found) if found is not None else None


@strawberry.type
class Subscriptions:
    @subscription(
        needs=Permission.DATASOURCE_READ,
        delivery=DeliveryMode.EVERY,
        description="One source, or all of a workspace, or all.",
    )
    async def data_source_changed(
        self,
        info: Info,
        id: ID | None = strawberry.UNSET,
        workspace_id: ID | None = strawberry.UNSET,
        after: Cursor | None = strawberry.UNSET,
    ) -> AsyncIterator[DataSourceChanged]:
        context = info.context
        if given(id):
            topic = f"source:{(await context.see(rows.DataSource, id or '')).id}"
        elif given(workspace_id):
            topic = f"workspace:{(await context.see(Workspace, workspace_id or '', path=['workspaceId'])).id}"
        else:
            topic = "sources"

        def wanted(event: Logged) -> bool:
            return event.type in SHOWN_EVENTS and context.may_see_event(event, Permission.DATASOURCE_READ)

        async for event in context.follow(topic, given(after), wanted=wanted):
            yield DataSourceChanged.of(event)
