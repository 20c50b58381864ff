"""The list of cases: each is a function that tries something and raises `LetIn` where it succeeds."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.hostile.ground import Ground

Try = Callable[["Ground"], Awaitable[None]]


class LetIn(AssertionError):
    """Something hostile was not refused."""


@dataclass(frozen=True)
class Case:
    group: str
    what: str
    attempt: Try
    needs: str | None
    """The mutation without which there is nothing to try."""

    @property
    def name(self) -> str:
        return f"{self.group}: {self.what}"


CASES: list[Case] = []
ORDER = (
    "documents",
    "limits",
    "urls",
    "cookies",
    "tokens",
    "borders",
    "rights",
    "programs",
    "providers",
    "passwords",
)
"""Passwords last: what fails there is remembered against our address."""


def case(what: str, *, needs: str | None = None) -> Callable[[Try], Try]:
    """The group is the file's name."""

    def listed(attempt: Try) -> Try:
        CASES.append(Case(attempt.__module__.rpartition(".")[2], what, attempt, needs))
        return attempt

    return listed


def cases() -> list[Case]:
    """All of them, in the order in which they are tried."""
    package = importlib.import_module(__package__ or "tests.hostile")
    for found in pkgutil.iter_modules(package.__path__):
        if found.name in ORDER:
            importlib.import_module(f"{package.__name__}.{found.name}")
    return sorted(CASES, key=lambda each: ORDER.index(each.group))


def refused(*, so: bool, otherwise: str) -> None:
    if not so:
        raise LetIn(otherwise)
