"""Rules of who sees values: columns with certain labels are told as they are only to who holds a permission.

A rule counts from the next read on, in every process: rules are asked for with the values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select, update

from auth.permissions import Permission
from datawave.kit.commands import INSIDE, Tx, command
from datawave.kit.errors import ConflictError, ErrorCode, InputError, forbidden, invalid, not_found
from datawave.kit.masking import MaskMethod
from domain.policies.events import AccessRuleDeleted, AccessRuleSaved
from domain.workspaces import checked_name
from models.classification import Label, Severity
from models.lineage import ReviewState
from models.policies import AccessRule, WithoutPermission
from models.sources import DataSource
from models.workspaces import Workspace

COUNTING = (ReviewState.SUGGESTED, ReviewState.ACCEPTED)
"""What nobody has looked at yet counts too: a value that was told cannot be taken back."""

MOST_LABELS = 200
LONGEST_DESCRIPTION = 4_000


@command(needs=Permission.POLICY_MANAGE)
async def save_access_rule(
    tx: Tx,
    *,
    name: str,
    permission: str,
    labels: Sequence[str] = (),
    min_sensitivity: Severity | None = None,
    states: Sequence[ReviewState] = COUNTING,
    without: WithoutPermission = WithoutPermission.MASK,
    mask_with: MaskMethod | None = None,
    enabled: bool = True,
    description: str | None = None,
    scope: tuple[str, UUID] | None = None,
    rule_id: UUID | None = None,
    version: int | None = None,
) -> AccessRule:
    """Makes a rule or changes one. It is for everywhere, a workspace or a source, and asks for a permission
    to manage policies there."""
    name = checked_name(name)
    wanted: dict[str, Any] = {
        "name": name,
        "description": _described(description),
        "permission": _checked_permission(permission),
        "label_ids": await _label_ids(tx, labels),
        "min_sensitivity": min_sensitivity,
        "states": _checked_states(states),
        "without": without,
        "mask_with": (mask_with or MaskMethod.REDACT) if without is WithoutPermission.MASK else None,
        "enabled": enabled,
    }
    if not wanted["label_ids"] and min_sensitivity is None:
        raise InputError(
            ErrorCode.REQUIRED,
            "Say what the rule is about: labels, or how sensitive they are at least.",
            path=["labels"],
        )
    await _refuse_taken_name(tx, name, rule_id)
    if rule_id is None:
        place = await _place(tx, scope)
        rule = await tx.add(AccessRule(**wanted, **place))
        tx.undone_by(delete_access_rule, rule_id=rule.id)
    else:
        rule = await _changed(tx, rule_id, version, wanted, scope)
    tx.emit(_saved(rule))
    return rule


async def _changed(
    tx: Tx, rule_id: UUID, version: int | None, wanted: Mapping[str, Any], scope: tuple[str, UUID] | None
) -> AccessRule:
    rule = await tx.get(AccessRule, rule_id, version=version)
    place = await _place(tx, scope)
    tx.undone_by(save_access_rule, rule_id=rule.id, **await _as_given(tx, rule))
    for field, value in {**wanted, **place}.items():
        setattr(rule, field, value)
    return rule


async def _as_given(tx: Tx, rule: AccessRule) -> dict[str, Any]:
    """What would have to be said to make the rule as it is."""
    names = await tx.session.scalars(select(Label.name).where(Label.id.in_(rule.label_ids)))
    scope = ("source", rule.source_id) if rule.source_id else None
    if rule.workspace_id and scope is None:
        scope = ("workspace", rule.workspace_id)
    return {
        "name": rule.name,
        "description": rule.description,
        "permission": rule.permission,
        "labels": sorted(names),
        "min_sensitivity": rule.min_sensitivity,
        "states": rule.states,
        "without": rule.without,
        "mask_with": rule.mask_with,
        "enabled": rule.enabled,
        "scope": scope,
    }


@command(needs=Permission.POLICY_MANAGE)
async def delete_access_rule(tx: Tx, *, rule_id: UUID, version: int | None = None) -> None:
    """Deletes a rule; one that came with the product can only be switched off."""
    rule = await tx.get(AccessRule, rule_id, version=version)
    if rule.built_in is not None:
        raise ConflictError(
            ErrorCode.WRONG_STATE,
            f"“{rule.name}” comes with the product; switch it off instead (`enabled: false`).",
            path=["id"],
            current=("accessrule", rule.id),
            current_version=rule.version,
        )
    tx.undone_by(restore_access_rule, rule_id=rule.id, given=await _as_given(tx, rule))
    await tx.session.delete(rule)
    tx.emit(
        AccessRuleDeleted(
            rule_id=rule_id, name=rule.name, workspace_id=rule.workspace_id, source_id=rule.source_id
        )
    )


@command(needs=Permission.POLICY_MANAGE)
async def restore_access_rule(tx: Tx, *, rule_id: UUID, given: dict[str, Any]) -> AccessRule:
    """The rule again, under its own id."""
    scope = given["scope"]
    await _refuse_taken_name(tx, given["name"], None)
    place = await _place(tx, (scope[0], UUID(str(scope[1]))) if scope else None)
    kept = {name: value for name, value in given.items() if name not in ("labels", "scope")}
    rule = AccessRule(id=rule_id, label_ids=await _label_ids(tx, given["labels"]), **kept, **place)
    await tx.add(rule)
    tx.undone_by(delete_access_rule, rule_id=rule.id)
    tx.emit(_saved(rule))
    return rule


def _saved(rule: AccessRule) -> AccessRuleSaved:
    return AccessRuleSaved(
        rule_id=rule.id,
        name=rule.name,
        enabled=rule.enabled,
        workspace_id=rule.workspace_id,
        source_id=rule.source_id,
    )


async def source_moved(tx: Tx, source_id: UUID, workspace_id: UUID) -> None:
    """Within a command: who manages the source's new workspace manages its rules."""
    await tx.session.execute(
        update(AccessRule).where(AccessRule.source_id == source_id).values(workspace_id=workspace_id)
    )


