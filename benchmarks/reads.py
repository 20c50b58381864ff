"""How many reads a second one core answers: the product, SQL written by hand, and the peers, in one run.

Every server has the first core to itself; PostgreSQL and the load share the second. All of them are asked in
turn, round by round, each round from the next one on, so that whatever else the machine does hits all alike;
a cell is the median of its rounds.
"""

from __future__ import annotations

import hashlib
import statistics
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import orjson

from benchmarks import contestants, queries
from benchmarks.contestants import Contestant
from benchmarks.cores import Pausing, cores, cpu_seconds, pinned
from benchmarks.figures import Figure
from benchmarks.ground import Ground, Server, furnished, ground, token
from benchmarks.harness import BenchFailed
from benchmarks.load.requests import Answered, requested, written
from benchmarks.sql import connected

CONNECTIONS = (1, 16)
WARM_UP = 0.5
COMPARED = 41
"""So many sets of variables are compared between all who answer in one shape."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is to be run; the defaults are those of `make bench`."""

    rounds: int = 9
    seconds: float = 0.8
    only: Sequence[str] = ()
    queries: Sequence[str] = tuple(queries.DOCUMENTS)
    connections: Sequence[int] = CONNECTIONS
    kept: Path | None = None
    """Where the database stays between runs; without it each run makes its own."""

    @property
    def is_probe(self) -> bool:
        """A quick look, which is no result."""
        return self.rounds < Plan.rounds or bool(self.only) or tuple(self.queries) != Plan.queries

    @property
    def contestants(self) -> list[Contestant]:
        wanted = [each for each in contestants.ALL if not self.only or each.name in self.only]
        return [each for each in wanted if each.server != "unplanned" or contestants.has_switch()]


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One round of one cell: what the load found, and CPU milliseconds for each answer."""

    answered: Answered
    server_ms: float
    postgres_ms: float


@dataclass(frozen=True, kw_only=True)
class Cell:
    contestant: str
    query: str
    connections: int
    readings: list[Reading] = field(default_factory=list[Reading])

    def _median(self, of: Any) -> float:
        return statistics.median(of(each) for each in self.readings)

    @property
    def rate(self) -> float:
        return self._median(lambda each: each.answered.rate)

    def told(self) -> dict[str, float]:
        return {
            "rate": self.rate,
            "p50": self._median(lambda each: each.answered.p50),
            "p99": self._median(lambda each: each.answered.p99),
            "serverMs": self._median(lambda each: each.server_ms),
            "postgresMs": self._median(lambda each: each.postgres_ms),
        }


class Results:
    """All cells of a run."""

    def __init__(self) -> None:
        self.cells: dict[tuple[str, str, int], Cell] = {}
        self.left_out: dict[str, str] = {}
        self.sizes: dict[tuple[str, str], float] = {}
        """Bytes of an answer as it was compared, by contestant and query."""

    def add(self, one: Contestant, query: str, connections: int, reading: Reading) -> None:
        key = (one.name, query, connections)
        cell = self.cells.setdefault(key, Cell(contestant=one.name, query=query, connections=connections))
        cell.readings.append(reading)

    def rate(self, name: str, query: str, connections: int = 16) -> float | None:
        cell = self.cells.get((name, query, connections))
        return cell.rate if cell else None

    def ratio(self, name: str, other: str, query: str, connections: int = 16) -> float | None:
        above, below = self.rate(name, query, connections), self.rate(other, query, connections)
        return above / below if above and below else None

    def cpu_ratio(self, name: str, other: str, query: str) -> str:
        """How much of the servers' CPU an answer takes, the other's by ours: in words."""
        ours, theirs = self.cells[name, query, 16].told(), self.cells[other, query, 16].told()
        return f"by CPU of the server {theirs['serverMs'] / ours['serverMs']:.2f}×"

    def told(self) -> list[dict[str, Any]]:
        return [
            {
                "contestant": cell.contestant,
                "query": cell.query,
                "connections": cell.connections,
                "rounds": len(cell.readings),
                **cell.told(),
            }
            for cell in self.cells.values()
        ]


async def measure(folder: Path, plan: Plan | None = None) -> Results:
    plan, results, where = plan or Plan(), Results(), cores()
    with pinned(where.rest), ground(folder, where, kept=plan.kept) as place:
        await furnished(place)
        async with connected(place.database_url) as connection:
            asked = await queries.sets(connection)
        async with _all_served(place, plan, results) as servers:
            there = [each for each in plan.contestants if each.server in servers]
            pausing = Pausing({name: server.pid for name, server in servers.items()})
            try:
                for query in plan.queries:
                    await _compare(place, results, servers, there, query, asked)
                for number in range(plan.rounds):
                    print(f"reads: round {number + 1} of {plan.rounds}", file=sys.stderr)
                    turned = [*there[number % len(there) :], *there[: number % len(there)]]
                    await _round(
                        place, plan, results, servers=servers, there=turned, asked=asked, pausing=pausing
                    )
            finally:
                pausing.go_on()
    return results


@asynccontextmanager
async def _all_served(place: Ground, plan: Plan, results: Results) -> AsyncGenerator[dict[str, Server]]:
    """Every server at once. A peer that does not come up is left out, and the table says why; ours must."""
    async with AsyncExitStack() as stack:
        servers: dict[str, Server] = {}
        for name in dict.fromkeys(each.server for each in plan.contestants):
            try:
                servers[name] = await stack.enter_async_context(contestants.SERVERS[name](place))
            except BenchFailed as failed:
                if name in ("ours", "limit"):
                    raise
                results.left_out[name] = str(failed)
                print(f"reads: {name} is left out: {failed}", file=sys.stderr)
        yield servers


async def _compare(
    place: Ground,
    results: Results,
    servers: dict[str, Server],
    there: Sequence[Contestant],
    query: str,
    asked: queries.Sets,
) -> None:
    """All who answer in one shape give the same answers, to the letter, cursors apart."""
    digests: dict[str, str] = {}
    for one in there:
        data, size = await _answers(place, servers[one.server], one, query, asked)
        results.sizes[one.name, query] = size
        if one.compared:
            digests[one.name] = hashlib.sha256(orjson.dumps(data, option=orjson.OPT_SORT_KEYS)).hexdigest()
    if len(set(digests.values())) > 1:
        raise BenchFailed(f"{query}: not all give the same answers: {digests}")


async def _answers(
    place: Ground, server: Server, one: Contestant, query: str, asked: queries.Sets
) -> tuple[list[Any], float]:
    """What some sets of variables are answered with, and how many bytes an answer has."""
    variables = asked.variables(query, cursors=one.cursors)[:COMPARED]
    access = await token(place, server.port, one.email) if one.email else None
    found: list[Any] = []
    size = 0
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", timeout=30) as http:
        for request in queries.requests(query, one.documents[query], variables, token=access):
            headers = {"content-type": "application/json", **dict(request.headers)}
            told = await http.post("/graphql", content=request.body, headers=headers)
            answer = orjson.loads(told.content) if told.status_code == 200 else {"errors": told.text}
            if answer.get("errors") or not all((answer.get("data") or {}).values()):
                raise BenchFailed(f"{one.name} answers {query} with {orjson.dumps(answer)[:400].decode()}")
            found.append(_without_cursors(answer["data"]))
            size += len(told.content)
    return found, size / len(found)


def _without_cursors(data: Any) -> Any:
    if isinstance(data, dict):
        kept = {name: value for name, value in data.items() if name not in ("cursor", "endCursor")}
        return {name: _without_cursors(value) for name, value in kept.items()}
    return [_without_cursors(each) for each in data] if isinstance(data, list) else data


async def _round(
    place: Ground,
    plan: Plan,
    results: Results,
    *,
    servers: dict[str, Server],
    there: Sequence[Contestant],
    asked: queries.Sets,
    pausing: Pausing,
) -> None:
    for query in plan.queries:
        for one in there:
            server = servers[one.server]
            with pausing.only(one.server):
                access = await token(place, server.port, one.email) if one.email else None
                variables = asked.variables(query, cursors=one.cursors)
                wires = queries.requests(query, one.documents[query], variables, token=access)
                file = written(place.folder / "requests.bin", wires, server.port)
                await requested(server.port, file, connections=max(plan.connections), seconds=WARM_UP)
                for connections in plan.connections:
                    reading = await _read(place, plan, server, file, connections)
                    _refuse_short(one, query, reading.answered, results.sizes[one.name, query])
                    results.add(one, query, connections, reading)


async def _read(place: Ground, plan: Plan, server: Server, file: Path, connections: int) -> Reading:
    database = place.database.process.pid
    before = cpu_seconds(server.pid), cpu_seconds(database)
    answered = await requested(server.port, file, connections=connections, seconds=plan.seconds)
    after = cpu_seconds(server.pid), cpu_seconds(database)
    each = 1000 / answered.answers
    return Reading(
        answered=answered, server_ms=(after[0] - before[0]) * each, postgres_ms=(after[1] - before[1]) * each
    )


def _refuse_short(one: Contestant, query: str, answered: Answered, size: float) -> None:
    """An error is short and quick, and may come with status 200: then nothing was measured."""
    if answered.bytes / answered.answers < size / 2:
        raise BenchFailed(f"{one.name} answers {query} with {answered.bytes / answered.answers:.0f} bytes")


GOALS = (
    ("ours", "limit", {"Q1": 0.6, "Q2": 0.8, "Q3": 0.8}),
    ("ours", "strawberry", {"Q2": 20}),
    ("ours", "mercurius", {"Q2": 1, "Q3": 1}),
    ("unplanned", "strawberry", {"Q1": 5, "Q2": 2}),
)


LABELS = {each.name: each.label for each in contestants.ALL}


def figures(results: Results) -> list[Figure]:
    """The lines of the table: every cell, then what the issue asks for."""
    lines = [
        Figure(
            name=f"{cell.query}, {cell.connections} at once: {LABELS[cell.contestant]}",
            value=cell.rate,
            unit="/s",
            note=_note(cell.told()),
        )
        for cell in sorted(results.cells.values(), key=lambda cell: (cell.query, cell.connections))
    ]
    return [*lines, *goals(results)]


def goals(results: Results) -> list[Figure]:
    """At 16 at once, by answers a second; the ratio of the servers' CPU beside it is disturbed less."""
    lines: list[Figure] = []
    for name, other, asked in GOALS:
        for query, goal in asked.items():
            rate, ratio = results.rate(name, query), results.ratio(name, other, query)
            if rate is None or ratio is None:
                continue
            lines.append(
                Figure(name=f"{query}: {LABELS[name]}", value=rate, unit="/s", against=LABELS[other],
                       ratio=ratio, goal=goal, at_least=True, note=results.cpu_ratio(name, other, query))
            )  # fmt: skip
    return lines


def _note(told: dict[str, float]) -> str:
    return (
        f"p50 {told['p50']:.2f} ms, p99 {told['p99']:.2f} ms;"
        f" CPU a request: server {told['serverMs']:.2f} ms, PostgreSQL {told['postgresMs']:.2f} ms"
    )
