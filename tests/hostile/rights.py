"""Somebody who wants more rights than they have; and an administrator who would lock everybody out."""

from __future__ import annotations

from typing import Any

from tests.hostile.cases import LetIn, case, refused
from tests.hostile.ground import GRANT, ROLE, Ground, shown

ROLES = "{ roles { id name permissions { name } } }"
CHANGES: dict[str, tuple[str, dict[str, str]]] = {
    "giving oneself the administrator's role": (GRANT, {"actor": "member", "role": "administrator"}),
    "giving oneself one's role everywhere": (GRANT, {"actor": "member", "role": "role"}),
    "making a program with more rights": (
        'mutation ($r: ID!) { createServiceAccount(input: {displayName: "H", roleIds: [$r]}) {'
        " errors { code } } }",
        {"r": "administrator"},
    ),
    "ending another's session": (
        "mutation ($id: ID!) { endSession(input: {id: $id}) { errors { code } } }", {"id": "adminSession"}
    ),
    "renewing the vault's keys": (
        'mutation { rotateVaultKey(input: {reason: "hostile"}) { errors { code } } }', {}
    ),
    "working as an agent": (
        "mutation { claimTask(input: {taskId: \"task_00000000000000000000000000000000\"}) {"
        " errors { code } } }",
        {},
    ),
    "making a workspace": ('mutation { saveWorkspace(input: {name: "H"}) { errors { code } } }', {}),
}  # fmt: skip
READS = {
    "the trail": "{ auditEntries { totalCount } }",
    "the settings": "{ configuration { profile } }",
    "the people": "{ users { totalCount } }",
    "the programs": "{ serviceAccounts { totalCount } }",
    "the grants": "{ grants { totalCount } }",
    "the jobs": "{ jobs { totalCount } }",
    "what agents get": "{ agentBundle { version } }",
}


async def _prepared(ground: Ground) -> None:
    if "administrator" not in ground.ids:
        roles = (await ground.admin.data(ROLES))["roles"]
        widest = max(roles, key=lambda role: len(role["permissions"]))
        ground.ids |= {"administrator": widest["id"], "adminSession": ground.sessions["admin"]}


def _change(what: str, query: str, named: dict[str, str]) -> None:
    @case(what)
    async def attempt(ground: Ground) -> None:
        await _prepared(ground)
        given = {name: ground.ids[value] for name, value in named.items()}
        await ground.member.refused(query, "FORBIDDEN", "NOT_FOUND", "INVALID", "REQUIRED", **given)
        await ground.nobody.refused(query, "UNAUTHENTICATED", **given)


for _what, (_query, _named) in CHANGES.items():
    _change(_what, _query, _named)


def _read(what: str, query: str) -> None:
    @case(f"reading {what}")
    async def attempt(ground: Ground) -> None:
        await ground.member.refused(query, "FORBIDDEN")
        await ground.nobody.refused(query, "UNAUTHENTICATED")


for _what, _query in READS.items():
    _read(_what, _query)


@case("widening one's own role")
async def widening(ground: Ground) -> None:
    await _prepared(ground)
    query = """mutation ($id: ID!, $p: [String!]!) {
      saveRole(input: {id: $id, version: 1, name: "Hostile", permissions: $p}) { errors { code } }
    }"""
    await ground.member.refused(query, "FORBIDDEN", "NOT_FOUND", id=ground.ids["role"], p=["role:grant"])
    await ground.member.refused(ROLE, "FORBIDDEN", name="Hostile", permissions=["vault:manage"])


@case("undoing what an administrator did")
async def undoing(ground: Ground) -> None:
    commands = await ground.admin.data("{ commands(reversibleOnly: true, first: 5) { nodes { id } } }")
    query = "mutation ($id: ID!) { undoCommand(input: {commandId: $id}) { errors { code } } }"
    for command in commands["commands"]["nodes"]:
        await ground.member.refused(query, "FORBIDDEN", "NOT_FOUND", id=command["id"])


