"""Edge agents and the work they are given: offers, leases, numbered batches, signs of life."""

from domain.agents.bundle import Bundle, Surroundings, bundle_of, version_of
from domain.agents.claiming import claim_task, sealed_credentials
from domain.agents.consumers import Consumer, consumer_of, consumes
from domain.agents.events import (
    AgentEnrolled,
    AgentStateChanged,
    CertificatesRevoked,
    SourceAssigned,
    TaskCancelled,
    TaskClaimed,
    TaskEnded,
    TaskOffered,
)
from domain.agents.identity import (
    DEFAULT_POLICY,
    Certified,
    assign_source,
    assign_source_by_default,
    certify_local_agent,
    default_policy,
    release_source,
)
from domain.agents.jobs import fail_job, finish_job, job_waits, next_attempt_of_job
from domain.agents.offering import HELD, OPEN, cancel_task, cancel_tasks_of, offer_again, offer_task
from domain.agents.policy import Leaving, leaving_of
from domain.agents.presence import Lease, send_heartbeat
from domain.agents.reporting import Batch, TaskFailure, report_task

__all__ = [
    "DEFAULT_POLICY",
    "HELD",
    "OPEN",
    "AgentEnrolled",
    "AgentStateChanged",
    "Batch",
    "Bundle",
    "CertificatesRevoked",
    "Certified",
    "Consumer",
    "Lease",
    "Leaving",
    "SourceAssigned",
    "Surroundings",
    "TaskCancelled",
    "TaskClaimed",
    "TaskEnded",
    "TaskFailure",
    "TaskOffered",
    "assign_source",
    "assign_source_by_default",
    "bundle_of",
    "cancel_task",
    "cancel_tasks_of",
    "certify_local_agent",
    "claim_task",
    "consumer_of",
    "consumes",
    "default_policy",
    "fail_job",
    "finish_job",
    "job_waits",
    "leaving_of",
    "next_attempt_of_job",
    "offer_again",
    "offer_task",
    "release_source",
    "report_task",
    "sealed_credentials",
    "send_heartbeat",
    "version_of",
]
