"""What one small request pays before its operation is executed, and after: `python -m benchmarks.front`.

The API's own ASGI application is driven in this process, with the headers a program sends, signed in, and a
document that is known. What executes an operation is left out: its answer is ready. `--profile` prints where
the time goes.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import orjson
import uvloop

from benchmarks import documents
from benchmarks.figures import Figure, table
from benchmarks.harness import EMAIL, platform
from datawave.app.core import core
from datawave.app.serving import api
from datawave.settings import load
from datawave.transports.execution import Operation

GOAL = 60.0
ROUNDS, REQUESTS = 7, 2_000

DOCUMENT = "query Source($id: ID!) { node(id: $id) { id ... on DataSource { key name state } } }"
ANSWER = b'{"data":{"node":{"id":"source_01","key":"shop","name":"Shop","state":"GOVERNED"}}}'


async def ready(_operation: Operation) -> bytes:
    return ANSWER


class Driver:
    """Speaks ASGI to the application, as uvicorn does for one keep-alive connection."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.token: str | None = None

    async def post(self, body: bytes) -> list[Any]:
        headers = [
            (b"host", b"127.0.0.1:8000"),
            (b"user-agent", b"bench/1"),
            (b"accept", b"application/graphql-response+json, application/json;q=0.9"),
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
        ]
        if self.token:
            headers.append((b"authorization", b"Bearer " + self.token.encode()))
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "server": ("127.0.0.1", 8000),
            "client": ("127.0.0.1", 50_000),
            "scheme": "http",
            "method": "POST",
            "root_path": "",
            "path": "/graphql",
            "raw_path": b"/graphql",
            "query_string": b"",
            "headers": headers,
            "state": {},
            "extensions": {},
        }
        messages = [{"type": "http.request", "body": body, "more_body": False}]
        sent: list[Any] = []

        async def receive() -> Any:
            return messages.pop() if messages else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        await self._app(scope, receive, send)
        return sent

    async def sign_in(self, password: str) -> None:
        given = {"input": {"password": {"email": EMAIL, "password": password}}}
        sent = await self.post(orjson.dumps({"query": documents.SIGN_IN, "variables": given}))
        self.token = orjson.loads(sent[1]["body"])["data"]["signIn"]["tokens"]["accessToken"]


@asynccontextmanager
async def driver(folder: Path) -> AsyncGenerator[Driver]:
    """A driver signed in to an application of this process, on the servers of a platform beside it."""
    home = folder / "front"
    async with platform(home) as running:
        settings = load(_env_file=None, home=home, port=running.port)
        async with core(
            database_url=settings.database().reveal(),
            redis_url=settings.redis().reveal(),
            secret_key=settings.master_key(),
        ) as parts:
            from datawave.app.processes import serving

            async with api(parts, serving(settings)) as served:
                made = Driver(served.app)
                await made.sign_in(home.with_name("front.password").read_text())
                yield made


async def measure(folder: Path, *, product: bool = True, profile: bool = False) -> list[Figure]:
    if not product:
        return []
    body = orjson.dumps({"query": DOCUMENT, "variables": {"id": "source_01"}})
    async with driver(folder) as made:
        with patch.object(Operation, "once", ready):
            assert (await made.post(body))[0]["status"] == 200
            taken = [await _round(made, body) for _ in range(ROUNDS)]
            if profile:
                await _profiled(made, body)
    least = min(taken)
    note = f"median of {ROUNDS} rounds {statistics.median(taken):.0f} µs, least {least:.0f} µs"
    return [Figure(name="a request, without executing it", value=least, unit="µs", goal=GOAL, note=note)]


async def _round(made: Driver, body: bytes) -> float:
    """Microseconds of the process's own time for each request: neighbours on the machine do not count."""
    began = time.process_time()
    for _ in range(REQUESTS):
        await made.post(body)
    return (time.process_time() - began) / REQUESTS * 1e6


async def _profiled(made: Driver, body: bytes) -> None:
    profiler = cProfile.Profile()
    profiler.enable()
    for _ in range(REQUESTS):
        await made.post(body)
    profiler.disable()
    pstats.Stats(profiler, stream=sys.stderr).sort_stats("tottime").print_stats(45)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.front", description=__doc__)
    parser.add_argument("--profile", action="store_true", help="print where the time goes")
    given = parser.parse_args()
    os.environ.setdefault("DATAWAVE_LIMIT_POINTS_PER_MINUTE", "1000000000")
    with tempfile.TemporaryDirectory(prefix="datawave-front-") as folder:
        print(table(uvloop.run(measure(Path(folder), profile=given.profile))))


if __name__ == "__main__":
    main()
