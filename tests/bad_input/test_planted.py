"""Secrets that are planted in requests, good ones and bad ones, are nowhere to be found afterwards."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote, quote_plus, urlsplit
from uuid import uuid4

import httpx2
import pytest
import structlog
import websockets
from redis.asyncio import Redis

from datawave.doctor import examine
from datawave.embedded.postgres import postgres_binaries
from datawave.kit import telemetry
from datawave.settings import load
from datawave.settings.reference import reference
from tests import furnished, test_tracing
from tests.client import Client
from tests.factories import documents
from tests.fixtures.api import SIGN_IN, House
from tests.test_tracing import RECORDED, Receiver, all_told

ALIGNMENTS = 3
SUBPROTOCOL: Any = "graphql-transport-ws"
CONFIG = {"postgresql": {"host": "db.example.com"}}
PROGRAM = """mutation ($name: String!) {
  createServiceAccount(input: {displayName: $name}) {
    errors { code } clientSecret serviceAccount { clientId }
  }
}"""
CHANGE = """mutation ($c: Secret!, $n: Secret!) {
  setPassword(input: {change: {currentPassword: $c, newPassword: $n}}) { errors { code message } }
}"""
BY_SECRET = """mutation ($id: String!, $secret: Secret!) {
  signIn(input: {clientCredentials: {clientId: $id, clientSecret: $secret}}) {
    errors { code } tokens { accessToken refreshToken }
  }
}"""

REFRESH = "mutation ($t: Secret!) { refreshSession(input: {refreshToken: $t}) { errors { code } } }"


@dataclass
class Planted:
    """Each where it was planted, and all that was answered."""

    secrets: dict[str, str] = field(default_factory=dict[str, str])
    answers: list[str] = field(default_factory=list[str])

    def plant(self, where: str, value: str | None = None) -> str:
        """With characters that each way of writing writes otherwise."""
        self.secrets[where] = value or f'pl+{uuid4().hex[:12]}/ü"q{uuid4().hex[:6]}'
        return self.secrets[where]

    def found_in(self, text: str) -> list[str]:
        folded = text.lower()
        return [
            f"{where} as {form}"
            for where, secret in self.secrets.items()
            for form, spelling in spellings(secret)
            if (spelling in text if form.startswith("base64") else spelling.lower() in folded)
        ]


def spellings(secret: str) -> Iterator[tuple[str, str]]:
    raw = secret.encode()
    yield "itself", secret
    yield "JSON", json.dumps(secret)[1:-1]
    yield "hex", raw.hex()
    yield "an address", quote(secret, safe="")
    yield "a form", quote_plus(secret)
    for shift in range(ALIGNMENTS):
        # Wherever it stands within something longer: without the characters that its neighbours change.
        coded = base64.b64encode(b"\0" * shift + raw).decode().rstrip("=")
        inner = coded[(4 if shift else 0) : -2]
        yield f"base64, {shift}", inner
        yield f"base64 of addresses, {shift}", inner.replace("+", "-").replace("/", "_")


@pytest.fixture(params=["json", "console"])
def lines(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    """All that is logged, down to what only debugging shows."""
    stream = io.StringIO()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    telemetry.set_up(log_format=request.param, level="debug", process="test", stream=stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


receiver = test_tracing.receiver


class Sower:
    """Sends them, in good requests and in bad ones."""

    def __init__(self, house: House, admin: Client, planted: Planted) -> None:
        self._house, self._admin, self._planted = house, admin, planted
        self._nobody = Client(house.url)

    async def ask(self, client: Client, query: str, *, headers: Any = None, **variables: Any) -> Any:
        body = json.dumps({"query": query, "variables": variables}).encode()
        given = {"content-type": "application/json", **RECORDED, **client.headers, **(headers or {})}
        answer = await client.http.post("/graphql", content=body, headers=given)
        self._planted.answers.append(f"{answer.headers} {answer.text}")
        assert answer.status_code < 500
        return answer.json()

    async def sow(self) -> None:
        await self._good_ones()
        await self._bad_ones()
        await self._in_headers()
        await self._on_sockets()

    async def _good_ones(self) -> None:
        plant = self._planted.plant
        credentials = {"password": {"username": "reader", "password": plant("a source's credential")}}
        wanted = {"name": "Shop", "config": CONFIG, "credentials": credentials, "idempotencyKey": "k1"}
        for _ in range(2):  # a repetition is answered by what is kept for its key
            await self._admin.done(documents.CREATE, input=wanted)
        program = await self._admin.done(PROGRAM, name="Partner")
        secret = plant("a client's secret", program["clientSecret"])
        signed = await self._nobody.done(BY_SECRET, id=program["serviceAccount"]["clientId"], secret=secret)
        plant("an access token", signed["tokens"]["accessToken"])
        plant("a refresh token", signed["tokens"]["refreshToken"])
        assert furnished.ADMIN.password is not None
        plant("the administrator's password", furnished.ADMIN.password.reveal())

    async def _bad_ones(self) -> None:
        ask, plant, admin, nobody = self.ask, self._planted.plant, self._admin, self._nobody
        await ask(nobody, SIGN_IN, email=furnished.ADMIN.email, password=plant("a wrong password"))
        await ask(admin, CHANGE, c=plant("a wrong old password"), n=plant("a new password"))
        await ask(nobody, BY_SECRET, id="nobody", secret=plant("a wrong client's secret"))
        await ask(nobody, REFRESH, t=plant("a wrong refresh token"))
        literal = json.dumps(plant("a literal"), ensure_ascii=False)
        await ask(nobody, f"mutation {{ signIn(input: {{password: {{email: 1, password: {literal}}}}}) }}")
        await ask(nobody, f"{{ nothing(a: {literal}) }} {literal}")
        create = documents.CREATE
        for where, wanted in {
            "a field that there is not": {"credentials": {"password": {"username": "a", "secret": ...}}},
            "a list instead of a text": {"credentials": {"password": {"username": "a", "password": [...]}}},
            "credentials of a config": {
                "config": {"custom": {"connector": "postgresql", "config": {"host": "db", "password": ...}}}
            },
            "an input that is refused": {
                "name": "",
                "credentials": {"password": {"username": "a", "password": ...}},
            },
            "an input with a key that is taken": {
                "idempotencyKey": "k1",
                "credentials": {"password": {"username": "a", "password": ...}},
            },
        }.items():
            secret = plant(where)
            await ask(admin, create, input=put({"name": "Other", "config": CONFIG, **wanted}, secret))
        number = "query ($n: Int, $o: DateTime) { dataSources(first: $n) { totalCount } }"
        await ask(admin, number, n=plant("a number"), o=plant("a date"))
        await ask(admin, "query ($v: Cursor) { dataSources(after: $v) { totalCount } }", v=plant("a cursor"))
        await ask(admin, "query ($v: ID!) { node(id: $v) { id } }", v=plant("an id"))
        await ask(admin, "{ settledAt }", unused={"deep": [plant("a variable that is not used")]})
        await ask(admin, f"{{ settledAt }} # {plant('a comment')}")

    async def _in_headers(self) -> None:
        ask, plant, nobody = self.ask, self._planted.plant, self._nobody
        for name, value in {
            "a bearer": "Bearer {}",
            "an API key": "Bearer dwk_{}",
            "a password in the header": "Basic {}",
        }.items():
            secret = plant(name, f"planted{uuid4().hex}")
            await ask(nobody, "{ settledAt }", headers={"authorization": value.format(secret)})
        port = urlsplit(self._house.url).port
        for cookie in (f"datawave_{port}", "other"):
            secret = plant(f"a cookie {cookie}", f"planted{uuid4().hex}")
            given = {"cookie": f"{cookie}={secret}", "origin": self._house.url}
            await ask(nobody, "{ settledAt }", headers=given)
        secret = plant("an address", f"planted{uuid4().hex}")
        answer = await nobody.http.get("/graphql", params={"query": "{ settledAt }", "token": secret})
        self._planted.answers.append(answer.text)

    async def _on_sockets(self) -> None:
        address = self._house.url.replace("http", "ws", 1) + "/graphql"
        plant = self._planted.plant
        first = {"type": "connection_init", "payload": {"authorization": f"Bearer {plant('a socket')}"}}
        odd = {"type": "connection_init", "payload": {"authorization": [plant("a list on a socket")]}}
        for message in (first, odd):
            async with websockets.connect(address, subprotocols=[SUBPROTOCOL], proxy=None) as opened:
                await opened.send(json.dumps(message))
                with pytest.raises(websockets.ConnectionClosed) as closed:
                    await opened.recv()
                self._planted.answers.append(str(closed.value))


def put(value: Any, secret: str) -> Any:
    """The secret in place of the dots."""
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value)
        return {name: put(each, secret) for name, each in members.items()}
    if isinstance(value, list):
        return [put(each, secret) for each in cast("list[Any]", value)]
    return secret if value is ... else value


async def kept_in_valkey(url: str) -> str:
    """Every key with what it holds, of whatever kind."""
    library: Any = Redis
    found: list[str] = []
    async with library.from_url(url) as client:
        async for key in client.scan_iter(count=1_000):
            found.append(repr(key))
            found.append((await client.dump(key) or b"").decode("latin-1"))
    return "\n".join(found)


async def dumped(url: str) -> str:
    """The whole database as its own dump writes it, which is what a backup holds."""
    run = await asyncio.create_subprocess_exec(
        str(postgres_binaries() / "pg_dump"), "--dbname", url, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    told, trouble = await run.communicate()
    assert run.returncode == 0, trouble.decode()
    return told.decode()


async def test_nothing_that_was_planted_is_found_anywhere(
    receiver: Receiver,
    lines: io.StringIO,
    house: House,
    api: Client,
    capfd: pytest.CaptureFixture[str],
) -> None:
    planted = Planted()
    await Sower(house, api, planted).sow()
    await all_told()
    structlog.get_logger().info("planted.sown")
    sys.stdout.write("sown\n")
    database = house.core.database.engine.url.render_as_string(hide_password=False)
    metrics: httpx2.Response = await api.http.get("/metrics")
    looked_at = {
        "logs": lines.getvalue(),
        "what was written beside": "".join(capfd.readouterr()),
        "traces": "\n".join(str(span) for span in receiver.spans),
        "metrics": metrics.text,
        "answers": "\n".join(planted.answers),
        "dump": await dumped(database.replace("+asyncpg", "")),
        "Valkey": await kept_in_valkey(house.redis_url),
    }
    assert len(planted.secrets) > 25
    assert all(looked_at.values())
    found = {place: planted.found_in(text) for place, text in looked_at.items()}
    assert found == {place: [] for place in looked_at}


def test_what_is_looked_for_would_be_found() -> None:
    planted = Planted()
    secret = planted.plant("somewhere")
    for form, spelling in spellings(secret):
        assert planted.found_in(f"before {spelling} after"), form
    assert planted.found_in(base64.b64encode(b"xy" + secret.encode() + b"z").decode())
    assert planted.found_in("nothing") == []


def test_settings_and_doctor_tell_no_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    planted = Planted()
    names = ("key", "db", "valkey", "admin")
    secret = {where: planted.plant(where, f"planted{uuid4().hex}") for where in names}
    given = {
        "HOME": str(tmp_path),
        "SECRET_KEY": secret["key"],
        "DATABASE_URL": f"postgresql://a:{secret['db']}@127.0.0.1:1/x",
        "REDIS_URL": f"redis://:{secret['valkey']}@127.0.0.1:1/0",
        "ADMIN_PASSWORD": secret["admin"],
        "OTLP_HEADERS": f"x-team={planted.plant('collector', f'planted{uuid4().hex}')}",
    }
    for name, value in given.items():
        monkeypatch.setenv(f"DATAWAVE_{name}", value)
    settings = load(_env_file=None)
    told = [str(reference(settings)), repr(settings), settings.model_dump_json(), str(settings.model_dump())]
    told += [finding.what for finding in examine(settings)]
    assert planted.found_in("\n".join(told)) == []
