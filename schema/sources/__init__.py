"""Data sources in the API."""

from schema.sources.events import DataSourceChanged
from schema.sources.inputs import (
    ConnectionDraftInput,
    ConnectorConfigInput,
    CreateDataSourceInput,
    CredentialsInput,
    DecommissionDataSourceInput,
    RotateCredentialsInput,
    ScheduleInput,
    TestConnectionInput,
    UpdateDataSourceInput,
)
from schema.sources.payloads import DataSourcePayload, TestConnectionPayload
from schema.sources.types import ConnectionTest, Connector, DataSource, connector_of

__all__ = [
    "ConnectionDraftInput",
    "ConnectionTest",
    "Connector",
    "ConnectorConfigInput",
    "CreateDataSourceInput",
    "CredentialsInput",
    "DataSource",
    "DataSourceChanged",
    "DataSourcePayload",
    "DecommissionDataSourceInput",
    "RotateCredentialsInput",
    "ScheduleInput",
    "TestConnectionInput",
    "TestConnectionPayload",
    "UpdateDataSourceInput",
    "connector_of",
]
