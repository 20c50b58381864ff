"""The GraphQL documents that tests of sources and discoveries send, as a partner would write them."""

from __future__ import annotations

ENDED = ("SUCCEEDED", "PARTIAL", "FAILED", "CANCELLED")

PAYLOAD = """
fragment Payload on UserError { __typename code message path }
"""

SOURCE = """
fragment Source on DataSource {
  id key name description state version
  connector { kind }
  health { state failure { code message hint } }
  secret { reference version versions { version state } }
  latestDiscovery { id state }
  lastTest { ok failure { code } }
}
"""

ERRORS = """
errors {
  __typename code message path
  ... on ConflictError { currentVersion }
}
trackingId
"""

CREATE = (
    "mutation ($input: CreateDataSourceInput!) { createDataSource(input: $input) {"
    + ERRORS
    + "dataSource { ...Source } job { id state } } }"
    + SOURCE
)
UPDATE = (
    "mutation ($input: UpdateDataSourceInput!) { updateDataSource(input: $input) {"
    + ERRORS
    + "dataSource { ...Source config } } }"
    + SOURCE
)
TEST = (
    "mutation ($input: TestConnectionInput!) { testConnection(input: $input) {"
    + ERRORS
    + """
    dataSource { ...Source } job { id state }
    test {
      ok latencyMs serverVersion serverInfo readOnly failure { code message hint retryable }
      steps { name ok durationMs message }
    } } }"""
    + SOURCE
)
ROTATE = (
    "mutation ($input: RotateCredentialsInput!) { rotateCredentials(input: $input) {"
    + ERRORS
    + "dataSource { ...Source } job { id state } } }"
    + SOURCE
)
DECOMMISSION = (
    "mutation ($input: DecommissionDataSourceInput!) { decommissionDataSource(input: $input) {"
    + ERRORS
    + "dataSource { ...Source } } }"
    + SOURCE
)
UNDO = "mutation ($input: ReverseInput!) { undoCommand(input: $input) {" + ERRORS + "command { id name } } }"
REDO = "mutation ($input: ReverseInput!) { redoCommand(input: $input) {" + ERRORS + "command { id name } } }"
DISCOVER = (
    "mutation ($input: StartDiscoveryInput!) { startDiscovery(input: $input) {"
    + ERRORS
    + "joined discovery { id state } job { id state } } }"
)
CONTROL = (
    "mutation ($input: ControlRunInput!) { controlRun(input: $input) {"
    + ERRORS
    + "run { id state attempt retryOf { id } } } }"
)
GET = "query ($key: String!) { dataSource(key: $key) { ...Source } }" + SOURCE
RUN = """
query ($id: ID!) {
  cursor
  node(id: $id) {
    ... on Discovery {
      id state mode attempt trackingId allowedActions
      failure { code message hint retryable }
      progress { done total unit }
      stages { key kind state where attempt results failure { code message } }
      summary { assets columns added changed removed classified errors }
      validation { nodes { severity code message qualifiedName } }
      drift { added removed changed breaking changes { nodes { kind breaking asset { qualifiedName } } } }
    }
  }
}
"""
RUN_ADVANCED = """
subscription ($id: ID!, $after: Cursor) {
  runAdvanced(id: $id, after: $after) {
    __typename cursor replayed
    ... on RunStateChanged { from to }
    ... on StageChanged { stage { key state } }
    ... on RunProgressed { progress { done total unit } }
  }
}
"""
SOURCE_CHANGED = """
subscription ($id: ID, $after: Cursor) {
  dataSourceChanged(id: $id, after: $after) {
    cursor event { type } changes { field } dataSource { id state }
  }
}
"""
CATALOG_CHANGED = """
subscription ($after: Cursor) { catalogChanged(after: $after) { __typename cursor } }
"""
RECORDED = """
subscription ($after: Cursor, $filter: EventFilter) {
  eventRecorded(after: $after, filter: $filter) { cursor id type data }
}
"""
CURSOR = "{ cursor }"
EVENTS = """
query ($first: Int, $after: Cursor) {
  events(first: $first, after: $after) {
    nodes { cursor id type }
    pageInfo { hasNextPage endCursor }
  }
}
"""
ASSETS = """
query ($key: String!) {
  dataSource(key: $key) {
    assets(filter: {kinds: [TABLE, VIEW]}, first: 50) {
      nodes {
        id qualifiedName kind description
        ... on Dataset {
          definition
          primaryKey { name }
          foreignKeys { columns { name } references { qualifiedName } }
          columns(first: 100) { nodes { name nativeType dataType nullable description labels { name } } }
        }
      }
    }
  }
}
"""
LINEAGE = """
query ($name: String!) {
  asset(qualifiedName: $name) {
    id
    lineage(direction: UPSTREAM, depth: 2) {
      nodes { asset { qualifiedName } distance }
      edges {
        origin source { qualifiedName } target { qualifiedName }
        columns { sources { name } target { name } }
      }
    }
  }
}
"""
