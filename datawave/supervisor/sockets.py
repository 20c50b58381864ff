"""The sockets that the API listens on, handed down from whoever keeps them to whoever serves.

Connections that wait to be accepted belong to the socket and not to a process: while one process leaves and
another comes, they wait. systemd hands down sockets as well, by its own names.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Sequence
from contextlib import ExitStack

from datawave.embedded.processes import CannotRun

LISTENING = "DATAWAVE_PLAN_LISTEN_FDS"
SYSTEMD_FIRST = 3
BACKLOG = 2048


def listening(host: str, port: int) -> list[socket.socket]:
    """Sockets of our own at every address of the host, or the reason why there are none."""
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as refused:
        raise CannotRun(f"DATAWAVE_HOST {host} is no address of this machine: {refused.strerror}.") from None
    with ExitStack() as stack:
        made: list[socket.socket] = []
        for family, _, _, _, address in dict.fromkeys(found):
            each = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
            _listen(each, address, host, port)
            made.append(each)
        stack.pop_all()
        return made


def _listen(each: socket.socket, address: object, host: str, port: int) -> None:
    each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if each.family == socket.AF_INET6:
        each.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    try:
        each.bind(address)  # type: ignore[arg-type]  # as getaddrinfo gave it
        each.listen(BACKLOG)
    except OSError as refused:
        if refused.errno == errno.EADDRINUSE:
            raise CannotRun(
                f"Port {port} on {host} is taken by another program: "
                "end that one, or set DATAWAVE_PORT to a free one."
            ) from None
        raise CannotRun(f"Port {port} on {host} cannot be listened on: {refused.strerror}.") from None


def handing_down(sockets: Sequence[socket.socket]) -> dict[str, str]:
    """What tells a child of the sockets that it inherits."""
    return {LISTENING: ",".join(str(each.fileno()) for each in sockets)}


def handed_down() -> list[socket.socket]:
    """The sockets that we were given to serve on; none where we make our own."""
    given = os.environ.pop(LISTENING, "")
    return [_taken(int(each)) for each in given.split(",") if each] or _from_systemd()


def _from_systemd() -> list[socket.socket]:
    """They are meant for the process that the variables name, and not for what it starts."""
    meant, count = os.environ.pop("LISTEN_PID", ""), os.environ.pop("LISTEN_FDS", "")
    os.environ.pop("LISTEN_FDNAMES", None)
    if meant != str(os.getpid()) or not count.isdecimal():
        return []
    return [_taken(SYSTEMD_FIRST + number) for number in range(int(count))]


def _taken(descriptor: int) -> socket.socket:
    os.set_inheritable(descriptor, False)
    return socket.socket(fileno=descriptor)
