"""Runs a Node program of this folder against a served house and takes the result of each of its cases.

The program writes a JSON object a line: `{"cases"}` first, how many there will be; `{"case", "problem"}` for
a result; `{"ask", "given"}` for something that only the test can do, which is answered by a line on its
standard input.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.clients import packages

PATIENCE = 900.0
Deed = Callable[[Any], Awaitable[Any]]


@dataclass(frozen=True, kw_only=True)
class Result:
    case: str
    problem: str | None


@pytest.fixture(scope="session")
def node() -> str:
    try:
        return packages.node()
    except packages.Missing as missing:
        if packages.must_be_there():
            raise
        pytest.skip(str(missing))


async def results(
    node: str, program: Path, given: Mapping[str, Any], *, deeds: Mapping[str, Deed] | None = None
) -> list[Result]:
    """All cases of the program, in its order; it must come to its end, and tell of each."""
    running = await asyncio.create_subprocess_exec(
        node,
        str(program),
        json.dumps(given),
        cwd=packages.HERE,
        # A proxy of the machine is not for the house, and warnings of experimental parts are not for anybody.
        env={name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
        | {"NODE_NO_WARNINGS": "1"},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=1_000_000,
    )
    assert running.stdout and running.stderr
    complaints = asyncio.create_task(running.stderr.read())
    found: list[Result] = []
    announced: int | None = None
    try:
        async with asyncio.timeout(PATIENCE):
            async for line in running.stdout:
                said = json.loads(line)
                if "cases" in said:
                    announced = said["cases"]
                elif "ask" in said:
                    await _answer(running, await (deeds or {})[said["ask"]](said.get("given")))
                else:
                    found.append(Result(case=said["case"], problem=said["problem"]))
            await running.wait()
    except TimeoutError:
        pytest.fail(f"{program.name} took more than {PATIENCE:g} s; it came to: {found}")
    finally:
        if running.returncode is None:
            running.kill()
            await running.wait()
    assert running.returncode == 0, f"{found}\n{(await complaints).decode()}"
    assert len(found) == announced
    return found


async def _answer(running: asyncio.subprocess.Process, answer: Any) -> None:
    assert running.stdin
    running.stdin.write(json.dumps(answer).encode() + b"\n")
    await running.stdin.drain()


def report(subtests: pytest.Subtests, found: list[Result]) -> None:
    """Each case as a result of its own."""
    for result in found:
        with subtests.test(result.case):
            assert result.problem is None, result.problem
