"""Tags: free words on assets, shared by everybody."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from auth.permissions import Permission
from datawave.kit.commands import Tx, command
from datawave.kit.errors import ErrorCode, InputError, invalid
from datawave.kit.events import Event
from models.catalog import Tag

MOST_CHARACTERS = 100
MOST_AT_ONCE = 50
_COLOR = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True, kw_only=True)
class TagSaved(Event):
    """A tag was made or changed."""

    topics = ("catalog",)
    subject = ("tag", "tag_id")
    tag_id: UUID
    name: str


@command(needs=Permission.ASSET_EDIT)
async def save_tag(
    tx: Tx,
    *,
    name: str,
    description: str | None = None,
    color: str | None = None,
    tag_id: UUID | None = None,
) -> Tag:
    """Makes a tag, or changes one: everywhere it is used, it then has the new name."""
    name = checked_tag(name, path=["name"])
    if color is not None and not _COLOR.fullmatch(color):
        raise invalid("A color is six hexadecimal digits.", path=["color"], expected="as #1f77b4")
    taken = await tx.session.scalar(select(Tag.id).where(Tag.name == name))
    if taken is not None and taken != tag_id:
        raise InputError(
            ErrorCode.ALREADY_EXISTS,
            f"A tag named “{name}” exists; use it, or choose another name.",
            path=["name"],
        )
    if tag_id is None:
        tag = await tx.add(Tag(name=name, description=description, color=color))
    else:
        tag = await tx.get(Tag, tag_id)
        tx.undone_by(save_tag, tag_id=tag.id, name=tag.name, description=tag.description, color=tag.color)
        tag.name, tag.description, tag.color = name, description, color
    tx.emit(TagSaved(tag_id=tag.id, name=name))
    return tag


async def tag_ids(tx: Tx, names: Iterable[str]) -> dict[str, UUID]:
    """The tags of these names; those that nobody has used yet are made."""
    wanted = list(
        dict.fromkeys(checked_tag(name, path=["addTags", str(at)]) for at, name in enumerate(names))
    )
    if len(wanted) > MOST_AT_ONCE:
        raise invalid(f"Put at most {MOST_AT_ONCE} tags on at once.", path=["addTags"])
    if not wanted:
        return {}
    await tx.session.execute(
        insert(Tag).on_conflict_do_nothing(index_elements=["name"]), [{"name": name} for name in wanted]
    )
    found = await tx.session.execute(select(Tag.name, Tag.id).where(Tag.name.in_(wanted)))
    return {row.name: row.id for row in found}


def checked_tag(name: str, *, path: list[str]) -> str:
    name = " ".join(name.split())
    if not name or len(name) > MOST_CHARACTERS or not name.isprintable():
        raise invalid(
            f"A tag has 1 to {MOST_CHARACTERS} printable characters.",
            path=path,
            expected=f"1 to {MOST_CHARACTERS} characters",
        )
    return name
