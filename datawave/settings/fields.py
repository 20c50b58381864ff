"""The settings, one by one: type, default, and what each is for."""

from __future__ import annotations

import os
import re
from email.utils import parseaddr
from enum import StrEnum
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import unquote, urlsplit

from pydantic import AliasChoices, Field, PrivateAttr, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from datawave.embedded.home import Home
from datawave.embedded.postgres import kept_password
from datawave.kit.secrets import Secret
from datawave.settings.kinds import (
    Amount,
    Days,
    Folders,
    Names,
    Port,
    Seconds,
    SecretText,
    listed,
    setting,
)
from datawave.settings.limits import Limits
from datawave.settings.sources import ROOT, Origins, in_order

if TYPE_CHECKING:
    from datawave.settings.reference import SettingRow

SHORTEST_KEY = 32


class Profile(StrEnum):
    DEVELOPMENT = "development"
    TEST = "test"
    PRODUCTION = "production"


class SettingSource(StrEnum):
    DEFAULT = "DEFAULT"
    PROFILE = "PROFILE"
    ENVIRONMENT = "ENVIRONMENT"


class Settings(Limits):
    """Everything that can be set, by `DATAWAVE_…`, `.env`, or the profile file; frozen once read."""

    model_config = SettingsConfigDict(
        env_prefix="DATAWAVE_",
        env_file=ROOT / ".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        populate_by_name=True,
        hide_input_in_errors=True,
        validate_default=False,
    )

    profile: Profile = setting(
        Profile.DEVELOPMENT,
        "Which defaults hold: development, test, or production, which refuses what is not safe.",
    )
    config: Path | None = setting(
        None, "The profile file (TOML); without it `datawave.toml` in the checkout, if there is one."
    )
    home: Path = setting(
        ROOT / ".datawave", "Folder for the state of the embedded default, keys, files and logs."
    )
    host: str = setting("127.0.0.1", "Address the API listens on.")
    port: Port = setting(8000, "Port the API listens on.")
    public_url: str | None = setting(
        None, "Address under which people reach the API; by default the one it listens on."
    )
    tls_certificate: Path | None = setting(
        None,
        "File with the certificate (PEM, those that vouch for it behind it) by which the API speaks https"
        " itself; read at start, so `datawave restart` takes a renewed one.",
    )
    tls_key: Path | None = setting(None, "File with the certificate's private key (PEM, without passphrase).")
    trusted_proxies: Names = setting(
        (),
        "Addresses or networks of the proxies before the API: from them alone X-Forwarded-For and"
        " X-Forwarded-Proto are believed.",
    )
    cors_origins: Names = setting(
        (),
        "Other origins (scheme, host and port, such as https://portal.example.com) whose pages may use the"
        " API from a browser.",
    )
    introspection: Literal["everybody", "signed-in", "nobody"] = setting(
        "everybody",
        "Who may look at the schema, by introspection, as text and in GraphiQL; in production those who are"
        " signed in.",
    )
    url: str | None = setting(
        None, "Address under which agents reach the API; by default 127.0.0.1 with the port."
    )
    database_url: SecretText | None = setting(
        None, "PostgreSQL (postgresql://user:password@host:port/database); without it the embedded one."
    )
    redis_url: SecretText | None = setting(
        None, "Valkey or Redis (redis://:password@host:port/0); without it the embedded one."
    )
    redis_prefix: str | None = setting(
        None,
        "What this installation's keys and channels in Valkey begin with; without it `dw:` and an id that the"
        " database holds, so that installations may share a Valkey.",
    )
    allow_embedded: bool = setting(
        False, "Lets production run on the embedded PostgreSQL and Valkey, on one machine."
    )
    secret_key: SecretText | None = setting(
        None,
        "Master key of the vault, at least 32 characters; in development made in the home when missing.",
    )
    former_secret_key: SecretText | None = setting(
        None, "The master key before this one, so that what it sealed opens until it is sealed anew."
    )
    admin_email: str = setting("admin@datawave.local", "E-mail of the admin made by the first migration.")
    admin_password: SecretText | None = setting(
        None,
        "Password of the admin made by the first migration; in development made up and shown when missing.",
    )
    smtp_url: SecretText | None = setting(
        None,
        "Mail server (smtp://user:password@host:587, or smtps://…:465); without it nobody gets mail, and who"
        " invites somebody is shown the link. A password is sent only over TLS, unless to this machine.",
    )
    mail_from: str | None = setting(
        None,
        "From whom mails are, such as `DataWave <datawave@example.com>`; by default `datawave` at the host of"
        " the public address.",
    )
    demo: bool = setting(
        True,
        "Whether the first start brings a demo source (also as DEMO).",
        alias=AliasChoices("DATAWAVE_DEMO", "DEMO"),
    )
    api_processes: int = setting(1, "API processes that `datawave up` starts, on one port.")
    drain_seconds: Seconds = setting(
        5.0, "Time in which an API process that is told to leave (SIGTERM) keeps connections nobody uses."
    )
    workers: int = setting(1, "Worker processes that `datawave up` starts.")
    database_pool: Amount = setting(
        10, "Most connections to PostgreSQL that one process holds for commands and duties."
    )
    database_readers: Amount = setting(8, "Most connections to PostgreSQL that one process holds for reads.")
    otlp_endpoint: str | None = setting(
        None,
        "Where traces go: an OpenTelemetry collector that takes OTLP over HTTP, such as http://127.0.0.1:4318;"
        " without it none are recorded.",
    )
    otlp_headers: SecretText | None = setting(
        None, "What the collector wants as headers, to know us by: `name=value`, several with commas between."
    )
    trace_share: Annotated[float, Field(ge=0, le=1)] = setting(
        1.0,
        "Share of the traces that begin here that is recorded; a caller's `traceparent` decides for its own.",
    )
    event_retention: int | None = setting(
        None, "Days that events are kept, at least 30; without it for ever."
    )
    session_idle_hours: Annotated[float, Field(gt=0, le=720)] = setting(
        12.0, "Hours after which a browser's session ends that nobody uses."
    )
    session_days: Days = setting(30, "Days after which a browser's session ends in any case.")
    refresh_idle_days: Days = setting(30, "Days in which a refresh token must be used.")
    refresh_days: Days = setting(90, "Days after which a program's session ends in any case.")
    signing_key_days: Days = setting(90, "Days after which access tokens are signed with a new key.")
    audit_anchor_hours: Annotated[int, Field(ge=1, le=720)] = setting(
        24, "Hours after which the audit trail is closed by a signed anchor, where there is anything new."
    )
    audit_retention_days: int | None = setting(
        None, "Days that entries of the audit trail are kept, at least 365; without it for ever."
    )
    blob_url: str | None = setting(
        None, "Where files are kept that the platform makes: file:///folder; by default blobs/ in the home."
    )
    export_days: Annotated[int, Field(ge=1, le=365)] = setting(7, "Days that an exported file is kept.")
    grace_days: Annotated[int, Field(ge=0, le=365)] = setting(
        7, "Days in which a decommissioned source can be brought back."
    )
    values_days: Annotated[int, Field(ge=1, le=365)] = setting(
        30, "Days that sampled values of columns are kept, where a policy lets any leave their source."
    )
    file_roots: Folders = setting(
        (), "Folders below which files and SQLite databases may be sources; by default files/ in the home."
    )
    allow_private_sources: bool = setting(
        True,
        "Whether sources and login services may be at loopback and private addresses; not in production.",
    )
    private_hosts: Names = setting(
        (), "Hosts or networks at private addresses that may be sources or login services all the same."
    )
    documents: Folders = setting(
        (),
        "Manifests of registered documents, or folders with them; by default documents/ in the home. The"
        " dashboard's own are always known.",
    )
    registered_documents_only: bool = setting(
        False, "Whether only registered documents are answered (the dashboard's, agents', and `documents`)."
    )
    agent_name: str = setting("local", "Name of the agent that runs here.")
    agent_statement_seconds: Seconds = setting(60.0, "Time limit of one statement at a source.")
    sample_rows: Annotated[int, Field(ge=0, le=100_000)] = setting(
        1_000, "Most rows of a table that this machine's agent looks at, whatever a policy allows."
    )
    log_format: Literal["auto", "console", "json"] = setting(
        "auto", "Logs for people (console) or programs (json); auto asks whether a terminal reads them."
    )
    log_level: Literal["debug", "info", "warning", "error"] = setting("info", "The least that is logged.")

    _origins: Origins = PrivateAttr(default_factory=Origins)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return in_order(settings_cls, init_settings, env_settings, dotenv_settings)

    @field_validator(
        "file_roots", "documents", "private_hosts", "trusted_proxies", "cors_origins", mode="before"
    )
    @classmethod
    def _split(cls, value: object) -> object:
        return listed(value)

    @field_validator("home", "config", "tls_certificate", "tls_key")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return value.expanduser().absolute() if value is not None else None

    @field_validator("database_url")
    @classmethod
    def _is_postgresql(cls, value: Secret | None) -> Secret | None:
        return _of_scheme(value, "postgresql", "postgres", "postgresql+asyncpg")

    @field_validator("redis_url")
    @classmethod
    def _is_redis(cls, value: Secret | None) -> Secret | None:
        return _of_scheme(value, "redis", "rediss", "unix")

    @field_validator("smtp_url")
    @classmethod
    def _is_smtp(cls, value: Secret | None) -> Secret | None:
        if value is not None and not urlsplit(value.reveal()).hostname:
            raise ValueError("must name a host, as smtp://user:password@host:587")
        return _of_scheme(value, "smtp", "smtps")

    @field_validator("mail_from")
    @classmethod
    def _is_sender(cls, value: str | None) -> str | None:
        name, _, domain = parseaddr(value or "a@b")[1].partition("@")
        if not name or not domain or not (value or "").isprintable():
            raise ValueError("must be an e-mail address, with a name before it or not: `DataWave <a@b.c>`")
        return value

    @field_validator("redis_prefix")
    @classmethod
    def _is_prefix(cls, value: str | None) -> str | None:
        if value is not None and re.fullmatch(r"[A-Za-z0-9_.:-]{1,64}", value) is None:
            raise ValueError("must be 1 to 64 letters, digits, or one of _ . : -")
        return value

    @field_validator("public_url", "url", "otlp_endpoint")
    @classmethod
    def _is_http(cls, value: str | None) -> str | None:
        if value is not None and (
            urlsplit(value).scheme not in ("http", "https") or not urlsplit(value).hostname
        ):
            raise ValueError("must be an address that begins with http:// or https://")
        return value.rstrip("/") if value is not None else None

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            try:
                ip_network(each)
            except ValueError:
                raise ValueError(f"{each} is no address and no network, such as 10.0.0.0/8") from None
        return value

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            parts = urlsplit(each)
            whole = f"{parts.scheme}://{parts.netloc}"
            if parts.scheme not in ("http", "https") or not parts.hostname or whole != each or "*" in each:
                raise ValueError(f"{each} is no origin: scheme, host and port alone, without wildcard")
        return value

    @field_validator("secret_key", "former_secret_key")
    @classmethod
    def _is_long(cls, value: Secret | None) -> Secret | None:
        if value is not None and len(value.reveal()) < SHORTEST_KEY:
            raise ValueError(
                f"must have at least {SHORTEST_KEY} characters, such as `openssl rand -base64 32` makes"
            )
        return value

    @field_validator("otlp_headers")
    @classmethod
    def _are_headers(cls, value: Secret | None) -> Secret | None:
        if value is not None and not all(name and "=" in pair for pair, name in _pairs(value)):
            raise ValueError("must be `name=value`, several with commas between")
        return value

    @field_validator("event_retention")
    @classmethod
    def _is_a_month(cls, value: int | None) -> int | None:
        if value is not None and value < 30:
            raise ValueError("must be at least 30 days")
        return value

    @field_validator("audit_retention_days")
    @classmethod
    def _is_a_year(cls, value: int | None) -> int | None:
        if value is not None and value < 365:
            raise ValueError("must be at least 365 days")
        return value

    @field_validator("blob_url")
    @classmethod
    def _is_a_store(cls, value: str | None) -> str | None:
        if value is not None:
            _folder_of(value)
        return value

    @field_validator("admin_email")
    @classmethod
    def _has_at(cls, value: str) -> str:
        name, _, domain = value.strip().partition("@")
        if not name or not domain:
            raise ValueError("must be an e-mail address")
        return value.strip()

    @field_validator("api_processes", "workers")
    @classmethod
    def _some(cls, value: int) -> int:
        if not 1 <= value <= 64:
            raise ValueError("must be between 1 and 64")
        return value

    @property
    def place(self) -> Home:
        return Home(self.home)

    @property
    def connections(self) -> int:
        """The most that the processes of `datawave up` have to PostgreSQL, one that takes another's place and
        somebody at a console counted in."""
        return (self.api_processes + 1 + self.workers) * self.connections_of_one + 5

    @property
    def connections_of_one(self) -> int:
        """The most that one process has to PostgreSQL."""
        return 2 * self.database_pool + self.database_readers + 1

    @property
    def leave_seconds(self) -> float:
        """Time that an API process gives to what is under way when it leaves."""
        return max(20.0, self.drain_seconds)

    @property
    def local_url(self) -> str:
        """How a process on this machine reaches the API, the built-in agent first of all."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}.get(self.host, self.host)
        scheme = "https" if self.tls_certificate else "http"
        return f"{scheme}://{f'[{host}]' if ':' in host and not host.startswith('[') else host}:{self.port}"

    @property
    def platform_url(self) -> str:
        """How agents reach the API."""
        return self.url or self.local_url

    @property
    def origin(self) -> str:
        """How people reach the API."""
        return self.public_url or self.local_url

    @property
    def mail_sender(self) -> str:
        """From whom mails are."""
        host = urlsplit(self.origin).hostname or "localhost"
        return self.mail_from or f"DataWave <datawave@{'localhost' if ':' in host else host}>"

    @property
    def readable_folders(self) -> tuple[Path, ...]:
        """The folders below which a file may be a source."""
        return self.file_roots or (self.place.files,)

    @property
    def blobs(self) -> Path:
        """The folder of the files that the platform makes."""
        return _folder_of(self.blob_url) if self.blob_url else self.place.blobs

    def database(self) -> Secret:
        """The database by URL: the one that is set, else the embedded one of the home."""
        return self.database_url or Secret(self.place.postgres_address().url("datawave"))

    def redis(self) -> Secret:
        """Valkey by URL: the one that is set, else the embedded one of the home."""
        return self.redis_url or Secret(self.place.valkey_address().url())

    def collector_headers(self) -> dict[str, str]:
        """What goes to the collector beside the traces."""
        pairs = _pairs(self.otlp_headers) if self.otlp_headers is not None else ()
        return {name: pair.partition("=")[2].strip() for pair, name in pairs}

    def master_key(self) -> Secret:
        """The key that is set; else the home's own, made 0600 the first time, which production refuses."""
        if self.secret_key is not None:
            return self.secret_key
        if self.profile is Profile.PRODUCTION:
            raise RuntimeError("Production has no key of its own making.")
        self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        return Secret(kept_password(self.place.secret_key))

    def reference_rows(self) -> list[SettingRow]:
        """Every setting in force, a secret's value left out: what the API's `configuration` answers."""
        from datawave.settings.reference import reference

        return reference(self)

    def came_from(self, origins: Origins) -> None:
        """Told once, by whoever read them."""
        self._origins.update(origins)

    def source_of(self, name: str) -> SettingSource:
        return SettingSource(self._origins.get(name, SettingSource.DEFAULT))


