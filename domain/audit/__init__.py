"""The audit trail: which entries are meant, whether it is whole, how it is anchored and how long it is
kept."""

from datawave.kit.audit import TOPIC as AUDIT
from domain.audit.anchors import AuditAnchored, Keeping, KeptAnchor, anchor_audit, kept_anchors
from domain.audit.reading import Wanted, sealed_between
from domain.audit.retention import LEAST, AuditPeriodRemoved, remove_audit_period
from domain.audit.verification import Verification, sealed_to, verification

__all__ = [
    "AUDIT",
    "LEAST",
    "AuditAnchored",
    "AuditPeriodRemoved",
    "Keeping",
    "KeptAnchor",
    "Verification",
    "Wanted",
    "anchor_audit",
    "kept_anchors",
    "remove_audit_period",
    "sealed_between",
    "sealed_to",
    "verification",
]
