"""Programs of partners."""

from __future__ import annotations

import strawberry
from sqlalchemy import select

from auth.permissions import Permission as P
from datawave.kit.access import visible
from datawave.kit.ids import key_of, keys_of
from datawave.kit.pages import Key
from datawave.kit.reads import Of, Rows, Shape
from domain import identity
from domain.identity import programs
from models import identity as rows
from schema.context import Info
from schema.fields import mutation, read
from schema.gate import gate_of
from schema.identity.programs import (
    CreateServiceAccountInput,
    RotateClientSecretInput,
    ServiceAccount,
    ServiceAccountPayload,
)
from schema.shapes import Connection, given

PROGRAMS_BY_NAME = [Key(rows.ServiceAccount.display_name), Key(rows.ServiceAccount.id)]


def service_accounts(of: Of) -> Rows:
    row = rows.ServiceAccount
    return Rows(query=select(row).where(visible(row, of.viewer)), row=row, order=PROGRAMS_BY_NAME)


@strawberry.type
class Queries:
    service_accounts: Connection[ServiceAccount] = read(
        Shape.PAGE, service_accounts, needs=P.USER_READ, description="Programs of partners, by name."
    )


@strawberry.type
class Mutations:
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

    @mutation(
        runs=programs.rotate_client_secret,
        description="A new client secret for a program, by itself or with `user:update`; the former one is"
        " good for a while.",
    )
    async def rotate_client_secret(self, info: Info, input: RotateClientSecretInput) -> ServiceAccountPayload:
        made = await info.context.run(
            programs.rotate_client_secret,
            idempotency_key=input.idempotency_key,
            service_id=key_of("service", input.id),
            grace_hours=input.grace_hours,
        )
        await gate_of(info).sessions.look()
        value = made.client_secret.value
        return ServiceAccountPayload(
            service_account=ServiceAccount.of(made.account), client_secret=value.reveal() if value else None
        )
