"""A stream that many share: the world's log, followed as the program follows the database's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Hashable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

import strawberry
from strawberry import Info

from datawave.transports import Asked, Door, OperationContext
from datawave.transports.door import Meeting
from tests.transports.world import TestSession, World


@dataclass
class Board(World):
    """A world whose events are kept. Places count from 1; progress has none and is not kept."""

    kept: list[str] = field(default_factory=list[str])
    heard: asyncio.Condition = field(default_factory=asyncio.Condition)
    progress: dict[int, tuple[str, str]] = field(default_factory=dict[int, tuple[str, str]])
    told_progress: int = 0
    rights: dict[str | None, str] = field(default_factory=dict[str | None, str])
    reading: asyncio.Event = field(default_factory=asyncio.Event)
    """Cleared, nobody gets further through what is kept."""
    readers: int = 0
    looks: int = 0
    """How often somebody who catches up has looked what there is."""

    def __post_init__(self) -> None:
        self.reading.set()

    async def write(self, *texts: str) -> None:
        async with self.heard:
            self.kept.extend(texts)
            self.heard.notify_all()

    async def advance(self, key: str, text: str) -> None:
        async with self.heard:
            self.told_progress += 1
            self.progress[self.told_progress] = (key, text)
            self.heard.notify_all()


@dataclass
class BoardSession(TestSession):
    def context(self, asked: Asked) -> Any:
        return BoardContext(board=cast("Board", self.world), session=self)

    def change_rights(self, rights: str) -> None:
        cast("Board", self.world).rights[self.token] = rights
        self.changed()


@dataclass(kw_only=True)
class BoardContext(OperationContext):
    board: Board
    session: BoardSession | None

    def among(self, touched: Any) -> Hashable:
        assert self.session is not None
        return self.board.rights.get(self.session.token, "all")

    def shared(self, touched: Any) -> BoardContext:
        return BoardContext(board=self.board, session=None)


@dataclass
class BoardDoor(Door):
    board: Board

    async def enter(self, connection: Any, *, token: str | None, cookie: str | None) -> BoardSession:
        session = BoardSession(self.board, token, cookie, None)
        self.board.sessions.append(session)
        return session


@strawberry.type
class Note:
    text: str
    cursor: str


@strawberry.type
class Query:
    hello: str = "world"


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def notes(
        self, info: Info[Any, Any], after: str | None = None, to: int | None = None
    ) -> AsyncGenerator[Note]:
        context = cast("BoardContext", info.context)
        board, meeting = context.board, context.meeting
        session = context.session
        if session is not None and board.rights.get(session.token) == "none":
            raise PermissionError("refused")
        begins = context.last_event_id or after
        place = len(board.kept) if begins is None or context.leading else int(begins)
        context.position.passed(str(place), place)
        board.readers += 1
        try:
            steps = _live(context, place) if meeting is None else _catching_up(context, place, meeting)
            async for note in steps:
                yield note
                if to is not None and note.cursor == str(to):
                    return
        finally:
            board.readers -= 1


async def _catching_up(context: BoardContext, place: int, meeting: Meeting) -> AsyncGenerator[Note]:
    board = context.board
    while not meeting.enter(place):
        await meeting.begun()
        goal = meeting.hold()
        if place >= goal:
            continue
        for text in await meeting.together(place, goal, partial(_looked, board, place)):
            await board.reading.wait()
            place += 1
            context.position.give(str(place), place)
            yield Note(text=text, cursor=str(place))
            context.position.passed(str(place), place)


async def _looked(board: Board, place: int) -> list[str]:
    board.looks += 1
    return board.kept[place:]


async def _live(context: BoardContext, place: int) -> AsyncGenerator[Note]:
    board, told = context.board, context.board.told_progress
    while True:
        async with board.heard:
            while len(board.kept) == place and board.told_progress == told:
                await board.heard.wait()
        while place < len(board.kept):
            place += 1
            context.position.give(str(place), place)
            yield Note(text=board.kept[place - 1], cursor=str(place))
            context.position.passed(str(place), place)
        while told < board.told_progress:
            told += 1
            key, text = board.progress[told]
            context.position.give_progress(key)
            yield Note(text=text, cursor=str(place))


schema = strawberry.Schema(Query, subscription=Subscription)
