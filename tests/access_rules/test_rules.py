"""Rules of who sees values, made and changed through the API; each counts from the next read on."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from datawave.kit.access import SYSTEM, Scope
from datawave.kit.errors import AccessError, InputError
from datawave.kit.ids import global_id
from datawave.kit.masking import MaskMethod
from domain.policies import rules
from domain.workspaces import save_workspace
from models.classification import Severity
from tests.access_rules.asking import CARD, HELD, Kept
from tests.client import Client

RULE = """id version name description enabled permission without maskWith minSensitivity states builtIn
  labels { name } workspace { name } dataSource { key }"""
SAVE = f"""mutation($i: SaveAccessRuleInput!) {{ saveAccessRule(input: $i) {{ trackingId
  errors {{ __typename code message path }} rule {{ {RULE} }} }} }}"""
DELETE = """mutation($i: NodeInput!) { deleteAccessRule(input: $i) { deletedId done trackingId
  errors { code message path } } }"""
NOBODYS = UUID(int=7)
UNDO = (
    """mutation($id: ID!) { undoCommand(input: {commandId: $id}) { errors { code message } trackingId } }"""
)
REDO = UNDO.replace("undoCommand", "redoCommand")
LIST = f"{{ accessRules {{ {RULE} }} }}"


async def named(api: Client, name: str) -> Any:
    found = (await api.data(LIST))["accessRules"]
    return next((rule for rule in found if rule["name"] == name), None)


async def test_the_rules_of_the_product_are_there(api: Client) -> None:
    found = {rule["name"]: rule for rule in (await api.data(LIST))["accessRules"]}
    assert set(found) == {"Payment data", "Sensitive personal data", "Health data", "Credentials"}
    payment = found["Payment data"]
    assert payment["builtIn"] and payment["enabled"] and payment["states"] == ["ACCEPTED", "SUGGESTED"]
    assert (payment["permission"], payment["without"], payment["maskWith"]) == (
        "payment:read",
        "MASK",
        "PARTIAL",
    )
    assert (payment["labels"], payment["minSensitivity"]) == ([{"name": "FINANCIAL"}], "HIGH")
    assert (found["Credentials"]["without"], found["Credentials"]["maskWith"]) == ("HIDE", None)


async def test_a_rule_counts_from_the_next_read_until_it_is_taken_back(kept: Kept) -> None:
    api, viewer = kept.shop.api, kept.viewer(*HELD)
    await kept.bring("ada@example.com", labels=["EMAIL"])
    assert await kept.told(viewer) == [("ada@example.com", False)]
    made = await api.done(
        SAVE,
        i={
            "name": "Contact",
            "labels": ["CONTACT"],
            "permission": "personal:read",
            "maskWith": "FORMAT_PRESERVING",
        },
    )
    [(hidden, is_masked)] = await kept.told(viewer)
    assert is_masked and hidden != "ada@example.com" and hidden[3] == "@"
    assert await kept.told(kept.viewer(*HELD, "personal:read")) == [("ada@example.com", False)]
    await api.done(UNDO, id=made["trackingId"])
    assert await kept.told(viewer) == [("ada@example.com", False)]
    assert await named(api, "Contact") is None
    await api.done(REDO, id=made["trackingId"])
    assert (await kept.told(viewer))[0][1]


async def test_a_rule_is_changed_whole_and_back(kept: Kept) -> None:
    api = kept.shop.api
    wanted = {"name": "Contact", "labels": ["EMAIL", "PHONE"], "permission": "personal:read"}
    made = (await api.done(SAVE, i=wanted))["rule"]
    assert (made["without"], made["maskWith"], made["minSensitivity"]) == ("MASK", "REDACT", None)
    changed = await api.done(
        SAVE,
        i={
            "id": made["id"],
            "version": made["version"],
            "name": "Sensitive",
            "minSensitivity": "MEDIUM",
            "permission": "health:read",
            "without": "HIDE",
            "states": ["ACCEPTED"],
            "enabled": False,
        },
    )
    rule = changed["rule"]
    assert (rule["labels"], rule["maskWith"], rule["states"], rule["enabled"]) == (
        [],
        None,
        ["ACCEPTED"],
        False,
    )
    stale = await api.run(SAVE, i={**wanted, "id": made["id"], "version": made["version"]})
    assert [each["code"] for each in stale["errors"]] == ["STALE_VERSION"]
    await api.done(UNDO, id=changed["trackingId"])
    back = await named(api, "Contact")
    assert {**back, "version": made["version"]} == made


async def test_a_deleted_rule_comes_back_as_it_was(kept: Kept) -> None:
    api = kept.shop.api
    made = (await api.done(SAVE, i={"name": "Contact", "labels": ["EMAIL"], "permission": "personal:read"}))[
        "rule"
    ]
    gone = await api.done(DELETE, i={"id": made["id"], "version": made["version"]})
    assert gone["deletedId"] == made["id"] and await named(api, "Contact") is None
    await api.done(UNDO, id=gone["trackingId"])
    assert await named(api, "Contact") == made


async def test_a_rule_of_the_product_is_switched_off_not_deleted(kept: Kept) -> None:
    api = kept.shop.api
    await kept.bring(CARD, labels=["CREDIT_CARD"])
    payment = await named(api, "Payment data")
    refused = await api.run(DELETE, i={"id": payment["id"]})
    assert [each["code"] for each in refused["errors"]] == ["WRONG_STATE"]
    off = {
        "id": payment["id"],
        "name": payment["name"],
        "permission": "payment:read",
        "labels": ["FINANCIAL"],
        "enabled": False,
    }
    await api.done(SAVE, i=off)
    assert await kept.told(kept.viewer(*HELD)) == [(CARD, False)]
    await kept.shop.ground.commands.run(rules.keep_built_in_rules, SYSTEM, {})
    assert not (await named(api, "Payment data"))["enabled"], "what people changed stays"


@pytest.mark.parametrize(
    ("changes", "code", "path"),
    [
        ({"name": " "}, "REQUIRED", ["name"]),
        ({"name": "Payment data"}, "ALREADY_EXISTS", ["name"]),
        ({"permission": "cards:read"}, "INVALID", ["permission"]),
        ({"permission": "agent:act"}, "INVALID", ["permission"]),
        ({"labels": ["CARDS"]}, "NOT_FOUND", ["labels", "0"]),
        ({"labels": []}, "REQUIRED", ["labels"]),
        ({"states": []}, "INVALID", ["states"]),
        ({"states": ["ACCEPTED", "REJECTED"]}, "INVALID", ["states"]),
        ({"scopeId": global_id("user", NOBODYS)}, "INVALID", ["scopeId"]),
        ({"scopeId": global_id("source", NOBODYS)}, "NOT_FOUND", ["scopeId"]),
        ({"id": global_id("accessrule", NOBODYS)}, "NOT_FOUND", ["id"]),
        ({"description": "x" * 5_000}, "INVALID", ["description"]),
    ],
    ids=str,
)
async def test_what_will_not_do_is_refused_with_the_field_to_change(
    api: Client, changes: dict[str, Any], code: str, path: list[str]
) -> None:
    good = {"name": "Contact", "labels": ["EMAIL"], "permission": "personal:read"}
    [error] = (await api.run(SAVE, i={**good, **changes}))["errors"]
    assert (error["code"], error["path"]) == (code, path)


async def test_a_rule_of_a_workspace_or_a_source_counts_there(kept: Kept) -> None:
    api, ground = kept.shop.api, kept.shop.ground
    await kept.bring("blue", labels=["EMAIL"])
    other = (await ground.commands.run(save_workspace, SYSTEM, {"name": "Elsewhere"})).value
    rule = {"name": "Here", "labels": ["EMAIL"], "permission": "personal:read"}
    for scope, counts in (
        (global_id("workspace", other.id), False),
        (global_id("workspace", ground.workspace_id), True),
        (global_id("source", ground.source_id), True),
    ):
        made = await api.done(SAVE, i={**rule, "scopeId": scope})
        assert (await kept.told(kept.viewer(*HELD)))[0][1] is counts, scope
        await api.done(DELETE, i={"id": made["rule"]["id"]})


async def test_who_manages_policies_of_a_workspace_makes_rules_there_alone(kept: Kept) -> None:
    ground = kept.shop.ground
    here = Scope(workspaces=frozenset([ground.workspace_id]))
    manager = kept.viewer("policy:manage", "datasource:read", "workspace:read", scope=here)
    wanted = {"name": "Here", "labels": ["EMAIL"], "permission": "personal:read"}
    place = ("source", ground.source_id)
    made = (await ground.commands.run(rules.save_access_rule, manager, {**wanted, "scope": place})).value
    assert (made.workspace_id, made.source_id) == (ground.workspace_id, ground.source_id)
    seen = (await kept.answer(manager, LIST, none=None))["data"]["accessRules"]
    assert [rule["name"] for rule in seen] == ["Here"], "those of the platform are not theirs to see"
    with pytest.raises(AccessError):
        await ground.commands.run(rules.save_access_rule, manager, {**wanted, "name": "Everywhere"})
    payment = await ground.value("SELECT id FROM access_rule WHERE built_in = 'payment'")
    with pytest.raises(InputError):
        await ground.commands.run(
            rules.save_access_rule, manager, {**wanted, "rule_id": payment, "scope": place}
        )


async def test_a_rule_by_sensitivity_alone_is_about_all_labels(kept: Kept) -> None:
    ground = kept.shop.ground
    await kept.bring("ada@example.com", labels=["EMAIL"])
    for least, is_masked in ((Severity.HIGH, False), (Severity.MEDIUM, True)):
        wanted = {"name": least.value, "permission": "personal:read", "min_sensitivity": least}
        await ground.commands.run(rules.save_access_rule, SYSTEM, {**wanted, "mask_with": MaskMethod.HASH})
        assert (await kept.told(kept.viewer(*HELD)))[0][1] is is_masked


async def test_rules_are_for_who_manages_policies(kept: Kept) -> None:
    answer = await kept.answer(kept.viewer(*HELD, "payment:read"), LIST, none=None)
    assert answer["errors"][0]["extensions"]["permission"] == "policy:manage"


async def test_a_change_of_a_rule_is_told_where_access_is_followed(kept: Kept) -> None:
    api = kept.shop.api
    made = await api.done(SAVE, i={"name": "Contact", "labels": ["EMAIL"], "permission": "personal:read"})
    await api.done(DELETE, i={"id": made["rule"]["id"]})
    told = await kept.shop.ground.rows(
        "SELECT type, topics FROM event WHERE type LIKE 'AccessRule%' ORDER BY number DESC LIMIT 2"
    )
    assert [each.type for each in told] == ["AccessRuleDeleted", "AccessRuleSaved"]
    assert all("access" in each.topics for each in told)
