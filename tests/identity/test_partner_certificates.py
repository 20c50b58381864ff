"""Partners' certificates: issued for a key that the partner alone holds, proved by short tokens, revoked."""

from __future__ import annotations

import asyncio
import base64
import time
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID
from joserfc import jwt
from joserfc.jwk import ECKey
from sqlalchemy import select, text

from auth.certificates import make_authority
from datawave.kit.access import SYSTEM
from datawave.kit.ids import key_of
from domain import agents
from models.agents import Certificate
from tests.client import Client
from tests.documents import ROOT, blocks
from tests.fixtures.api import House
from tests.fixtures.clock import HouseClock
from tests.identity.programs import STREAM, WHO, code, person, program

ISSUE = """mutation($i: IssueCertificateInput!) { issueCertificate(input: $i) {
  errors { __typename code path message ... on AccessError { permission } } certificate {
  id serial subject fingerprint notBefore notAfter revokedAt pem actor { id displayName } } } }"""
REVOKE = """mutation($id: ID!) { revokeCertificate(input: {id: $id}) { errors { code path }
  certificate { id revokedAt } } }"""
OF_PROGRAM = """query($id: ID!) { node(id: $id) { ... on ServiceAccount { certificates { id } } } }"""
ALGORITHMS = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}


def request_of(key: Any, *, signed_by: Any = None) -> str:
    builder = x509.CertificateSigningRequestBuilder()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "whatever the partner says")])
    digest = None if isinstance(signed_by or key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    made = builder.subject_name(subject).sign(signed_by or key, digest)
    return made.public_bytes(serialization.Encoding.PEM).decode()


def pem_of(key: ec.EllipticCurvePrivateKey) -> str:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


@dataclass
class Partner:
    """What a partner keeps: a key, and what certifies it."""

    id: str
    key: ec.EllipticCurvePrivateKey
    certificate: dict[str, Any]

    def token(self, *, header: dict[str, Any] | None = None, **claims: Any) -> str:
        now = int(time.time())
        algorithm = ALGORITHMS[self.key.curve.name]
        every = {
            "iss": self.id,
            "sub": self.id,
            "aud": "datawave",
            "iat": now,
            "exp": now + 60,
            "jti": uuid4().hex,
        } | claims
        kid = self.certificate["fingerprint"]
        head = {"alg": algorithm, "kid": kid} | (header or {})
        return jwt.encode(head, every, ECKey.import_key(pem_of(self.key)), algorithms=[algorithm])


async def partner(
    house: House, api: Client, *roles: str, curve: ec.EllipticCurve | None = None, **more: Any
) -> Partner:
    made = await program(house, api, *(roles or ("Partner",)), name=f"Partner {uuid4().hex[:6]}")
    return await certified(api, made["id"], curve=curve, **more)


async def certified(api: Client, id: str, *, curve: ec.EllipticCurve | None = None, **more: Any) -> Partner:
    key = ec.generate_private_key(curve or ec.SECP256R1())
    issued = await api.done(ISSUE, i={"actorId": id, "signingRequest": request_of(key), **more})
    return Partner(id, key, issued["certificate"])


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()], ids=lambda c: c.name)
async def test_a_partner_comes_in_with_a_token_of_its_own(
    house: House, api: Client, curve: ec.EllipticCurve
) -> None:
    mine = await partner(house, api, "Partner", "Auditor", curve=curve)
    client = api.as_(mine.token())
    viewer = (await client.data(WHO))["viewer"]
    assert (viewer["actor"]["id"], viewer["session"]) == (mine.id, None)
    assert "asset:read" in viewer["permissions"]
    async with client.follow(STREAM) as events:
        waiting = asyncio.ensure_future(anext(events))
        await program(house, api, name="Another")
        async with asyncio.timeout(5):
            assert (await waiting)["data"]["eventRecorded"]["type"]


async def test_the_token_of_the_guide_lets_a_partner_in(house: House, api: Client) -> None:
    mine, guide = await partner(house, api), ROOT / "docs" / "guides" / "programs.md"
    [block] = [block for block in blocks(guide) if block.language == "python"]
    names: dict[str, Any] = {}
    exec(block.text, names)
    token = names["token"](pem_of(mine.key), mine.certificate["fingerprint"], mine.id)
    assert (await api.as_(token).data(WHO))["viewer"]["actor"]["id"] == mine.id


async def test_the_certificate_is_the_authoritys_and_names_the_program(house: House, api: Client) -> None:
    mine = await partner(house, api, validDays=30)
    issued = x509.load_pem_x509_certificate(mine.certificate["pem"].encode())
    async with house.core.database.session() as session:
        authority = await make_authority(session, house.core.keyring, now=house.served.gate.now())
    issued.verify_directly_issued_by(x509.load_pem_x509_certificate(authority.pem.encode()))
    assert mine.certificate["subject"] == f"CN={mine.certificate['actor']['displayName']}"
    assert mine.certificate["actor"]["id"] == mine.id
    assert (issued.not_valid_after_utc - issued.not_valid_before_utc).days == 30


