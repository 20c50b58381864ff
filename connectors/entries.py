"""What an agent reports, entry by entry: the vocabulary of the agent protocol.

The connector builds them, unchecked as its own values are of the right types; the platform checks all of
them as it reads `reportTask(entries)`. Names are data of the source and are never trusted: at most 1,024
characters here, and no NUL survives `clean`. Compact on purpose: one dataset is one entry with its columns
as rows, and what is as usual is left out, so that 40,000 columns are 2,200 entries."""

from __future__ import annotations

import json
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from datawave.kit.masking import MOST_CHARACTERS, MaskMethod

MOST_ENTRIES = 5_000
MOST_BYTES = 900_000
MOST_COLUMNS = 1_000
"""Columns in one dataset entry; the rest follows in `MoreColumns` entries of the same path."""
MOST_VALUES = 10
"""Values of a column that are told, where any are."""

Name = Annotated[str, Meta(min_length=1, max_length=1_024)]
Path = Annotated[tuple[Name, ...], Meta(min_length=1, max_length=8)]
"""Names from the source downwards, without the source itself: ("shop", "public", "customer")."""


class Part(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What entries are made of."""


class Entry(Part, frozen=True, tag_field="entry"):
    """One thing that is reported; in JSON its member `entry` says which kind."""


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


class Container(Entry, frozen=True, kw_only=True, tag="container"):
    path: Path
    kind: ContainerKind
    comment: str | None = None
    digest: str


class FoundColumn(Part, frozen=True, gc=False):
    """A column; `ordinal` counts from 1."""

    name: Name
    ordinal: int
    native_type: str
    data_type: DataType
    nullable: bool
    default: str | None = None
    comment: str | None = None


class FoundForeignKey(Part, frozen=True, kw_only=True):
    """Rows that point at other rows; `to` is the path of the dataset pointed at."""

    name: str | None
    columns: tuple[str, ...]
    to: Path
    to_columns: tuple[str, ...]
    enforced: bool = True


class Dataset(Entry, frozen=True, kw_only=True, tag="dataset"):
    """A table or view with everything known of it; `digest` changes when anything in the entry does."""

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


class MoreColumns(Entry, frozen=True, kw_only=True, tag="columns"):
    """Columns beyond `MOST_COLUMNS` of a dataset reported before in the same task attempt."""

    path: Path
    columns: tuple[FoundColumn, ...]


class Unchanged(Entry, frozen=True, kw_only=True, tag="unchanged"):
    """How many datasets and columns of one container are as the platform knows them (same digest)."""

    path: Path
    datasets: int
    columns: int


class Removed(Entry, frozen=True, kw_only=True, tag="removed"):
    """Known paths that a complete reading did not find; sent only with the last batch."""

    paths: tuple[Path, ...]


class ContainerCount(Entry, frozen=True, kw_only=True, tag="count"):
    """The source's own count of one schema, to hold against what was read; `read_whole` says the reading was
    complete."""

    path: Path
    datasets: int
    columns: int
    read_whole: bool = True


class Issue(Entry, frozen=True, kw_only=True, tag="issue"):
    """Something the reading could not do, or that looks wrong, in words for a person (no values)."""

    severity: Literal["INFO", "LOW", "MEDIUM", "HIGH", "CRITICAL"]
    code: str
    message: str
    path: Path | None = None


class ServerFacts(Entry, frozen=True, kw_only=True, tag="server"):
    """What the source says of itself: version and whatever else helps a person; no secrets."""

    version: str | None = None
    info: dict[str, Any] = {}
    read_only: bool | None = None
    latency_ms: float | None = None
    stamp: Annotated[str, Meta(max_length=200)] | None = None
    """Of a reading of the whole: differs once anything in the source may have changed since."""


class TestStep(Entry, frozen=True, kw_only=True, tag="step"):
    """One step of a connection test: `name` (resolve, connect, tls, sign in, read, capability)."""

    __test__ = False
    name: str
    ok: bool
    duration_ms: float
    message: str | None = None


class Pattern(Part, frozen=True, kw_only=True):
    pattern: str
    count: int


class ColumnProfile(Part, frozen=True, kw_only=True):
    """What a column's values look like, without the values; `histogram` is 18 relative bins."""

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


class Profile(Entry, frozen=True, kw_only=True, tag="profile"):
    """The profile of one dataset from a bounded sample of its rows."""

    path: Path
    row_count: int | None = None
    size_bytes: int | None = None
    sampled_rows: int = 0
    columns: tuple[ColumnProfile, ...] = ()


class TopValue(Part, frozen=True, kw_only=True):
    """A value that is frequent in a sample, as it may leave, and how often it was seen."""

    value: Annotated[str, Meta(max_length=MOST_CHARACTERS)]
    count: Annotated[int, Meta(ge=1)]


class ColumnValues(Entry, frozen=True, kw_only=True, tag="values"):
    """The most frequent values of one column, only where the policies of the agent and of the source let
    values leave; after the predictions of the column. `masked_with` is how they were hidden before they left,
    nothing where they were not."""

    path: Path
    top: Annotated[tuple[TopValue, ...], Meta(min_length=1, max_length=MOST_VALUES)]
    masked_with: MaskMethod | None = None


class Evidence(Part, frozen=True, kw_only=True):
    """A reason to believe a label: never a value."""

    kind: Literal["CHECKSUM", "PATTERN", "NAME", "STATISTICS", "MODEL", "RULE", "LINEAGE", "QUERY", "PERSON"]
    text: str
    weight: float
    match_ratio: float | None = None


class Prediction(Entry, frozen=True, kw_only=True, tag="prediction"):
    """What the classifier believes of one column; only the best labels above the threshold are sent."""

    path: Path
    label: str
    confidence: float
    layer: Literal["PATTERN", "NAME", "STATISTICS", "MODEL"]
    evidence: tuple[Evidence, ...]
    fallback: bool = False


class Snapshot(Entry, frozen=True, kw_only=True, tag="snapshot"):
    """One ping of a source by its monitoring agent."""

    at: Annotated[datetime, Meta(tz=True)]
    ok: bool
    latency_ms: float | None = None
    statistics: dict[str, Any] = {}
    failure_code: str | None = None
    failure_message: str | None = None


Testing = TestStep | ServerFacts
Discovering = Container | Dataset | MoreColumns | Unchanged | Removed | ContainerCount | Issue | ServerFacts
Sampling = Profile | Prediction | ColumnValues | Issue

REPORTED: dict[str, Any] = {
    "TEST": list[Testing],
    "DISCOVER": list[Discovering],
    "SAMPLE": list[Sampling],
    "MONITOR": list[Snapshot],
}
"""What tasks of each kind report; their JSON Schema is the agent protocol's reference."""

CHECKS: dict[str, msgspec.json.Decoder[list[Entry]]] = {
    kind: msgspec.json.Decoder(entries) for kind, entries in REPORTED.items()
}
"""What checks and reads the entries of each kind of task."""


def encoded(entry: Entry) -> bytes:
    """An entry as it is sent; half characters, which JSON cannot hold, are replaced."""
    try:
        return msgspec.json.encode(entry)
    except UnicodeEncodeError:
        text = json.dumps(msgspec.to_builtins(entry), ensure_ascii=False)
        return text.encode("utf-8", "replace")


def as_dict(part: Part, *, without: str = "entry") -> dict[str, Any]:
    """All that is told, what is as usual included, as plain JSON."""
    return {
        name: msgspec.to_builtins(value)
        for name, value in msgspec.structs.asdict(part).items()
        if name != without
    }


def clean(name: str) -> str:
    """A name as both ends can hold it: NUL and lone surrogates become U+FFFD, the length is bounded."""
    return name.replace("\x00", "�").encode("utf-8", "replace").decode("utf-8")[:1_024] or "�"
