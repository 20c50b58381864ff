"""What the mutations of sources answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import strawberry

from schema.shapes import Payload
from schema.sources.types import ConnectionTest, DataSource

if TYPE_CHECKING:
    from schema.operations import Job


@strawberry.type(description="The source as it now is, and the work that was started for it.")
class DataSourcePayload(Payload):
    data_source: DataSource | None = None
    job: Job | None = None


@strawberry.type(
    description="The finished test, or, when it takes longer than the source's time limit, the job that goes"
    " on; steps stream by `jobProgressed`."
)
class TestConnectionPayload(Payload):
    __test__ = False
    test: ConnectionTest | None = None
    data_source: DataSource | None = None
    job: Job | None = None
