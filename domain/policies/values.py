"""Sampled values of columns: taken in as the policies let them leave, kept sealed and not for long, told as
the rules say.

Nobody else reads the table. What shows values asks `Telling.of`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import any_, select, text
from sqlalchemy.dialects.postgresql import insert

from auth.permissions import Permission
from auth.values import Carried, Column, Rule, Shown, Value, shown
from connectors.entries import ColumnValues as Reported
from connectors.entries import Entry
from datawave.kit.access import Viewer
from datawave.kit.audit import Refusals
from datawave.kit.commands import Tx
from datawave.kit.database import Db
from datawave.kit.duties import Duty, duty
from datawave.kit.errors import ErrorCode, InputError
from datawave.kit.ids import global_id
from datawave.kit.masking import MaskMethod, is_masked
from datawave.kit.tables import Outcome
from datawave.kit.vault import Keyring, VaultError
from domain.agents.policy import MAY_BE_KEPT, WITH_POLICIES, Leaving, leaving_of
from domain.catalog.names import qualified, tidy
from domain.policies.events import ValuesForgotten
from models.catalog import Asset, AssetKind
from models.classification import Severity
from models.lineage import ReviewState
from models.policies import ColumnValues, WithoutPermission
from models.sources import DataSource

KEPT_DAYS = 30
MOST_NAMED = 100
"""Columns that one entry of the audit trail names; it says how many there were."""
READ_VALUES = "read_values"
"""What the audit trail calls it that somebody was told values by a permission that a rule asks for."""


def _about(asset_id: UUID) -> str:
    return f"values:{asset_id.hex}"


# --- taken in


async def take_in(tx: Tx, source: DataSource, entries: Iterable[Entry], *, agent_id: UUID) -> int:
    """The values of one batch, in place of what was kept of those columns; how many columns there were. What
    goes against the policies of now is refused, and the batch with it."""
    reported = [each for each in entries if isinstance(each, Reported)]
    if not reported:
        return 0
    leaving = await leaving_of(tx.session, agent_id=agent_id, source_id=source.id)
    for each in reported:
        _refuse_forbidden(each, leaving)
    by_name = {
        qualified(source.key, [tidy(name, 1_024) or "" for name in each.path]): each for each in reported
    }
    found = await tx.session.execute(
        select(Asset.id, Asset.qualified_name).where(
            Asset.source_id == source.id,
            Asset.kind == AssetKind.COLUMN,
            Asset.qualified_name == any_(list(by_name)),  # pyright: ignore[reportArgumentType]  # a list is one
        )
    )
    rows = [
        {
            "asset_id": asset_id,
            "source_id": source.id,
            "agent_id": agent_id,
            "masked_with": by_name[name].masked_with,
            "sealed": _sealed(tx.vault.keyring, asset_id, by_name[name]),
            "taken_at": tx.now,
        }
        for asset_id, name in found
    ]
    if rows:
        fresh = insert(ColumnValues).values(rows)
        kept = {name: fresh.excluded[name] for name in rows[0] if name != "asset_id"}
        await tx.session.execute(fresh.on_conflict_do_update(index_elements=["asset_id"], set_=kept))
    return len(rows)


def _refuse_forbidden(each: Reported, leaving: Leaving) -> None:
    method = each.masked_with
    if leaving.lets(method) and (method is None or all(is_masked(top.value, method) for top in each.top)):
        return
    raise InputError(
        ErrorCode.POLICY_VIOLATION,
        "The policies of the agent and of the source let no value of this column leave, or not in this form;"
        " nothing of this batch was kept.",
        path=["entries", "values"],
        expected="docs/guides/values.md",
    )


def _sealed(keyring: Keyring, asset_id: UUID, reported: Reported) -> bytes:
    told = [[top.value, top.count] for top in reported.top]
    return keyring.seal(orjson.dumps(told), _about(asset_id))


# --- forgotten

FORBIDDEN = (
    "DELETE FROM column_values WHERE asset_id IN"
    f" (SELECT v.asset_id FROM {WITH_POLICIES} WHERE NOT {MAY_BE_KEPT})"
)
FORBIDDEN_OF = f"{FORBIDDEN} AND source_id = :source"
ALL_OF = "DELETE FROM column_values WHERE source_id = :source"
OLD = text("DELETE FROM column_values WHERE taken_at < :bound")
TOLD = (
    "WITH gone AS ({which} RETURNING source_id) SELECT g.source_id, s.workspace_id, count(*) AS columns"
    " FROM gone g JOIN data_source s ON s.id = g.source_id GROUP BY 1, 2 ORDER BY 1"
)


async def forget_forbidden(tx: Tx, *, source_id: UUID | None = None) -> int:
    """Within a command: what the policies no longer let leave is kept no longer."""
    return await _forget(tx, FORBIDDEN_OF if source_id is not None else FORBIDDEN, source_id)


async def forget_source(tx: Tx, source_id: UUID) -> int:
    """Within a command: nothing is kept of the source's values."""
    return await _forget(tx, ALL_OF, source_id)


async def _forget(tx: Tx, which: str, source_id: UUID | None) -> int:
    await tx.session.flush()
    given = {"source": source_id} if source_id is not None else {}
    found = (await tx.session.execute(text(TOLD.format(which=which)), given)).all()
    for row in found:
        tx.emit(ValuesForgotten(source_id=row.source_id, workspace_id=row.workspace_id, columns=row.columns))
    return sum(row.columns for row in found)


