"""What the script needs for its cases: somebody in a workspace, and another workspace with things in it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from tests.hostile.asking import Caller, Line

SIGN_IN = """mutation ($email: String!, $password: Secret!) {
  signIn(input: {password: {email: $email, password: $password}}) {
    errors { code } tokens { accessToken refreshToken } viewer { session { id } actor { id } }
  }
}"""
BY_SECRET = """mutation ($id: String!, $secret: Secret!, $scopes: [String!]) {
  signIn(input: {clientCredentials: {clientId: $id, clientSecret: $secret, scopes: $scopes}}) {
    errors { code } tokens { accessToken refreshToken } viewer { session { id } permissions }
  }
}"""
WORKSPACE = """mutation ($name: String!) {
  saveWorkspace(input: {name: $name}) { errors { code message } workspace { id } }
}"""
SOURCE = """mutation ($input: CreateDataSourceInput!) {
  createDataSource(input: $input) { errors { code message path } dataSource { id key version } }
}"""
PROGRAM = """mutation ($name: String!) {
  createServiceAccount(input: {displayName: $name}) {
    errors { code message } clientSecret serviceAccount { id clientId }
  }
}"""
GRANT = """mutation ($actor: ID!, $role: ID!, $scope: ID) {
  grantRole(input: {actorId: $actor, roleId: $role, scopeId: $scope}) { errors { code message } grant { id } }
}"""
ROLE = """mutation ($name: String!, $permissions: [String!]!) {
  saveRole(input: {name: $name, permissions: $permissions}) { errors { code message } role { id } }
}"""
MUTATIONS = "{ __schema { mutationType { fields { name } } } }"
ASSET = "{ assets(first: 1) { nodes { id qualifiedName } } }"
MEMBERS_RIGHTS = (
    *("datasource:read", "datasource:update", "datasource:create", "datasource:discover", "datasource:test"),
    *("asset:read", "asset:edit", "event:read", "run:read", "lineage:read", "classification:read"),
)
"""Of somebody who works in their own workspace: wide enough that it is the border that keeps them out."""


@dataclass
class Ground:
    line: Line
    email: str
    password: str
    admin: Caller
    nobody: Caller
    member: Caller
    """A program that may do much in workspace A, and nothing elsewhere."""
    sessions: dict[str, str]
    refresh: dict[str, str]
    ids: dict[str, str]
    secret: str
    """Of the member's client."""
    words: str
    """Stand in the names of B's things alone: whoever reads them has seen across the border."""
    spare: list[tuple[str, str, str]] = field(default_factory=list[tuple[str, str, str]])
    """Access token, refresh token and session of sessions that may be ended."""
    mutations: frozenset[str] = frozenset()
    figures: dict[str, float] = field(default_factory=dict[str, float])


async def prepared(url: str, *, email: str, password: str) -> Ground:
    line = Line(url.rstrip("/"))
    nobody = Caller(line)
    signed = await nobody.done(SIGN_IN, email=email, password=password)
    admin = Caller(line, signed["tokens"]["accessToken"])
    line.plant(password)
    mark = uuid4().hex[:8]
    words = f"heliotrope{mark}"
    ids = await _places(admin, mark, words)
    program = await admin.done(PROGRAM, name=f"Hostile {mark}")
    role = await admin.done(ROLE, name=f"Hostile {mark}", permissions=list(MEMBERS_RIGHTS))
    ids |= {"member": program["serviceAccount"]["id"], "client": program["serviceAccount"]["clientId"]}
    ids["role"] = role["role"]["id"]
    await admin.done(GRANT, actor=ids["member"], role=ids["role"], scope=ids["A"])
    given = {"id": ids["client"], "secret": program["clientSecret"]}
    spare = [_session(await nobody.done(BY_SECRET, **given)) for _ in range(6)]
    member = await nobody.done(BY_SECRET, **given)
    line.plant(program["clientSecret"])
    known = await admin.data(MUTATIONS)
    return Ground(
        line=line,
        email=email,
        password=password,
        admin=admin,
        nobody=nobody,
        member=Caller(line, member["tokens"]["accessToken"]),
        sessions={"admin": signed["viewer"]["session"]["id"], "member": member["viewer"]["session"]["id"]},
        refresh={"admin": signed["tokens"]["refreshToken"]},
        ids={**ids, "admin": signed["viewer"]["actor"]["id"]},
        secret=program["clientSecret"],
        words=words,
        spare=spare,
        mutations=frozenset(each["name"] for each in known["__schema"]["mutationType"]["fields"]),
    )


async def _places(admin: Caller, mark: str, words: str) -> dict[str, str]:
    ids: dict[str, str] = {}
    for name, title in (("A", f"Members {mark}"), ("B", f"Others {words}")):
        ids[name] = (await admin.done(WORKSPACE, name=title))["workspace"]["id"]
    for name, key in (("A", f"ours_{mark}"), ("B", words)):
        wanted: dict[str, Any] = {
            "name": f"Source {key}",
            "key": key,
            "description": f"Of {key}",
            "config": {"postgresql": {"host": "db.example.com"}},
            "workspaceId": ids[name],
        }
        source = (await admin.done(SOURCE, input=wanted))["dataSource"]
        ids[f"source{name}"], ids[f"key{name}"] = source["id"], source["key"]
    found = (await admin.data(ASSET))["assets"]["nodes"]
    ids["asset"] = found[0]["id"] if found else f"asset_{uuid4().hex}"
    ids["qualifiedName"] = found[0]["qualifiedName"] if found else f"{words}.public.customer"
    return ids


def _session(payload: dict[str, Any]) -> tuple[str, str, str]:
    tokens = payload["tokens"]
    return tokens["accessToken"], tokens["refreshToken"], payload["viewer"]["session"]["id"]


def shown(answer: Any) -> str:
    return json.dumps(answer)
