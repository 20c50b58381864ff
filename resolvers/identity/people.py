"""People, and who is asking."""

from __future__ import annotations

import strawberry
from sqlalchemy import or_, select

from auth.permissions import Permission as P
from datawave.kit.access import visible
from datawave.kit.commands import PUBLIC
from datawave.kit.given import among, containing
from datawave.kit.ids import key_of, keys_of
from datawave.kit.pages import Key
from datawave.kit.reads import Of, Rows, Shape
from domain import identity
from models import identity as rows
from schema.context import Info
from schema.fields import mutation, query, read
from schema.gate import gate_of
from schema.identity.people import (
    InviteUserInput,
    RequestPasswordResetInput,
    UpdateUserInput,
    User,
    UserPayload,
)
from schema.identity.viewer import Viewer
from schema.shapes import Connection, DonePayload, given

BY_NAME = [Key(rows.User.display_name), Key(rows.User.id)]


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


@strawberry.type
class Queries:
    @query(needs=PUBLIC, description="Who is asking; null when nobody is signed in.")
    async def viewer(self, info: Info) -> Viewer | None:
        viewer = info.context.viewer
        return Viewer(row=viewer) if viewer.signed_in else None

    users: Connection[User] = read(Shape.PAGE, users, needs=P.USER_READ, description="People.")


@strawberry.type
class Mutations:
    @mutation(
        runs=identity.invite_user,
        description="Invite a person, or again one who has not come yet; the invitation is good for seven"
        " days.",
    )
    async def invite_user(self, info: Info, input: InviteUserInput) -> UserPayload:
        links: identity.Links = info.context.platform.extras["links"]
        workspace = given(input.workspace_id)
        invited = await info.context.run(
            identity.invite_user,
            idempotency_key=input.idempotency_key,
            email=input.email,
            mailed=links.mailed,
            display_name=given(input.display_name),
            role_ids=keys_of("role", given(input.role_ids) or [], path=["roleIds"]),
            workspace_id=key_of("workspace", workspace, path=["workspaceId"]) if workspace else None,
        )
        token = invited.token.value
        url = links.to(rows.TokenKind.INVITATION, token).reveal() if token else None
        return UserPayload(user=User.of(invited.user), invitation_url=url)

    @mutation(
        runs=identity.update_user,
        description="Change oneself; others, and whether they may come in, with `user:update`. Suspended and"
        " deleted people are out at once; of the deleted only an id stays.",
    )
    async def update_user(self, info: Info, input: UpdateUserInput) -> UserPayload:
        profile: dict[str, str | None] = {}
        if (name := given(input.display_name)) is not None:
            profile["display_name"] = name
        if input.locale is not strawberry.UNSET:
            profile["locale"] = input.locale
        if input.time_zone is not strawberry.UNSET:
            profile["time_zone"] = input.time_zone
        user = await info.context.run(
            identity.update_user,
            idempotency_key=input.idempotency_key,
            user_id=key_of("user", input.id),
            version=given(input.version),
            profile=profile,
            state=given(input.state),
        )
        await gate_of(info).look()
        return UserPayload(user=User.of(user))

    @mutation(
        runs=identity.request_password_reset,
        description="Ask for a mail to set a new password; answers the same whether the address is known or"
        " not.",
    )
    async def request_password_reset(self, info: Info, input: RequestPasswordResetInput) -> DonePayload:
        context, gate = info.context, gate_of(info)
        await identity.count_request(gate.attempts, email=input.email, address=context.viewer.address)
        await context.run(identity.request_password_reset, email=input.email[:320])
        return DonePayload(done=True)
