"""Credentials and their versions: made, rotated after a test, taken back. The values are in the vault
only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update

from auth.permissions import Permission
from datawave.kit.commands import Tx, command
from datawave.kit.errors import ConflictError, ErrorCode, invalid
from datawave.kit.tables import Job as JobRow
from domain.sources.checks import opened
from domain.sources.events import CredentialsRotated, RotationFailed
from domain.sources.health import watch
from domain.sources.states import reference_of, refuse_ended
from domain.sources.testing import begin_test
from models.sources import DataSource, SecretVersion, SecretVersionState

LONGEST_DAYS = 3_650


async def first_version(tx: Tx, source: DataSource, value: Mapping[str, object]) -> None:
    version = await _new_version(tx, source, value, SecretVersionState.ACTIVE)
    source.credentials_version = version.number


async def _new_version(
    tx: Tx, source: DataSource, value: Mapping[str, object], state: SecretVersionState
) -> SecretVersion:
    last = await tx.session.scalar(
        select(func.max(SecretVersion.number)).where(SecretVersion.source_id == source.id)
    )
    number = (last or 0) + 1
    reference = reference_of(source.id, number)
    await tx.vault.put(tx.session, reference, dict(value))
    version = SecretVersion(
        source_id=source.id,
        number=number,
        state=state,
        reference=reference,
        created_at=tx.now,
        created_by=tx.viewer.actor_id,
        created_by_word=tx.viewer.actor_word,
    )
    tx.session.add(version)
    await tx.session.flush()
    return version


@command(needs=Permission.CREDENTIAL_ROTATE)
async def rotate_credentials(
    tx: Tx, *, source_id: UUID, credentials: Mapping[str, Any], rotate_after_days: int | None = None
) -> JobRow:
    """A new version, PENDING until an agent has signed in with it; the job says how that went."""
    value = opened(credentials)
    if rotate_after_days is not None and not 1 <= rotate_after_days <= LONGEST_DAYS:
        raise invalid(
            f"Credentials are rotated after 1 to {LONGEST_DAYS:,} days.",
            path=["rotateAfterDays"],
            expected=f"1 to {LONGEST_DAYS}",
        )
    source = await tx.get(DataSource, source_id, path=["dataSourceId"])
    refuse_ended(source)
    if rotate_after_days is not None:
        source.rotate_after_days = rotate_after_days
    former = source.credentials_version
    version = await _new_version(tx, source, value, SecretVersionState.PENDING)
    job = await begin_test(
        tx,
        source=source,
        purpose="rotate",
        secret_reference=version.reference,
        credentials_version=version.number,
    )
    if former:
        tx.undone_by(restore_credentials, source_id=source.id, number=former)
    return job


@command(needs=Permission.CREDENTIAL_ROTATE)
async def restore_credentials(
    tx: Tx, *, source_id: UUID, number: int, version: int | None = None
) -> DataSource:
    """Goes back to a former version of the credentials, or forward again."""
    source = await tx.get(DataSource, source_id, version=version, path=["dataSourceId"])
    former = source.credentials_version
    kept = await tx.session.scalar(
        select(SecretVersion).where(
            SecretVersion.source_id == source.id,
            SecretVersion.number == number,
            SecretVersion.state == SecretVersionState.PREVIOUS,
        )
    )
    if kept is None:
        raise ConflictError(
            ErrorCode.NOT_REVERSIBLE,
            f"Version {number} of the credentials is not the one before the present one; rotate anew.",
            current=("source", source.id),
        )
    await switch(tx, source, number)
    tx.undone_by(restore_credentials, source_id=source.id, number=former)
    return source


async def switch(tx: Tx, source: DataSource, number: int) -> None:
    """Makes a version the ACTIVE one; the former stays as PREVIOUS, older ones are retired and destroyed."""
    former = source.credentials_version
    versions = (
        await tx.session.scalars(select(SecretVersion).where(SecretVersion.source_id == source.id))
    ).all()
    for version in versions:
        if version.number == number:
            version.state = SecretVersionState.ACTIVE
        elif version.number == former:
            version.state = SecretVersionState.PREVIOUS
        elif version.state is not SecretVersionState.RETIRED:
            version.state = SecretVersionState.RETIRED
            await tx.vault.destroy(tx.session, version.reference)
    # Not an edit of a person: the version of the source stays, so that the rotation can still be undone.
    await tx.session.execute(
        update(DataSource)
        .where(DataSource.id == source.id)
        .values(credentials_version=number)
        .execution_options(synchronize_session="fetch")
    )
    await watch(tx, source)
    tx.emit(
        CredentialsRotated(
            source_id=source.id, workspace_id=source.workspace_id, number=number, former=former
        )
    )


async def rotation_tested(tx: Tx, source: DataSource, number: int, test_id: UUID) -> None:
    """The new version signed in: it counts from now on."""
    await _note_test(tx, source, number, test_id)
    await switch(tx, source, number)


async def rotation_refused(
    tx: Tx, source: DataSource, number: int, test_id: UUID | None, failure: Mapping[str, Any]
) -> None:
    """The new version did not sign in: it is thrown away, the old one stays ACTIVE."""
    if test_id is not None:
        await _note_test(tx, source, number, test_id)
    await tx.session.execute(
        update(SecretVersion)
        .where(SecretVersion.source_id == source.id, SecretVersion.number == number)
        .values(state=SecretVersionState.RETIRED)
    )
    await tx.vault.destroy(tx.session, reference_of(source.id, number))
    tx.emit(
        RotationFailed(
            source_id=source.id, workspace_id=source.workspace_id, number=number, failure=dict(failure)
        )
    )


async def _note_test(tx: Tx, source: DataSource, number: int, test_id: UUID) -> None:
    await tx.session.execute(
        update(SecretVersion)
        .where(SecretVersion.source_id == source.id, SecretVersion.number == number)
        .values(test_id=test_id)
    )
