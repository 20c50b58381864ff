"""What commands show of other tables, described."""

from __future__ import annotations

from sqlalchemy import func, literal, select
from sqlalchemy.orm import aliased

from datawave.kit.access import visible
from datawave.kit.given import among
from datawave.kit.pages import Key
from datawave.kit.reads import Of, Rows, at_most
from datawave.kit.tables import Command, Job
from domain.undo import UNDO

MOST = 500


def jobs_of(of: Of) -> Rows:
    """The work that commands began, in order."""
    query = select(Job).where(visible(Job, of.viewer))
    order = [Key(Job.created_at), Key(Job.id)]
    return Rows(query=at_most(query, MOST, of), row=Job, by=Job.command_id, order=order)


def reversible(of: Of) -> Rows:
    """Commands that could be taken back: of one that was, and was done again, the latest time counts."""
    first, undo, again = aliased(Command), aliased(Command), aliased(Command)
    columns = ("id", "name", "inverse", "undone_by")
    last = select(first.id.label("start"), *(getattr(first, each) for each in columns)).where(
        among(first.id, of.keys)
    )
    walk = last.cte(recursive=True)
    walk = walk.union_all(
        select(walk.c.start, *(getattr(again, each) for each in columns))
        .join(undo, undo.id == walk.c.undone_by)
        .join(again, again.id == undo.undone_by)
        .where(visible(undo, of.viewer), visible(again, of.viewer))
    )
    # None is kept as JSON's null, which is not SQL's.
    standing = (walk.c.undone_by.is_(None), func.jsonb_typeof(walk.c.inverse) != "null", walk.c.name != UNDO)
    found = select(walk.c.start, literal(True).label("reversible")).where(*standing).subquery("found")
    return Rows(query=select(found), row=found.c, by=found.c.start, value=found.c.reversible)