async def _place(tx: Tx, scope: tuple[str, UUID] | None) -> dict[str, UUID | None]:
    if scope is None:
        if not tx.viewer.rights.scope(Permission.POLICY_MANAGE).everywhere:
            raise forbidden(Permission.POLICY_MANAGE, path=["scopeId"])
        return {"workspace_id": None, "source_id": None}
    word, key = scope
    if word == "workspace":
        await tx.within(Workspace, key, path=["scopeId"])
        return {"workspace_id": key, "source_id": None}
    source = await tx.within(DataSource, key, path=["scopeId"])
    return {"workspace_id": source.workspace_id, "source_id": key}


async def _label_ids(tx: Tx, names: Sequence[str]) -> list[UUID]:
    if len(names) > MOST_LABELS:
        raise invalid(f"A rule names at most {MOST_LABELS} labels.", path=["labels"])
    known = await tx.session.execute(select(Label.name, Label.id).where(Label.name.in_(names)))
    found: dict[str, UUID] = {row.name: row.id for row in known}
    for at, name in enumerate(names):
        if name not in found:
            raise not_found("label", path=["labels", str(at)])
    return [found[name] for name in dict.fromkeys(names)]


def _checked_permission(name: str) -> str:
    if name not in Permission.__members__.values() or name == Permission.AGENT_ACT:
        raise invalid(
            "There is no such permission; `permissions` lists them.",
            path=["permission"],
            expected="a permission's name, as payment:read",
        )
    return str(name)


def _checked_states(states: Sequence[ReviewState]) -> list[str]:
    """What a person rejected is no label of the column."""
    if not states or ReviewState.REJECTED in states:
        raise invalid(
            "Suggested and accepted classifications can count, and at least one of the two.",
            path=["states"],
            expected="SUGGESTED, ACCEPTED",
        )
    return sorted({state.value for state in states})


def _described(description: str | None) -> str | None:
    if description is not None and len(description) > LONGEST_DESCRIPTION:
        raise invalid(f"A description has at most {LONGEST_DESCRIPTION:,} characters.", path=["description"])
    return description or None


async def _refuse_taken_name(tx: Tx, name: str, own: UUID | None) -> None:
    taken = await tx.session.scalar(select(AccessRule.id).where(AccessRule.name == name))
    if taken is not None and taken != own:
        raise InputError(
            ErrorCode.ALREADY_EXISTS, f"A rule named “{name}” exists; choose another name.", path=["name"]
        )


# --- the rules that come with the product


BUILT_IN: dict[str, dict[str, Any]] = {
    "payment": {
        "name": "Payment data",
        "description": "Card numbers and bank accounts: their last characters at most.",
        "labels": ["FINANCIAL"],
        "min_sensitivity": Severity.HIGH,
        "permission": Permission.PAYMENT_READ,
        "without": WithoutPermission.MASK,
        "mask_with": MaskMethod.PARTIAL,
    },
    "personal": {
        "name": "Sensitive personal data",
        "description": "What tells of a person and is more than contact details.",
        "labels": ["PERSONAL_DATA", "CONTACT", "LOCATION", "IDENTIFIER"],
        "min_sensitivity": Severity.HIGH,
        "permission": Permission.PERSONAL_READ,
        "without": WithoutPermission.MASK,
        "mask_with": MaskMethod.REDACT,
    },
    "health": {
        "name": "Health data",
        "description": "What tells of somebody's health.",
        "labels": ["HEALTH"],
        "min_sensitivity": None,
        "permission": Permission.HEALTH_READ,
        "without": WithoutPermission.MASK,
        "mask_with": MaskMethod.REDACT,
    },
    "credentials": {
        "name": "Credentials",
        "description": "Passwords and keys: nobody but who keeps the vault needs to see any.",
        "labels": ["CREDENTIAL"],
        "min_sensitivity": None,
        "permission": Permission.VAULT_MANAGE,
        "without": WithoutPermission.HIDE,
        "mask_with": None,
    },
}


@command(needs=INSIDE)
async def keep_built_in_rules(tx: Tx) -> list[AccessRule]:
    """The rules that come with the product, where they are not there yet; what people have changed stays as
    it is. Part of every migration, after the labels."""
    there = set(await tx.session.scalars(select(AccessRule.built_in).where(AccessRule.built_in.is_not(None))))
    taken = set(await tx.session.scalars(select(AccessRule.name)))
    made: list[AccessRule] = []
    for key, told in BUILT_IN.items():
        if key in there or told["name"] in taken:
            continue
        fields = {**told, "permission": str(told["permission"]), "states": _checked_states(COUNTING)}
        label_ids = await _label_ids(tx, fields.pop("labels"))
        rule = await tx.add(AccessRule(built_in=key, label_ids=label_ids, enabled=True, **fields))
        tx.emit(_saved(rule))
        made.append(rule)
    if not made:
        tx.leaves_no_record()
    return made
