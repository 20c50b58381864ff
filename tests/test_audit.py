"""Commands, their undo, and the audit trail through the API."""

from __future__ import annotations

import asyncio
from typing import Any

from sqlalchemy import text

from tests.client import Client
from tests.fixtures.api import House
from tests.test_identity import code, person

SAVE = """mutation($i: SaveWorkspaceInput!) { saveWorkspace(input: $i) { errors { code }
  trackingId workspace { id version name } } }"""
COMMAND = """  fragment Whole on Command { id name reversible outcome undoes { id name } undoneBy { id
  } changes { field before after } subjects { id } actor { displayName } events { nodes {
  type cursor } } jobs { id } input }"""
UNDO = (
    """mutation($id: ID!, $r: String) { undoCommand(input: {commandId: $id, reason: $r}) {
      errors { code path ... on ConflictError { currentVersion } } trackingId job { id }
      command { ...Whole } } }"""
    + COMMAND
)
REDO = UNDO.replace("undoCommand", "redoCommand")
TRAIL = """query($f: AuditFilter, $l: Int) { auditEntries(filter: $f, last: $l) { totalCount nodes
  { id sequence action outcome count hash previousHash detail actor { displayName }
  command { id } subject { id } address session } } }"""
VERIFY = "{ auditVerification { intact checked brokenAt headHash firstSequence lastSequence } }"
RECORDED = """subscription($f: AuditFilter, $a: Cursor) { auditRecorded(filter: $f, after: $a) {
  cursor at entries { sequence action outcome } } }"""


async def renamed(api: Client) -> tuple[str, str]:
    made = (await api.done(SAVE, i={"name": "Before"}))["workspace"]
    done = await api.done(SAVE, i={"id": made["id"], "version": 1, "name": "After"})
    return made["id"], done["trackingId"]


async def name_of(api: Client, id: str) -> str:
    return (await api.data("query($id: ID!) { node(id: $id) { ... on Workspace { name } } }", id=id))["node"][
        "name"
    ]


async def test_a_mutation_is_taken_back_and_done_again(api: Client) -> None:
    workspace, command = await renamed(api)
    undone = await api.done(UNDO, id=command, r="by mistake")
    assert await name_of(api, workspace) == "Before"
    shown = undone["command"]
    assert (shown["name"], shown["undoes"]["id"], shown["reversible"]) == ("undo_command", command, False)
    assert {"field": "name", "before": "After", "after": "Before"} in shown["changes"]
    assert [each["id"] for each in shown["subjects"]] == [workspace]
    assert shown["id"] == undone["trackingId"]
    [twice] = (await api.run(UNDO, id=command))["errors"]
    assert twice["code"] == "WRONG_STATE"
    await api.done(REDO, id=command)
    assert await name_of(api, workspace) == "After"
    await api.done(SAVE, i={"id": workspace, "version": 4, "name": "Later"})
    [stale] = (await api.run(UNDO, id=command))["errors"]
    assert (stale["code"], stale["currentVersion"]) == ("STALE_VERSION", 5)


async def test_commands_say_what_they_did_and_which_the_viewer_could_undo(house: House, api: Client) -> None:
    workspace, command = await renamed(api)
    query = """query($s: ID, $r: Boolean!) { commands(subjectId: $s, reversibleOnly: $r) {
      totalCount nodes { id name reversible at } } }"""
    about = (await api.data(query, s=workspace, r=False))["commands"]
    assert (about["totalCount"], about["nodes"][0]["id"]) == (2, command)
    assert [each["reversible"] for each in about["nodes"]] == [True, False]
    mine = (await api.data(query, s=None, r=True))["commands"]["nodes"]
    assert [each["id"] for each in mine] == [command]
    assert [each["reversible"] for each in mine] == [True]
    auditor = await person(house, "auditor@example.com", "Auditor")
    assert (await auditor.data(query, s=None, r=True))["commands"]["nodes"] == []
    assert (await auditor.data(query, s=workspace, r=False))["commands"]["totalCount"] == 2


async def following(api: Client, **variables: Any) -> list[dict[str, Any]]:
    """The entries of the next message."""
    async with api.follow(RECORDED, **variables) as messages, asyncio.timeout(10):
        return (await anext(messages))["data"]["auditRecorded"]["entries"]


