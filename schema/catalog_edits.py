"""What people send to change the catalog, and what they get back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import strawberry
from strawberry.scalars import ID

from datawave.kit.errors import invalid
from datawave.kit.ids import taken_apart
from domain.catalog import edits
from models.catalog import AssetState, OwnershipKind
from schema.shapes import Payload, given

if TYPE_CHECKING:
    from schema.catalog import Asset, Tag


@strawberry.input(description="Somebody's responsibility.")
class OwnershipInput:
    actor_id: ID
    kind: OwnershipKind = OwnershipKind.OWNER


@strawberry.input(
    description="What to change of one asset (with `version`) or of many. What is left out stays; a"
    " description of null"
    " is taken away."
)
class UpdateAssetsInput:
    ids: list[ID]
    version: int | None = strawberry.UNSET
    description: str | None = strawberry.UNSET
    add_tags: list[str] | None = strawberry.UNSET
    remove_tags: list[str] | None = strawberry.UNSET
    add_owners: list[OwnershipInput] | None = strawberry.UNSET
    remove_owner_ids: list[ID] | None = strawberry.UNSET
    state: AssetState | None = strawberry.field(
        default=strawberry.UNSET, description="ACTIVE or DEPRECATED; the other states follow from the source."
    )
    idempotency_key: str | None = strawberry.UNSET

    def edit(self) -> edits.Edit:
        said = self.description
        return edits.Edit(
            description=None if said is strawberry.UNSET else said or "",
            state=given(self.state),
            add_tags=tuple(given(self.add_tags) or ()),
            remove_tags=tuple(given(self.remove_tags) or ()),
            add_owners=tuple(
                _owner(owner, ["addOwners", str(at), "actorId"])
                for at, owner in enumerate(given(self.add_owners) or ())
            ),
            remove_owners=tuple(
                _owner(OwnershipInput(actor_id=each), ["removeOwnerIds", str(at)]).actor_id
                for at, each in enumerate(given(self.remove_owner_ids) or ())
            ),
        )


def _owner(owner: OwnershipInput, path: list[str]) -> edits.Owner:
    parts = taken_apart(owner.actor_id)
    if parts is None or parts[0] not in ("user", "service"):
        raise invalid("This is not the id of a person or program.", path=path, expected="as user_…")
    return edits.Owner(actor_word=parts[0], actor_id=parts[1], kind=owner.kind)


@strawberry.input(description="A tag to make or change.")
class SaveTagInput:
    name: str
    id: ID | None = strawberry.UNSET
    description: str | None = strawberry.UNSET
    color: str | None = strawberry.UNSET
    idempotency_key: str | None = strawberry.UNSET


@strawberry.type(description="The assets as they now are.")
class AssetsPayload(Payload):
    assets: list[Asset] = strawberry.field(default_factory=list)


@strawberry.type(description="The tag as it now is.")
class TagPayload(Payload):
    tag: Tag | None = None