async def test_a_revoked_certificate_is_out_at_once_with_its_streams(house: House, api: Client) -> None:
    mine = await partner(house, api, "Partner", "Auditor")
    client = api.as_(mine.token())
    async with client.follow(STREAM) as events:
        waiting = asyncio.ensure_future(anext(events))
        await asyncio.wait([waiting], timeout=0.01)
        await api.done(REVOKE, id=mine.certificate["id"])
        async with asyncio.timeout(5):
            with pytest.raises((AssertionError, StopAsyncIteration)):
                await waiting
                while True:
                    await anext(events)
    assert code(await client.ask(WHO)) == "UNAUTHENTICATED"
    assert code(await api.as_(mine.token()).ask(WHO)) == "UNAUTHENTICATED"
    [error] = (await api.run(REVOKE, id=mine.certificate["id"]))["errors"]
    assert error["code"] == "WRONG_STATE"


async def test_the_next_certificate_is_issued_before_the_first_ends(house: House, api: Client) -> None:
    first = await partner(house, api)
    second = await certified(api, first.id)
    for each in (first, second):
        assert (await api.as_(each.token()).data(WHO))["viewer"]["actor"]["id"] == first.id
    listed = (await api.data(OF_PROGRAM, id=first.id))["node"]["certificates"]
    assert {each["id"] for each in listed} == {first.certificate["id"], second.certificate["id"]}
    await api.done(REVOKE, id=first.certificate["id"])
    assert code(await api.as_(first.token()).ask(WHO)) == "UNAUTHENTICATED"
    assert (await api.as_(second.token()).data(WHO))["viewer"]["actor"]["id"] == first.id


async def test_an_expired_certificate_is_refused(house: House, api: Client) -> None:
    mine = await partner(house, api, validDays=1)
    token = mine.token()
    assert (await api.as_(token).data(WHO))["viewer"] is not None
    await HouseClock(house.core.database, house.core.commands).shift(days=2)
    await house.served.gate.look()
    answer = await api.as_(token).ask(WHO)
    assert code(answer) == "UNAUTHENTICATED"
    assert "expired" in answer["errors"][0]["message"]


async def test_rights_follow_and_a_program_shut_out_is_out(house: House, api: Client) -> None:
    mine = await partner(house, api)
    client = api.as_(mine.token())
    assert (await client.data(WHO))["viewer"] is not None
    async with house.core.database.connection() as connection:
        await connection.execute(text("UPDATE service_account SET enabled = false"))
    await house.served.gate.actors.refresh()
    assert code(await client.ask(WHO)) == "UNAUTHENTICATED"
    assert code(await api.as_(mine.token()).ask(WHO)) == "UNAUTHENTICATED"


async def test_forged_tokens_are_refused(house: House, api: Client) -> None:
    mine, other = await partner(house, api), await partner(house, api)
    now = int(time.time())
    stranger = Partner(mine.id, ec.generate_private_key(ec.SECP256R1()), mine.certificate)
    as_agent = mine.id.replace("service_", "agent_")
    as_user = mine.id.replace("service_", "user_")
    forged = {
        "another key": stranger.token(),
        "another's certificate": mine.token(header={"kid": other.certificate["fingerprint"]}),
        "in another's name": mine.token(iss=other.id, sub=other.id),
        "as an agent": mine.token(iss=as_agent, sub=as_agent),
        "as a person": mine.token(iss=as_user, sub=as_user),
        "for another service": mine.token(aud="https://elsewhere.example"),
        "too long": mine.token(exp=now + 3600),
        "from the future": mine.token(iat=now + 3600, exp=now + 3660),
        "long over": mine.token(iat=now - 3660, exp=now - 3600),
        "without a number": mine.token(jti=None),
        "cut short": mine.token()[:-10],
        "unsigned": mine.token().rsplit(".", 1)[0] + ".",
    }
    answers = {name: await api.as_(token).ask(WHO) for name, token in forged.items()}
    assert {name: code(answer) for name, answer in answers.items()} == dict.fromkeys(
        forged, "UNAUTHENTICATED"
    )
    number = uuid4().hex
    first, second = mine.token(jti=number), mine.token(jti=number, iat=now - 1)
    assert (await api.as_(first).data(WHO))["viewer"] is not None
    assert (await api.as_(first).data(WHO))["viewer"] is not None
    assert code(await api.as_(second).ask(WHO)) == "UNAUTHENTICATED"


