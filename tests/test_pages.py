"""The pages, in the browser and the Node of this machine, where it has them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from datawave.supervisor.web import find_npm, sources_digest
from tests import browser, furnished, servers
from tests.client import Client
from tests.factories.sources import Make
from tests.fixtures.api import House, house_at
from tests.fixtures.clock import HouseClock
from tests.identity.documents import INVITE, PASSWORD
from tests.identity.signing_in import CONFIRM, ENROLL, App, secret_of

ROOT = Path(__file__).parents[1]
WEB = ROOT / "web"


@pytest.fixture
async def house(valkey: servers.ValkeySpace) -> AsyncIterator[House]:
    """With its pages, which only `make web` builds: that may need the network."""
    mark = WEB / "dist" / ".built"
    if not mark.is_file() or mark.read_text() != sources_digest(ROOT):
        pytest.skip("The pages are not built as they now are; `make web` does it.")
    async with furnished.fresh_database() as url, house_at(url, valkey, web=WEB / "dist") as served:
        yield served


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[browser.Page]:
    program = browser.find()
    if program is None:
        pytest.skip(f"There is no browser on this machine ({', '.join(browser.NAMES)}).")
    async with browser.page(program, tmp_path / "profile") as opened:
        yield opened


async def sign_in(page: browser.Page) -> None:
    """By keyboard; the first field has the focus."""
    await page.see("document.activeElement?.name === 'email'")
    await page.write(furnished.ADMIN.email)
    await page.press("Tab")
    await page.write(furnished.ADMIN.password.reveal())
    await page.press("Enter")


async def test_a_source_appears_live_and_graphiql_runs_an_example(
    page: browser.Page, house: House, make: Make
) -> None:
    await page.open(house.url)
    await sign_in(page)
    await page.see_text("Live", within=".pill")
    await page.see_text("No sources yet.", within="main")
    made = await make.sqlite_source(make.sqlite("create table book (id integer primary key)"), name="Library")
    await page.see_text("Library", within=".sources")
    await page.see_text("Source created Library", within=".feed")

    await page.open(f"{house.url}/graphiql#06-assets-and-columns")
    await page.see_text("query AssetsAndColumns", within=".graphiql-query-editor")
    await page.see("document.querySelector('.graphiql-execute-button')?.click() ?? true")
    await page.see_text(made["id"], within=".graphiql-response")

    assert page.errors == []
    assert [url for url in page.asked if not url.startswith((house.url, "data:", "blob:"))] == []


async def test_a_second_factor_is_shown_by_keyboard(
    page: browser.Page, house: House, api: Client, house_clock: HouseClock
) -> None:
    begun = await api.done(ENROLL, i={"name": "Phone"})
    app = App(secret_of(begun), house, house_clock)
    await api.done(CONFIRM, id=begun["factor"]["id"], c=await app.code())

    await page.open(house.url)
    await sign_in(page)
    await page.see("document.activeElement?.name === 'code'")
    await page.see_text("Code from your authenticator", within=".dialog")
    await page.write(await app.code())
    await page.press("Enter")
    await page.see_text("Live", within=".pill")
    await page.see("document.querySelector('.dialog') === null")
    assert page.errors == []


async def test_an_invitation_lets_in_whoever_sets_a_password(
    page: browser.Page, house: House, api: Client
) -> None:
    invited = await api.done(INVITE, i={"email": "anna@example.com", "displayName": "Anna"})

    # Pasted where the sign-in is open already, it loads nothing anew.
    await page.open(house.url)
    await page.see("document.activeElement?.name === 'email'")
    await page.call("Page.navigate", url=invited["invitationUrl"])
    await page.see("document.activeElement?.name === 'new-password'")
    await page.see("location.hash === ''")
    await page.write("password12")
    await page.press("Enter")
    await page.see("document.querySelector('.dialog [role=alert]')?.innerText.length > 0")
    await page.write(PASSWORD)  # What was refused is selected: this takes its place.
    await page.press("Enter")
    await page.see_text("Anna", within=".top-bar .who")
    await page.see("document.querySelector('.dialog') === null")
    assert page.errors == []


async def test_the_pages_own_tests_pass() -> None:
    npm = find_npm()
    if npm is None or not (WEB / "node_modules" / ".installed").is_file():
        pytest.skip("What the pages are built with is not installed; `make web` does it.")
    run = await asyncio.create_subprocess_exec(
        *npm, "test", cwd=WEB, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await run.communicate()
    assert run.returncode == 0, said.decode()
