"""Every permission there is, and the roles that come with the product."""

from __future__ import annotations

from enum import StrEnum


class Permission(StrEnum):
    """`thing:verb`. Fields, commands, grants and docs use these and no others."""

    USER_READ = "user:read"
    USER_CREATE = "user:create"
    USER_UPDATE = "user:update"
    APIKEY_CREATE = "apikey:create"
    CERTIFICATE_MANAGE = "certificate:manage"
    ROLE_READ = "role:read"
    ROLE_MANAGE = "role:manage"
    ROLE_GRANT = "role:grant"
    WORKSPACE_READ = "workspace:read"
    WORKSPACE_MANAGE = "workspace:manage"
    DATASOURCE_READ = "datasource:read"
    DATASOURCE_CREATE = "datasource:create"
    DATASOURCE_UPDATE = "datasource:update"
    DATASOURCE_TEST = "datasource:test"
    DATASOURCE_DISCOVER = "datasource:discover"
    DATASOURCE_DELETE = "datasource:delete"
    CREDENTIAL_ROTATE = "credential:rotate"
    AGENT_READ = "agent:read"
    AGENT_ACT = "agent:act"
    AGENT_MANAGE = "agent:manage"
    ASSET_READ = "asset:read"
    ASSET_EDIT = "asset:edit"
    SAMPLE_READ = "sample:read"
    PAYMENT_READ = "payment:read"
    PERSONAL_READ = "personal:read"
    HEALTH_READ = "health:read"
    LINEAGE_READ = "lineage:read"
    CLASSIFICATION_READ = "classification:read"
    RUN_READ = "run:read"
    RUN_CONTROL = "run:control"
    JOB_READ = "job:read"
    JOB_MANAGE = "job:manage"
    EVENT_READ = "event:read"
    COMMAND_UNDO = "command:undo"
    AUDIT_READ = "audit:read"
    AUDIT_MANAGE = "audit:manage"
    EXPORT_CREATE = "export:create"
    MONITORING_READ = "monitoring:read"
    SETTINGS_READ = "settings:read"
    SETTINGS_MANAGE = "settings:manage"
    POLICY_MANAGE = "policy:manage"
    VAULT_MANAGE = "vault:manage"


P = Permission

MEANING: dict[Permission, str] = {
    P.USER_READ: "See people and programs.",
    P.USER_CREATE: "Invite people and make accounts for programs.",
    P.USER_UPDATE: "Change people, see and end their sessions.",
    P.APIKEY_CREATE: "Make and end API keys of programs.",
    P.CERTIFICATE_MANAGE: "Issue and revoke client certificates.",
    P.ROLE_READ: "See roles and who holds them.",
    P.ROLE_MANAGE: "Make and change roles and groups.",
    P.ROLE_GRANT: "Give roles and take them away.",
    P.WORKSPACE_READ: "See a workspace.",
    P.WORKSPACE_MANAGE: "Make and change workspaces.",
    P.DATASOURCE_READ: "See data sources, their health and their discoveries.",
    P.DATASOURCE_CREATE: "Configure new data sources.",
    P.DATASOURCE_UPDATE: "Change data sources and see their configuration.",
    P.DATASOURCE_TEST: "Try connections.",
    P.DATASOURCE_DISCOVER: "Start discoveries.",
    P.DATASOURCE_DELETE: "Decommission data sources.",
    P.CREDENTIAL_ROTATE: "Rotate the credentials of data sources.",
    P.AGENT_READ: "See edge agents and their tasks.",
    P.AGENT_ACT: "Act as an edge agent: claim tasks and report.",
    P.AGENT_MANAGE: "Enroll, change and revoke edge agents.",
    P.ASSET_READ: "See the catalog.",
    P.ASSET_EDIT: "Change descriptions, owners and tags.",
    P.SAMPLE_READ: "See sampled values.",
    P.PAYMENT_READ: "See values labelled as payment data, where a rule asks for it.",
    P.PERSONAL_READ: "See values labelled as personal data, where a rule asks for it.",
    P.HEALTH_READ: "See values labelled as health data, where a rule asks for it.",
    P.LINEAGE_READ: "See lineage.",
    P.CLASSIFICATION_READ: "See classifications and their evidence.",
    P.RUN_READ: "See runs.",
    P.RUN_CONTROL: "Cancel and retry runs.",
    P.JOB_READ: "See jobs and dead letters.",
    P.JOB_MANAGE: "Cancel jobs, requeue or discard dead letters.",
    P.EVENT_READ: "Read the event log and the commands.",
    P.COMMAND_UNDO: "Take commands back and do them again.",
    P.AUDIT_READ: "Read and verify the audit trail.",
    P.AUDIT_MANAGE: "Anchor the audit trail, and say how long it is kept.",
    P.EXPORT_CREATE: "Copy what one may see to a file.",
    P.MONITORING_READ: "See circuit breakers and the platform's health.",
    P.SETTINGS_READ: "See the settings in force.",
    P.SETTINGS_MANAGE: "Change login services and signing keys.",
    P.POLICY_MANAGE: "Change what agents may read and send, and who sees values of which label.",
    P.VAULT_MANAGE: "Rotate the vault's keys.",
}