async def test_the_trail_is_streamed_as_it_is_sealed_and_chosen_by_filter(house: House, api: Client) -> None:
    start = (await api.data("{ cursor }"))["cursor"]
    reader = await person(house, "reader@example.com")
    assert code(await reader.ask("{ roles { id } }")) == "FORBIDDEN"
    await renamed(api)
    me = (await api.data("{ viewer { actor { id } } }"))["viewer"]["actor"]["id"]
    # What the installation did may be sealed only now.
    wanted = {"actions": ["save_workspace"], "actorIds": [me]}
    seen: list[str] = []
    async with api.follow(RECORDED, f=wanted, a=start) as messages, asyncio.timeout(10):
        while len(seen) < 2:
            seen += [each["action"] for each in (await anext(messages))["data"]["auditRecorded"]["entries"]]
    assert set(seen) == {"save_workspace"}
    trail = (await api.data(TRAIL, f=wanted, l=10))["auditEntries"]
    assert trail["totalCount"] == 2
    first, second = trail["nodes"]
    assert first["sequence"] < second["sequence"]
    assert second["actor"]["displayName"] == "Administrator"
    assert second["command"]["id"].startswith("command_")
    assert second["detail"]["input"]["name"] == "After"


async def test_a_refusal_is_in_the_trail_and_its_tracking_id_leads_there(house: House, api: Client) -> None:
    reader = await person(house, "reader@example.com")
    refused = await reader.run(SAVE, i={"name": "No"})
    assert refused["errors"][0]["code"] == "FORBIDDEN"
    assert refused["trackingId"].startswith("audit_")
    async with asyncio.timeout(10):
        while not (
            nodes := (await api.data(TRAIL, f={"outcomes": ["REFUSED"]}, l=5))["auditEntries"]["nodes"]
        ):
            await house.core.live.publish("wake", b"{}")
    assert nodes[-1]["id"] == refused["trackingId"]
    assert code(await reader.ask(TRAIL)) == "FORBIDDEN"


async def test_the_chain_is_walked_and_a_break_is_named(house: House, api: Client) -> None:
    start = (await api.data("{ cursor }"))["cursor"]
    await renamed(api)
    await following(api, f=None, a=start)
    whole = (await api.data(VERIFY))["auditVerification"]
    assert whole["intact"] is True
    assert whole["checked"] == whole["lastSequence"] >= 2
    async with house.core.database.connection() as connection:
        await connection.execute(text("UPDATE audit_entry SET action = 'nothing' WHERE sequence = 2"))
    broken = (await api.data(VERIFY))["auditVerification"]
    assert (broken["intact"], broken["brokenAt"]) == (False, 2)


async def test_a_reader_of_the_trail_goes_on_where_it_was_and_misses_nothing(
    house: House, api: Client
) -> None:
    start = (await api.data("{ cursor }"))["cursor"]
    me = (await api.data("{ viewer { actor { id } } }"))["viewer"]["actor"]["id"]
    # What the installation did may be sealed only now.
    wanted = {"actions": ["save_workspace"], "outcomes": ["DONE"], "actorIds": [me]}
    await renamed(api)
    seen: list[int] = []
    cursor = start
    async with asyncio.timeout(20):
        while len(seen) < 6:
            async with api.follow(RECORDED, f=wanted, a=cursor) as messages:
                told = (await anext(messages))["data"]["auditRecorded"]
            cursor = told["cursor"]
            seen += [int(each["sequence"]) for each in told["entries"]]
            if len(seen) in (2, 4):
                await api.done(SAVE, i={"name": f"Next {len(seen)}"})
                await api.done(SAVE, i={"name": f"And next {len(seen)}"})
    assert seen == sorted(set(seen))
    trail = (await api.data(TRAIL, f=wanted, l=50))["auditEntries"]["nodes"]
    assert [int(each["sequence"]) for each in trail if int(each["sequence"]) >= seen[0]] == seen
    [first] = [each for each in trail if int(each["sequence"]) == seen[0]]
    mine = {"sessionIds": [first["session"]], **wanted}
    assert await following(api, f=mine, a=start)
    assert (await api.data(TRAIL, f={**mine, "range": {"to": "2000-01-01T00:00:00Z"}}, l=5))["auditEntries"][
        "totalCount"
    ] == 0
