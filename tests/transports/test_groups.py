"""Streams that many share: one execution an event for each group, and who is where in it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from datawave.kit import metrics, passing
from datawave.kit.passing import Passing
from datawave.transports import Limits
from tests.transports.conftest import PATIENCE, Gql, Served, served_app, turns_until
from tests.transports.shared import Board, BoardDoor, BoardSession, schema
from tests.transports.test_flow import bare_socket, frames_of, said
from tests.transports.test_sse import Block, stream

NOTES = "subscription ($after: String) { notes(after: $after) { text cursor } }"


@pytest.fixture
def board() -> Board:
    return Board()


@pytest.fixture
async def served(board: Board) -> AsyncIterator[Served]:
    limits = Limits(farewell_seconds=0.2)
    async with served_app(board, limits, door=BoardDoor(board), schema=schema, touched=nothing) as app:
        yield app


def nothing(*_: object) -> None:
    """No document touches anything that matters to who shares it."""


def value(metric: Any) -> float:
    return metric._value.get()


def executions(phase: str) -> float:
    return value(metrics.STREAM_EXECUTIONS.labels(phase))


def groups() -> float:
    return value(metrics.STREAM_GROUPS)


async def following(served: Served, id: str = "1", after: str | None = None, query: str = NOTES) -> Gql:
    gql = await served.socket()
    await gql.subscribe(id, query, variables={"after": after})
    return gql


async def texts(gql: Gql, count: int) -> list[str]:
    return [(await gql.until("next"))["payload"]["data"]["notes"]["text"] for _ in range(count)]


async def settled(members: int) -> None:
    """So many are with their groups."""
    await turns_until(lambda: value(metrics.STREAM_MEMBERS) == members)


async def arriving(board: Board, readers: int) -> None:
    """So many sources are open: those of the groups, and of those who catch up."""
    await turns_until(lambda: board.readers == readers)


async def test_everybody_who_follows_the_same_is_served_by_one_execution_an_event(
    served: Served, board: Board
) -> None:
    named = "subscription Other($from: String) { notes(after: $from) { text cursor } }"
    first = await following(served, "a")
    second = await following(served, 'quo"ted', query=named)
    other = await following(served, query="subscription { notes { text } }")
    async with stream(served, NOTES) as events, stream(served, NOTES) as more:
        await settled(5)
        before = executions("group"), executions("alone")
        assert groups() == 2
        await board.write("one", "two", "three")
        for gql in (first, second, other):
            assert await texts(gql, 3) == ["one", "two", "three"]
        for reader in (events, more):
            blocks = [await reader.block() for _ in range(3)]
            assert [block.id for block in blocks if block] == ["1", "2", "3"]
        assert (executions("group"), executions("alone")) == (before[0] + 3 * 2, before[1])


async def test_newcomers_are_told_to_let_pass_what_a_group_tells(
    served: Served, board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = await following(served)
    await settled(1)
    monkeypatch.setattr(passing, "events", Passing(lambda: 0.0))
    assert not passing.events
    await board.write("n1")
    await texts(live, 1)
    assert passing.events


async def test_the_ids_of_operations_are_their_own(served: Served, board: Board) -> None:
    gql = await served.socket()
    for id in ("x", 'quo"ted', "long" * 40):
        await gql.subscribe(id, NOTES)
    await settled(3)
    await board.write("one")
    assert {(await gql.recv())["id"] for _ in range(3)} == {"x", 'quo"ted', "long" * 40}


@pytest.mark.parametrize("size", [10, 60, 80, 200, 65_400, 70_000])
async def test_frames_of_every_size_are_whole(served: Served, board: Board, size: int) -> None:
    gql = await following(served)
    await settled(1)
    written = [str(number) + "x" * size for number in range(3)]
    await board.write(*written)
    assert await texts(gql, 3) == written


async def test_who_resumes_catches_up_alone_and_enters_where_the_group_stands(
    served: Served, board: Board
) -> None:
    await board.write(*(f"n{number}" for number in range(1, 6)))
    live = await following(served)
    await settled(1)
    board.reading.clear()
    late = await following(served, after="2")
    await arriving(board, 2)
    await board.write("n6", "n7")  # told to the group while the other has read nothing yet
    assert await texts(live, 2) == ["n6", "n7"]
    board.reading.set()
    assert await texts(late, 5) == ["n3", "n4", "n5", "n6", "n7"]
    await settled(2)
    before = executions("group"), executions("alone")
    await board.write("n8")
    assert await texts(live, 1) == await texts(late, 1) == ["n8"]
    assert (executions("group"), executions("alone")) == (before[0] + 1, before[1])


async def test_what_those_who_return_together_have_missed_is_read_once_and_again_when_there_is_more(
    served: Served, board: Board
) -> None:
    await board.write("n1", "n2", "n3")
    live = await following(served)
    await settled(1)
    board.reading.clear()
    herd = [await following(served, after="0") for _ in range(3)]
    await arriving(board, 4)
    assert board.looks == 1
    await board.write("n4")
    assert await texts(live, 1) == ["n4"]
    late = await following(served, after="0")
    await arriving(board, 5)
    await turns_until(lambda: board.looks == 2)
    board.reading.set()
    for gql in [*herd, late]:
        assert await texts(gql, 4) == ["n1", "n2", "n3", "n4"]
    await settled(5)


async def test_what_a_group_keeps_for_those_who_arrive_is_bounded_and_nothing_is_lost_by_it(
    served: Served, board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datawave.transports.groups.MOST_KEPT", 3)
    await board.write("n1")
    live = await following(served)
    await settled(1)
    board.reading.clear()
    late = await following(served, after="0")
    await arriving(board, 2)
    written = [f"n{number}" for number in range(2, 12)]
    await board.write(*written)
    assert await texts(live, 10) == written
    board.reading.set()
    assert await texts(late, 11) == ["n1", *written]


async def test_many_join_and_leave_while_others_write_and_each_gets_exactly_what_is_written(
    served: Served, board: Board
) -> None:
    """A group ends with its last member, here again and again, while another member comes."""
    wanted = 300

    async def write() -> None:
        for number in range(1, wanted + 1):
            await board.write(str(number))
            await asyncio.sleep(0)

    async def read(most: int) -> list[str]:
        got: list[str] = []
        while len(got) < wanted:
            gql = await following(served, after=str(len(got)))
            for _ in range(most):
                got += await texts(gql, 1)
                if len(got) == wanted:
                    break
            await gql.socket.close()
        return got

    async with asyncio.timeout(60):
        _, *read_by = await asyncio.gather(write(), *(read(most) for most in (1 + wanted // 9, 50, 75, 150)))
    for got in read_by:
        assert got == [str(number) for number in range(1, wanted + 1)]
    await arriving(board, 0)
    assert groups() == 0


async def test_a_stream_that_ends_ends_for_everybody(served: Served, board: Board) -> None:
    query = "subscription ($after: String) { notes(after: $after, to: 3) { text } }"
    members = [await following(served, query=query) for _ in range(3)]
    async with stream(served, query) as events:
        await settled(4)
        await board.write("one", "two", "three", "four")
        for gql in members:
            assert await texts(gql, 3) == ["one", "two", "three"]
            assert (await gql.recv())["type"] == "complete"
        assert [block.event for block in await events.rest()] == ["next"] * 3 + ["complete"]
    late = await following(served, query=query, after="1")
    assert await texts(late, 2) == ["two", "three"]
    assert (await late.recv())["type"] == "complete"


async def test_the_beat_tells_how_far_a_member_has_been_told(board: Board) -> None:
    limits = Limits(beat_seconds=0.02)
    async with served_app(board, limits, door=BoardDoor(board), schema=schema, touched=nothing) as app:
        gql = await following(app, "s")
        async with stream(app, NOTES) as events:
            await settled(2)
            await board.write("one")
            await texts(gql, 1)
            assert (await gql.until("ping"))["payload"]["upTo"] == {"s": "1"}
            while (block := await events.block()) is None or block.event is None:
                pass
            assert await events.block() == Block(id="1")


def session_of(board: Board, token: str) -> BoardSession:
    [found] = [each for each in board.sessions if each.token == token]
    assert isinstance(found, BoardSession)
    return found


async def test_whose_rights_change_goes_over_to_another_group_from_where_it_is(
    served: Served, board: Board
) -> None:
    stays = await following(served)
    moves = await served.socket(authorization="Bearer ada")
    await moves.subscribe("1", NOTES)
    await settled(2)
    await board.write("one")
    assert await texts(stays, 1) == await texts(moves, 1) == ["one"]
    session_of(board, "ada").change_rights("few")
    await board.write("two")
    assert await texts(stays, 1) == await texts(moves, 1) == ["two"]
    await turns_until(lambda: groups() == 2)
    await settled(2)
    await board.write("three")
    assert await texts(stays, 1) == await texts(moves, 1) == ["three"]


@pytest.mark.parametrize("over", ["socket", "events"])
async def test_whose_rights_end_is_refused_and_the_others_go_on(
    served: Served, board: Board, over: str
) -> None:
    stays = await following(served)
    if over == "socket":
        leaves = await served.socket(authorization="Bearer ada")
        await leaves.subscribe("1", NOTES)
        await settled(2)
        session_of(board, "ada").change_rights("none")
        assert (await leaves.until("error"))["id"] == "1"
        await leaves.alive()
    else:
        async with stream(served, NOTES, headers={"authorization": "Bearer ada"}) as events:
            await settled(2)
            session_of(board, "ada").change_rights("none")
            error, end = await events.rest()
        assert error.answer["errors"] and end.event == "complete"
    await board.write("one")
    assert await texts(stays, 1) == ["one"]


async def test_rights_that_change_on_the_way_into_a_group_lead_into_the_right_one(
    served: Served, board: Board
) -> None:
    await board.write("one", "two")
    await following(served)
    await settled(1)
    board.reading.clear()
    arrives = await served.socket(authorization="Bearer ada")
    await arrives.subscribe("1", NOTES, variables={"after": "0"})
    await arriving(board, 2)
    session_of(board, "ada").change_rights("few")
    board.reading.set()
    assert await texts(arrives, 2) == ["one", "two"]
    await turns_until(lambda: groups() == 2)
    await board.write("three")
    assert await texts(arrives, 1) == ["three"]


async def test_one_who_does_not_read_is_sent_away_and_holds_up_nobody(served: Served, board: Board) -> None:
    reader, writer = await bare_socket(served)
    writer.write(said(type="connection_init") + said(type="subscribe", id="1", payload={"query": NOTES}))
    others = [await following(served) for _ in range(5)]
    await settled(6)
    count = 0
    while len(served.state.connections) == 6 and count < 2_000:
        batch = [f"{number:06}" + "x" * 16_000 for number in range(count, count + 10)]
        await board.write(*batch)
        count += 10
        for gql in others:
            assert await texts(gql, 10) == batch
        if board_closed(served):
            break
    async with asyncio.timeout(PATIENCE):
        frames = await frames_of(reader)
    assert frames[-1] == (8, (4290).to_bytes(2) + b"resume")
    numbers = [content.split(b'"text":"')[1][:6] for _, content in frames if b'"next"' in content]
    assert numbers == [b"%06d" % number for number in range(len(numbers))]
    assert 0 < len(numbers) < count
    await board.write("last")
    for gql in others:
        assert await texts(gql, 1) == ["last"]


def board_closed(served: Served) -> bool:
    """Whether the server has given one of its sockets up."""
    return any(getattr(each, "close_sent", False) for each in served.state.connections)


async def test_a_response_nobody_reads_ends_and_the_others_go_on(served: Served, board: Board) -> None:
    _, writer = await served.plain()
    writer.write(b"GET /graphql?query=subscription{notes{text}} HTTP/1.1\r\nhost: x\r\n")
    writer.write(b"accept: text/event-stream\r\n\r\n")
    live = await following(served, query="subscription { notes { text } }")
    await settled(2)
    for at in range(2_000):
        if len(served.state.connections) == 1:
            break
        await board.write(f"{at}" + "x" * 16_000)
        await texts(live, 1)
    await turns_until(lambda: len(served.state.connections) == 1)


async def test_a_reader_that_is_behind_gets_only_the_newest_progress(served: Served, board: Board) -> None:
    reader, writer = await bare_socket(served)
    writer.write(said(type="connection_init") + said(type="subscribe", id="1", payload={"query": NOTES}))
    live = await following(served)
    await settled(2)
    most = 800
    for at in range(most):
        await board.advance("run", f"{at:06}" + "x" * 16_000)
        await texts(live, 1)
    await board.write("end")
    assert await texts(live, 1) == ["end"]
    got: list[bytes] = []
    async with asyncio.timeout(PATIENCE):
        while not got or got[-1] != b"end":
            content = await frame_of(reader)
            if b'"next"' in content:
                got.append(content.split(b'"text":"')[1].split(b'"')[0][:6])
    *progress, end = got
    assert len(progress) < most
    assert progress == sorted(progress)
    assert (progress[-1], end) == (b"%06d" % (most - 1), b"end")


async def frame_of(reader: asyncio.StreamReader) -> bytes:
    _, short = await reader.readexactly(2)
    size = short
    if short == 126:
        size = int.from_bytes(await reader.readexactly(2))
    elif short == 127:
        size = int.from_bytes(await reader.readexactly(8))
    return await reader.readexactly(size)


async def test_a_leaving_server_tells_members_to_resume(served: Served, board: Board) -> None:
    gql = await following(served)
    async with stream(served, NOTES) as events:
        await settled(2)
        served.leave()
        assert await events.rest() == []
        with pytest.raises(ConnectionClosed) as closed:
            await gql.socket.recv()
    assert closed.value.rcvd and closed.value.rcvd.code == 1001
    await served.idle()
    await arriving(board, 0)


async def test_a_member_has_no_task_of_its_own(served: Served, board: Board) -> None:
    """A socket has the one that reads; a response the one that waits for its end."""
    await following(served)
    await settled(1)
    gql = await served.socket()
    empty = len(asyncio.all_tasks())
    for id in range(20):
        await gql.subscribe(str(id), NOTES)
    await settled(21)
    await turns_until(lambda: len(asyncio.all_tasks()) == empty)
    await board.write("one")
    ids: set[Any] = {(await gql.until("next"))["id"] for _ in range(20)}
    assert len(ids) == 20
