"""What an agent reports, entry by entry: the vocabulary of the agent protocol.

Both ends check with these models: the connector builds them, the platform reads them from
`reportTask(entries)`. Names are data of the source and are never trusted: at most 1,024 characters here, and
no NUL survives `clean`. Compact on purpose: one dataset is one entry with its columns as rows, so that 40,000
columns are 2,200 entries.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

MOST_ENTRIES = 5_000
MOST_BYTES = 900_000
MOST_COLUMNS = 1_000
"""Columns in one dataset entry; the rest follows in `MoreColumns` entries of the same path."""

Name = Annotated[str, Field(min_length=1, max_length=1_024)]
Path = Annotated[tuple[Name, ...], Field(min_length=1, max_length=8)]
"""Names from the source downwards, without the source itself: ("shop", "public", "customer")."""


class Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class ContainerKind(StrEnum):
    DATABASE = "DATABASE"
    SCHEMA = "SCHEMA"


class DatasetKind(StrEnum):
    TABLE = "TABLE"
    VIEW = "VIEW"
    MATERIALIZED_VIEW = "MATERIALIZED_VIEW"


class DataType(StrEnum):
    """Types common to all sources (the API's enum of the same name)."""

    BOOLEAN = "BOOLEAN"
    INTEGER = "INTEGER"
    DECIMAL = "DECIMAL"
    FLOAT = "FLOAT"
    STRING = "STRING"
    BINARY = "BINARY"
    DATE = "DATE"
    TIME = "TIME"
    TIMESTAMP = "TIMESTAMP"
    INTERVAL = "INTERVAL"
    UUID = "UUID"
    JSON = "JSON"
    ARRAY = "ARRAY"
    STRUCT = "STRUCT"
    MAP = "MAP"
    GEOMETRY = "GEOMETRY"
    OTHER = "OTHER"


class Container(Entry):
    entry: Literal["container"] = "container"
    path: Path
    kind: ContainerKind
    comment: str | None = None
    digest: str


class FoundColumn(BaseModel):
    """A column; `ordinal` counts from 1."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    ordinal: int
    native_type: str
    data_type: DataType
    nullable: bool
    default: str | None = None
    comment: str | None = None


class FoundForeignKey(BaseModel):
    """Rows that point at other rows; `to` is the path of the dataset pointed at."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str | None
    columns: tuple[str, ...]
    to: Path
    to_columns: tuple[str, ...]
    enforced: bool = True


class Dataset(Entry):
    """A table or view with everything known of it; `digest` changes when anything in the entry does."""

    entry: Literal["dataset"] = "dataset"
    path: Path
    kind: DatasetKind
    comment: str | None = None
    columns: tuple[FoundColumn, ...]
    primary_key: tuple[str, ...] = ()
    foreign_keys: tuple[FoundForeignKey, ...] = ()
    definition: str | None = None
    """The statement of a view, as the source gives it."""
    row_estimate: int | None = None
    digest: str
    attributes: dict[str, Any] = {}


class MoreColumns(Entry):
    """Columns beyond `MOST_COLUMNS` of a dataset reported before in the same task attempt."""

    entry: Literal["columns"] = "columns"
    path: Path
    columns: tuple[FoundColumn, ...]


class Unchanged(Entry):
    """How many datasets and columns of one container are as the platform knows them (same digest)."""

    entry: Literal["unchanged"] = "unchanged"
    path: Path
    datasets: int
    columns: int


class Removed(Entry):
    """Known paths that a complete reading did not find; sent only with the last batch."""

    entry: Literal["removed"] = "removed"
    paths: tuple[Path, ...]


class ContainerCount(Entry):
    """The source's own count of one schema, to hold against what was read; `read_whole` says the reading was
    complete."""

    entry: Literal["count"] = "count"
    path: Path
    datasets: int
    columns: int
    read_whole: bool = True


class Issue(Entry):
    """Something the reading could not do, or that looks wrong, in words for a person (no values)."""

    entry: Literal["issue"] = "issue"
    severity: Literal["INFO", "LOW", "MEDIUM", "HIGH", "CRITICAL"]
    code: str
    message: str
    path: Path | None = None


class ServerFacts(Entry):
    """What the source says of itself: version and whatever else helps a person; no secrets."""

    entry: Literal["server"] = "server"
    version: str | None = None
    info: dict[str, Any] = {}
    read_only: bool | None = None
    latency_ms: float | None = None


class TestStep(Entry):
    """One step of a connection test: `name` (resolve, connect, tls, sign in, read, capability)."""

    __test__ = False
    entry: Literal["step"] = "step"
    name: str
    ok: bool
    duration_ms: float
    message: str | None = None


class Pattern(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    pattern: str
    count: int


class ColumnProfile(BaseModel):
    """What a column's values look like, without the values; `histogram` is 18 relative bins."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    count: int
    null_ratio: float
    distinct: int | None = None
    unique_ratio: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    mean: float | None = None
    standard_deviation: float | None = None
    quantiles: tuple[float, ...] | None = None
    histogram: tuple[float, ...] | None = None
    patterns: tuple[Pattern, ...] = ()


class Profile(Entry):
    """The profile of one dataset from a bounded sample of its rows."""

    entry: Literal["profile"] = "profile"
    path: Path
    row_count: int | None = None
    size_bytes: int | None = None
    sampled_rows: int = 0
    columns: tuple[ColumnProfile, ...] = ()


class Evidence(BaseModel):
    """A reason to believe a label: never a value."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["CHECKSUM", "PATTERN", "NAME", "STATISTICS", "MODEL", "RULE", "LINEAGE", "QUERY", "PERSON"]
    text: str
    weight: float
    match_ratio: float | None = None


class Prediction(Entry):
    """What the classifier believes of one column; only the best labels above the threshold are sent."""

    entry: Literal["prediction"] = "prediction"
    path: Path
    label: str
    confidence: float
    layer: Literal["PATTERN", "NAME", "STATISTICS", "MODEL"]
    evidence: tuple[Evidence, ...]
    fallback: bool = False


class Snapshot(Entry):
    """One ping of a source by its monitoring agent."""

    entry: Literal["snapshot"] = "snapshot"
    at: datetime
    ok: bool
    latency_ms: float | None = None
    statistics: dict[str, Any] = {}
    failure_code: str | None = None
    failure_message: str | None = None


Testing = Annotated[TestStep | ServerFacts, Field(discriminator="entry")]
Discovering = Annotated[
    Container | Dataset | MoreColumns | Unchanged | Removed | ContainerCount | Issue | ServerFacts,
    Field(discriminator="entry"),
]
Sampling = Annotated[Profile | Prediction | Issue, Field(discriminator="entry")]
Monitoring = Annotated[Snapshot, Field()]

CHECKS: dict[str, TypeAdapter[list[Any]]] = {
    "TEST": TypeAdapter(list[Testing]),
    "DISCOVER": TypeAdapter(list[Discovering]),
    "SAMPLE": TypeAdapter(list[Sampling]),
    "MONITOR": TypeAdapter(list[Monitoring]),
}
"""What checks the entries of each kind of task; their JSON Schema is the agent protocol's reference."""


def clean(name: str) -> str:
    """A name as both ends can hold it: NUL and lone surrogates become U+FFFD, the length is bounded."""
    return name.replace("\x00", "�").encode("utf-8", "replace").decode("utf-8")[:1_024] or "�"
