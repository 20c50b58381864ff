"""Certificates of the platform's authority, and who comes in with one."""

from auth.certificates.authority import (
    CERTIFICATE_DAYS,
    SIGNED_WITH,
    actor_named_by,
    certify,
    fingerprint_of,
    make_authority,
    seal_to,
)
from auth.certificates.holders import Bearers, HolderEntered, Holders, is_holders

__all__ = [
    "CERTIFICATE_DAYS",
    "SIGNED_WITH",
    "Bearers",
    "HolderEntered",
    "Holders",
    "actor_named_by",
    "certify",
    "fingerprint_of",
    "is_holders",
    "make_authority",
    "seal_to",
]