@duty(every=60.0, when=select(ColumnValues.asset_id))
async def forget_old_values(standing: Duty) -> None:
    """Values are kept for some days; and what a policy forbids is gone within a minute, whoever changed whose
    policy (until then nobody is told it)."""
    days = standing.extras.get("values_days", KEPT_DAYS)
    await standing.session.execute(OLD, {"bound": standing.now - timedelta(days=days)})
    await standing.session.execute(text(FORBIDDEN))


# --- told


@dataclass(frozen=True, kw_only=True)
class Telling:
    """How values are told: opened with `keyring`, as long as they are kept. That somebody was told what a
    rule keeps from others is on record before they have it."""

    keyring: Keyring
    record: Refusals
    days: int = KEPT_DAYS

    async def of(self, db: Db, asset_ids: Sequence[UUID]) -> Mapping[UUID, Shown]:
        """What the viewer is told of columns, of those that there is anything of."""
        kept = await db.fetch(KEPT, [list(asset_ids), timedelta(days=self.days)])
        if not kept:
            return {}
        rules = await _rules(db)
        told: dict[UUID, Shown] = {}
        for row in kept:
            values = self._opened(row)
            if values is not None:
                told[row["asset_id"]] = self._told(row, values, rules, db.viewer)
        await self._put_on_record(db.viewer, told)
        return told

    def _opened(self, row: Any) -> Sequence[Value] | None:
        """Values sealed with another secret key are none: the next sampling brings them again."""
        try:
            opened = orjson.loads(self.keyring.open(row["sealed"], _about(row["asset_id"])))
        except VaultError:
            return None
        return [(value, count) for value, count in opened]

    def _told(self, row: Any, values: Sequence[Value], rules: Sequence[Rule], viewer: Viewer) -> Shown:
        held = viewer.rights.on(
            Permission.SAMPLE_READ, workspace_id=row["workspace_id"], source_id=row["source_id"]
        )
        if not held:  # the field has asked already; no other way leads here
            return Shown(values=None)
        column = Column(
            source_id=row["source_id"],
            workspace_id=row["workspace_id"],
            labels=[_carried(each) for each in row["labels"] or ()],
        )
        key = self.keyring.mac(b"values:" + row["source_id"].bytes)
        method = MaskMethod(row["masked_with"]) if row["masked_with"] else None
        return shown(values, column, rules, viewer.rights, masked_with=method, key=key)

    async def _put_on_record(self, viewer: Viewer, told: Mapping[UUID, Shown]) -> None:
        columns = [asset_id for asset_id, each in told.items() if each.under]
        if not columns:
            return
        permissions = sorted({name for each in told.values() for name in each.under})
        named = [global_id("asset", asset_id) for asset_id in columns[:MOST_NAMED]]
        await self.record.write_alone(
            viewer,
            action=READ_VALUES,
            permission=permissions[0],
            outcome=Outcome.DONE,
            subject=("asset", columns[0]) if len(columns) == 1 else None,
            detail={"counts": {"columns": len(columns), "permissions": permissions, "assets": named}},
        )


KEPT = f"""
WITH RECURSIVE holding AS (
    SELECT a.id AS start, a.id, a.parent_id, 0 AS height FROM asset a WHERE a.id = ANY($1::uuid[])
    UNION ALL
    SELECT h.start, p.id, p.parent_id, h.height + 1 FROM holding h JOIN asset p ON p.id = h.parent_id
    WHERE h.height < 32
), labelled AS (
    SELECT h.start, array_agg(ARRAY[c.label_id::text, c.state, l.sensitivity]) AS labels
    FROM holding h JOIN classification c ON c.asset_id = h.id JOIN label l ON l.id = c.label_id
    GROUP BY h.start
)
SELECT v.asset_id, v.source_id, s.workspace_id, v.masked_with, v.sealed, labelled.labels
FROM {WITH_POLICIES}
LEFT JOIN labelled ON labelled.start = v.asset_id
WHERE v.asset_id = ANY($1::uuid[]) AND v.taken_at >= datawave_now() - $2::interval
    AND s.state <> 'DECOMMISSIONED' AND {MAY_BE_KEPT}"""
"""With the labels of each column and of what holds it: whether the viewer may read classifications or not,
since the decision is not theirs."""

RULES = """
WITH RECURSIVE meant AS (
    SELECT r.id AS rule_id, l.id AS label_id FROM access_rule r JOIN label l ON l.id = ANY(r.label_ids)
    WHERE r.enabled
    UNION
    SELECT m.rule_id, l.id FROM meant m JOIN label l ON l.parent_id = m.label_id
)
SELECT r.id, r.permission, r.without, r.mask_with, r.label_ids, r.min_sensitivity, r.states, r.workspace_id,
    r.source_id, (SELECT array_agg(m.label_id) FROM meant m WHERE m.rule_id = r.id) AS meant
FROM access_rule r WHERE r.enabled"""
"""Asked anew for each read: a rule counts from the moment it is there, in every process."""


async def _rules(db: Db) -> list[Rule]:
    return [
        Rule(
            permission=row["permission"],
            method=MaskMethod(row["mask_with"]) if row["without"] == WithoutPermission.MASK else None,
            # Labels that are all gone are still none that a column carries, not whatever label.
            labels=frozenset([*(row["meant"] or ()), *row["label_ids"]]),
            least=Severity(row["min_sensitivity"]) if row["min_sensitivity"] else None,
            states=frozenset(map(ReviewState, row["states"])),
            workspace_id=None if row["source_id"] else row["workspace_id"],
            source_id=row["source_id"],
        )
        for row in await db.fetch(RULES, ())
    ]


def _carried(label: Sequence[str]) -> Carried:
    key, state, sensitivity = label
    return Carried(label=UUID(key), sensitivity=Severity(sensitivity), state=ReviewState(state))
