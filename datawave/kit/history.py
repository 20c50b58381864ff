"""History twins: what a row was, from when to when, and by which command.

A twin holds only former versions; the present one stands in the table itself with its `valid_from`. The
database writes the twin (triggers, set-based), so that no writer can forget it. As of a time = rows now that
were so then, and former ones that were so then.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar, cast

from sqlalchemy import Column, DateTime, Index, Table, Uuid, func, select, union_all
from sqlalchemy.orm import Mapped, aliased, mapped_column

from datawave.kit.database import Base

TWINS: dict[str, Table] = {}
R = TypeVar("R", bound=type[Base])


class Historic:
    """Mixin of tables whose state matters as of a time."""

    valid_from: Mapped[datetime] = mapped_column(server_default=func.datawave_now())


def historic(row: R) -> R:
    """Gives the table its twin."""
    table = row.__table__
    assert isinstance(table, Table)
    # A foreign key takes its type from the table it refers to, which may not be mapped yet: all of ours are
    # uuids.
    own = cast("list[Column[Any]]", list(cast(Any, table).columns))
    columns: list[Column[Any]] = [
        Column(c.name, Uuid() if c.foreign_keys else c.type, nullable=True) for c in own
    ]
    TWINS[table.name] = Table(
        f"{table.name}_history",
        table.metadata,
        *columns,
        Column("valid_to", DateTime(timezone=True), nullable=False),
        Column("superseded_by", Uuid(), nullable=True),
        Index(f"ix_{table.name}_history_key", *(c.name for c in table.primary_key), "valid_from"),
        Index(f"ix_{table.name}_history_valid", "valid_to", "valid_from"),
    )
    return row


def as_of(row: type[Any], at: datetime | None) -> Any:
    """The row class as it was then (itself where no time is given): select from it, filter by it, as ever."""
    if at is None:
        return row
    table, twin = row.__table__, TWINS[row.__tablename__]
    former: list[Any] = [twin.c[column.name] for column in table.c]
    now: Any = select(*table.c).where(table.c.valid_from <= at)
    then: Any = select(*former).where(twin.c.valid_from <= at, twin.c.valid_to > at)
    return aliased(row, union_all(now, then).subquery(), name=f"{row.__tablename__}_then")


def trigger_sql(table: str, columns: list[str]) -> list[str]:
    """The triggers of one table, for its migration. `datawave.command` is set by the transaction of a
    command."""
    names = ", ".join(f'"{name}"' for name in columns)
    olds = ", ".join(f'o."{name}"' for name in columns)
    command = "nullif(current_setting('datawave.command', true), '')::uuid"
    return [
        f"""CREATE OR REPLACE FUNCTION {table}_keep_updated() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO {table}_history ({names}, valid_to, superseded_by)
  SELECT {olds}, n.valid_from, {command} FROM old_rows o JOIN new_rows n USING (id)
  WHERE n.valid_from <> o.valid_from;
  RETURN NULL;
END $$""",
        f"""CREATE OR REPLACE FUNCTION {table}_keep_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO {table}_history ({names}, valid_to, superseded_by)
  SELECT {olds}, greatest(datawave_now(), o.valid_from + interval '1 microsecond'), {command} FROM old_rows o;
  RETURN NULL;
END $$""",
        f"CREATE TRIGGER {table}_dated BEFORE UPDATE ON {table} FOR EACH ROW"
        " WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION history_dated()",
        f"CREATE TRIGGER {table}_updated AFTER UPDATE ON {table}"
        " REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows"
        f" FOR EACH STATEMENT EXECUTE FUNCTION {table}_keep_updated()",
        f"CREATE TRIGGER {table}_deleted AFTER DELETE ON {table} REFERENCING OLD TABLE AS old_rows"
        f" FOR EACH STATEMENT EXECUTE FUNCTION {table}_keep_deleted()",
    ]


DATED = """CREATE OR REPLACE FUNCTION history_dated() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.valid_from := greatest(datawave_now(), OLD.valid_from + interval '1 microsecond');
  RETURN NEW;
END $$"""
