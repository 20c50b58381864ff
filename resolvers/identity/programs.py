"""Programs of partners."""

from __future__ import annotations

import strawberry
from sqlalchemy import select

from auth.permissions import Permission as P
from datawave.kit.access import visible
from datawave.kit.ids import keys_of
from datawave.kit.pages import Key
from datawave.kit.reads import Of, Rows, Shape
from domain import identity
from models import identity as rows
from schema.context import Info
from schema.fields import mutation, read
from schema.identity.programs import CreateServiceAccountInput, ServiceAccount, ServiceAccountPayload
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
