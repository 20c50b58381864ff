"""The agent beside a worker, and one that stands alone: put together here, the only place that knows both
sides."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog

from connectors.base import Guard, Limits
from datawave.app.core import Core
from datawave.kit.access import SYSTEM
from datawave.kit.errors import UserError
from datawave.kit.ids import global_id
from datawave.kit.tls import trusting
from datawave.settings import Settings
from domain import agents
from edge_agent.config import AgentConfig, CertificateIssued, CertificateWanted
from edge_agent.main import agent

log = structlog.get_logger(__name__)
VERSION = "0.1.0"
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0


def config_of(
    settings: Settings, certify: Callable[[CertificateWanted], Awaitable[CertificateIssued]] | None
) -> AgentConfig:
    return AgentConfig(
        url=settings.platform_url,
        folder=settings.home / "agent",
        name=settings.agent_name,
        software_version=VERSION,
        guard=Guard(
            private=settings.allow_private_sources,
            allowed_hosts=frozenset(settings.private_hosts),
            file_roots=tuple(str(Path(folder)) for folder in settings.readable_folders),
        ),
        limits=Limits(statement_seconds=settings.agent_statement_seconds, sample_rows=settings.sample_rows),
        certify=certify,
        tls=_own_certificate(settings),
    )


def _own_certificate(settings: Settings) -> ssl.SSLContext | None:
    """On this machine the API is reached by an address that its certificate does not name."""
    if settings.tls_certificate is None or settings.platform_url != settings.local_url:
        return None
    return trusting(settings.tls_certificate)


def certifier(parts: Core) -> Callable[[CertificateWanted], Awaitable[CertificateIssued]]:
    """The platform vouches for the agent it starts itself; a name that another machine's holds gets the
    host's added."""

    async def certify(wanted: CertificateWanted) -> CertificateIssued:
        done = await parts.commands.run(
            agents.certify_local_agent,
            SYSTEM,
            {
                "name": wanted.name,
                "signing_request": wanted.signing_request,
                "software_version": wanted.software_version,
                "host": wanted.host or socket.gethostname(),
                "capabilities": wanted.capabilities,
            },
        )
        return CertificateIssued(
            agent_id=global_id("agent", done.value.agent.id),
            certificate=done.value.certificate_pem,
            authority=done.value.authority_pem,
        )

    return certify


async def built_in_agent(settings: Settings, parts: Core, stop: asyncio.Event) -> None:
    """Beside the worker: an end of the agent is logged and it is started again; the worker goes on."""
    pause = FIRST_PAUSE
    while not stop.is_set():
        try:
            await agent(config_of(settings, certifier(parts)))
            return
        except UserError as refused:
            log.error("agent.refused", message=refused.message)
        except Exception:
            log.exception("agent.ended")
        try:
            async with asyncio.timeout(pause):
                await stop.wait()
        except TimeoutError:
            pause = min(pause * 2, LONGEST_PAUSE)


async def standing_alone(settings: Settings) -> None:
    """An agent that was enrolled before: it has its key and certificate in its folder."""
    await agent(config_of(settings, None))
