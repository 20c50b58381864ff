"""Sockets that are handed down: by our supervisor, and as systemd does it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from datawave.embedded.processes import CannotRun
from datawave.supervisor.sockets import handing_down, listening

SHOWS = """
from datawave.supervisor.sockets import handed_down
import os
found = handed_down()
print(*(each.getsockname()[1] for each in found), sep=",", end=";")
print(*(each.get_inheritable() for each in found), *(name for name in os.environ if "LISTEN" in name))
"""
AS_SYSTEMD = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ |= {"LISTEN_PID": str(os.getpid() + int(sys.argv[2])), "LISTEN_FDS": "1", "LISTEN_FDNAMES": "api"}
os.execv(sys.executable, [sys.executable, "-c", sys.argv[3]])
"""


def said(*command: str, given: list[socket.socket], **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", *command],
        env={**os.environ, **environment},
        pass_fds=[each.fileno() for each in given],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def port_of(each: socket.socket) -> int:
    return each.getsockname()[1]


def test_the_supervisors_sockets_are_taken_once() -> None:
    given = [*listening("127.0.0.1", 0), *listening("127.0.0.1", 0)]
    ports = ",".join(str(port_of(each)) for each in given)
    assert said(SHOWS, given=given, **handing_down(given)) == f"{ports};False False"
    for each in given:
        each.close()


@pytest.mark.parametrize(("meant_for", "is_taken"), [("0", True), ("1", False)])
def test_systemds_are_taken_by_the_process_they_are_meant_for(meant_for: str, is_taken: bool) -> None:
    [given] = listening("127.0.0.1", 0)
    found = said(AS_SYSTEMD, str(given.fileno()), meant_for, SHOWS, given=[given])
    assert found == (f"{port_of(given)};False" if is_taken else ";")
    given.close()


def test_a_port_that_is_taken_is_told_with_what_to_do() -> None:
    [taken] = listening("127.0.0.1", 0)
    with pytest.raises(CannotRun, match=r"Port \d+ on 127\.0\.0\.1 is taken .* DATAWAVE_PORT"):
        listening("127.0.0.1", port_of(taken))
    taken.close()


def test_a_host_that_is_none_of_ours_is_told() -> None:
    with pytest.raises(CannotRun, match=r"Port 1\d+ on 192\.0\.2\.1 cannot be listened on: .+\."):
        listening("192.0.2.1", 18_000)
    with pytest.raises(CannotRun, match=r"DATAWAVE_HOST nowhere\.invalid is no address"):
        listening("nowhere.invalid", 18_000)
