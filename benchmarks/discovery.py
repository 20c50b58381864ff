"""Discovering 2,000 tables and 200 views, and again unchanged, against reading and writing the same alone."""

from __future__ import annotations

import asyncio
import secrets
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from benchmarks import baselines, documents
from benchmarks.datahub import ingest_seconds
from benchmarks.figures import Figure, measured, median_of
from benchmarks.harness import BenchFailed, Json, Platform, megabytes, platform, tree
from benchmarks.source_2000 import BenchSource, bench_source
from benchmarks.sql import connected

TERMINAL = {"SUCCEEDED", "PARTIAL", "FAILED", "CANCELLED"}
AGAIN = 3
SOURCES = 3
"""Each discovered for the first time: one alone says more of what else the machine did in that second."""

TABLES = """
select c.oid::regclass::text as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = 'public' and c.relkind = 'r'
"""
NO_AGENT = "select count(*) = 0 from edge_agent where state = 'ONLINE'"
OPEN_JOBS = "select count(*) from job where state in ('QUEUED', 'RUNNING', 'RETRYING')"
REST_SECONDS = 120
SETTLING_SECONDS = 5
"""What a start still does once the agent is there is no discovery's: `memory` measures starts."""
WRITTEN = "select count(*) from {table} where xmin::text::bigint > $1"


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """Seconds of the least work: reading the catalog; writing its rows first, and once more unchanged."""

    read: float
    written: float
    unchanged: float
    views: Sequence[tuple[str, str]]

    @property
    def both(self) -> float:
        return self.read + self.written


async def measure(folder: Path, *, product: bool = True, datahub: bool = False) -> list[Figure]:
    with bench_source(folder) as source:
        base = await _baseline(folder, source)
        figures = [
            Figure(name="source: bulk catalog queries", value=base.read * 1000, unit="ms"),
            Figure(name="COPY with upsert, first", value=base.written * 1000, unit="ms"),
            Figure(name="COPY with upsert, no change", value=base.unchanged * 1000, unit="ms"),
        ]
        first: float | None = None
        if product:
            found, first = await _product(folder, source, base)
            figures += found
        if datahub:
            figures += await _peer(folder, source, first)
    return figures


async def _baseline(folder: Path, source: BenchSource) -> Baseline:
    async with connected(source.url) as connection:
        read, rows = await median_of(3, lambda: baselines.read_catalog(connection))
    written, unchanged = await baselines.upsert_seconds(folder, baselines.asset_rows(rows))
    views = [(f"{row[0]}.{row[1]}", str(row[2])) for row in rows[3]]
    return Baseline(read=read, written=written, unchanged=unchanged, views=views)


async def _product(folder: Path, source: BenchSource, base: Baseline) -> tuple[list[Figure], float]:
    async with platform(folder / "home") as running:
        await running.pages_built()
        await _while(running, NO_AGENT)
        await asyncio.sleep(SETTLING_SECONDS)
        firsts: list[float] = []
        for _ in range(SOURCES):
            source_id = await _create(running, source)
            with measured() as first:
                found = await discover(running, source_id, mode="FULL")
            firsts.append(first.seconds)
            await _while(running, OPEN_JOBS)  # the first discovery left the lineage of its views
        middle = statistics.median(firsts)
        peak = max(megabytes(pid, file="status", field="VmHWM") for pid in tree(running.process.pid))
        before = await _transaction(running)
        seconds, again = await median_of(AGAIN, lambda: discover(running, source_id, mode="INCREMENTAL"))
        touched = await written_since(running, before)
    columns = found["summary"]["columns"]
    differences = sum(again["summary"][name] for name in ("added", "changed", "removed"))
    catalog_rows = sum(rows for table, rows in touched.items() if _is_catalog(table))
    figures = [
        Figure(name="discovery, command to end", value=middle * 1000, unit="ms",
               against="queries + upsert", ratio=middle / base.both, goal=4,
               note=f"{columns / middle:,.0f} columns/s; the middle of {SOURCES} sources,"
                    f" {', '.join(f'{each * 1000:,.0f}' for each in firsts)} ms"),
        *_stage_figures(found, base),
        Figure(name="largest process at its peak", value=peak, unit="MB"),
        Figure(name="rediscovery, no change", value=seconds * 1000, unit="ms", against="queries",
               ratio=seconds / base.read, goal=1.5, note=f"median of {AGAIN}"),
        Figure(name="rediscovery: differences found", value=differences, unit="", goal=0),
        Figure(name="rediscovery: catalog rows written", value=catalog_rows, unit="rows", goal=0,
               note=", ".join(f"{table} {rows}" for table, rows in touched.items())),
        *_lineage_figures(base),
    ]  # fmt: skip
    return figures, middle


