"""`datawave up` that speaks https itself: two API processes, the agent, a restart, a cookie of one host."""

from __future__ import annotations

import json
import re
import select
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import websockets.sync.client as sockets

from datawave.kit.tls import trusting
from edge_agent.client import Client, CutOff
from edge_agent.config import Pace
from edge_agent.keys import Keys
from tests.certificates import certificate_for, self_signed
from tests.test_up import PATIENCE, PROGRAM, Up
from tests.transports.test_tls import secure
from tests.transports.world import World

SIGN_IN = """mutation ($email: String!, $password: Secret!) {
  signIn(input: {password: {email: $email, password: $password}}) {
    errors { code } tokens { accessToken }
  }
}"""
SUBPROTOCOL: Any = "graphql-transport-ws"


def patiently(holds: Callable[[], bool]) -> None:
    """A worker and its agent take their time to start on a busy machine."""
    until = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < until, "it did not come about"
        select.select([], [], [], 0.05)


class Secure:
    """A client of an instance that speaks https."""

    def __init__(self, up: Up, certificate: Path) -> None:
        self.url, self.tls = f"https://127.0.0.1:{up.port}", trusting(certificate)
        self.token: str | None = None

    def answer(self, path: str, body: Any = None, **headers: str) -> tuple[dict[str, str], str]:
        given = {"content-type": "application/json", **headers}
        if self.token:
            given["authorization"] = f"Bearer {self.token}"
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.url + path, data=data, headers=given)
        with urllib.request.urlopen(request, timeout=30, context=self.tls) as answered:
            return dict(answered.headers), answered.read().decode()

    def data(self, query: str, **variables: Any) -> Any:
        return json.loads(self.answer("/graphql", {"query": query, "variables": variables})[1])["data"]


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    certificate, key = self_signed(tmp_path)
    made = Up(
        tmp_path / "home", TLS_CERTIFICATE=str(certificate), TLS_KEY=str(key), API_PROCESSES="2", WORKERS="1"
    )
    yield made
    made.end()


def test_all_of_it_speaks_https(up: Up, tmp_path: Path) -> None:
    said = up.until("Ctrl-C ends it.")
    client = Secure(up, tmp_path / "localhost.pem")
    assert f"DataWave is ready at {client.url}\n" in said
    assert json.loads(client.answer("/readyz")[1])["ready"]
    found = re.search(r"password  (\S+)", said)
    assert found is not None
    mail = {"email": "admin@datawave.local", "password": found[1]}
    by_cookie = {"x-datawave-cookie": "1", "origin": client.url}
    headers, _ = client.answer("/graphql", {"query": SIGN_IN, "variables": mail}, **by_cookie)
    cookie = headers["set-cookie"]
    assert cookie.startswith("__Host-datawave=") and "; Secure" in cookie and "HttpOnly" in cookie
    assert "max-age" in headers["strict-transport-security"]
    client.token = client.data(SIGN_IN, **mail)["signIn"]["tokens"]["accessToken"]

    def agent_is_there() -> bool:
        agents = client.data("{ agents { nodes { name state } } }")["agents"]["nodes"]
        return any(each["state"] == "ONLINE" for each in agents)

    patiently(agent_is_there)
    with sockets.connect(
        client.url.replace("https", "wss") + "/graphql",
        subprotocols=[SUBPROTOCOL],
        ssl=client.tls,
        additional_headers={"origin": client.url, "cookie": cookie.partition(";")[0]},
    ) as socket:
        socket.send('{"type": "connection_init"}')
        assert json.loads(socket.recv())["type"] == "connection_ack"
        query = {"query": "{ viewer { actor { displayName } } }"}
        socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": query}))
        assert json.loads(socket.recv())["payload"]["data"]["viewer"]["actor"]["displayName"]
    done = subprocess.run(
        [*PROGRAM, "restart"], env=up.environment, capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(client.answer("/readyz")[1])["ready"]
    patiently(agent_is_there)


def test_a_certificate_that_will_not_do_is_one_clear_line(tmp_path: Path) -> None:
    certificate, _ = self_signed(tmp_path)
    _, other = self_signed(tmp_path, name="other")
    said = Up(tmp_path / "home", TLS_CERTIFICATE=str(certificate), TLS_KEY=str(other)).refused()
    assert f"{other} with {certificate} does not fit, or is not PEM." in said


async def test_the_agent_takes_the_platforms_very_certificate_and_no_other(tmp_path: Path) -> None:
    keys, other = Keys.make(tmp_path / "agent"), self_signed(tmp_path, name="other")[0]
    own = certificate_for(keys.signing_request("local"))
    keys.keep_certificate(agent_id="agent_0", certificate=own, authority=own)
    async with secure(World(), tmp_path) as (port, certificate):
        for trusted, reached in ((certificate, True), (other, False)):
            client = Client(f"https://127.0.0.1:{port}", keys, pace=Pace(), tls=trusting(trusted))
            try:
                answered = bool(await client.ask("{ hello }", {}))
            except CutOff:
                answered = False
            await client.close()
            assert answered == reached
