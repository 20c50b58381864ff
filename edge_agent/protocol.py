"""The agent's calls of the API, and what comes back, as values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from connectors.entries import Path
from edge_agent.client import Client, CutOff, Refused
from edge_agent.policy import Policy

HEARTBEAT_SECONDS = 8.0
"""One that takes longer is sent anew: leases are short."""

HEARTBEAT = """mutation ($input: HeartbeatInput!) { sendHeartbeat(input: $input) {
  errors { code message path } agent { sync { currentBundleVersion }
    claimed: tasks(state: CLAIMED, first: 500) { nodes { id attempt } pageInfo { hasNextPage } }
    running: tasks(state: RUNNING, first: 500) { nodes { id attempt } pageInfo { hasNextPage } } } } }"""

CLAIM = """mutation ($input: ClaimTaskInput!) { claimTask(input: $input) { errors { code message path }
  task { id kind attempt instructions sealedCredentials } } }"""

REPORT = """mutation ($input: ReportTaskInput!) { reportTask(input: $input) { errors { code message path }
  expectedBatch stop } }"""

KNOWN = """query ($id: ID!) { node(id: $id) { ... on AgentTask { known } } }"""

BUNDLE = """query ($have: String) { agentBundle(have: $have) { version ownPorts ownAddresses
  policy { sampleRows samplePatterns neverSample valuesLeave maskWith maxQuerySeconds
    quietHours { from to timeZone days } } } }"""

ASSIGNED = """subscription ($after: Cursor) { agentAssigned(after: $after) {
  cursor cancelledTaskId task { id } } }"""


@dataclass(frozen=True, kw_only=True)
class Claimed:
    """A task that is ours, under an attempt."""

    id: str
    kind: str
    attempt: int
    instructions: dict[str, Any]
    sealed: str | None


@dataclass(frozen=True, kw_only=True)
class Held:
    """What the platform says we hold; `whole` is false where there is more than it said."""

    bundle_version: str
    tasks: frozenset[tuple[str, int]]
    whole: bool


@dataclass(frozen=True, kw_only=True)
class Bundle:
    version: str
    policy: Policy
    own_ports: frozenset[int]
    own_addresses: frozenset[str]


class Stop(Exception):
    """This attempt is over: nothing of it is wanted any more."""


class Gap(Exception):
    """The platform misses a batch."""

    def __init__(self, expected: int) -> None:
        super().__init__(f"batch {expected} is expected")
        self.expected = expected


class Platform:
    def __init__(self, client: Client) -> None:
        self.client = client

    async def beat(
        self, *, load: float, spooled: int, bundle_version: str | None, held: Sequence[tuple[str, int]]
    ) -> Held:
        leases = [{"taskId": task, "attempt": attempt} for task, attempt in held]
        told: dict[str, Any] = {"load": load, "spooledBatches": spooled, "leases": leases}
        if bundle_version is not None:
            told["bundleVersion"] = bundle_version
        data = await self.client.ask(HEARTBEAT, {"input": told}, seconds=HEARTBEAT_SECONDS)
        agent = _checked(data["sendHeartbeat"])["agent"]
        pages = (agent["claimed"], agent["running"])
        return Held(
            bundle_version=agent["sync"]["currentBundleVersion"],
            tasks=frozenset((node["id"], node["attempt"]) for page in pages for node in page["nodes"]),
            whole=not any(page["pageInfo"]["hasNextPage"] for page in pages),
        )

    async def claim(
        self, *, task_id: str | None = None, capabilities: Sequence[str] | None = None
    ) -> Claimed | None:
        wanted: dict[str, Any] = (
            {"taskId": task_id} if task_id else {"capabilities": list(capabilities or ())}
        )
        data = await self.client.ask(CLAIM, {"input": wanted})
        task = _checked(data["claimTask"])["task"]
        if task is None:
            return None
        return Claimed(
            id=task["id"],
            kind=task["kind"],
            attempt=task["attempt"],
            instructions=task["instructions"],
            sealed=task["sealedCredentials"],
        )

    async def report(self, task_id: str, attempt: int, batch: int, content: bytes) -> None:
        """Sends one batch; `content` is the rest of the input, as JSON without its braces. Returns when the
        platform has it, now or from before."""
        place = orjson.dumps({"taskId": task_id, "attempt": attempt, "batch": batch})[1:-1]
        variables = b'{"input":{' + place + (b"," + content if content else b"") + b"}}"
        answer = (await self.client.ask_raw(REPORT, variables))["reportTask"]
        if answer["stop"]:
            raise Stop
        if answer["errors"] and answer["expectedBatch"] is not None:
            raise Gap(answer["expectedBatch"])
        _checked(answer)

    async def known(self, task_id: str) -> dict[Path, str]:
        """The digest of everything that the catalog has of a task's source; nothing where it is not ours any
        more, as its next report will say."""
        found = (await self.client.ask(KNOWN, {"id": task_id}))["node"]
        known: list[tuple[list[str], str]] = (found and found["known"]) or []
        return {tuple(path): digest for path, digest in known}

    async def bundle(self, have: str | None) -> Bundle | None:
        found = (await self.client.ask(BUNDLE, {"have": have}))["agentBundle"]
        if found is None:
            return None
        return Bundle(
            version=found["version"],
            policy=Policy.of(found["policy"]),
            own_ports=frozenset(found["ownPorts"]),
            own_addresses=frozenset(found["ownAddresses"]),
        )


def _checked(payload: dict[str, Any]) -> dict[str, Any]:
    for error in payload["errors"]:
        if error["code"] in ("UNAVAILABLE", "CIRCUIT_OPEN", "RATE_LIMITED"):
            raise CutOff(error["code"])
        raise Refused(error["code"], error["message"], tuple(error["path"]))
    return payload
