"""A database with what every installation holds, cloned for each test that speaks to the API."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

from auth.passwords import Passwords
from datawave.app.core import know_everything
from datawave.bootstrap import Admin, furnish, house
from datawave.kit.secrets import Secret
from tests import servers

SECRET_KEY = Secret("a-secret-key-that-only-tests-use-0123456789")
ADMIN = Admin(email="admin@example.com", password=Secret("Correct-horse-battery-9"))
LOCK = 0x66_75_72_6E


async def template() -> str:
    """Made once a run, by whichever worker asks first."""
    name = f"dwt_{os.environ[servers.RUN]}_furnished"
    bare = await servers.template()
    async with servers.connected(os.environ[servers.DATABASE_URL]) as admin:
        await admin.execute("select pg_advisory_lock($1)", LOCK)
        if await admin.fetchval("select 1 from pg_database where datname = $1", name):
            return name
        making = f"{name}_making"
        await admin.execute(f'drop database if exists "{making}" with (force)')
        await admin.execute(f'create database "{making}" template "{bare}" strategy file_copy')
        know_everything()
        async with house(servers.in_database(os.environ[servers.DATABASE_URL], making), SECRET_KEY) as made:
            await furnish(made, ADMIN, passwords=Passwords())
        await admin.execute(f'alter database "{making}" rename to "{name}"')
    return name


@asynccontextmanager
async def fresh_database() -> AsyncIterator[str]:
    admin_url, name = os.environ[servers.DATABASE_URL], f"dwt_{os.environ[servers.RUN]}_{uuid4().hex[:12]}"
    source = await template()
    async with servers.connected(admin_url) as admin:
        await admin.execute(f'create database "{name}" template "{source}" strategy file_copy')
    try:
        yield servers.in_database(admin_url, name)
    finally:
        async with servers.connected(admin_url) as admin:
            await admin.execute(f'drop database if exists "{name}" with (force)')
