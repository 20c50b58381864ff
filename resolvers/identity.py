"""Who is asking; people, roles, grants; signing in and out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import strawberry
from graphql import (
    FieldNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    SelectionSetNode,
)
from sqlalchemy import or_, select, text
from strawberry.scalars import ID

from auth import permissions as known
from auth.access import limited
from auth.permissions import Permission as P
from datawave.kit.access import SYSTEM, visible
from datawave.kit.access import Viewer as Asking
from datawave.kit.commands import PUBLIC, SIGNED_IN
from datawave.kit.errors import ErrorCode, InputError, forbidden, not_found
from datawave.kit.given import among, containing
from datawave.kit.ids import key_of, keys_of, named_among, taken_apart
from datawave.kit.pages import Key
from datawave.kit.reads import Of, Rows, Shape
from domain import identity
from models import identity as rows
from schema.context import Context, Info
from schema.fields import mutation, query, read
from schema.identity import (
    AccessDecision,
    CreateServiceAccountInput,
    Grant,
    GrantPayload,
    GrantRoleInput,
    Permission,
    RefreshSessionInput,
    Role,
    RolePayload,
    SaveRoleInput,
    ServiceAccount,
    ServiceAccountPayload,
    SetPasswordInput,
    SignInInput,
    SignInPayload,
    TokenPair,
    User,
    Viewer,
    gate_of,
)
from schema.keys import key_among, key_in
from schema.shapes import Connection, DonePayload, NodeInput, given

BY_NAME = [Key(rows.User.display_name), Key(rows.User.id)]
PROGRAMS_BY_NAME = [Key(rows.ServiceAccount.display_name), Key(rows.ServiceAccount.id)]
BY_AGE = [Key(rows.Grant.granted_at), Key(rows.Grant.id)]
MOST_ROLES = 1_000
ACTORS = ("user", "service", "agent")
SCOPES = ("workspace", "source")
TRIES = frozenset({"signIn", "refreshSession", "setPassword"})


def users(
    of: Of,
    search: str | None = strawberry.UNSET,
    states: list[rows.UserState] | None = strawberry.UNSET,
) -> Rows:
    row = rows.User
    query = select(row).where(visible(row, of.viewer))
    if words := given(search):
        query = query.where(or_(containing(row.display_name, words), containing(row.email, words)))
    if wanted := given(states):
        query = query.where(among(row.state, wanted))
    return Rows(query=query, row=row, order=BY_NAME)


def service_accounts(of: Of) -> Rows:
    row = rows.ServiceAccount
    return Rows(query=select(row).where(visible(row, of.viewer)), row=row, order=PROGRAMS_BY_NAME)


def roles(_of: Of) -> Rows:
    row = rows.Role
    return Rows(query=select(row).limit(MOST_ROLES), row=row, order=[Key(row.name)])


def grants(
    of: Of,
    actor_id: ID | None = strawberry.UNSET,
    scope_id: ID | None = strawberry.UNSET,
    role_id: ID | None = strawberry.UNSET,
) -> Rows:
    """The oldest first; one that has run out no longer counts."""
    row = rows.Grant
    where = [row.expires_at.is_(None) | (row.expires_at > text("datawave_now()"))]
    if actor := given(actor_id):
        where.append(row.actor_id == key_among(ACTORS, actor, "actorId"))
    if scope := given(scope_id):
        where.append(row.scope_id == key_among(SCOPES, scope, "scopeId"))
    if role := given(role_id):
        where.append(row.role_id == key_in("role", role, "roleId"))
    return Rows(query=select(row).where(visible(row, of.viewer), *where), row=row, order=BY_AGE)


@strawberry.type
class Queries:
    @query(needs=PUBLIC, description="Who is asking; null when nobody is signed in.")
    async def viewer(self, info: Info) -> Viewer | None:
        viewer = info.context.viewer
        return Viewer(row=viewer) if viewer.signed_in else None

    users: Connection[User] = read(Shape.PAGE, users, needs=P.USER_READ, description="People.")
    service_accounts: Connection[ServiceAccount] = read(
        Shape.PAGE, service_accounts, needs=P.USER_READ, description="Programs of partners, by name."
    )
    roles: list[Role] = read(Shape.MANY, roles, needs=P.ROLE_READ, description="Roles.")
    grants: Connection[Grant] = read(
        Shape.PAGE, grants, needs=P.ROLE_READ, description="Who holds what, where."
    )

    @query(needs=SIGNED_IN, description="All permissions there are.")
    async def permissions(self, info: Info) -> list[Permission]:
        return [Permission.named(each.value) for each in known.Permission]

    @query(
        needs=SIGNED_IN,
        description="Whether somebody (by default the viewer; others need `role:read`) may do"
        " something, and by which"
        " grants.",
    )
    async def access(
        self,
        info: Info,
        permission: str,
        on_id: ID | None = strawberry.UNSET,
        actor_id: ID | None = strawberry.UNSET,
    ) -> AccessDecision:
        actor = await _asked_about(info, given(actor_id))
        on = taken_apart(wanted) if (wanted := given(on_id)) else None
        if wanted and on is None:
            raise not_found("thing", path=["onId"])
        found = await identity.decide(info.context.db, permission=permission, actor=actor, on=on)
        return AccessDecision.of(found)


async def _asked_about(info: Info, actor_id: ID | None) -> Asking:
    viewer = info.context.viewer
    if actor_id is None:
        return viewer
    word, key = named_among(ACTORS, actor_id, path=["actorId"])
    if key == viewer.actor_id:
        return viewer
    if not viewer.rights.anywhere(P.ROLE_READ):
        raise forbidden(P.ROLE_READ)
    return await gate_of(info).actors.viewer_of(key, word)


@strawberry.type
class Mutations:
    @mutation(runs=identity.sign_in, description="Sign in, by password or client credentials.")
    async def sign_in(self, info: Info, input: SignInInput) -> SignInPayload:
        _refuse_many_tries(info)
        context, gate = info.context, gate_of(info)
        address = context.viewer.address
        scopes = None
        if (by := given(input.password)) is not None:
            name, method = by.email, rows.AuthMethod.PASSWORD
            proof = await identity.prove_password(
                context.db,
                gate.passwords,
                gate.attempts,
                email=by.email,
                password=by.password,
                address=address,
            )
        else:
            program = given(input.client_credentials)
            assert program is not None, "the input is @oneOf"
            name, method = program.client_id, rows.AuthMethod.CLIENT_CREDENTIALS
            scopes = identity.checked_scopes(given(program.scopes), path=["clientCredentials", "scopes"])
            proof = await identity.prove_client(
                context.db,
                gate.attempts,
                client_id=program.client_id,
                client_secret=program.client_secret,
                address=address,
            )
        signed = await context.run(
            identity.sign_in,
            name=name[:320],
            method=method,
            proof=proof,
            scopes=scopes,
            cookie=context.wants_cookie,
        )
        return await _signed_in(info, signed)

    @mutation(
        runs=identity.refresh_session,
        description="Trade a refresh token for new tokens; an old one used again ends the session.",
    )
    async def refresh_session(self, info: Info, input: RefreshSessionInput) -> SignInPayload:
        _refuse_many_tries(info)
        try:
            signed = await info.context.run(identity.refresh_session, refresh_token=input.refresh_token)
        except identity.UsedAgain as again:
            arguments = {"session_id": again.session_id}
            await info.context.platform.commands.run(identity.end_reused_session, SYSTEM, arguments)
            gate_of(info).sessions.ended([again.session_id])
            raise
        return await _signed_in(info, signed)

    @mutation(
        runs=identity.end_session,
        description="End a session: this one, another of one's own, or anybody's with `user:update`.",
    )
    async def end_session(self, info: Info, input: NodeInput | None = strawberry.UNSET) -> DonePayload:
        wanted = given(input)
        session = await info.context.run(
            identity.end_session,
            idempotency_key=wanted.idempotency_key if wanted else None,
            session_id=key_of("session", wanted.id) if wanted else None,
        )
        gate_of(info).sessions.ended([session.id])
        if session.id == info.context.viewer.session_id and session.cookie_hash is not None:
            info.context.set_cookie(None)
        return DonePayload(done=True)

    @mutation(
        runs=identity.set_password,
        description="Set one's password, by the old one or by a token from a mail; all other sessions end.",
    )
    async def set_password(self, info: Info, input: SetPasswordInput) -> SignInPayload:
        _refuse_many_tries(info)
        context, gate = info.context, gate_of(info)
        if (change := given(input.change)) is not None:
            new = await identity.prepare_change(
                context.db,
                gate.passwords,
                gate.attempts,
                current=change.current_password,
                new=change.new_password,
            )
        else:
            by_token = given(input.token)
            assert by_token is not None, "the input is @oneOf"
            new = await identity.prepare_by_token(
                context.db,
                gate.passwords,
                gate.attempts,
                token=by_token.token,
                new=by_token.new_password,
                address=context.viewer.address,
            )
        signed = await context.run(identity.set_password, new=new, cookie=context.wants_cookie)
        await gate.look()
        return await _signed_in(info, signed)

    @mutation(runs=identity.create_service_account, description="Make an account for a program.")
    async def create_service_account(
        self, info: Info, input: CreateServiceAccountInput
    ) -> ServiceAccountPayload:
        made = await info.context.run(
            identity.create_service_account,
            idempotency_key=input.idempotency_key,
            display_name=input.display_name,
            role_ids=keys_of("role", given(input.role_ids) or [], path=["roleIds"]),
        )
        value = made.client_secret.value
        return ServiceAccountPayload(
            service_account=ServiceAccount.of(made.account), client_secret=value.reveal() if value else None
        )

    @mutation(runs=identity.save_role, description="Make or change a role.")
    async def save_role(self, info: Info, input: SaveRoleInput) -> RolePayload:
        role = await info.context.run(
            identity.save_role,
            idempotency_key=input.idempotency_key,
            role_id=key_of("role", wanted) if (wanted := given(input.id)) else None,
            version=given(input.version),
            name=input.name,
            description=given(input.description),
            permissions=input.permissions,
        )
        await gate_of(info).actors.refresh()
        return RolePayload(role=Role.of(role))

    @mutation(runs=identity.grant_role, description="Give a role, everywhere or on one thing.")
    async def grant_role(self, info: Info, input: GrantRoleInput) -> GrantPayload:
        word, key = named_among(ACTORS, input.actor_id, path=["actorId"])
        wanted = given(input.scope_id)
        scope = named_among(SCOPES, wanted, path=["scopeId"]) if wanted else None
        grant = await info.context.run(
            identity.grant_role,
            idempotency_key=input.idempotency_key,
            actor_word=word,
            actor_id=key,
            role_id=key_of("role", input.role_id, path=["roleId"]),
            scope_word=scope[0] if scope else None,
            scope_id=scope[1] if scope else None,
            expires_at=given(input.expires_at),
        )
        await gate_of(info).actors.refresh([grant.actor_id])
        return GrantPayload(grant=Grant.of(grant))

    @mutation(runs=identity.revoke_grant, description="Take a role away; open streams end at once.")
    async def revoke_grant(self, info: Info, input: NodeInput) -> GrantPayload:
        # Asked again with the same key, there is no grant left to show.
        grant: rows.Grant | None = await info.context.run(
            identity.revoke_grant,
            idempotency_key=input.idempotency_key,
            grant_id=key_of("grant", input.id),
        )
        await gate_of(info).actors.refresh([grant.actor_id] if grant else None)
        return GrantPayload(grant=Grant.of_maybe(grant))


async def _signed_in(info: Info, signed: identity.SignedIn) -> SignInPayload:
    """Tokens, or a cookie; the rest of the answer is for whoever has just signed in."""
    context, gate, session = info.context, gate_of(info), signed.session
    seat = await gate.actors.seat(session.actor_id, session.actor_word)
    before = context.viewer
    viewer = seat.actor.viewer(session_id=session.id, address=before.address, client=before.client)
    _goes_on_as(context, replace(viewer, rights=limited(viewer.rights, session.scopes)))
    if signed.cookie is not None and signed.cookie.value is not None:
        context.set_cookie(signed.cookie.value.reveal())
        return SignInPayload(viewer=Viewer(row=context.viewer))
    assert signed.refresh is not None
    assert signed.refresh.value is not None
    assert signed.refresh_expires_at is not None
    minted = await gate.tokens.mint(
        actor_word=session.actor_word,
        actor_id=session.actor_id,
        session_id=session.id,
        until=session.expires_at,
    )
    tokens = TokenPair(
        access_token=minted.token.reveal(),
        access_expires_at=minted.expires_at,
        refresh_token=signed.refresh.value.reveal(),
        refresh_expires_at=signed.refresh_expires_at,
    )
    return SignInPayload(tokens=tokens, viewer=Viewer(row=context.viewer))


def _goes_on_as(context: Context, viewer: Asking) -> None:
    context.viewer = viewer
    context.__post_init__()


def _refuse_many_tries(info: Info) -> None:
    """One try at a secret in a request: aliases must not make a hundred of it."""
    if _tries(info, info.operation.selection_set) > 1:
        raise InputError(
            ErrorCode.INVALID, "Sign in once in a request, with no other sign-in beside it.", path=["input"]
        )


def _tries(info: Info, selections: SelectionSetNode) -> int:
    """Only mutation roots are counted, so fragments here cannot be many levels deep."""
    found = 0
    for each in selections.selections:
        match each:
            case FieldNode():
                found += each.name.value in TRIES
            case InlineFragmentNode():
                found += _tries(info, each.selection_set)
            case FragmentSpreadNode():
                # Strawberry's own info shows no fragments.
                raw = cast("Any", info)._raw_info
                found += _tries(info, raw.fragments[each.name.value].selection_set)
            case _:
                pass
    return found
