"""What a caller says of a source: how to reach it, how to sign in, what to change."""

from __future__ import annotations

import strawberry
from strawberry.scalars import ID

from datawave.kit.secrets import Secret
from models.sources import StrEnum
from schema.scalars import JSON


@strawberry.enum(description="How the server's identity is checked.")
class TlsMode(StrEnum):
    DISABLED = "DISABLED"
    REQUIRED = "REQUIRED"
    VERIFY_CA = "VERIFY_CA"
    VERIFY_FULL = "VERIFY_FULL"


@strawberry.input(description="How the connection is secured.")
class TlsInput:
    mode: TlsMode = TlsMode.VERIFY_FULL
    ca: str | None = strawberry.UNSET
    server_name: str | None = strawberry.UNSET


@strawberry.input(description="A database server.")
class DatabaseConfigInput:
    host: str
    port: int | None = strawberry.UNSET
    database: str | None = strawberry.UNSET
    tls: TlsInput | None = strawberry.UNSET
    include: list[str] | None = strawberry.UNSET
    exclude: list[str] | None = strawberry.UNSET
    timeout_seconds: int | None = 15


@strawberry.input(description="A database in a file, under the folders the platform may read.")
class EmbeddedDatabaseConfigInput:
    path: str
    include: list[str] | None = strawberry.UNSET
    exclude: list[str] | None = strawberry.UNSET


@strawberry.input(description="A connector somebody else wrote; checked against its own schema.")
class CustomConfigInput:
    connector: str
    config: JSON


@strawberry.input(one_of=True, description="How to reach the source: one field for each kind of connector.")
class ConnectorConfigInput:
    postgresql: DatabaseConfigInput | None = strawberry.UNSET
    mysql: DatabaseConfigInput | None = strawberry.UNSET
    sqlite: EmbeddedDatabaseConfigInput | None = strawberry.UNSET
    custom: CustomConfigInput | None = strawberry.UNSET


@strawberry.input(description="A user name and password.")
class PasswordCredentialsInput:
    username: str
    password: Secret


@strawberry.input(one_of=True, description="How to sign in at the source; goes to the vault at once.")
class CredentialsInput:
    password: PasswordCredentialsInput | None = strawberry.UNSET
    ambient: bool | None = strawberry.UNSET


@strawberry.input(description="When something is to run.")
class ScheduleInput:
    cron: str | None = strawberry.UNSET
    time_zone: str | None = "UTC"
    enabled: bool | None = True


@strawberry.input(description="A source to configure.")
class CreateDataSourceInput:
    name: str
    config: ConnectorConfigInput
    key: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="Slug in qualified names, fixed for good; by default made from the name.",
    )
    description: str | None = strawberry.UNSET
    workspace_id: ID | None = strawberry.UNSET
    credentials: CredentialsInput | None = strawberry.UNSET
    policy_id: ID | None = strawberry.UNSET
    agent_ids: list[ID] | None = strawberry.UNSET
    discover_now: bool | None = False
    discovery_schedule: ScheduleInput | None = strawberry.UNSET
    idempotency_key: str | None = strawberry.UNSET


@strawberry.input(description="What to change of a source.")
class UpdateDataSourceInput:
    id: ID
    version: int
    name: str | None = strawberry.UNSET
    description: str | None = strawberry.UNSET
    workspace_id: ID | None = strawberry.UNSET
    config: ConnectorConfigInput | None = strawberry.UNSET
    policy_id: ID | None = strawberry.UNSET
    agent_ids: list[ID] | None = strawberry.UNSET
    discovery_schedule: ScheduleInput | None = strawberry.UNSET
    idempotency_key: str | None = strawberry.UNSET


@strawberry.input(description="A connection that is not saved.")
class ConnectionDraftInput:
    config: ConnectorConfigInput
    workspace_id: ID | None = strawberry.UNSET
    credentials: CredentialsInput | None = strawberry.UNSET
    agent_id: ID | None = strawberry.UNSET


@strawberry.input(one_of=True, description="A source, or one not saved yet.")
class TestConnectionInput:
    __test__ = False
    data_source_id: ID | None = strawberry.UNSET
    draft: ConnectionDraftInput | None = strawberry.UNSET


@strawberry.input(description="New credentials for a source.")
class RotateCredentialsInput:
    data_source_id: ID
    credentials: CredentialsInput
    rotate_after_days: int | None = strawberry.UNSET
    idempotency_key: str | None = strawberry.UNSET


@strawberry.input(description="A source to end.")
class DecommissionDataSourceInput:
    id: ID
    version: int | None = strawberry.UNSET
    keep_catalog: bool | None = True
    reason: str | None = strawberry.UNSET
    idempotency_key: str | None = strawberry.UNSET
