"""The run: each case is tried once, and told as refused, let in, or not there."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx2
import websockets

from tests.hostile.asking import Line
from tests.hostile.cases import Case, LetIn, cases
from tests.hostile.ground import Ground, prepared

RESIDENT = re.compile(r"^process_resident_memory_bytes (\S+)$", re.MULTILINE)


@dataclass
class Outcome:
    tried: int = 0
    refused: int = 0
    absent: list[str] = field(default_factory=list[str])
    "There is nothing to try: the instance has no such mutation."
    let_in: list[str] = field(default_factory=list[str])
    slowest_refusal: float = 0.0
    "Of a document that asks too much, in seconds."
    grown: float = 0.0
    "By so many bytes the process that told of itself grew while it refused documents."

    @property
    def is_clean(self) -> bool:
        return self.tried == self.refused


async def tried(
    url: str,
    *,
    email: str,
    password: str,
    only: str | None = None,
    say: Callable[[str], None],
) -> Outcome:
    ground, outcome = await prepared(url, email=email, password=password), Outcome()
    try:
        before = await _resident(ground.line)
        for each in cases():
            if only in (None, each.group):
                say(await _one(each, ground, outcome))
            if each.group == "documents":
                outcome.grown = max(outcome.grown, await _resident(ground.line) - before)
        outcome.slowest_refusal = ground.line.slowest_refusal
        for line in _summary(ground, outcome):
            say(line)
    finally:
        await ground.line.http.aclose()
    return outcome


async def _one(each: Case, ground: Ground, outcome: Outcome) -> str:
    if each.needs is not None and each.needs not in ground.mutations:
        outcome.absent.append(each.name)
        return f"not there  {each.name} ({each.needs})"
    outcome.tried += 1
    ground.line.may_slip = each.group == "documents"
    try:
        await each.attempt(ground)
    except (LetIn, RuntimeError, httpx2.HTTPError, OSError, websockets.WebSocketException) as reason:
        outcome.let_in.append(f"{each.name}: {type(reason).__name__}: {reason}")
        return f"LET IN     {each.name}: {reason}"
    outcome.refused += 1
    return f"refused    {each.name}"


async def _resident(line: Line) -> float:
    """Of whichever process answers; nothing where figures are not shown."""
    answer = await line.http.get("/metrics")
    found = RESIDENT.search(answer.text)
    return float(found[1]) if found else 0.0


def _summary(ground: Ground, outcome: Outcome) -> list[str]:
    return [
        "",
        f"{ground.line.answers:,} answers: none 5xx, with a trace, or with a secret that was sent"
        if not outcome.let_in
        else f"{len(outcome.let_in)} let in",
        f"slowest answer {ground.line.slowest:.2f} s; slowest refusal of a document"
        f" {outcome.slowest_refusal * 1000:.0f} ms; memory {outcome.grown / 1e6:+.0f} MB",
        f"not there {len(outcome.absent)}",
        f"tried {outcome.tried}, refused {outcome.refused}",
    ]
