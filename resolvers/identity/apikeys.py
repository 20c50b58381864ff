"""API keys made and revoked."""

from __future__ import annotations

import strawberry

from datawave.kit.ids import key_of, named_among
from domain.identity import apikeys
from schema.context import Info
from schema.fields import mutation
from schema.gate import gate_of
from schema.identity.apikeys import ApiKey, ApiKeyPayload, CreateApiKeyInput
from schema.shapes import NodeInput, given


@strawberry.type
class Mutations:
    @mutation(
        runs=apikeys.create_api_key, description="Make an API key, with no more rights than its actor has."
    )
    async def create_api_key(self, info: Info, input: CreateApiKeyInput) -> ApiKeyPayload:
        wanted = given(input.actor_id)
        word, key = named_among(list(apikeys.HOLDERS), wanted, path=["actorId"]) if wanted else (None, None)
        made = await info.context.run(
            apikeys.create_api_key,
            idempotency_key=input.idempotency_key,
            name=input.name,
            actor_word=word,
            actor_id=key,
            permissions=given(input.permissions),
            expires_at=given(input.expires_at),
            longest_days=info.context.platform.extras.get("api_key_days", apikeys.LONGEST_DAYS),
        )
        value = made.value.value
        return ApiKeyPayload(api_key=ApiKey.of(made.key), value=value.reveal() if value else None)

    @mutation(runs=apikeys.revoke_api_key, description="End an API key; open streams end at once.")
    async def revoke_api_key(self, info: Info, input: NodeInput) -> ApiKeyPayload:
        key = await info.context.run(
            apikeys.revoke_api_key, idempotency_key=input.idempotency_key, key_id=key_of("apikey", input.id)
        )
        gate_of(info).keys.revoked([key.id])
        return ApiKeyPayload(api_key=ApiKey.of(key))
