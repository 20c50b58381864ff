"""The platform's own affairs: jobs, dead letters, health, the vault's keys."""

from domain.operations.features import Feature, features
from domain.operations.health import Component, Examiner, Health
from domain.operations.jobs import (
    DeadLettersResolved,
    JobCancelled,
    Resolved,
    cancel_job,
    on_cancel,
    on_revival,
    resolve_dead_letters,
)
from domain.operations.vault import (
    RotateVaultKey,
    VaultKeyRotated,
    forget_former_keys,
    rotate_vault_key,
    seal_some_anew,
)

__all__ = [
    "Component",
    "DeadLettersResolved",
    "Examiner",
    "Feature",
    "Health",
    "JobCancelled",
    "Resolved",
    "RotateVaultKey",
    "VaultKeyRotated",
    "cancel_job",
    "features",
    "forget_former_keys",
    "on_cancel",
    "on_revival",
    "resolve_dead_letters",
    "rotate_vault_key",
    "seal_some_anew",
]
