"""Login services: saved, deleted, brought back.

Whoever sets one up decides who comes in as whom. So nobody maps a group to more than they hold themselves,
and only who may change people lets a service speak for accounts that are there already.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import delete, exists, select, update

from auth.oidc import is_address
from auth.permissions import Permission
from datawave.kit.commands import Tx, command
from datawave.kit.errors import ConflictError, ErrorCode, InputError, forbidden, invalid, not_found
from datawave.kit.ids import new_id
from datawave.kit.secrets import Secret
from domain.identity.grants import Place, place_of, refuse_beyond_own
from domain.identity.identities import UNDONE_WITHIN
from domain.identity.provider_events import OidcProviderDeleted, OidcProviderSaved
from domain.identity.sessions import end_sessions
from domain.workspaces import checked_name
from models.identity import AuthSession, ExternalIdentity, Grant, Group, GroupMember, OidcProvider, Role

SCOPES = ("openid", "email", "profile")
LONGEST = 500
MOST = 500
"""Mappings, roles, redirects, scopes of one service."""


@dataclass(frozen=True, kw_only=True)
class ProviderState:
    """All that is set of a login service; what brings it back to how it was."""

    name: str
    issuer: str
    client_id: str
    secret_reference: str | None = None
    scopes: list[str]
    enabled: bool = True
    role_claim: str | None = None
    group_mappings: list[dict[str, str]]
    default_role_ids: list[UUID]
    redirect_uris: list[str]
    creates_users: bool = False
    links_by_email: bool = False
    trusts_emails: bool = False

    @classmethod
    def of(cls, row: OidcProvider) -> ProviderState:
        return cls(**{name: getattr(row, name) for name in cls.__dataclass_fields__})


@command(needs=Permission.SETTINGS_MANAGE)
async def save_oidc_provider(
    tx: Tx,
    *,
    name: str,
    issuer: str,
    client_id: str,
    provider_id: UUID | None = None,
    version: int | None = None,
    client_secret: Secret | None = None,
    changes: Mapping[str, Any] | None = None,
    loopback: bool = False,
) -> OidcProvider:
    """Makes a login service or changes one. What is left out of `changes`, and the secret, stays as it is;
    `loopback` allows one on this machine without TLS."""
    row = None
    if provider_id is not None:
        row = await tx.get(OidcProvider, provider_id, version=version)
    before = ProviderState.of(row) if row is not None else None
    empty = ProviderState(
        name="",
        issuer="",
        client_id="",
        scopes=list(SCOPES),
        group_mappings=[],
        default_role_ids=[],
        redirect_uris=[],
    )
    wished = replace(
        before or empty,
        name=checked_name(name),
        issuer=issuer.strip(),
        client_id=client_id.strip(),
        **(changes or {}),
    )
    wished = _checked(wished, loopback=loopback)
    await _refuse_unknown(tx, wished)
    if row is None:
        row = OidcProvider(id=new_id(), **asdict(wished))
        await _refuse_taken_name(tx, wished.name, row.id)
    saved = await _with_secret(tx, row.id, wished, client_secret)
    await _apply(tx, row, before, saved)
    if before is None:
        tx.undone_by(delete_oidc_provider, provider_id=row.id)
    else:
        tx.undone_by(restore_oidc_provider, provider_id=row.id, state=before)
    return row


@command(needs=Permission.SETTINGS_MANAGE)
async def delete_oidc_provider(tx: Tx, *, provider_id: UUID, version: int | None = None) -> UUID:
    """Nobody comes by this service any more, and who has come by it is out; the groups that it put people in
    are theirs no longer."""
    row = await tx.get(OidcProvider, provider_id, version=version)
    tx.undone_by(restore_oidc_provider, provider_id=row.id, state=ProviderState.of(row))
    await _let_lapse(tx, row.secret_reference)
    await tx.session.execute(
        update(ExternalIdentity).where(ExternalIdentity.provider_id == row.id).values(lapsed_at=tx.now)
    )
    await tx.session.execute(delete(GroupMember).where(GroupMember.provider_id == row.id))
    await end_sessions(tx, AuthSession.provider_id == row.id, reason="login service deleted")
    await tx.session.delete(row)
    tx.emit(OidcProviderDeleted(provider_id=row.id, name=row.name))
    return row.id


@command(needs=Permission.SETTINGS_MANAGE)
async def restore_oidc_provider(tx: Tx, *, provider_id: UUID, state: ProviderState) -> OidcProvider:
    """A login service as it was, deleted or changed since; the people whom it knew are known again."""
    row = await tx.session.get(OidcProvider, provider_id)
    before = None
    if row is None:
        row = OidcProvider(id=provider_id, **asdict(state))
        tx.undone_by(delete_oidc_provider, provider_id=provider_id)
        await _bring_back(tx, state.secret_reference)
    else:
        row = await tx.get(OidcProvider, provider_id)
        before = ProviderState.of(row)
        tx.undone_by(restore_oidc_provider, provider_id=provider_id, state=before)
        if before.secret_reference != state.secret_reference:
            await _bring_back(tx, state.secret_reference)
            await _let_lapse(tx, before.secret_reference)
    await _apply(tx, row, before, state)
    await tx.session.execute(
        update(ExternalIdentity).where(ExternalIdentity.provider_id == provider_id).values(lapsed_at=None)
    )
    return row


async def _apply(tx: Tx, row: OidcProvider, before: ProviderState | None, wished: ProviderState) -> None:
    await _refuse_taken_name(tx, wished.name, row.id)
    await _refuse_beyond_own(tx, before, wished)
    if before is not None and before.issuer != wished.issuer:
        await _refuse_known_people(tx, row)
    for name, value in asdict(wished).items():
        setattr(row, name, value)
    if before is None:
        await tx.add(row)
    if not wished.enabled:
        await end_sessions(tx, AuthSession.provider_id == row.id, reason="login service disabled")
    mapped = [UUID(each["group"]) for each in wished.group_mappings]
    unmapped = (GroupMember.provider_id == row.id, GroupMember.group_id.not_in(mapped))
    await tx.session.execute(delete(GroupMember).where(*unmapped))
    tx.emit(OidcProviderSaved(provider_id=row.id, name=row.name))


# --- what may be saved


def _checked(wished: ProviderState, *, loopback: bool) -> ProviderState:
    for path, values in (
        ("scopes", wished.scopes),
        ("groupMappings", wished.group_mappings),
        ("defaultRoleIds", wished.default_role_ids),
        ("redirectUris", wished.redirect_uris),
    ):
        if len(values) > MOST:
            raise invalid(f"At most {MOST} of these.", path=[path], expected=f"at most {MOST}")
    _refuse_odd_issuer(wished.issuer, loopback=loopback)
    if not 1 <= len(wished.client_id) <= LONGEST or not _is_plain(wished.client_id):
        raise invalid("This is not a client id.", path=["clientId"], expected="as the service shows it")
    for at, uri in enumerate(wished.redirect_uris):
        if len(uri) > LONGEST or not is_address(uri, loopback=True):
            raise invalid(
                "A redirect is an https address, or http on the person's own machine.",
                path=["redirectUris", str(at)],
                expected="https://… or http://127.0.0.1…",
            )
    for at, scope in enumerate(wished.scopes):
        if not 1 <= len(scope) <= LONGEST or not _is_plain(scope) or any(c in scope for c in ' "\\'):
            raise invalid("This is not a scope.", path=["scopes", str(at)], expected="a word as email")
    for at, each in enumerate(wished.group_mappings):
        if not 1 <= len(each["value"]) <= LONGEST:
            raise invalid(
                "Say what the claim holds for members of this group.",
                path=["groupMappings", str(at), "value"],
                expected=f"1 to {LONGEST} characters",
            )
    claim = (wished.role_claim or "").strip()
    if len(claim) > LONGEST:
        raise invalid("This is not a claim.", path=["roleClaim"], expected="a name as groups")
    if wished.group_mappings and not claim:
        raise InputError(
            ErrorCode.REQUIRED, "Say which claim holds the groups that are mapped.", path=["roleClaim"]
        )
    return replace(
        wished,
        scopes=list(dict.fromkeys(["openid", *wished.scopes])),
        default_role_ids=list(dict.fromkeys(wished.default_role_ids)),
        redirect_uris=list(dict.fromkeys(wished.redirect_uris)),
        role_claim=claim or None,
    )


def _refuse_odd_issuer(issuer: str, *, loopback: bool) -> None:
    if len(issuer) > LONGEST or "?" in issuer or not is_address(issuer, loopback=loopback):
        raise invalid(
            "An issuer is an https address, as the service's own metadata names it.",
            path=["issuer"],
            expected="https://…",
        )


def _is_plain(text: str) -> bool:
    return all(32 <= ord(c) < 127 for c in text)


async def _refuse_unknown(tx: Tx, wished: ProviderState) -> None:
    known = set(await tx.session.scalars(select(Role.id).where(Role.id.in_(wished.default_role_ids))))
    for at, role_id in enumerate(wished.default_role_ids):
        if role_id not in known:
            raise not_found("role", path=["defaultRoleIds", str(at)])
    mapped = [UUID(each["group"]) for each in wished.group_mappings]
    groups = set(await tx.session.scalars(select(Group.id).where(Group.id.in_(mapped))))
    for at, group_id in enumerate(mapped):
        if group_id not in groups:
            raise not_found("group", path=["groupMappings", str(at), "groupId"])


async def _refuse_beyond_own(tx: Tx, before: ProviderState | None, wished: ProviderState) -> None:
    """What is new in it gives rights, or speaks for people: that needs the rights to do so oneself."""
    had = {each["group"] for each in before.group_mappings} if before is not None else set[str]()
    for group_id in {each["group"] for each in wished.group_mappings} - had:
        await _refuse_group_beyond_own(tx, UUID(group_id))
    known = before.default_role_ids if before is not None else []
    new = [role_id for role_id in wished.default_role_ids if role_id not in known]
    for role in await tx.session.scalars(select(Role).where(Role.id.in_(new))):
        refuse_beyond_own(tx, Place(), [Permission.ROLE_GRANT, *role.permission_names])
    if wished.creates_users and not (before is not None and before.creates_users):
        _refuse_without(tx, Permission.USER_CREATE, "createsUsers")
    speaks = wished.links_by_email and (
        before is None
        or (before.links_by_email, before.trusts_emails, before.issuer)
        != (True, wished.trusts_emails, wished.issuer)
    )
    if speaks:
        _refuse_without(tx, Permission.USER_UPDATE, "linksByEmail")


async def _refuse_group_beyond_own(tx: Tx, group_id: UUID) -> None:
    refuse_beyond_own(tx, Place(), [Permission.ROLE_GRANT])
    held = select(Grant, Role).join(Role, Role.id == Grant.role_id).where(Grant.actor_id == group_id)
    for grant, role in await tx.session.execute(held):
        place = await place_of(tx, grant.scope_word, grant.scope_id)
        refuse_beyond_own(tx, place, role.permission_names)


def _refuse_without(tx: Tx, permission: Permission, path: str) -> None:
    if not tx.viewer.rights.scope(permission).everywhere:
        raise forbidden(permission, path=[path])


async def _refuse_known_people(tx: Tx, row: OidcProvider) -> None:
    """The same subject at another issuer is somebody else."""
    known = select(ExternalIdentity.id).where(ExternalIdentity.provider_id == row.id)
    if await tx.session.scalar(select(exists(known))):
        raise ConflictError(
            ErrorCode.WRONG_STATE,
            "People come by this service already, so its issuer stays; add another service.",
            path=["issuer"],
            current=("oidc_provider", row.id),
            current_version=row.version,
        )


async def _refuse_taken_name(tx: Tx, name: str, own: UUID) -> None:
    taken = select(OidcProvider.id).where(OidcProvider.name == name, OidcProvider.id != own)
    if await tx.session.scalar(taken) is not None:
        raise InputError(
            ErrorCode.ALREADY_EXISTS,
            f"A login service named “{name}” exists; choose another name.",
            path=["name"],
        )


# --- the secret, in the vault


async def _with_secret(
    tx: Tx, provider_id: UUID, wished: ProviderState, secret: Secret | None
) -> ProviderState:
    """A new secret takes the place of the former, which is kept for whoever takes this back; an empty one
    leaves none."""
    if secret is None:
        return wished
    if len(secret.reveal()) > 4_000:
        raise invalid("This secret is too long.", path=["clientSecret"], expected="at most 4,000 characters")
    await _let_lapse(tx, wished.secret_reference)
    if not secret:
        return replace(wished, secret_reference=None)
    reference = f"oidc_provider/{provider_id.hex}/{new_id().hex}"
    await tx.vault.put(tx.session, reference, {"clientSecret": secret.reveal()})
    return replace(wished, secret_reference=reference)


async def _let_lapse(tx: Tx, reference: str | None) -> None:
    value = await tx.vault.get(tx.session, reference) if reference is not None else None
    if reference is not None and value is not None:
        await tx.vault.put(tx.session, reference, value, expires_at=tx.now + UNDONE_WITHIN)


async def _bring_back(tx: Tx, reference: str | None) -> None:
    if reference is None:
        return
    value = await tx.vault.get(tx.session, reference)
    if value is None:
        raise ConflictError(
            ErrorCode.NOT_REVERSIBLE,
            "The client secret of then is no longer kept; save the service anew.",
            path=["commandId"],
        )
    await tx.vault.put(tx.session, reference, value)


__all__: Sequence[str] = [
    "ProviderState",
    "delete_oidc_provider",
    "restore_oidc_provider",
    "save_oidc_provider",
]
