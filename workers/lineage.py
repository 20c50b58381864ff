"""Lineage out of view definitions, after a discovery that changed something."""

from __future__ import annotations

import asyncio

from sqlalchemy import select

from connectors.registry import UnknownConnector, connector
from datawave.kit.database import Db
from datawave.kit.work import Work, handles
from domain.lineage import relations, views
from domain.lineage.jobs import ParseViews
from models.sources import DataSource


@handles(ParseViews)
async def parse_views(work: Work, job: ParseViews) -> None:
    """Edges of what is gone go first, so that a view which lost an input is read again; then views in
    parts, each part in a thread (parsing computes) and in a transaction of its own. A part that is done
    stays done when the job dies."""
    await work.run(relations.relate, source_id=job.source_id)
    db = Db(work.database, work.viewer)
    kind = await db.scalar(select(DataSource.kind).where(DataSource.id == job.source_id))
    pending, names = await views.to_read(db, job.source_id)
    if names is None or kind is None:
        return
    dialect = dialect_of(kind)
    for start in range(0, len(pending), views.VIEWS_AT_ONCE):
        part = pending[start : start + views.VIEWS_AT_ONCE]
        readings = await asyncio.to_thread(views.read_views, part, names, dialect)
        await work.run(views.write_views, source_id=job.source_id, readings=readings)
        await work.progress(start + len(part), len(pending), unit="views")


def dialect_of(kind: str) -> str | None:
    """The parser's name for what a kind of source speaks; of a connector that was taken away nothing is
    known."""
    try:
        return connector(kind).dialect
    except UnknownConnector:
        return None
