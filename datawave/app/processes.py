"""What `datawave serve`, `worker` and `agent` run, put together from the settings."""

from __future__ import annotations

import asyncio
import gc
import importlib
import signal
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import structlog
import uvloop

from datawave.app.core import Core, core, know_everything, until_restored
from datawave.kit.tls import CannotSpeakTls, context
from datawave.settings import Profile, Settings, SettingsError
from datawave.settings.reference import reference
from datawave.settings.sources import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from socket import socket

    from auth.sessions import Lifetimes
    from datawave.app.serving import Serving
    from datawave.transports.leaving import Server
    from datawave.transports.limits import Limits

log = structlog.get_logger(__name__)
COLLECTED_AFTER = 20_000, 10, 10
"""A page answered field by field is thousands of objects that hardly ever form a ring: at Python's own 700
the collector looks at those of all requests under way again and again."""
OTHER_FILES = 32
"""What an API process opens beside its connections to the database: those to Valkey, pages, the log."""
RESTORED = 3
"""How a process ends whose database was restored under it: whoever supervises it starts it anew."""

BESIDE_THE_SCHEMA = ("datawave.app.serving", "datawave.transports.leaving", "uvicorn.lifespan.off")


def know_api() -> None:
    """Import everything that the API consists of and build its schema, before any server has to answer."""
    from datawave.graphql import schema

    for name in BESIDE_THE_SCHEMA:
        importlib.import_module(name)
    know_everything()
    schema()


def know_work(*, with_agent: bool) -> None:
    """The same for a worker."""
    from workers.main import know_handlers

    know_everything()
    know_handlers()
    if with_agent:
        importlib.import_module("datawave.app.built_in")


def serve(settings: Settings, *, sockets: list[socket], on_started: Callable[[], None]) -> None:
    """Runs the API until it is told to stop."""
    uvloop.run(_serve(settings, sockets, on_started))


def run_worker(settings: Settings, *, with_agent: bool) -> None:
    uvloop.run(_work(settings, with_agent=with_agent))


def run_agent(settings: Settings) -> None:
    from datawave.app.built_in import standing_alone

    uvloop.run(standing_alone(settings))


def _core(settings: Settings, name: str):  # an async context manager of Core; its type is core()'s
    return core(
        database_url=settings.database().reveal(),
        redis_url=settings.redis().reveal(),
        secret_key=settings.master_key(),
        former_secret_key=settings.former_secret_key,
        prefix=settings.redis_prefix,
        pool_size=settings.database_pool,
        readers=settings.database_readers,
        name=name,
    )


async def _serve(settings: Settings, sockets: list[socket], on_started: Callable[[], None]) -> None:
    # Only the API knows the schema and HTTP: a worker is some 40 MB lighter without them.
    import uvicorn

    from datawave.app.serving import api
    from datawave.transports.accepting import open_as_many_files_as_allowed
    from datawave.transports.leaving import Server
    from datawave.transports.serving import uvicorn_options

    speaking = certificate(settings)
    async with _core(settings, "datawave serve") as parts, api(parts, serving(settings)) as served:
        config = uvicorn.Config(
            served.app,
            log_config=None,
            access_log=False,
            lifespan="off",
            **uvicorn_options(limits(settings)),
            **speaking,
        )
        open_as_many_files_as_allowed()
        gc.freeze()
        gc.set_threshold(*COLLECTED_AFTER)
        server = Server(
            config,
            drain_seconds=settings.drain_seconds,
            leave_seconds=settings.leave_seconds,
            kept_files=settings.connections_of_one + OTHER_FILES,
            on_started=on_started,
        )
        await _until_ended(server, parts, sockets)


async def _until_ended(server: Server, parts: Core, sockets: list[socket]) -> None:
    restored = asyncio.create_task(until_restored(parts), name="serve.restored")

    restored.add_done_callback(lambda _: server.end())
    await server.serve(sockets)
    if restored.done():
        raise SystemExit(RESTORED)
    restored.cancel()


def serving(settings: Settings) -> Serving:
    from connectors.base import Guard
    from datawave.app.serving import Serving
    from datawave.transports.forwarding import networks

    return Serving(
        redis_url=settings.redis().reveal(),
        origin=settings.origin,
        port=settings.port,
        web=ROOT / "web" / "dist",
        documents=settings.documents or (settings.place.documents,),
        registered_only=settings.registered_documents_only,
        introspection=settings.introspection,
        cors_origins=settings.cors_origins,
        proxies=networks(settings.trusted_proxies),
        limits=limits(settings),
        page_size=settings.limit_page_size,
        planned_reads=settings.planned_reads,
        points_per_minute=settings.limit_points_per_minute,
        unsigned_points_per_minute=settings.limit_points_per_minute_unsigned,
        tell_cost=settings.profile is Profile.DEVELOPMENT,
        failures_per_minute=settings.limit_sign_in_per_minute,
        guard=Guard(
            private=settings.allow_private_sources,
            allowed_hosts=frozenset(settings.private_hosts),
            own_ports=own_ports(settings),
        ),
        lifetimes=lifetimes(settings),
        event_retention=timedelta(days=settings.event_retention) if settings.event_retention else None,
        extras={
            "settings": reference(settings),
            "profile": settings.profile.value,
            "grace_days": settings.grace_days,
            "values_days": settings.values_days,
            "api_key_days": settings.limit_api_key_days,
            "certificate_days": settings.limit_certificate_days,
            "started_at": datetime.now(UTC),
            "surroundings": surroundings(settings),
            "links": links(settings),
            "audit": audit_kept(settings),
            "files": files_kept(settings),
        },
    )


