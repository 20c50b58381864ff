"""What a source's name, key, configuration and credentials must be like, each refusal naming its field."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select

from connectors.registry import ConfigRefused, UnknownConnector, checked_config
from datawave.kit.commands import Tx
from datawave.kit.errors import ErrorCode, InputError, not_found
from datawave.kit.secrets import Secret
from domain.workspaces import main_workspace, refuse_archived
from models.sources import DataSource, SourceState
from models.workspaces import Workspace

KEY = re.compile(r"[a-z][a-z0-9_]{0,62}")


def checked_options(
    kind: str, raw: Mapping[str, Any], *, path: Sequence[str] = ("config",)
) -> dict[str, Any]:
    """The configuration as it is kept: by its JSON names, defaults left out."""
    try:
        config = checked_config(kind, raw)
    except UnknownConnector as error:
        raise InputError(ErrorCode.INVALID, str(error), path=[*path, "custom", "connector"]) from None
    except ConfigRefused as refused:
        problem = refused.problems[0]
        raise InputError(
            ErrorCode.INVALID,
            f"{'.'.join(problem.path)} {problem.message}",
            path=[*path, kind, *problem.path],
        ) from None
    return config.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)


def slug(name: str) -> str:
    """A key made from a name: lower case letters, digits and `_`, beginning with a letter."""
    made = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:50].strip("_")
    return made if made and made[0].isalpha() else f"source_{made}".rstrip("_")


async def free_key(tx: Tx, key: str | None, name: str) -> str:
    """The key asked for, or one made from the name that nobody has."""
    if key is not None:
        if not KEY.fullmatch(key):
            raise InputError(
                ErrorCode.INVALID,
                "A key begins with a letter and has lower case letters, digits and _, at most 63.",
                path=["key"],
                expected="[a-z][a-z0-9_]{0,62}",
            )
        if await tx.session.scalar(select(DataSource.id).where(DataSource.key == key)) is not None:
            raise InputError(
                ErrorCode.ALREADY_EXISTS,
                f"A data source with the key {key} exists; choose another.",
                path=["key"],
            )
        return key
    base = slug(name)
    like = await tx.session.scalars(
        select(DataSource.key).where(DataSource.key.startswith(base, autoescape=True))
    )
    taken = set(like.all())
    numbered = (base if n == 1 else f"{base}_{n}" for n in range(1, len(taken) + 2))
    return next(candidate for candidate in numbered if candidate not in taken)


async def refuse_taken_name(tx: Tx, workspace_id: UUID, name: str, own: UUID | None = None) -> None:
    taken = await tx.session.scalar(
        select(DataSource.id).where(
            DataSource.workspace_id == workspace_id,
            DataSource.name == name,
            DataSource.state != SourceState.DECOMMISSIONED,
        )
    )
    if taken is not None and taken != own:
        raise InputError(
            ErrorCode.ALREADY_EXISTS,
            f"A data source named “{name}” exists in this workspace; choose another name.",
            path=["name"],
        )


def opened(credentials: Mapping[str, Any]) -> dict[str, object]:
    """Credentials as the vault keeps them."""
    username, password = credentials.get("username"), credentials.get("password")
    if not isinstance(username, str) or not username:
        raise InputError(
            ErrorCode.REQUIRED, "Give the user name.", path=["credentials", "password", "username"]
        )
    if not isinstance(password, Secret):
        raise InputError(
            ErrorCode.REQUIRED, "Give the password.", path=["credentials", "password", "password"]
        )
    for part, name in ((username, "username"), (password.reveal(), "password")):
        if len(part) > 4_096 or "\x00" in part or any(0xD800 <= ord(c) <= 0xDFFF for c in part):
            raise InputError(
                ErrorCode.INVALID,
                f"The {name} has at most 4,096 characters, no NUL and no lone surrogate.",
                path=["credentials", "password", name],
            )
    return {"username": username, "password": password.reveal()}


def checked_text(text: str | None, *, path: str, most: int = 10_000) -> str | None:
    """Words of a person: bounded, nothing that PostgreSQL cannot hold."""
    if text is None:
        return None
    if len(text) > most or "\x00" in text or any(0xD800 <= ord(c) <= 0xDFFF for c in text):
        raise InputError(
            ErrorCode.INVALID,
            f"This text has at most {most:,} characters, no NUL and no lone surrogate.",
            path=[path],
        )
    return text or None


async def workspace_of(tx: Tx, workspace_id: UUID | None) -> Workspace:
    """The workspace a thing is made in, with the command's permission there; Main where none is named."""
    if workspace_id is None:
        workspace_id = await main_workspace(tx)
        if workspace_id is None:
            raise not_found("workspace", path=["workspaceId"])
    workspace = await tx.within(Workspace, workspace_id, path=["workspaceId"])
    await refuse_archived(tx, workspace.id, path=["workspaceId"])
    return workspace
