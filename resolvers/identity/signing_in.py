"""Signing in, going on, leaving, and new passwords."""

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

from auth.access import limited
from datawave.kit.access import SYSTEM
from datawave.kit.access import Viewer as Asking
from datawave.kit.errors import ErrorCode, InputError
from datawave.kit.ids import key_of
from domain import identity
from models import identity as rows
from resolvers.identity.providers import come_back
from schema.context import Context, Info
from schema.fields import mutation
from schema.gate import gate_of
from schema.identity.sessions import (
    RefreshSessionInput,
    SetPasswordInput,
    SignInInput,
    SignInPayload,
    TokenPair,
)
from schema.identity.viewer import Viewer
from schema.shapes import DonePayload, NodeInput, given

TRIES = frozenset({"signIn", "refreshSession", "setPassword"})


@strawberry.type
class Mutations:
    @mutation(runs=identity.sign_in, description="Sign in, by password, client credentials or OIDC code.")
    async def sign_in(self, info: Info, input: SignInInput) -> SignInPayload:
        _refuse_many_tries(info)
        context, gate = info.context, gate_of(info)
        if (brought := given(input.oidc_code)) is not None:
            return await _signed_in(info, await come_back(info, brought))
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
