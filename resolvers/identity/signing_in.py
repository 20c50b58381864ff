"""Signing in, going on, leaving, and new passwords."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar, cast

import strawberry
from graphql import (
    FieldNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    SelectionSetNode,
)

from auth.access import limited
from auth.sessions import lifetimes
from datawave.kit.access import SYSTEM
from datawave.kit.access import Viewer as Asking
from datawave.kit.commands import Command
from datawave.kit.errors import ErrorCode, InputError
from datawave.kit.ids import key_of
from datawave.kit.secrets import Secret
from domain import identity
from models import identity as rows
from resolvers.identity.providers import come_back
from schema.context import Context, Info
from schema.fields import mutation
from schema.gate import gate_of
from schema.identity.sessions import (
    ClientCredentialsInput,
    EndOtherSessionsInput,
    PasswordSignInInput,
    RecoverySignInInput,
    RefreshSessionInput,
    SecondFactorSignInInput,
    SessionsPayload,
    SetPasswordInput,
    SignInInput,
    SignInPayload,
    TokenPair,
)
from schema.identity.viewer import Viewer
from schema.shapes import DonePayload, NodeInput, given

R = TypeVar("R")

TRIES = frozenset({"signIn", "refreshSession", "setPassword"})


@strawberry.type
class Mutations:
    @mutation(
        runs=identity.sign_in,
        description="Sign in, by password (with a second factor, at once or in a second step), by recovery"
        " code, by client credentials, or by an OIDC code.",
    )
    async def sign_in(self, info: Info, input: SignInInput) -> SignInPayload:
        _refuse_many_tries(info)
        if (brought := given(input.oidc_code)) is not None:
            return await _signed_in(info, await come_back(info, brought))
        if (by := given(input.password)) is not None:
            return await _by_password(info, by)
        if (second := given(input.second_factor)) is not None:
            return await _by_challenge(info, second)
        if (recovery := given(input.recovery)) is not None:
            return await _by_recovery_code(info, recovery)
        program = given(input.client_credentials)
        assert program is not None, "the input is @oneOf"
        return await _by_client_credentials(info, program)

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
        runs=identity.end_other_sessions,
        description="End all of one's own sessions but this one, or all of somebody's with `user:update`.",
    )
    async def end_other_sessions(
        self, info: Info, input: EndOtherSessionsInput | None = strawberry.UNSET
    ) -> SessionsPayload:
        wanted = given(input)
        whose = given(wanted.user_id) if wanted else None
        ended = await info.context.run(
            identity.end_other_sessions,
            idempotency_key=wanted.idempotency_key if wanted else None,
            user_id=key_of("user", whose, path=["userId"]) if whose else None,
        )
        await gate_of(info).sessions.look()
        return SessionsPayload(ended=ended)

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
        if isinstance(signed, identity.Challenged):
            return _challenged(signed)
        return await _signed_in(info, signed)


async def _by_password(info: Info, by: PasswordSignInInput) -> SignInPayload:
    context = info.context
    totp = given(by.totp)
    second = identity.SecondFactor(
        totp=Secret(totp) if totp is not None else None,
        device=given(by.device_token) or context.device,
        remember=bool(given(by.remember_device)),
    )
    return await _with_password(info, by.email, by.password, second)


async def _by_recovery_code(info: Info, by: RecoverySignInInput) -> SignInPayload:
    second = identity.SecondFactor(recovery_code=by.recovery_code)
    return await _with_password(info, by.email, by.password, second)


async def _with_password(
    info: Info, email: str, password: Secret, second: identity.SecondFactor
) -> SignInPayload:
    context, gate = info.context, gate_of(info)
    proof = await identity.prove_password(
        context.db,
        gate.passwords,
        gate.attempts,
        email=email,
        password=password,
        address=context.viewer.address,
        device=second.device,
    )
    if proof is not None and proof.needs_second and not second.has_code:
        asked = {"name": email[:320], "proof": proof}
        return _challenged(await _as_platform(info, identity.challenge_sign_in, asked))
    return await _proved(info, email, proof, second)


async def _by_challenge(info: Info, by: SecondFactorSignInInput) -> SignInPayload:
    totp, code = given(by.totp), given(by.recovery_code)
    if (totp is None) == (code is None):
        raise InputError(
            ErrorCode.REQUIRED, "Send the code: `totp`, or `recoveryCode`.", path=["secondFactor", "totp"]
        )
    second = identity.SecondFactor(
        totp=Secret(totp) if totp is not None else None,
        recovery_code=code,
        remember=bool(given(by.remember_device)),
    )
    async with gate_of(info).attempts.counted(_address(info)):
        proof = await _as_platform(info, identity.try_challenge, {"challenge": by.challenge})
        return await _proved(info, "", proof, second, challenge=by.challenge)


async def _proved(
    info: Info,
    name: str,
    proof: identity.Proof | None,
    second: identity.SecondFactor,
    *,
    challenge: Secret | None = None,
) -> SignInPayload:
    """A wrong code counts against the account, or against the device it knows."""
    context = info.context
    slowing = proof.slowing if proof is not None and second.has_code else None
    async with gate_of(info).attempts.counted(slowing=slowing):
        signed = await context.run(
            identity.sign_in,
            name=name[:320],
            method=rows.AuthMethod.PASSWORD,
            proof=proof,
            cookie=context.wants_cookie,
            second=second,
            challenge=challenge,
        )
    return await _signed_in(info, signed)


async def _by_client_credentials(info: Info, program: ClientCredentialsInput) -> SignInPayload:
    context, gate = info.context, gate_of(info)
    scopes = identity.checked_scopes(given(program.scopes), path=["clientCredentials", "scopes"])
    proof = await identity.prove_client(
        context.db,
        gate.attempts,
        client_id=program.client_id,
        client_secret=program.client_secret,
        address=context.viewer.address,
    )
    signed = await context.run(
        identity.sign_in,
        name=program.client_id[:320],
        method=rows.AuthMethod.CLIENT_CREDENTIALS,
        proof=proof,
        scopes=scopes,
        cookie=context.wants_cookie,
    )
    return await _signed_in(info, signed)


async def _as_platform(info: Info, what: Command[..., R], arguments: dict[str, Any]) -> R:
    """On behalf of whoever is not signed in yet, from where they are."""
    context = info.context
    platform = replace(SYSTEM, address=context.viewer.address, client=context.viewer.client)
    done = await context.platform.commands.run(what, platform, arguments)
    context.tracking_id = done.tracking_id
    return done.value


def _address(info: Info) -> str | None:
    address = info.context.viewer.address
    return f"address:{address}" if address else None


def _challenged(made: identity.Challenged) -> SignInPayload:
    value = made.challenge.value
    return SignInPayload(
        mfa_required=True,
        challenge=value.reveal() if value is not None else None,
        challenge_expires_at=made.expires_at,
    )


async def _signed_in(info: Info, signed: identity.SignedIn) -> SignInPayload:
    """Tokens, or a cookie; the rest of the answer is for whoever has just signed in."""
    context, gate, session = info.context, gate_of(info), signed.session
    seat = await gate.actors.seat(session.actor_id, session.actor_word)
    before = context.viewer
    viewer = seat.actor.viewer(session_id=session.id, address=before.address, client=before.client)
    _goes_on_as(context, replace(viewer, rights=limited(viewer.rights, session.scopes)))
    if signed.cookie is not None and before.session_id is not None:
        await gate.sessions.look()  # the browser's former session has ended
    device = signed.device.value if signed.device is not None else None
    if signed.cookie is not None and signed.cookie.value is not None:
        context.set_cookie(signed.cookie.value.reveal(), seconds=int(lifetimes().longest.total_seconds()))
        if device is not None:
            lasts = (signed.device_expires_at or gate.now()) - gate.now()
            context.set_device_cookie(device.reveal(), seconds=int(lasts.total_seconds()))
        return SignInPayload(viewer=Viewer(row=context.viewer), device_expires_at=signed.device_expires_at)
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
    return SignInPayload(
        tokens=tokens,
        viewer=Viewer(row=context.viewer),
        device_token=device.reveal() if device is not None else None,
        device_expires_at=signed.device_expires_at,
    )


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