DANGEROUS = frozenset(
    {
        P.USER_UPDATE,
        P.CERTIFICATE_MANAGE,
        P.ROLE_MANAGE,
        P.ROLE_GRANT,
        P.DATASOURCE_DELETE,
        P.VAULT_MANAGE,
        P.AGENT_MANAGE,
        P.AUDIT_MANAGE,
        P.SETTINGS_MANAGE,
        P.POLICY_MANAGE,
    }
)

_READING = {
    P.WORKSPACE_READ, P.DATASOURCE_READ, P.ASSET_READ, P.LINEAGE_READ, P.CLASSIFICATION_READ, P.RUN_READ,
    P.AGENT_READ,
}  # fmt: skip

BUILT_IN_ROLES: dict[str, tuple[str, frozenset[Permission]]] = {
    "Administrator": ("Everything but acting as an agent.", frozenset(Permission) - {P.AGENT_ACT}),
    "Data steward": (
        "Connects sources and governs what is found in them.",
        frozenset(
            _READING
            | {
                P.DATASOURCE_CREATE, P.DATASOURCE_UPDATE, P.DATASOURCE_TEST, P.DATASOURCE_DISCOVER,
                P.DATASOURCE_DELETE, P.CREDENTIAL_ROTATE, P.ASSET_EDIT, P.RUN_CONTROL, P.JOB_READ,
                P.EVENT_READ, P.COMMAND_UNDO, P.SAMPLE_READ,
            }
        ),
    ),
    "Data engineer": (
        "Connects and discovers sources.",
        frozenset(
            _READING
            | {
                P.DATASOURCE_CREATE, P.DATASOURCE_UPDATE, P.DATASOURCE_TEST, P.DATASOURCE_DISCOVER,
                P.CREDENTIAL_ROTATE, P.RUN_CONTROL, P.JOB_READ, P.JOB_MANAGE, P.EVENT_READ, P.MONITORING_READ,
            }
        ),
    ),
    "Analyst": ("Reads the catalog, lineage and labels.", frozenset(_READING)),
    "Auditor": (
        "Reads everything that was done, changes nothing.",
        frozenset(
            _READING
            | {
                P.AUDIT_READ, P.EXPORT_CREATE, P.EVENT_READ, P.ROLE_READ, P.USER_READ, P.SETTINGS_READ,
                P.JOB_READ,
            }
        ),
    ),
    "Partner": (
        "Reads the catalog through the API.",
        frozenset({P.ASSET_READ, P.LINEAGE_READ, P.DATASOURCE_READ}),
    ),
    "Agent": ("What every edge agent holds.", frozenset({P.AGENT_ACT})),
}  # fmt: skip
