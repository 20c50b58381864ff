"""A process that has as many files open as it may: whoever is there is served, the database has its
connections, and whoever comes waits until others have left."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import create_connection, socket
from typing import Any

import httpx2
import pytest

from datawave.transports.accepting import PAUSE, Acceptor
from tests.crash.programs import PATIENCE, Program, prepared
from tests.kit.ground import until
from tests.test_identity import SAVE_ROLE
from tests.test_streams import RECORDED

FOR_GUESTS = 10
TOO_MANY = 100
AT_ONCE = 12
"""So many commands need a connection to the database each."""
ASKING = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"


@contextmanager
def no_more_files(pid: int, *, room: int) -> Iterator[None]:
    """The process may open so many more files, and no further one."""
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    least = max(int(each.name) for each in Path(f"/proc/{pid}/fd").iterdir()) + 1
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (least + room, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


class Guest:
    """Comes and asks one thing; `answered` is None as long as it waits, and false where it was sent away."""

    def __init__(self, port: int) -> None:
        self.answered: bool | None = None
        self._task = asyncio.create_task(self._visit(port))

    async def _visit(self, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(ASKING)
            self.answered = b" 200 " in await reader.readline()
            await reader.read()  # for as long as they may stay
        except OSError:
            self.answered = bool(self.answered)
        finally:
            writer.close()

    async def leave(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def comes_in(port: int) -> None:
    """Sooner or later: those who left may be there for the server yet."""
    while not await visited(port):
        pass


async def visited(port: int) -> bool:
    guest = Guest(port)
    await until(lambda: guest.answered is not None)
    await guest.leave()
    return bool(guest.answered)


async def alone(program: Program) -> None:
    await program.start("serve")


async def beside_others(program: Program) -> None:
    await program.serve_beside_others()


@pytest.mark.parametrize("start", [alone, beside_others])
async def test_who_is_there_is_served_and_who_comes_has_to_wait_for_room(
    tmp_path: Path, start: Callable[[Program], Awaitable[None]]
) -> None:
    async with prepared(tmp_path) as program, asyncio.timeout(4 * PATIENCE):
        await start(program)
        api = await program.ready()
        await api.http.aclose()
        limits = httpx2.Limits(keepalive_expiry=None)
        api.http = httpx2.AsyncClient(base_url=api.url, timeout=PATIENCE, limits=limits)
        cursor = (await api.data("{ cursor }"))["cursor"]
        await asyncio.gather(*(api.data("{ cursor }") for _ in range(AT_ONCE)))  # each on a connection
        async with api.follow(RECORDED, after=cursor) as events:
            with no_more_files(program.pid("serve"), room=program.kept_files + FOR_GUESTS):
                guests = [Guest(program.port) for _ in range(TOO_MANY)]
                await until(lambda: program.has_told("connections.not_taken"))
                roles = [{"name": f"full {number}", "permissions": []} for number in range(AT_ONCE)]
                await asyncio.gather(*(api.done(SAVE_ROLE, i=each) for each in roles))
                for _ in roles:
                    await anext(events)
                assert not all(each.answered for each in guests)
                for each in guests:
                    await each.leave()
                await comes_in(program.port)
        await api.close()


class Counting(socket):
    """Knows how often somebody looked for room, or for who waits."""

    asked = 0

    def accept(self) -> Any:
        self.asked += 1
        return super().accept()

    def fileno(self) -> int:
        self.asked += 1
        return super().fileno()


async def test_a_process_that_is_full_looks_for_room_now_and_then_and_takes_them_in_in_the_end() -> None:
    came: asyncio.Queue[asyncio.BaseTransport] = asyncio.Queue()

    class Met(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            came.put_nowait(transport)

    shared = Counting()
    shared.bind(("127.0.0.1", 0))
    shared.listen()
    acceptor = Acceptor(shared, Met)
    loop = asyncio.get_running_loop()
    with create_connection(shared.getsockname()):
        with no_more_files(os.getpid(), room=0), filled():
            before, began = shared.asked, loop.time()
            while shared.asked < before + 5:  # noqa: ASYNC110  # a socket tells nobody
                await asyncio.sleep(0)
            assert loop.time() - began >= PAUSE
        async with asyncio.timeout(PATIENCE):
            (await came.get()).close()
    acceptor.close()


@contextmanager
def filled() -> Iterator[None]:
    """All files are open that may be."""
    opened: list[int] = []
    try:
        try:
            while True:
                opened.append(os.dup(0))
        except OSError as error:
            assert error.errno == errno.EMFILE
        yield
    finally:
        for each in opened:
            os.close(each)
