"""The demo, connected and taken away through the same API as any source, in this process, as the admin."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import select

from auth.access import Actors
from datawave import demo
from datawave.app.core import core
from datawave.embedded.processes import CannotRun
from datawave.graphql import schema
from datawave.settings import Settings
from models.identity import User
from schema.context import Context, Platform


@asynccontextmanager
async def executing(settings: Settings) -> AsyncGenerator[demo.Execute]:
    """Runs documents on the one schema, with the rights of the admin of the first start."""
    async with core(
        database_url=settings.database().reveal(),
        redis_url=settings.redis().reveal(),
        secret_key=settings.master_key(),
        prefix=settings.redis_prefix,
        pool_size=2,
        name="datawave demo",
    ) as parts:
        platform = Platform(database=parts.database, commands=parts.commands, live=parts.live)
        async with parts.database.session() as session:
            admin = await session.scalar(select(User.id).where(User.email == settings.admin_email.lower()))
        if admin is None:
            raise CannotRun(
                f"Nobody has the e-mail {settings.admin_email}: the demo is connected as the admin."
            )
        viewer = await Actors(parts.database).viewer_of(admin, "user")

        async def execute(document: str, variables: Mapping[str, Any]) -> dict[str, Any]:
            context = Context(platform=platform, viewer=viewer)
            done: Any = await schema().execute(
                document, variable_values=dict(variables), context_value=context
            )
            return {"data": done.data, "errors": [error.formatted for error in done.errors or ()]}

        yield execute


async def connect(settings: Settings) -> None:
    async with executing(settings) as execute:
        await demo.govern(execute, demo.prepare(settings.home))


async def remove(settings: Settings) -> None:
    async with executing(settings) as execute:
        await demo.remove(settings.home, execute)
