"""Sampled values through the API: taken in by policy, told by rule, put on record."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from datawave.kit.access import SYSTEM, Scope
from datawave.kit.errors import ErrorCode, InputError
from datawave.kit.ids import global_id
from datawave.kit.masking import MaskMethod, ValuesLeave
from domain.policies.values import Telling
from domain.sources.lifecycle import decommission_source, update_source
from tests.access_rules.asking import BY_NAME, CARD, HELD, Kept
from tests.fixtures.clock import HouseClock

WAYS = pytest.mark.parametrize("planned", [True, False], ids=["planned", "executed"])
BY_ID = """query($id: ID!) { node(id: $id) { ... on Column { profile { topValues { value masked } } } } }"""
IN_A_LIST = """{ assets(filter: {kinds: [TABLE]}) { nodes { ... on Dataset { columns(first: 50) { nodes {
  name profile { topValues { value masked } } } } } } } }"""


@WAYS
async def test_values_without_labels_are_told_to_who_may_see_samples(kept: Kept, planned: bool) -> None:
    await kept.bring("blue", "red")
    assert await kept.told(kept.viewer(*HELD), planned=planned) == [("blue", False), ("red", False)]
    assert await kept.readings() == [], "no rule asks for anything"


@WAYS
@pytest.mark.parametrize(
    ("held", "is_told"),
    [
        ((), False),
        (("asset:read", "payment:read"), False),
        (("sample:read",), True),
    ],
    ids=str,
)
async def test_values_need_a_permission_of_their_own(
    kept: Kept, held: tuple[str, ...], is_told: bool, planned: bool
) -> None:
    await kept.bring("blue")
    answer = await kept.answer(kept.viewer(*held), planned=planned)
    assert answer["data"]["asset"]["profile"] == {
        "topValues": [{"value": "blue", "count": 1, "masked": False}] if is_told else None
    }
    codes = [each["extensions"]["code"] for each in answer.get("errors", ())]
    assert codes == ([] if is_told else ["FORBIDDEN"])
    assert is_told or answer["errors"][0]["extensions"]["permission"] == "sample:read"


@WAYS
@pytest.mark.parametrize("way", ["workspaces", "sources"])
async def test_the_permission_is_held_where_the_column_is(kept: Kept, way: str, planned: bool) -> None:
    await kept.bring("blue")
    here = kept.shop.ground.workspace_id if way == "workspaces" else kept.shop.ground.source_id
    there = kept.viewer("sample:read", scope=replace(Scope(), **{way: frozenset([here])}))
    assert await kept.told(there, planned=planned) == [("blue", False)]
    elsewhere = kept.viewer("sample:read", scope=replace(Scope(), **{way: frozenset([uuid4()])}))
    assert (await kept.answer(elsewhere, planned=planned))["errors"][0]["extensions"]["code"] == "FORBIDDEN"


@WAYS
async def test_payment_data_is_told_as_it_is_only_to_who_may_see_it(kept: Kept, planned: bool) -> None:
    await kept.bring(CARD, labels=["CREDIT_CARD"])
    assert await kept.told(kept.viewer(*HELD), planned=planned) == [("•••1234", True)]
    teller = kept.viewer(*HELD, "payment:read")
    assert await kept.told(teller, planned=planned) == [(CARD, False)]
    [reading] = await kept.readings()
    column = await kept.shop.id_of("customer.mail")
    assert (reading.actor_id, reading.permission, reading.outcome) == (
        teller.actor_id,
        "payment:read",
        "DONE",
    )
    assert reading.detail == {"counts": {"columns": 1, "permissions": ["payment:read"], "assets": [column]}}
    assert global_id("asset", reading.subject_id) == column


@pytest.mark.parametrize(
    ("label", "permission", "without"),
    [
        ("IBAN", "payment:read", [("•••1234", True)]),
        ("NATIONAL_ID", "personal:read", [("•••", True)]),
        ("MEDICAL_CODE", "health:read", [("•••", True)]),
        ("SECRET", "vault:manage", None),
        ("EMAIL", None, [(CARD, False)]),
        ("CURRENCY_CODE", None, [(CARD, False)]),
    ],
)
async def test_the_rules_that_come_with_the_product(
    kept: Kept, label: str, permission: str | None, without: Any
) -> None:
    await kept.bring(CARD, labels=[label])
    assert await kept.told(kept.viewer(*HELD)) == without
    if permission is not None:
        assert await kept.told(kept.viewer(*HELD, permission)) == [(CARD, False)]


async def test_of_several_rules_the_strictest_counts(kept: Kept) -> None:
    await kept.bring(CARD, labels=["CREDIT_CARD", "MEDICAL_CODE"])
    assert await kept.told(kept.viewer(*HELD, "payment:read")) == [("•••", True)]
    assert await kept.told(kept.viewer(*HELD, "health:read")) == [("•••1234", True)]
    assert await kept.readings() == []
    assert await kept.told(kept.viewer(*HELD, "health:read", "payment:read")) == [(CARD, False)]
    [reading] = await kept.readings()
    assert reading.detail["counts"]["permissions"] == ["health:read", "payment:read"]


async def test_what_a_person_rejected_is_no_label_and_what_nobody_looked_at_is(kept: Kept) -> None:
    await kept.bring(CARD, labels=["CREDIT_CARD"])
    for state, told in (("ACCEPTED", "•••1234"), ("SUGGESTED", "•••1234"), ("REJECTED", CARD)):
        await kept.shop.ground.rows(f"UPDATE classification SET state = '{state}' RETURNING id")
        [(value, _)] = await kept.told(kept.viewer(*HELD))
        assert value == told, state


async def test_the_label_of_a_table_is_one_of_its_columns(kept: Kept) -> None:
    await kept.bring(CARD, labels=["CREDIT_CARD"])
    await kept.shop.ground.rows(
        "UPDATE classification SET asset_id = (SELECT id FROM asset WHERE qualified_name ="
        " 'shop.db.s.customer') RETURNING id"
    )
    assert await kept.told(kept.viewer(*HELD)) == [("•••1234", True)]


async def test_what_was_masked_before_it_left_stays_so(kept: Kept) -> None:
    await kept.policy(values_leave=ValuesLeave.MASKED, mask_with=MaskMethod.PARTIAL)
    await kept.bring("•••1234", masked_with=MaskMethod.PARTIAL, labels=["CREDIT_CARD"])
    for viewer in (kept.viewer(*HELD), kept.viewer(*HELD, "payment:read")):
        assert await kept.told(viewer) == [("•••1234", True)]
    assert await kept.readings() == [], "nothing was told as it is"


@WAYS
async def test_every_way_to_a_column_asks_the_same(kept: Kept, planned: bool) -> None:
    """By id, in lists of lists, and twice in one document under other names."""
    await kept.bring(CARD, labels=["CREDIT_CARD"])
    column = await kept.shop.id_of("customer.mail")
    for viewer, value in ((kept.viewer(*HELD), "•••1234"), (kept.viewer(*HELD, "payment:read"), CARD)):
        found = await kept.answer(viewer, BY_ID, planned=planned, id=column)
        assert found["data"]["node"]["profile"]["topValues"][0]["value"] == value
        listed = await kept.answer(viewer, IN_A_LIST, planned=planned, none=None)
        columns: list[Any] = [
            column for table in listed["data"]["assets"]["nodes"] for column in table["columns"]["nodes"]
        ]
        tops: list[Any] = [each["profile"]["topValues"] for each in columns if each["profile"]]
        assert [[each["value"] for each in top] for top in tops] == [[value]]


async def test_a_page_of_columns_costs_two_statements_more_and_one_entry(kept: Kept) -> None:
    """However many columns there are."""
    from tests.statements import counted

    for column in ("id", "mail"):
        path = ("db", "s", "customer", column)
        await kept.bring(CARD, labels=["CREDIT_CARD"], column=path)
    viewer = kept.viewer(*HELD)
    without = IN_A_LIST.replace("topValues { value masked }", "count")
    with counted() as sent:
        await kept.answer(viewer, without, none=None)
    before = len(sent)
    with counted() as sent:
        await kept.answer(viewer, IN_A_LIST, none=None)
    assert len(sent) == before + 2
    await kept.answer(kept.viewer(*HELD, "payment:read"), IN_A_LIST, none=None)
    [reading] = await kept.readings()
    assert reading.detail["counts"]["columns"] == 2


async def test_where_nothing_can_be_put_on_record_nothing_is_told(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    await kept.bring(CARD, labels=["CREDIT_CARD"])
    telling: Telling = kept.house.served.platform.extras["telling"]
    monkeypatch.setattr(telling.record, "_most", 0)
    answer = await kept.shop.api.ask(BY_NAME, n="shop.db.s.customer.mail")
    assert answer["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
    assert CARD not in str(answer)
    assert await kept.told(kept.viewer(*HELD)) == [("•••1234", True)], "which needs no record"


async def test_a_stream_tells_each_by_their_own_rights_and_name(kept: Kept) -> None:
    """A document that touches values is not shared by who has equal rights: the record names who read."""
    from graphql import parse

    from datawave.graphql import touched

    document = parse(
        "subscription { catalogChanged { ... on AssetChanged { asset { ... on Column {"
        " profile { topValues { value } } } } } } }"
    )
    found = touched(document, document.definitions[0])  # type: ignore[arg-type]  # the one operation
    assert found.own


# --- what is kept, and for how long


@pytest.mark.parametrize(
    ("leave", "method", "brought"),
    [
        (ValuesLeave.NEVER, MaskMethod.REDACT, None),
        (ValuesLeave.NEVER, MaskMethod.REDACT, MaskMethod.REDACT),
        (ValuesLeave.MASKED, MaskMethod.REDACT, None),
        (ValuesLeave.MASKED, MaskMethod.REDACT, MaskMethod.PARTIAL),
        (ValuesLeave.MASKED, MaskMethod.HASH, MaskMethod.HASH),
    ],
    ids=str,
)
async def test_values_against_the_policy_are_refused_and_nothing_is_kept(
    kept: Kept, leave: ValuesLeave, method: MaskMethod, brought: MaskMethod | None
) -> None:
    await kept.policy(values_leave=leave, mask_with=method)
    with pytest.raises(InputError) as refused:
        await kept.bring(CARD, masked_with=brought)
    assert refused.value.code is ErrorCode.POLICY_VIOLATION
    assert CARD not in str(refused.value)
    assert await kept.shop.ground.value("SELECT count(*) FROM column_values") == 0
    assert await kept.shop.ground.value("SELECT count(*) FROM column_profile") == 0


async def test_masked_more_strictly_than_asked_is_welcome(kept: Kept) -> None:
    await kept.policy(values_leave=ValuesLeave.MASKED, mask_with=MaskMethod.PARTIAL)
    await kept.bring("•••", masked_with=MaskMethod.REDACT)
    assert await kept.told(kept.viewer(*HELD)) == [("•••", True)]


async def test_a_source_of_its_own_policy_keeps_its_values_in(kept: Kept) -> None:
    """The narrower of the agent's and the source's counts."""
    ground = kept.shop.ground
    await kept.bring("blue")
    made = await ground.value(
        "INSERT INTO edge_policy (name, values_leave, mask_with) VALUES ('Narrow', 'NEVER', 'REDACT')"
        " RETURNING id"
    )
    changed = {"source_id": ground.source_id, "changes": {"policy_id": made}}
    await ground.commands.run(update_source, SYSTEM, changed)
    assert await ground.value("SELECT count(*) FROM column_values") == 0
    with pytest.raises(InputError):
        await kept.bring("blue")


@pytest.mark.parametrize("to", [ValuesLeave.NEVER, ValuesLeave.MASKED])
async def test_what_a_narrower_policy_forbids_is_removed_at_once(kept: Kept, to: ValuesLeave) -> None:
    await kept.bring("blue")
    await kept.policy(values_leave=to)
    assert await kept.shop.ground.value("SELECT count(*) FROM column_values") == 0
    assert await kept.told(kept.viewer(*HELD)) == []


async def test_values_of_a_decommissioned_source_are_gone(kept: Kept) -> None:
    await kept.bring("blue")
    ground = kept.shop.ground
    await ground.commands.run(decommission_source, SYSTEM, {"source_id": ground.source_id})
    assert await ground.value("SELECT count(*) FROM column_values") == 0


async def test_values_grow_old(kept: Kept, house_clock: HouseClock) -> None:
    await kept.bring("blue")
    await house_clock.shift(days=29)
    await house_clock.do("forget_old_values")
    assert await kept.told(kept.viewer(*HELD)) == [("blue", False)]
    await house_clock.shift(days=2)
    assert await kept.told(kept.viewer(*HELD)) == [], "told no longer, though nobody has swept yet"
    await house_clock.do("forget_old_values")
    assert await kept.shop.ground.value("SELECT count(*) FROM column_values") == 0


async def test_whoever_changes_whose_policy_the_values_are_not_told_and_then_gone(
    kept: Kept, house_clock: HouseClock
) -> None:
    await kept.bring("blue")
    await kept.shop.ground.rows("UPDATE edge_policy SET values_leave = 'NEVER' RETURNING id")
    assert await kept.told(kept.viewer(*HELD)) == []
    await house_clock.do("forget_old_values")
    assert await kept.shop.ground.value("SELECT count(*) FROM column_values") == 0


async def test_values_sealed_with_another_key_are_none(kept: Kept) -> None:
    await kept.bring("blue")
    await kept.shop.ground.rows("UPDATE column_values SET sealed = sealed || 'x'::bytea RETURNING asset_id")
    assert await kept.told(kept.viewer(*HELD)) == []


async def test_no_other_place_holds_a_value(kept: Kept) -> None:
    """Every table of the platform is searched for what was brought in."""
    planted = "planted-value-5f2c"
    await kept.bring(planted, labels=["CREDIT_CARD"])
    await kept.told(kept.viewer(*HELD, "payment:read"))
    ground = kept.shop.ground
    tables = await ground.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    holding = [
        name
        for (name,) in tables
        if await ground.value(
            f'SELECT count(*) FROM "{name}" t WHERE t::text LIKE :planted', planted=f"%{planted}%"
        )
    ]
    assert holding == []
    versions = await kept.answer(
        kept.viewer(*HELD, "payment:read", "classification:read", "event:read"),
        '{ asset(qualifiedName: "shop.db.s.customer.mail") { attributes versions { nodes { snapshot } }'
        " classifications { nodes { evidence { text } } } } events(last: 50) { nodes { data } } }",
        none=None,
    )
    assert planted not in str(versions)