def certificate(settings: Settings) -> dict[str, Any]:
    """What lets uvicorn speak https; nothing where others do, or nobody."""
    if settings.tls_certificate is None or settings.tls_key is None:
        return {}
    try:
        made = context(settings.tls_certificate, settings.tls_key)
    except CannotSpeakTls as refused:
        raise SettingsError([str(refused)]) from refused

    def speaking(_config: object, _default: object) -> object:
        return made

    return {"ssl_context_factory": speaking}


def links(settings: Settings) -> object:
    """Where links in mails lead, and whether there are mails at all."""
    from domain.identity import Links

    return Links(origin=settings.origin, mailed=settings.smtp_url is not None)


def post(settings: Settings) -> object | None:
    """The way out for mail, if there is one."""
    from datawave.kit.mail import Post

    return Post(settings.smtp_url, settings.mail_sender) if settings.smtp_url is not None else None


def lifetimes(settings: Settings) -> Lifetimes:
    from auth.sessions import Lifetimes

    return Lifetimes(
        idle=timedelta(hours=settings.session_idle_hours),
        longest=timedelta(days=settings.session_days),
        refresh_idle=timedelta(days=settings.refresh_idle_days),
        refresh_longest=timedelta(days=settings.refresh_days),
        signing_key=timedelta(days=settings.signing_key_days),
    )


def audit_kept(settings: Settings) -> object:
    """What the duties are told of the audit trail."""
    from domain.audit import Keeping

    days = settings.audit_retention_days
    return Keeping(
        anchor_every=timedelta(hours=settings.audit_anchor_hours),
        retention=timedelta(days=days) if days else None,
    )


def files_kept(settings: Settings) -> object:
    """Where the API and the workers keep files, and how long."""
    from datawave.kit.blobs import Blobs
    from domain.exports import Keeping

    blobs = Blobs(settings.blobs, most=settings.limit_blob_bytes)
    return Keeping(blobs=blobs, kept=timedelta(days=settings.export_days))


def surroundings(settings: Settings) -> object:
    """What agents are told of where the platform stands."""
    from domain.agents import Surroundings

    return Surroundings(own_ports=own_ports(settings))


def own_ports(settings: Settings) -> frozenset[int]:
    """Where nobody is sent from here: the platform's own."""
    from urllib.parse import urlsplit

    ports = [settings.port]
    for url in (settings.database(), settings.redis()):
        port = urlsplit(url.reveal()).port
        ports += [port] if port else []
    return frozenset(ports)


def limits(settings: Settings) -> Limits:
    from datawave.transports.limits import Limits

    return Limits(
        header_bytes=settings.limit_header_bytes,
        header_seconds=settings.limit_header_seconds,
        body_bytes=settings.limit_body_bytes,
        body_seconds=settings.limit_body_seconds,
        document_bytes=settings.limit_document_bytes,
        tokens=settings.limit_document_tokens,
        depth=settings.limit_depth,
        introspection_depth=settings.limit_introspection_depth,
        aliases=settings.limit_aliases,
        directives=settings.limit_directives,
        spreads=settings.limit_fragment_spreads,
        mutations=settings.limit_mutations,
        points=settings.limit_points,
        page_size=settings.limit_page_size,
        variables_bytes=settings.limit_variables_bytes,
        json_depth=settings.limit_json_depth,
        errors=settings.limit_errors,
        init_seconds=settings.limit_socket_init_seconds,
        frame_bytes=settings.limit_frame_bytes,
        operations=settings.limit_socket_operations,
        messages_per_second=settings.limit_messages_per_second,
        message_burst=settings.limit_messages_burst,
    )


async def _work(settings: Settings, *, with_agent: bool) -> None:
    from workers.main import worker

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for told in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(told, stop.set)
    async with _core(settings, "datawave worker") as parts:
        parts.database.after_commit.append(_waker(parts))
        tasks = [
            asyncio.create_task(
                worker(
                    database=parts.database,
                    commands=parts.commands,
                    valkey_url=settings.redis().reveal(),
                    prefix=parts.prefix,
                    viewer_of=_viewer_of(parts),
                    extras={
                        "keyring": parts.keyring,
                        "links": links(settings),
                        "post": post(settings),
                        "files": files_kept(settings),
                    },
                    stop=stop,
                ),
                name="worker",
            )
        ]
        if with_agent:
            from datawave.app.built_in import built_in_agent

            tasks.append(asyncio.create_task(built_in_agent(settings, parts, stop), name="agent"))
        stopped = asyncio.create_task(stop.wait())
        restored = asyncio.create_task(until_restored(parts), name="worker.restored")
        await asyncio.wait([*tasks, stopped, restored], return_when=asyncio.FIRST_COMPLETED)
        stop.set()
        for task in tasks:
            if task.done() and not task.cancelled() and (error := task.exception()):
                raise error
        for beside in tasks[1:]:
            beside.cancel()  # the agent has nothing to wait for: it takes its tasks up again
        _, late = await asyncio.wait(tasks, timeout=10)
        for task in late:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if restored.done():
            raise SystemExit(RESTORED)
        restored.cancel()


def _viewer_of(parts: Core):  # the kit's ViewerOf
    from auth.access import Actors

    return Actors(parts.database).viewer_of


def _waker(parts: Core):  # a callback without arguments
    """Tells the relays of the API processes that there is something to place; the look is the net."""
    tasks: set[asyncio.Task[None]] = set()
    again = asyncio.Event()

    async def tell() -> None:
        while again.is_set():
            again.clear()
            try:
                await parts.live.publish("wake", b"{}")
            except Exception as error:  # Valkey is away: the relays look by themselves
                log.debug("wake.lost", error=type(error).__name__)

    def wake() -> None:
        again.set()  # what is committed while a word is on its way may have come too late for it
        if not tasks:
            task = asyncio.create_task(tell())
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    return wake
