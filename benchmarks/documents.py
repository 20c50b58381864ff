"""The GraphQL that the benchmarks speak."""

from __future__ import annotations

from websockets.typing import Subprotocol

PROTOCOL = Subprotocol("graphql-transport-ws")

SIGN_IN = """
mutation SignIn($input: SignInInput!) {
  signIn(input: $input) { errors { code message path } tokens { accessToken } }
}
"""

CREATE_SOURCE = """
mutation CreateSource($input: CreateDataSourceInput!) {
  createDataSource(input: $input) { errors { code message path } dataSource { id } }
}
"""

START_DISCOVERY = """
mutation StartDiscovery($input: StartDiscoveryInput!) {
  startDiscovery(input: $input) { errors { code message path } discovery { id } }
}
"""

RUN_ADVANCED = """
subscription RunAdvanced($id: ID!, $after: Cursor) {
  runAdvanced(id: $id, after: $after) { __typename run { state } }
}
"""

CURSOR = "query Head { cursor }"

DISCOVERY = """
query FinishedDiscovery($id: ID!) {
  node(id: $id) {
    ... on Discovery {
      state
      failure { code message }
      summary { assets columns added changed removed errors columnsPerSecond }
      stages { kind state startedAt finishedAt metrics { name value unit } }
    }
  }
}
"""

SAVE_TAG = """
mutation SaveTag($input: SaveTagInput!) {
  saveTag(input: $input) { errors { code message path } tag { id } }
}
"""

EVENTS_OF = """
subscription EventsOf($filter: EventFilter!, $after: Cursor) {
  eventRecorded(filter: $filter, after: $after) { id type }
}
"""
