"""Where a connector may go: its options are hostile input.

A name is resolved once, every address it has is judged, and the driver is given the address that was judged,
never the name: what the name means a moment later does not matter. Judging addresses instead of words also
settles decimal, octal and shortened hosts, since the resolver turns them into addresses first. TLS still
checks the name (see `tls`).
"""

from __future__ import annotations

import asyncio
import socket
import stat
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path

from connectors.base import Guard, SourceError

Address = IPv4Address | IPv6Address

METADATA = frozenset(
    ip_address(each)
    for each in ("169.254.169.254", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254")
)
"""Where clouds tell machines their secrets; some of these are not link-local."""

NEVER = tuple(
    ip_network(each)
    for each in (
        "0.0.0.0/8",
        "169.254.0.0/16",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/128",
        "fe80::/10",
        "ff00::/8",
    )
)
NAT64 = ip_network("64:ff9b::/96")


@dataclass(frozen=True, kw_only=True)
class Target:
    """A host whose addresses may be connected to, in the resolver's order."""

    host: str
    port: int
    addresses: tuple[str, ...]
    loopback: bool


async def resolve(guard: Guard, *, host: str, port: int, seconds: float) -> Target:
    """The addresses of a host, all of them allowed; SourceError HOST_UNKNOWN, TIMEOUT or
    FORBIDDEN_ADDRESS."""
    addresses = await _addresses(host, port, seconds)
    for address in addresses:
        _judge(guard, host=host, port=port, address=address)
    return Target(
        host=host,
        port=port,
        addresses=tuple(str(address) for address in addresses),
        loopback=all(_means(address)[-1].is_loopback for address in addresses),
    )


async def _addresses(host: str, port: int, seconds: float) -> list[Address]:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(seconds):
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except TimeoutError:
        raise SourceError(
            "TIMEOUT", f"The name “{host}” was not resolved in {seconds:g} s.", retryable=True
        ) from None
    except (OSError, UnicodeError):
        raise SourceError(
            "HOST_UNKNOWN",
            f"No address is known for the host “{host}”.",
            hint="Check the spelling, and that the agent's machine can resolve the name.",
        ) from None
    unique = dict.fromkeys(ip_address(str(info[4][0]).partition("%")[0]) for info in found)
    return list(unique)


def _means(address: Address) -> tuple[Address, ...]:
    """The address itself and the IPv4 address that it carries, if any, last."""
    if isinstance(address, IPv4Address):
        return (address,)
    inner = address.ipv4_mapped or address.sixtofour
    if inner is None and address in NAT64:
        inner = IPv4Address(int(address) & 0xFFFF_FFFF)
    if inner is None and address.teredo is not None:
        inner = address.teredo[1]
    return (address,) if inner is None else (address, inner)


def _judge(guard: Guard, *, host: str, port: int, address: Address) -> None:
    for each in _means(address):
        if each in METADATA or any(each.version == net.version and each in net for net in NEVER):
            raise _forbidden(host, address, "link-local, metadata and special addresses are never allowed")
    if port in guard.own_ports and _is_ours(guard, address):
        raise _forbidden(host, address, f"port {port} there belongs to the platform itself")
    meaning = _means(address)[-1]
    if meaning.is_global or guard.private or _is_listed(guard, host, meaning):
        return
    raise _forbidden(host, address, "loopback and private addresses are not allowed here unless listed")


def _forbidden(host: str, address: Address, why: str) -> SourceError:
    shown = host if host == str(address) else f"{host} ({address})"
    return SourceError(
        "FORBIDDEN_ADDRESS",
        f"The platform does not connect to {shown}: {why}.",
        hint="Name another host, or ask an operator to list this one.",
    )


def _is_listed(guard: Guard, host: str, address: Address) -> bool:
    name = host.rstrip(".").casefold()
    for listed in guard.allowed_hosts:
        if listed.rstrip(".").casefold() == name:
            return True
        with suppress(ValueError):  # a name is no network
            network = ip_network(listed, strict=False)
            if network.version == address.version and address in network:
                return True
    return False


def _is_ours(guard: Guard, address: Address) -> bool:
    meaning = _means(address)[-1]
    return meaning.is_loopback or str(meaning) in guard.own_addresses or _is_this_machine(meaning)


def _is_this_machine(address: Address) -> bool:
    """Only an address of this machine can be bound to."""
    family = socket.AF_INET if isinstance(address, IPv4Address) else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))
    except OSError:
        return False
    return True


async def connect(
    target: Target, *, seconds: float
) -> tuple[str, asyncio.StreamReader, asyncio.StreamWriter]:
    """An open connection to the first address that takes one; the address is what the driver is to be
    given."""
    failure: OSError | None = None
    try:
        async with asyncio.timeout(seconds):
            for address in target.addresses:
                try:
                    reader, writer = await asyncio.open_connection(address, target.port)
                except OSError as error:
                    failure = error
                else:
                    return address, reader, writer
    except TimeoutError:
        raise SourceError(
            "TIMEOUT",
            f"{target.host} did not take a connection on port {target.port} in {seconds:g} s.",
            hint="A firewall between the agent and the server may be dropping packets.",
            retryable=True,
        ) from None
    raise _not_connected(target, failure)


def _not_connected(target: Target, failure: OSError | None) -> SourceError:
    if isinstance(failure, ConnectionRefusedError):
        return SourceError(
            "CONNECTION_REFUSED",
            f"Nothing takes connections on port {target.port} of {target.host}.",
            hint="Check the port, and that the server runs and listens on this address.",
            retryable=True,
        )
    return SourceError(
        "HOST_UNREACHABLE",
        f"{target.host} cannot be reached on port {target.port}.",
        hint="Check the network between the agent and the server.",
        retryable=True,
    )


def checked_file(guard: Guard, path: str) -> Path:
    """The real path of a regular file under one of the allowed folders; FILE_FORBIDDEN or FILE_NOT_FOUND."""
    roots = [Path(root).resolve() for root in guard.file_roots]
    wanted = Path(path)
    if not wanted.is_absolute() and roots:
        wanted = roots[0] / wanted
    # A path outside is refused before looking whether it exists, so that nobody can ask what files there are.
    try:
        real = wanted.resolve()
    except (OSError, RuntimeError):
        raise _file_forbidden() from None
    if not any(real.is_relative_to(root) for root in roots):
        raise _file_forbidden()
    try:
        kind = real.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise SourceError(
            "FILE_NOT_FOUND",
            f"There is no file “{wanted.name}” in that folder.",
            hint="Check the path as the agent sees it.",
        ) from None
    except OSError:
        raise SourceError("PERMISSION_DENIED", f"The agent may not look at “{wanted.name}”.") from None
    if not stat.S_ISREG(kind):
        raise SourceError("FILE_FORBIDDEN", f"“{wanted.name}” is not a regular file.")
    return real


def _file_forbidden() -> SourceError:
    return SourceError(
        "FILE_FORBIDDEN",
        "Files are read only under the folders that the operator allows.",
        hint="Put the file under one of them; links that lead out of them do not count.",
    )
