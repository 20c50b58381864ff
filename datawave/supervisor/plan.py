"""What `datawave up` decided from the settings, handed to the supervisor that takes its place.

The settings are read and checked with pydantic, which the supervisor does without: it stays small for as
long as it runs. The plan holds secrets, so it travels through a pipe.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from typing import NoReturn

DESCRIPTOR = "DATAWAVE_PLAN_FD"


@dataclass(frozen=True, kw_only=True)
class Plan:
    root: str
    home: str
    host: str
    port: int
    origin: str
    local_url: str
    profile: str
    api_processes: int
    workers: int
    connections: int
    """That the embedded PostgreSQL takes."""
    leave_within: float
    demo: bool
    admin_email: str
    has_admin_password: bool
    database_url: str | None = None
    redis_url: str | None = None
    web: bool = True

    @property
    def production(self) -> bool:
        return self.profile == "production"

    def __repr__(self) -> str:
        return f"Plan({self.home})"


def become_supervisor(plan: Plan, command: list[str]) -> NoReturn:
    """Replace this process by the supervisor: same id, same command line, none of what settings imported."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as pipe:
        json.dump(asdict(plan), pipe)
    os.set_inheritable(reading, True)
    os.environ[DESCRIPTOR] = str(reading)
    os.execv(command[0], command)


def handed_over() -> Plan | None:
    """The plan that our earlier self left in the pipe, if there is one."""
    descriptor = os.environ.pop(DESCRIPTOR, None)
    if descriptor is None:
        return None
    with os.fdopen(int(descriptor)) as pipe:
        return Plan(**json.load(pipe))
