"""What an agent is told when it starts."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from connectors.base import Guard, Limits

CAPABILITIES = ("TEST", "DISCOVER", "SAMPLE", "PROFILE", "CLASSIFY", "MONITOR")


@dataclass(frozen=True, kw_only=True)
class CertificateWanted:
    """An agent's wish for a certificate: its key proves itself by the signing request."""

    name: str
    signing_request: str
    software_version: str
    host: str
    capabilities: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class CertificateIssued:
    """What the platform answers; `agent_id` is the global id."""

    agent_id: str
    certificate: str
    authority: str


Certify = Callable[[CertificateWanted], Awaitable[CertificateIssued]]


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How often, in seconds, and how much at once."""

    heartbeat: float = 5.0
    poll: float = 2.0
    """Between looks for work while no stream tells of it."""

    poll_beside_stream: float = 15.0
    request: float = 60.0
    stream_silence: float = 45.0
    """A stream that has said nothing for so long is dead; it beats every 15 s."""

    retry_first: float = 0.2
    retry_most: float = 5.0
    tests: int = 8
    readings: int = 4
    watched: int = 1_000
    spool_bytes: int = 512_000_000


@dataclass(frozen=True, kw_only=True)
class AgentConfig:
    url: str
    """The platform's address, without `/graphql`."""

    folder: Path
    """For the key, the certificate and the spool; one process at a time."""

    name: str = "local"
    software_version: str = "0"
    guard: Guard = field(default_factory=Guard)
    limits: Limits = field(default_factory=Limits)
    """The most that any task may take; tasks may ask for less."""

    certify: Certify | None = None
    """How the built-in agent gets its certificate; others bring theirs."""

    pace: Pace = field(default_factory=Pace)

    tls: ssl.SSLContext | None = None
    """Whom to take the platform's certificate from; without it whoever the machine trusts."""
