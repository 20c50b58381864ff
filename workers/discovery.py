"""Discoveries, between the agent's tasks."""

from __future__ import annotations

from datawave.kit.work import Waiting, Work, handles
from domain import discovery
from domain.discovery import DiscoverSource


@handles(DiscoverSource)
async def discover_source(work: Work, job: DiscoverSource) -> None:
    """Workers open no source: an agent claims the task, reports in numbered batches, and its last one moves
    the run on."""
    if await work.run(discovery.advance, run_id=job.run_id, job_id=work.job_id):
        raise Waiting