async def _create(running: Platform, source: BenchSource) -> str:
    address = source.address
    config = {
        "host": address.host,
        "port": address.port,
        "database": source.database,
        "tls": {"mode": "DISABLED"},
    }
    credentials = {"password": {"username": address.username, "password": address.password}}
    name = f"bench {secrets.token_hex(3)}"
    wanted = {
        "name": name,
        "config": {"postgresql": config},
        "credentials": credentials,
        "discoverNow": False,
    }
    return (await running.run(documents.CREATE_SOURCE, input=wanted))["dataSource"]["id"]


async def discover(running: Platform, source_id: str, *, mode: str) -> Json:
    """One discovery without samples, from the command until its stream says that it ended; as it then is."""
    head = (await running.ask(documents.CURSOR))["cursor"]
    wanted = {"dataSourceId": source_id, "mode": mode, "sample": False, "classify": False}
    run_id = (await running.run(documents.START_DISCOVERY, input=wanted))["discovery"]["id"]
    async with running.following(documents.RUN_ADVANCED, id=run_id, after=head) as events:
        async for event in events:
            if event["runAdvanced"]["run"]["state"] in TERMINAL:
                break
    ended = (await running.ask(documents.DISCOVERY, id=run_id))["node"]
    if ended["state"] != "SUCCEEDED":
        failure = ended["failure"] or {"message": "without a failure"}
        raise BenchFailed(f"the discovery ended {ended['state']}: {failure['message']}")
    return ended


def _stage_figures(found: Json, base: Baseline) -> list[Figure]:
    """From the first reading to the last writing, without the way to the worker and back; then each stage."""
    spans = {stage["kind"]: _span(stage) for stage in found["stages"] if stage["finishedAt"]}
    read, write = spans.get("DISCOVER"), spans.get("UPDATE_CATALOG")
    figures = [
        Figure(name=f"  stage {kind}", value=(end - begin).total_seconds() * 1000, unit="ms")
        for kind, (begin, end) in spans.items()
    ]
    if read and write:
        seconds = (max(read[1], write[1]) - read[0]).total_seconds()
        whole = Figure(
            name="  reading and writing",
            value=seconds * 1000,
            unit="ms",
            against="queries + upsert",
            ratio=seconds / base.both,
        )
        figures.insert(0, whole)
    return figures


def _span(stage: Json) -> tuple[datetime, datetime]:
    return datetime.fromisoformat(stage["startedAt"]), datetime.fromisoformat(stage["finishedAt"])


async def _while(running: Platform, holds: str) -> None:
    """Returns once what is asked of the platform's database is false or none."""
    async with connected(running.database_url) as connection:
        async with asyncio.timeout(REST_SECONDS):
            while await connection.fetchval(holds):  # noqa: ASYNC110  # the database tells nobody
                await asyncio.sleep(0.1)


async def _transaction(running: Platform) -> int:
    """The database's present transaction number: rows written later carry a higher one."""
    async with connected(running.database_url) as connection:
        return int(await connection.fetchval("select pg_current_xact_id()::text"))


async def written_since(running: Platform, transaction: int) -> dict[str, int]:
    """Table → living rows that later transactions wrote; in a young home their numbers have not wrapped."""
    async with connected(running.database_url) as connection:
        tables = [str(row["name"]) for row in await connection.fetch(TABLES)]
        counted = {
            table: int(await connection.fetchval(WRITTEN.format(table=table), transaction))
            for table in tables
        }
    return {table: rows for table, rows in sorted(counted.items()) if rows}


def _is_catalog(table: str) -> bool:
    """Tables of assets, columns, edges, their history and drift; not the run's own rows, events or audit."""
    return table.startswith(("asset", "column", "lineage", "schema_change")) or table.endswith("_history")


def _lineage_figures(base: Baseline) -> list[Figure]:
    from domain.lineage import sql

    columns = ("id", "parent_id", "name", "amount", "country", "active")
    schema = sql.Tables(
        {("bench", f"area_{area}", f"table_{number}"): columns for area in range(10) for number in range(21)}
    )
    with measured() as watch:
        parsed = [
            sql.view_lineage(definition, dialect="postgres", schema=schema, default=("bench", "area_0"))
            for _, definition in base.views
        ]
    unread = sum(1 for one in parsed if one.unparsed)
    return [
        Figure(
            name="lineage of the views",
            value=watch.seconds * 1000,
            unit="ms",
            note=f"{len(parsed)} views, {unread} unread",
        )
    ]


async def _peer(folder: Path, source: BenchSource, ours: float | None) -> list[Figure]:
    seconds, why = await ingest_seconds(folder, source)
    if seconds is None:
        return [Figure(name="datahub ingest", value=0, unit="", note=f"not run: {why}")]
    ratio = None if ours is None else ours / seconds
    return [
        Figure(name="datahub ingest to a file", value=seconds, unit="s"),
        *([] if ratio is None else [
            Figure(name="discovery against datahub ingest", value=ours or 0, unit="s", against="datahub",
                   ratio=ratio, goal=0.1)
        ]),
    ]  # fmt: skip
