"""The platform's own housekeeping that takes long."""

from __future__ import annotations

from datawave.kit.work import Work, handles
from domain import operations


@handles(operations.RotateVaultKey)
async def rotate_vault_key(work: Work, job: operations.RotateVaultKey) -> None:
    """Batch by batch; killed in between, it goes on where it was, since what is done no longer counts as
    former."""
    done = 0
    while not work.cancelled.is_set():
        sealed, left = await work.run(operations.seal_some_anew)
        done += sealed
        await work.progress(done, done + left, unit="entries")
        if sealed == 0 or left == 0:
            break
    await work.run(operations.forget_former_keys, entries=done)
