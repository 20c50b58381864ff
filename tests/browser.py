"""The machine's own Chromium, driven over its DevTools protocol: one page, as a person has it before them."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import websockets

PATIENCE = 60.0
"""Seconds; a loaded machine is slow."""
NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage"),
    *("--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--remote-debugging-port=0", "--window-size=1440,900"),
)
KEYS = {"Tab": (9, ""), "Enter": (13, "\r")}
LOOK = """new Promise((resolve) => {
  const look = () => { const found = %s; if (found) { watcher.disconnect(); resolve(found); } };
  const watcher = new MutationObserver(look);
  watcher.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
  look();
})"""


def find() -> str | None:
    return next(filter(None, map(shutil.which, NAMES)), None)


class Page:
    def __init__(self, socket: websockets.ClientConnection) -> None:
        self._socket = socket
        self._answers: list[asyncio.Future[Any]] = []
        self._loaded = asyncio.Event()
        self._session: dict[str, str] = {}
        self.errors: list[str] = []
        """What the console complained of, exceptions and failed requests included."""
        self.asked: list[str] = []
        """The addresses of all requests."""

    async def begin(self) -> None:
        target = await self.call("Target.createTarget", url="about:blank")
        self._session = await self.call("Target.attachToTarget", **target, flatten=True)
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self.call(f"{domain}.enable")

    async def listen(self) -> None:
        async for message in self._socket:
            told = json.loads(message)
            if "id" in told:
                self._answers[told["id"]].set_result(told)
            else:
                self._hear(told["method"], told["params"])

    def _hear(self, method: str, told: dict[str, Any]) -> None:
        if method == "Page.loadEventFired":
            self._loaded.set()
        elif method == "Network.requestWillBeSent":
            self.asked.append(told["request"]["url"])
        elif method == "Runtime.exceptionThrown" or "error" in (
            told.get("type"),
            told.get("entry", {}).get("level"),
        ):
            self.errors.append(json.dumps(told))

    async def call(self, method: str, **params: Any) -> Any:
        waiting = asyncio.get_running_loop().create_future()
        self._answers.append(waiting)
        asked = {"id": len(self._answers) - 1, "method": method, "params": params, **self._session}
        await self._socket.send(json.dumps(asked))
        async with asyncio.timeout(PATIENCE):
            answer = await waiting
        assert "error" not in answer, (method, answer)
        return answer["result"]

    async def open(self, url: str) -> None:
        self._loaded.clear()
        await self.call("Page.navigate", url=url)
        async with asyncio.timeout(PATIENCE):
            await self._loaded.wait()

    async def see(self, expression: str) -> None:
        """As soon as it is true of what is on the page."""
        try:
            await self.call("Runtime.evaluate", expression=LOOK % expression, awaitPromise=True)
        except TimeoutError:
            shown = await self.call("Runtime.evaluate", expression="document.body.innerText")
            raise AssertionError(f"{expression} did not become true of: {shown['result']['value']}") from None

    async def see_text(self, text: str, *, within: str) -> None:
        """Editors put hard spaces."""
        place = f"document.querySelector({json.dumps(within)})?.innerText"
        await self.see(f"{place}?.replaceAll('\\u00a0', ' ').includes({json.dumps(text)})")

    async def write(self, text: str) -> None:
        await self.call("Input.insertText", text=text)

    async def press(self, key: str) -> None:
        code, text = KEYS[key]
        pressed = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        await self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **pressed)
        await self.call("Input.dispatchKeyEvent", type="keyUp", **pressed)


@asynccontextmanager
async def page(program: str, folder: Path) -> AsyncIterator[Page]:
    """With a fresh profile in the folder."""
    words = (*OPTIONS, f"--user-data-dir={folder}")
    process = await asyncio.create_subprocess_exec(program, *words, stderr=asyncio.subprocess.PIPE)
    assert process.stderr is not None
    tasks: list[asyncio.Task[Any]] = []
    try:
        async with asyncio.timeout(PATIENCE):
            while b"DevTools listening on " not in (line := await process.stderr.readline()):
                assert line, "The browser ended before it began."
        # What it says later is read by nobody, and must not fill the pipe.
        tasks.append(asyncio.create_task(process.stderr.read()))
        async with websockets.connect(line.split()[-1].decode(), max_size=None) as socket:
            opened = Page(socket)
            tasks.append(asyncio.create_task(opened.listen()))
            await opened.begin()
            yield opened
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