def _pairs(headers: Secret) -> list[tuple[str, str]]:
    """Each `name=value` with its name."""
    return [(pair, pair.partition("=")[0].strip()) for pair in headers.reveal().split(",")]


def _of_scheme(value: Secret | None, *schemes: str) -> Secret | None:
    if value is not None and urlsplit(value.reveal()).scheme not in schemes:
        raise ValueError(f"must be an address that begins with {schemes[0]}://")
    return value


def _folder_of(url: str) -> Path:
    """The folder of a `file://` address, which is the only kind of store so far."""
    parts = urlsplit(url)
    if parts.scheme != "file" or parts.netloc not in ("", "localhost") or not parts.path.startswith("/"):
        raise ValueError("must be the address of a folder, such as file:///var/lib/datawave/blobs")
    return Path(unquote(parts.path))


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return f"DATAWAVE_{name.upper()}"


def known_variables() -> frozenset[str]:
    return frozenset(variable(name) for name in Settings.model_fields)


def unknown_variables() -> list[str]:
    """Variables that look like ours and mean nothing: mostly a slip of the pen."""
    ours = (name for name in os.environ if name.startswith("DATAWAVE_"))
    allowed = ("DATAWAVE_TEST_", "DATAWAVE_PLAN_", "DATAWAVE_BENCH_", "DATAWAVE_BACKUP_PASSPHRASE")
    return sorted(name for name in ours if name not in known_variables() and not name.startswith(allowed))
