"""Pages of other origins may ask where they are named, and nowhere else."""

from __future__ import annotations

import pytest

from datawave.transports.crossing import CrossOrigin
from tests.transports.conftest import COOKIE, Serve, Served

PORTAL = "https://portal.example"
STRANGERS = [
    "https://evil.example",
    "https://portal.example.evil.example",
    "https://evilportal.example",
    "http://portal.example",
    "https://portal.example:8443",
    "null",
    "*",
    "nonsense",
    "",
]
PREFLIGHT = {"access-control-request-method": "POST", "access-control-request-headers": "content-type"}


@pytest.fixture
async def served(serve: Serve) -> Served:
    return await serve(options={"origins": [PORTAL], "around": lambda app: CrossOrigin(app, [PORTAL])})


async def test_a_page_that_is_named_may_ask_before(served: Served) -> None:
    answer = await served.http.options("/graphql", headers={**PREFLIGHT, "origin": PORTAL})
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == PORTAL
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert "authorization" in answer.headers["access-control-allow-headers"]
    assert "vary" in answer.headers
    assert served.world.sessions == []  # nobody was asked who it is


@pytest.mark.parametrize("origin", STRANGERS)
async def test_a_page_that_is_not_named_is_told_nothing(served: Served, origin: str) -> None:
    asked = await served.http.options("/graphql", headers={**PREFLIGHT, "origin": origin})
    posted = await served.post("{ hello }", headers={"origin": origin})
    for answer in (asked, posted):
        assert not [name for name in answer.headers if name.startswith("access-control-")]
        assert "Origin" in answer.headers["vary"]
    assert asked.status_code == 405


async def test_its_answers_are_readable_refusals_too(served: Served) -> None:
    fine = await served.post("{ hello }", headers={"origin": PORTAL})
    wrong = await served.post("{", headers={"origin": PORTAL})
    refused = await served.post("{ hello }", headers={"origin": PORTAL, "authorization": "Bearer bad"})
    for answer in (fine, wrong, refused):
        assert answer.headers["access-control-allow-origin"] == PORTAL
        assert "retry-after" in answer.headers["access-control-expose-headers"]


async def test_its_cookie_counts_like_our_own_pages(served: Served) -> None:
    headers = {"cookie": f"{COOKIE}=s1", "origin": PORTAL}
    answer = await served.post("{ who }", headers=headers)
    assert answer.json()["data"]["who"] == [None, "s1"]


async def test_without_origins_nothing_is_told(serve: Serve) -> None:
    plain = await serve()
    asked = await plain.http.options("/graphql", headers={**PREFLIGHT, "origin": PORTAL})
    posted = await plain.post("{ hello }", headers={"origin": PORTAL})
    assert asked.status_code == 405
    assert not [name for name in (*asked.headers, *posted.headers) if name.startswith("access-control-")]
