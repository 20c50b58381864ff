"""Accounts of programs, changed."""

from __future__ import annotations

import strawberry

from datawave.kit.ids import key_of
from domain import identity
from schema.context import Info
from schema.fields import mutation
from schema.gate import gate_of
from schema.identity.programs import ServiceAccount, ServiceAccountPayload
from schema.identity.service_accounts import UpdateServiceAccountInput
from schema.shapes import given


@strawberry.type
class Mutations:
    @mutation(
        runs=identity.update_service_account,
        description="Rename a program's account, disable it (its sessions end at once), or enable it again.",
    )
    async def update_service_account(
        self, info: Info, input: UpdateServiceAccountInput
    ) -> ServiceAccountPayload:
        wanted = {"display_name": given(input.display_name), "enabled": given(input.enabled)}
        account = await info.context.run(
            identity.update_service_account,
            idempotency_key=input.idempotency_key,
            service_id=key_of("service", input.id),
            changes={name: value for name, value in wanted.items() if value is not None},
        )
        await gate_of(info).actors.refresh([account.id])
        return ServiceAccountPayload(service_account=ServiceAccount.of(account))
