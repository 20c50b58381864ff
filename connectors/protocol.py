"""The reference page of the agent protocol, written from the models that check what agents report.

`python -m connectors.protocol` writes docs/reference/agent-protocol.md; a test holds it current.
"""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

from connectors.entries import MOST_BYTES, MOST_COLUMNS, MOST_ENTRIES, REPORTED

FILE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "agent-protocol.md"

INTRODUCTION = """# The agent protocol

*Written from the code by `python -m connectors.protocol`.*

An agent is a plain client of the GraphQL API: it needs no inbound port, and everything it may do is the permission
`agent:act`. This page is what another program needs to be one.

## Proving who it is

An agent has one EC P-256 key, and a certificate for it from the platform's authority. With every request it sends a
token that it made itself: `Authorization: Bearer <JWT>`, signed with `ES256`, at most 60 s long, with the header `kid`
(SHA-256 of its certificate's DER form, in hex) and the claims `iss` and `sub` (its own id, `agent_…`), `aud`
(`datawave`), `iat`, `exp`, and a `jti` of 8 to 100 characters that no other token of it has. A clock may be wrong by
30 s; the `Date` of the refusal tells the platform's. A revoked certificate is refused within a second.

## Hearing of work

`subscription agentAssigned(after: Cursor)` tells of tasks offered to the agent and of tasks it holds that were
cancelled (`cancelledTaskId`). It is a hint: an agent also asks `claimTask` when it starts, and now and then.
`agentBundle(have: String)` gives the policy of the place, the labels, and the ports and addresses of the platform
itself, to which no connector may go; null when the agent has the current version.

## Claiming

`claimTask(input: {capabilities: […]})` takes the next task, `claimTask(input: {taskId: …})` a named one; null when
there is none. The answer carries the `attempt`, which only ever rises, the `instructions`, and, where the source needs
them, `sealedCredentials`: a compact JWE (`ECDH-ES`, `A256GCM`) to the key of the agent's certificate. Opened it is
`{"taskId", "attempt", "credentials": {"username", "password"}}`; an agent refuses what is of another task or attempt,
and keeps it in memory only.

A task is held by a lease of 20 s. `sendHeartbeat(input: {leases: [{taskId, attempt}]})` renews it, every 5 s, whatever
the agent is doing; so does every report. A lease that ran out only makes the task claimable: until another agent has
claimed it, its holder renews and sends on. An agent that restarts claims its own tasks by their ids, at once and under
a new attempt, and drops what it had kept for the old one. `agent { tasks(state: RUNNING) }` of the heartbeat's answer
says what it still holds.

## Reporting

`reportTask(input: {taskId, attempt, batch, entries, progress, total, finished, failure})` reports one batch. Batches
are numbered from 0 within an attempt, hold at most %(entries)s entries and %(bytes)s bytes of JSON, and may be sent with
`Content-Encoding: gzip`. Each is applied and acknowledged in one transaction, or not at all.

| the platform answers | it means | the agent |
| --- | --- | --- |
| no errors, `expectedBatch: n` | this batch counts, now or from before | goes on with batch n |
| `INVALID` at `batch`, `expectedBatch: n` | a batch before this one is missing | sends again from n |
| `WRONG_STATE`, `stop: true` | the attempt is over: claimed anew, cancelled or ended | stops, and drops what is left |
| `INVALID` at `entries.…` | an entry will not do; nothing of the batch was kept | corrects it, or reports a `failure` |
| `POLICY_VIOLATION` at `entries.…` | values may not leave, or not so; nothing of the batch was kept | reports a `failure` |
| `UNAVAILABLE`, or no answer | the platform is away | keeps the batch, and sends it again |

The last batch says `finished: true`, or carries a `failure` with a code, a message without values or secrets, and
whether trying again may help.

## Instructions

Every task names its `connector` (the kind) and that connector's `config`; `limits` (`connectSeconds`,
`statementSeconds`, `sampleRows`, `sampleDatasets`, `columnBatch`) and `policy` only ever narrow what the agent allows.

| kind | further instructions | reports |
| --- | --- | --- |
| `TEST` | | each step as it ends, then what the server says of itself |
| `DISCOVER` | `include` (patterns over `schema.table`), `isKnown`, `knownStamp`, `trustDigests` | containers, datasets, counts; removals in the last batches, and only after a complete reading |
| `SAMPLE` | `datasets` (paths), `classify` | labels and profiles; values only as the policy says |
| `MONITOR` | `pingSeconds` | snapshots, for ever: it is never finished |

`policy` is the source's, as narrow as the agent's own where that is narrower. While its `valuesLeave` is `NEVER`, no
entry holds a value of the source. `MASKED` lets the most frequent values of columns leave in `values` entries, hidden
before they leave by `maskWith` under a key that never leaves the agent, one for each source (`source` names it);
`SAMPLES` as they are. A `values` entry comes after the predictions of its column, and only where labels were asked for
(`classify`), so that what decides who sees a value is never behind it. Values against the policy that counts when they
arrive are refused with `POLICY_VIOLATION` at their entry, and nothing of the batch is kept.

`knownStamp` is the `stamp` of the `server` entry of the last reading of the whole, if the catalog still is what that
reading left: a mark that differs once anything in the source may have changed. An agent that finds the same mark reports
`server`, `unchanged` and `count` entries and is done. Another one compares digests: where `isKnown`, it asks for what the
catalog has, `node(id: …) { ... on AgentTask { known } }`: `[[path, digest], …]`.

A dataset has at most %(columns)s columns in its entry; the others follow in `columns` entries of the same path. Names hold
no NUL and no half characters (both become U+FFFD) and at most 1,024 characters.
"""  # noqa: E501  # rows of a table are lines


def page() -> str:
    """The page as it has to be."""
    numbers = {"entries": f"{MOST_ENTRIES:,}", "bytes": f"{MOST_BYTES:,}", "columns": f"{MOST_COLUMNS:,}"}
    parts = [INTRODUCTION % numbers, "## Entries of each kind of task, as JSON Schema\n"]
    for kind, entries in REPORTED.items():
        schema = json.dumps(msgspec.json.schema(entries), indent=2, ensure_ascii=False)
        parts.append(f"### `{kind}`\n\n```json\n{schema}\n```\n")
    return "\n".join(parts)


def main() -> None:
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(page())


if __name__ == "__main__":
    main()
