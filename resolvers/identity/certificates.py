"""Certificates issued and revoked."""

from __future__ import annotations

import strawberry

from datawave.kit.ids import key_of
from domain.identity import certificates
from schema.context import Info
from schema.fields import mutation
from schema.gate import gate_of
from schema.identity.certificates import Certificate, CertificatePayload, IssueCertificateInput
from schema.shapes import NodeInput


@strawberry.type
class Mutations:
    @mutation(runs=certificates.issue_certificate, description="Sign a client certificate for a program.")
    async def issue_certificate(self, info: Info, input: IssueCertificateInput) -> CertificatePayload:
        issued = await info.context.run(
            certificates.issue_certificate,
            idempotency_key=input.idempotency_key,
            service_id=key_of("service", input.actor_id, path=["actorId"]),
            signing_request=input.signing_request,
            valid_days=input.valid_days,
            longest_days=info.context.platform.extras.get("certificate_days", certificates.LONGEST_DAYS),
        )
        return CertificatePayload(certificate=Certificate.of(issued))

    @mutation(
        runs=certificates.revoke_certificate,
        description="Revoke a client certificate, a program's or an agent's; open streams end at once.",
    )
    async def revoke_certificate(self, info: Info, input: NodeInput) -> CertificatePayload:
        revoked = await info.context.run(
            certificates.revoke_certificate,
            idempotency_key=input.idempotency_key,
            certificate_id=key_of("certificate", input.id),
        )
        gate_of(info).holders.revoked([revoked.fingerprint])
        return CertificatePayload(certificate=Certificate.of(revoked))
