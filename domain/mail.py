"""The mail server as the platform knows it: a circuit breaker that all workers share."""

from __future__ import annotations

from typing import Any

from datawave.kit import breakers
from datawave.kit.commands import INSIDE, Tx, command

BREAKER = "mail"


@command(needs=INSIDE, recorded=False)
async def admit_mail(tx: Tx) -> None:
    """CIRCUIT_OPEN while the mail server has not been answering."""
    for event in breakers.admit(await breakers.of(tx.session, BREAKER), tx.now):
        tx.emit(event)


@command(needs=INSIDE, recorded=False)
async def note_mail(tx: Tx, *, failure: dict[str, Any] | None) -> None:
    """How it went; a mail server that was not well is left alone for a while."""
    breaker = await breakers.of(tx.session, BREAKER)
    told = breakers.succeeded(breaker) if failure is None else breakers.failed(breaker, tx.now, failure)
    for event in told:
        tx.emit(event)