@case("asking for more than one has by a client's secret")
async def wide_scopes(ground: Ground) -> None:
    from tests.hostile.ground import BY_SECRET

    answer = await ground.nobody.ask(
        BY_SECRET, id=ground.ids["client"], secret=ground.secret, scopes=["vault:manage", "role:grant"]
    )
    held = ((answer.get("data") or {}).get("signIn") or {}).get("viewer") or {}
    refused(so=not held.get("permissions"), otherwise=shown(answer)[:200])


@case("stripping the administrator's role")
async def stripping(ground: Ground) -> None:
    await _prepared(ground)
    query = """mutation ($id: ID!) {
      saveRole(input: {id: $id, version: 1, name: "Administrator", permissions: ["asset:read"]}) {
        errors { code }
      }
    }"""
    await ground.admin.refused(query, id=ground.ids["administrator"])


@case("removing the last administrator")
async def last_administrator(ground: Ground) -> None:
    """Tried only where there is one, so that nobody is locked out by a success."""
    await _prepared(ground)
    grants = await ground.admin.data(
        "query ($r: ID) { grants(roleId: $r, first: 500) { nodes { id scope { id } actor { id } } } }",
        r=ground.ids["administrator"],
    )
    everywhere = [each for each in grants["grants"]["nodes"] if each["scope"] is None]
    people = [each for each in everywhere if (each["actor"] or {}).get("id", "").startswith("user_")]
    revoke = "mutation ($id: ID!) { revokeGrant(input: {id: $id}) { errors { code } trackingId } }"
    if len(people) != 1:
        await ground.member.refused(revoke, "FORBIDDEN", "NOT_FOUND", id=people[0]["id"])
        return
    answer = await ground.admin.ask(revoke, id=people[0]["id"])
    payload: dict[str, Any] = (answer.get("data") or {}).get("revokeGrant") or {}
    if not payload.get("errors") and not answer.get("errors"):
        undo = "mutation ($id: ID!) { undoCommand(input: {commandId: $id}) { errors { code } } }"
        await ground.admin.ask(undo, id=payload["trackingId"])
        raise LetIn("the last administrator is one no more")


@case("suspending the last administrator", needs="updateUser")
async def suspending(ground: Ground) -> None:
    query = "mutation ($id: ID!) { updateUser(input: {id: $id, state: SUSPENDED}) { errors { code } } }"
    people = await ground.admin.data("{ users(states: [ACTIVE], first: 2) { nodes { id } } }")
    if len(people["users"]["nodes"]) == 1:
        await ground.admin.refused(query, id=ground.ids["admin"])
    await ground.member.refused(query, id=ground.ids["admin"])


@case("joining a group by oneself", needs="addGroupMembers")
async def joining(ground: Ground) -> None:
    group = await ground.admin.done(
        "mutation ($n: String!) { saveGroup(input: {name: $n}) { errors { code } group { id } } }",
        n=f"Group {ground.words}",
    )
    query = """mutation ($g: ID!, $m: ID!) {
      addGroupMembers(input: {groupId: $g, memberIds: [$m]}) { errors { code } }
    }"""
    await ground.member.refused(query, g=group["group"]["id"], m=ground.ids["member"])


@case("making oneself a member of another workspace", needs="setWorkspaceMember")
async def membership(ground: Ground) -> None:
    query = """mutation ($w: ID!, $a: ID!, $r: ID) {
      setWorkspaceMember(input: {workspaceId: $w, actorId: $a, roleId: $r}) { errors { code } }
    }"""
    given = {"w": ground.ids["B"], "a": ground.ids["member"], "r": ground.ids["role"]}
    await ground.member.refused(query, **given)


@case("inviting an administrator", needs="inviteUser")
async def inviting(ground: Ground) -> None:
    await _prepared(ground)
    query = """mutation ($e: String!, $r: ID!) {
      inviteUser(input: {email: $e, roleIds: [$r]}) { errors { code } }
    }"""
    await ground.member.refused(query, e=f"{ground.words}@example.com", r=ground.ids["administrator"])
