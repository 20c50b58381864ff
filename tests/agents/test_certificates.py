"""Tokens of agents, and what is sealed to them."""

from __future__ import annotations

import base64
import hmac
import json
import time
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey
from joserfc.jws import extract_compact
from sqlalchemy import text

from auth.certificates import Holders, actor_named_by, is_holders, seal_to
from datawave.kit.errors import AccessError, ErrorCode, InputError
from domain import agents
from edge_agent.keys import AgentRuns, Keys, SealBroken
from tests.agents.conftest import AgentSeat, Ground
from tests.statements import counted


def signed(seat: AgentSeat, *, header: dict[str, Any] | None = None, **claims: Any) -> str:
    """A token like the agent's own, but for what is given; times are seconds from now."""
    own = f"agent_{seat.id.hex}"
    now = int(time.time())
    every = {"iss": own, "sub": own, "aud": "datawave", "iat": 0, "exp": 60, "jti": "a" * 16} | claims
    for name in ("iat", "exp"):
        if type(every[name]) is int:
            every[name] += now
    every = {name: value for name, value in every.items() if value is not None}
    kid = jwt_header(seat.keys.token())["kid"]
    return jwt.encode(
        {"alg": "ES256", "kid": kid} | (header or {}), every, seat.keys._signing, algorithms=["ES256"]
    )


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def jwt_header(token: str) -> dict[str, Any]:
    return dict(extract_compact(token.encode()).headers())


async def refusal(gate: Holders, token: str) -> str:
    with pytest.raises(AccessError) as refused:
        await gate.holder_of(token)
    assert refused.value.code is ErrorCode.UNAUTHENTICATED
    return refused.value.message


async def test_an_agent_enters_with_a_token_of_its_own(ground: Ground) -> None:
    seat = await ground.agent("local")
    entered = await Holders(ground.database).holder_of(seat.keys.token())
    assert (entered.actor_id, entered.name) == (seat.id, "local")


async def test_a_token_that_verified_is_remembered(ground: Ground) -> None:
    seat = await ground.agent()
    gate = Holders(ground.database)
    token = seat.keys.token()
    await gate.holder_of(token)
    with counted() as sent:
        assert (await gate.holder_of(token)).actor_id == seat.id
    assert sent == []


@pytest.mark.parametrize(
    "claims",
    [
        {"iat": -160, "exp": -100},
        {"exp": 3600},
        {"iat": 3600, "exp": 3660},
        {"aud": "somebody else"},
        {"sub": "agent_00000000000000000000000000000000"},
        {"iss": "user_1"},
        {"jti": None},
        {"jti": "short"},
        {"exp": None},
        {"iat": True},
        {"iat": "now"},
    ],
    ids=str,
)
async def test_a_token_that_says_something_else_is_refused(ground: Ground, claims: dict[str, Any]) -> None:
    seat = await ground.agent()
    await refusal(Holders(ground.database), signed(seat, **claims))


async def test_a_number_that_was_used_is_refused_in_another_token(ground: Ground) -> None:
    seat = await ground.agent()
    gate = Holders(ground.database)
    first, second = signed(seat), signed(seat)
    assert first != second
    await gate.holder_of(first)
    await gate.holder_of(first)
    assert "jti" in await refusal(gate, second)


async def test_a_token_signed_by_another_key_is_refused(ground: Ground, tmp_path: Path) -> None:
    seat = await ground.agent()
    stranger = Keys.make(tmp_path / "stranger")
    seat.keys._signing = stranger._signing
    await refusal(Holders(ground.database), seat.keys.token(fresh=True))


async def test_none_and_shared_secrets_are_no_signatures(ground: Ground) -> None:
    seat = await ground.agent()
    token = seat.keys.token()
    head, body, _ = token.split(".")
    kid = jwt_header(token)["kid"]
    gate = Holders(ground.database)
    await refusal(gate, f"{head}.{body}.")
    shared = (ground.folder / "local" / "agent.pem").read_bytes()
    signed_part = f"{encoded({'alg': 'HS256', 'kid': kid, 'typ': 'JWT'})}.{body}"
    mac = hmac.digest(shared, signed_part.encode(), "sha256")
    confused = f"{signed_part}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"
    await refusal(gate, confused)


