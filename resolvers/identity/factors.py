"""Second factors, remembered devices, and the key that signs tokens."""

from __future__ import annotations

import strawberry
from strawberry.scalars import ID

from datawave.kit.commands import Shown
from datawave.kit.ids import key_of
from datawave.kit.secrets import Secret
from domain import identity
from schema.context import Info
from schema.fields import mutation
from schema.gate import gate_of
from schema.identity.factors import ConfirmMfaInput, EnrollMfaInput, MfaFactor, MfaPayload, RemoveMfaInput
from schema.identity.sessions import SigningKeyPayload
from schema.shapes import DonePayload, NodeInput, ReasonInput, given


@strawberry.type
class Mutations:
    @mutation(runs=identity.enroll_mfa, description="Begin to set up a second factor.")
    async def enroll_mfa(self, info: Info, input: EnrollMfaInput) -> MfaPayload:
        fresh = await _proved_anew(info, given(input.password), given(input.code))
        async with gate_of(info).attempts.counted(slowing=_codes_of(info, fresh)):
            shown = await info.context.run(
                identity.enroll_mfa,
                idempotency_key=input.idempotency_key,
                kind=input.kind,
                name=given(input.name),
                fresh=fresh,
            )
        return _payload(shown)

    @mutation(
        runs=identity.confirm_mfa,
        description="Finish setting up a second factor; the first one brings recovery codes.",
    )
    async def confirm_mfa(self, info: Info, input: ConfirmMfaInput) -> MfaPayload:
        code = identity.Fresh(code=Secret(input.code))
        async with gate_of(info).attempts.counted(slowing=_codes_of(info, code)):
            shown = await info.context.run(
                identity.confirm_mfa,
                idempotency_key=input.idempotency_key,
                factor_id=key_of("factor", input.factor_id, path=["factorId"]),
                code=Secret(input.code),
            )
        return _payload(shown)

    @mutation(
        runs=identity.remove_mfa,
        description="Take a second factor away: one's own, proved anew, or anybody's with `user:update`.",
    )
    async def remove_mfa(self, info: Info, input: RemoveMfaInput) -> DonePayload:
        fresh = await _proved_anew(info, given(input.password), given(input.code))
        async with gate_of(info).attempts.counted(slowing=_codes_of(info, fresh)):
            await info.context.run(
                identity.remove_mfa,
                idempotency_key=input.idempotency_key,
                factor_id=key_of("factor", input.id),
                fresh=fresh,
            )
        return DonePayload(done=True, deleted_id=input.id)

    @mutation(
        runs=identity.forget_device,
        description="Forget a remembered device: one's own, or anybody's with `user:update`.",
    )
    async def forget_device(self, info: Info, input: NodeInput) -> DonePayload:
        await info.context.run(
            identity.forget_device,
            idempotency_key=input.idempotency_key,
            device_id=key_of("device", input.id),
        )
        return DonePayload(done=True, deleted_id=input.id)

    @mutation(
        runs=identity.rotate_signing_key,
        description="Sign access tokens with a new key; those signed with the former run on.",
    )
    async def rotate_signing_key(
        self, info: Info, input: ReasonInput | None = strawberry.UNSET
    ) -> SigningKeyPayload:
        wanted = given(input)
        key_id = await info.context.run(
            identity.rotate_signing_key, idempotency_key=wanted.idempotency_key if wanted else None
        )
        gate_of(info).tokens.changed()
        return SigningKeyPayload(key_id=ID(key_id))


async def _proved_anew(info: Info, password: Secret | None, code: str | None) -> identity.Fresh | None:
    gate = gate_of(info)
    shown = Secret(code) if code is not None else None
    return await identity.prove_anew(
        info.context.db, gate.passwords, gate.attempts, password=password, code=shown
    )


def _codes_of(info: Info, shown: identity.Fresh | None) -> str | None:
    """By whom wrong codes are counted, where one is shown."""
    return f"codes:{info.context.viewer.actor_id}" if shown is not None and shown.code is not None else None


def _payload(shown: identity.FactorShown) -> MfaPayload:
    uri = _revealed(shown.provisioning_uri)
    codes = [code for each in shown.recovery_codes if (code := _revealed(each)) is not None]
    return MfaPayload(factor=MfaFactor.of(shown.factor), provisioning_uri=uri, recovery_codes=codes or None)


def _revealed(shown: Shown | None) -> str | None:
    return shown.value.reveal() if shown is not None and shown.value is not None else None