async def test_an_agents_key_is_no_partners_and_the_reverse(house: House, api: Client) -> None:
    mine = await partner(house, api)
    key = ec.generate_private_key(ec.SECP256R1())
    arguments = {"name": "edge", "signing_request": request_of(key), "software_version": "1"}
    done: Any = await house.core.commands.run(agents.certify_local_agent, SYSTEM, arguments)
    agent = f"agent_{done.value.agent.id.hex}"
    async with house.core.database.session() as session:
        row = (
            await session.scalars(select(Certificate).where(Certificate.actor_id == done.value.agent.id))
        ).one()
    certificate = {"fingerprint": row.fingerprint}
    assert (await api.as_(Partner(agent, key, certificate).token()).data(WHO))["viewer"]["actor"][
        "id"
    ] == agent
    for wrong in (
        Partner(mine.id, key, certificate).token(),
        Partner(agent, mine.key, certificate).token(),
        Partner(agent, mine.key, mine.certificate).token(),
        Partner(mine.id, key, mine.certificate).token(),
    ):
        assert code(await api.as_(wrong).ask(WHO)) == "UNAUTHENTICATED"
    await api.done(REVOKE, id=f"certificate_{row.id.hex}")
    assert code(await api.as_(Partner(agent, key, certificate).token()).ask(WHO)) == "UNAUTHENTICATED"


def point_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The public key, as it stands in a signing request."""
    form = serialization.PublicFormat.UncompressedPoint
    return key.public_key().public_bytes(serialization.Encoding.X962, form)


async def test_what_is_no_request_for_a_good_key_is_refused_at_its_field(house: House, api: Client) -> None:
    made = await program(house, api, "Partner")
    mine, other = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    good = request_of(mine)
    der = x509.load_pem_x509_csr(good.encode()).public_bytes(serialization.Encoding.DER)
    stolen = base64.encodebytes(der.replace(point_of(mine), point_of(other))).decode()
    wrong = {
        "nothing": "",
        "nonsense": "-----BEGIN CERTIFICATE REQUEST-----\nAA\n-----END CERTIFICATE REQUEST-----\n",
        "huge": "x" * 100_000,
        "RSA": request_of(rsa.generate_private_key(65537, 2048)),
        "Ed25519": request_of(ed25519.Ed25519PrivateKey.generate()),
        "a weak curve": request_of(ec.generate_private_key(ec.SECP224R1())),
        "another's key": "-----BEGIN CERTIFICATE REQUEST-----\n"
        + stolen
        + "-----END CERTIFICATE REQUEST-----\n",
    }
    for name, request in wrong.items():
        [error] = (await api.run(ISSUE, i={"actorId": made["id"], "signingRequest": request}))["errors"]
        assert (name, error["code"], error["path"]) == (name, "INVALID", ["signingRequest"])
    for days in (0, -1, 366):
        asked = {"actorId": made["id"], "signingRequest": good, "validDays": days}
        [error] = (await api.run(ISSUE, i=asked))["errors"]
        assert (error["code"], error["path"]) == ("INVALID", ["validDays"])
    for actor, refusal in (("service_" + "0" * 32, "NOT_FOUND"), ("agent_" + "0" * 32, "INVALID")):
        [error] = (await api.run(ISSUE, i={"actorId": actor, "signingRequest": good}))["errors"]
        assert (error["code"], error["path"]) == (refusal, ["actorId"])


async def test_nobody_certifies_more_than_they_hold(house: House, api: Client) -> None:
    manager = await person(house, "manager@example.com", "certificate:manage", "user:read", "asset:read")
    mighty = await program(house, api, "Administrator", name="Mighty")
    request = request_of(ec.generate_private_key(ec.SECP256R1()))
    [error] = (await manager.run(ISSUE, i={"actorId": mighty["id"], "signingRequest": request}))["errors"]
    assert (error["__typename"], error["code"]) == ("AccessError", "FORBIDDEN")
    reader = await person(house, "reader@example.com", "user:read")
    [error] = (await reader.run(ISSUE, i={"actorId": mighty["id"], "signingRequest": request}))["errors"]
    assert (error["code"], error["permission"]) == ("FORBIDDEN", "certificate:manage")
    mine = await partner(house, api)
    [error] = (await reader.run(REVOKE, id=mine.certificate["id"]))["errors"]
    assert error["code"] == "FORBIDDEN"


async def test_a_program_has_ten_certificates_at_most(house: House, api: Client) -> None:
    made = await program(house, api, "Partner")
    for _ in range(10):
        await certified(api, made["id"])
    request = request_of(ec.generate_private_key(ec.SECP256R1()))
    [error] = (await api.run(ISSUE, i={"actorId": made["id"], "signingRequest": request}))["errors"]
    assert (error["code"], error["path"]) == ("WRONG_STATE", ["actorId"])


async def test_the_record_names_the_certificate(house: House, api: Client) -> None:
    mine = await partner(house, api, "Administrator")
    made = await program(house, api.as_(mine.token()), name="Made by a program")
    async with house.core.database.connection() as connection:
        told = await connection.execute(
            text("SELECT client, session_id FROM audit_entry WHERE subject_id = :id"),
            {"id": key_of("service", made["id"])},
        )
        entry = told.one()
    assert entry.session_id is None
    assert entry.client.split(" ")[0] == mine.certificate["id"]