@given(st.text(max_size=300))
def test_any_text_is_told_apart(text: str) -> None:
    assert is_holders(text) in (True, False)


async def test_a_revoked_certificate_is_out_at_the_next_look(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auth.certificates.holders.LOOKED_AT_AGAIN", -1.0)
    seat = await ground.agent()
    gate = Holders(ground.database)
    token = seat.keys.token()
    await gate.holder_of(token)
    async with ground.database.connection() as connection:
        await connection.execute(text("UPDATE certificate SET revoked_at = datawave_now()"))
    assert "revoked" in await refusal(gate, token)


async def test_a_lost_key_gets_a_new_certificate_and_the_former_is_revoked(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auth.certificates.holders.LOOKED_AT_AGAIN", -1.0)
    first = await ground.agent("local")
    before = first.keys.token()
    again = await ground.agent("local")
    assert again.id == first.id
    gate = Holders(ground.database)
    assert (await gate.holder_of(again.keys.token())).actor_id == first.id
    assert "revoked" in await refusal(gate, before)


async def test_the_certificate_is_the_authoritys_and_names_the_agent(ground: Ground) -> None:
    seat = await ground.agent("local")
    assert seat.keys.certificate is not None
    authority = x509.load_pem_x509_certificate((ground.folder / "local" / "authority.pem").read_bytes())
    seat.keys.certificate.verify_directly_issued_by(authority)
    assert actor_named_by(seat.keys.certificate) == ("agent", seat.id)
    async with ground.database.connection() as connection:
        sealed = (await connection.execute(text("SELECT sealed FROM authority"))).scalar_one()
    assert b"PRIVATE" not in sealed


@pytest.mark.parametrize("request_", ["", "nonsense", "-----BEGIN CERTIFICATE REQUEST-----\nAA\n"])
async def test_what_is_no_signing_request_is_refused_at_its_field(ground: Ground, request_: str) -> None:
    with pytest.raises(InputError) as refused:
        await ground.run(
            agents.certify_local_agent, name="local", signing_request=request_, software_version="1"
        )
    assert refused.value.path == ["signingRequest"]


async def test_what_is_sealed_opens_with_the_key_of_the_certificate_alone(
    ground: Ground, tmp_path: Path
) -> None:
    seat, other = await ground.agent("local"), await ground.agent("other")
    pem = (ground.folder / "local" / "agent.pem").read_text()
    sealed = seal_to(pem, {"taskId": "task_1", "attempt": 2, "credentials": {"password": "hunter2"}})
    assert "hunter2" not in sealed and sealed.count(".") == 4
    assert seat.keys.opened(sealed, task_id="task_1", attempt=2) == {"password": "hunter2"}
    for keys, task, attempt in (
        (other.keys, "task_1", 2),
        (seat.keys, "task_2", 2),
        (seat.keys, "task_1", 3),
    ):
        with pytest.raises(SealBroken):
            keys.opened(sealed, task_id=task, attempt=attempt)


def test_one_process_is_one_agent(tmp_path: Path) -> None:
    keys = Keys.locked(tmp_path / "agent")
    with pytest.raises(AgentRuns):
        Keys.locked(tmp_path / "agent")
    keys.release()
    again = Keys.locked(tmp_path / "agent")
    assert again.signing_request("x")
    assert (tmp_path / "agent" / "key.pem").stat().st_mode & 0o777 == 0o600
    again.release()


def test_a_key_that_cannot_be_read_is_made_anew(tmp_path: Path) -> None:
    folder = tmp_path / "agent"
    Keys.locked(folder).release()
    (folder / "key.pem").write_text("torn")
    keys = Keys.locked(folder)
    assert not keys.is_certified
    assert ECKey.import_key((folder / "key.pem").read_bytes())
    keys.release()
