"""What the matrix is made of: fields, viewers, and how one asks the other."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, cast
from uuid import UUID

from graphql import GraphQLObjectType, is_required_argument
from sqlalchemy import select

from auth.permissions import BUILT_IN_ROLES
from datawave.graphql import schema
from datawave.kit import audit
from datawave.kit.access import SYSTEM
from datawave.kit.errors import unauthenticated
from datawave.kit.ids import global_id
from datawave.kit.reads import NEEDS
from datawave.kit.secrets import Secret
from domain import identity
from domain.workspaces import save_workspace
from models.identity import Role, User
from tests import furnished
from tests.access.needed import FIELDS, PUBLIC, ROOTS, SIGNED_IN
from tests.bad_input.inputs import Place, places
from tests.client import Client, Refused
from tests.fixtures.api import SIGN_IN, House
from tests.fixtures.shop import Shop

KINDS = {"Query": "query", "Mutation": "mutation", "Subscription": "subscription"}
TEXTS = ("String", "ID", "Cursor")
AT_THE_GATE = str(unauthenticated())
NUL = "a\x00b"
"""Is refused right behind the gate of every root: so it tells who came through, and nothing is done."""

SECRET_ONLY: dict[str, Any] = {
    "Mutation.refreshSession": {"refreshToken": "wrong"},
    "Mutation.setPassword": {"token": {"token": "wrong", "newPassword": "wrong"}},
}
"""They take nothing that could be unfit; their own refusal of a wrong secret is told by its words."""

NOBODY, ROLELESS, ELSEWHERE = "nobody", "somebody without a role", "an administrator of another workspace"
PASSWORD = "tangerine window orbit 42"

UNAUTHENTICATED, FORBIDDEN, THROUGH = "UNAUTHENTICATED", "FORBIDDEN", "through"
GIVEN: dict[str, Any] = {
    "attempt": 1, "batch": 0, "version": 1, "retryable": True, "first": 5, "config": {"a": 1},
    "from": "2026-01-01T00:00:00Z", "expiresAt": "2030-01-01T00:00:00Z", "enabled": True, "validDays": 30,
}  # fmt: skip
"""Values for what is required and is no text."""


A_LOGIN_SERVICE: dict[str, Any] = {
    "name": "A login service",
    "issuer": "https://login.example.com",
    "client_id": "datawave",
    "changes": {"role_claim": "groups", "redirect_uris": ["https://app.example.com/back"]},
}

WITHIN = {"ColumnProfile": ("Column", "profile")}
"""What has no id of its own, and the way to it."""


@dataclass(frozen=True)
class Asker:
    """Somebody of the matrix: what they hold everywhere, and somewhere."""

    name: str
    client: Client
    everywhere: frozenset[str] = frozenset()
    elsewhere: frozenset[str] = frozenset()

    @property
    def held(self) -> frozenset[str]:
        return self.everywhere | self.elsewhere


@dataclass
class Matrix:
    """A platform with somebody of every role, and something of every kind that has fields of its own."""

    house: House
    askers: list[Asker] = field(default_factory=list[Asker])
    things: dict[str, str] = field(default_factory=dict[str, str])
    """Type → the id of one such thing, in Main."""

    def asker(self, name: str) -> Asker:
        return next(each for each in self.askers if each.name == name)


def roots() -> list[str]:
    """Every root field, as `Query.users`."""
    return [f"{kind}.{name}" for kind in KINDS for name in _type(kind).fields]


def guarded() -> dict[str, str]:
    """Every other field with a permission of its own, and that permission, as the code declares it."""
    built: Any = schema()._schema  # pyright: ignore[reportPrivateUsage]  # graphql-core's own, to be walked
    found: dict[str, str] = {}
    for kind in built.type_map.values():
        if not isinstance(kind, GraphQLObjectType) or kind.name in KINDS:
            continue
        for name, each in kind.fields.items():
            declared = each.extensions.get("strawberry-definition")
            needs = getattr(declared, "metadata", {}).get(NEEDS)
            if needs is not None:
                found[f"{kind.name}.{name}"] = str(needs)
    return found


def definition(root: str) -> Any:
    """The Strawberry field behind a root."""
    kind, _, name = root.partition(".")
    return _type(kind).fields[name].extensions["strawberry-definition"]


def _type(kind: str) -> Any:
    built: Any = schema()._schema  # pyright: ignore[reportPrivateUsage]
    return {
        "Query": built.query_type, "Mutation": built.mutation_type, "Subscription": built.subscription_type,
    }[kind]  # fmt: skip


# --- what is expected


def expected_of_root(root: str, asker: Asker) -> str:
    needs = ROOTS[root]
    if needs == PUBLIC:
        return THROUGH
    if asker.name == NOBODY:
        return UNAUTHENTICATED
    return THROUGH if needs == SIGNED_IN or needs in asker.held else FORBIDDEN


def expected_of_field(name: str, asker: Asker) -> str:
    """Of a thing in Main: what is held elsewhere does not count."""
    needs, of_thing = FIELDS[name]
    if asker.name == NOBODY:
        return UNAUTHENTICATED
    if of_thing != SIGNED_IN and of_thing not in asker.everywhere:
        return "hidden"
    return "told" if needs in asker.everywhere else FORBIDDEN


# --- what is so


async def found_of_root(matrix: Matrix, root: str, asker: Asker, *, label: str = "") -> str:
    document, variables = _document(root, label)
    if root.startswith("Subscription."):
        return await _of_stream(asker, document, variables)
    answer = await asker.client.ask(document, **variables)
    return _word(_codes(answer))


def _document(root: str, label: str) -> tuple[str, dict[str, Any]]:
    kind, _, name = root.partition(".")
    place = _texts().get(root)
    if place is None:
        arguments = _type(kind).fields[name].args.values()
        assert root in SECRET_ONLY or not any(map(is_required_argument, arguments)), root
        place = Place(KINDS[kind], name, ("nothing",), "String")
    document, variables = place.document(NUL, _known)
    variables = {"input": SECRET_ONLY[root]} if root in SECRET_ONLY else variables
    return document.replace(KINDS[kind], f"{KINDS[kind]} {label}", 1).replace("()", ""), variables


def _texts() -> dict[str, Place]:
    """For each root one place where a text goes in."""
    if not _TEXTS:
        for place in places():
            root = f"{place.kind.capitalize()}.{place.root}"
            if place.type in TEXTS:
                _TEXTS.setdefault(root, place)
    return _TEXTS


_TEXTS: dict[str, Place] = {}


def _known(_root: str, name: str) -> Any:
    return GIVEN.get(name, f"a {name}")


async def _of_stream(asker: Asker, document: str, variables: dict[str, Any]) -> str:
    async with asker.client.socket() as socket:
        try:
            await anext(socket.subscribe(document, **variables))
        except Refused as refused:
            errors: list[dict[str, Any]] = refused.args[0]
            return _word([_code(each) for each in errors])
    return THROUGH


def _codes(answer: dict[str, Any]) -> list[str]:
    refused: list[dict[str, Any]] = answer.get("errors") or []
    found = [_code(each) for each in refused]
    data: dict[str, Any] = answer.get("data") or {}
    for payload in data.values():
        if isinstance(payload, dict):
            errors: list[dict[str, Any]] = cast("Any", payload).get("errors") or []
            found += [each["code"] for each in errors]
    return found


def _code(error: dict[str, Any]) -> str:
    code = error.get("extensions", {}).get("code", "")
    own = code == UNAUTHENTICATED and error["message"] != AT_THE_GATE
    return "a wrong secret" if own else code


def _word(codes: list[str]) -> str:
    assert "INTERNAL" not in codes
    return next((each for each in (UNAUTHENTICATED, FORBIDDEN) if each in codes), THROUGH)


async def found_of_field(matrix: Matrix, name: str, asker: Asker, *, label: str = "") -> str:
    kind, _, each = name.partition(".")
    below = "" if _is_leaf(kind, each) else " { __typename }"
    whole, way = WITHIN.get(kind, (kind, ""))
    wanted = f"{way} {{ {each}{below} }}" if way else f"{each}{below}"
    document = f"query {label}($id: ID!) {{ node(id: $id) {{ ... on {whole} {{ {wanted} }} }} }}"
    answer = await asker.client.ask(document, id=matrix.things[whole])
    if UNAUTHENTICATED in _codes(answer):
        return UNAUTHENTICATED
    node = answer["data"]["node"]
    if node is None:
        return "hidden"
    if (node[way] if way else node)[each] is not None:
        return "told"
    [error] = answer["errors"]
    assert error["extensions"]["permission"] == FIELDS[name][0], (name, error)
    return error["extensions"]["code"]


def _is_leaf(kind: str, name: str) -> bool:
    built: Any = schema()._schema  # pyright: ignore[reportPrivateUsage]
    answer = built.type_map[kind].fields[name].type
    while hasattr(answer, "of_type"):
        answer = answer.of_type
    return not hasattr(answer, "fields") and not hasattr(answer, "types")


# --- furnishing


@asynccontextmanager
async def matrix_in(house: House, shop: Shop) -> AsyncGenerator[Matrix]:
    house.core.commands.refusals = audit.Refusals(house.core.database, pause=0)
    made = Matrix(house)
    made.askers.append(Asker(NOBODY, Client(house.url)))
    workspace = (await _run(house, save_workspace, name="Another")).id
    async with house.core.database.session() as session:
        ids = {role.name: role.id for role in await session.scalars(select(Role))}
    hashed = await house.served.gate.passwords.hash(Secret(PASSWORD))
    for asker, scope in _wanted(workspace):
        role = ids[asker.name] if asker.name in ids else ids["Administrator"] if scope else None
        client = await _signed_in(house, asker.name, hashed, role, scope)
        made.askers.append(replace(asker, client=client))
    made.things |= await _things(house, shop)
    yield made
    for asker in made.askers:
        await asker.client.close()


def _wanted(workspace: UUID) -> Iterator[tuple[Asker, UUID | None]]:
    """The roles as the product ships them: data, which the code must go by."""
    none = Client("")
    for name, (_, permissions) in BUILT_IN_ROLES.items():
        yield Asker(name, none, everywhere=frozenset(map(str, permissions))), None
    yield Asker(ROLELESS, none), None
    administrators = frozenset(map(str, BUILT_IN_ROLES["Administrator"][1]))
    yield Asker(ELSEWHERE, none, elsewhere=administrators), workspace


async def _run(house: House, what: Any, **arguments: Any) -> Any:
    return (await house.core.commands.run(what, SYSTEM, arguments)).value


async def _signed_in(
    house: House, name: str, hashed: Secret, role: UUID | None, workspace: UUID | None
) -> Client:
    email = f"{'-'.join(name.lower().split())}@example.com"
    user = await _run(house, identity.add_user, email=email, password_hash=hashed)
    if role is not None:
        where = {"scope_word": "workspace", "scope_id": workspace} if workspace else {}
        await _run(house, identity.grant_role, actor_word="user", actor_id=user.id, role_id=role, **where)
    client = Client(house.url)
    signed = await client.done(SIGN_IN, email=email, password=PASSWORD)
    client.token = signed["tokens"]["accessToken"]
    return client


async def _things(house: House, shop: Shop) -> dict[str, str]:
    """One thing of each type that has fields with a permission of their own. They are nobody's own."""
    group = await _run(house, identity.save_group, name="A group")
    program = await _run(house, identity.create_service_account, display_name="A program")
    service = await _run(house, identity.save_oidc_provider, **A_LOGIN_SERVICE)
    await shop.sample()
    async with house.core.database.session() as session:
        admin = await session.scalar(select(User.id).where(User.email == furnished.ADMIN.email))
    assert admin is not None
    found = await shop.api.data(
        "{ dataSources { nodes { id } } assets { nodes { id __typename } }"
        ' asset(qualifiedName: "shop.db.s.customer.mail") { id __typename } }'
    )
    assets = [*found["assets"]["nodes"], found["asset"]]
    return {each["__typename"]: each["id"] for each in assets} | {
        "User": global_id("user", admin),
        "Group": global_id("group", group.id),
        "OidcProvider": global_id("oidc_provider", service.id),
        "ServiceAccount": global_id("service", program.account.id),
        "DataSource": found["dataSources"]["nodes"][0]["id"],
    }
