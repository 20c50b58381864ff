"""Connectors are found by entry point, and their options refused with the field to change."""

from __future__ import annotations

import pytest

from connectors import registry
from connectors.configs import DatabaseConfig, EmbeddedDatabaseConfig, TlsMode


def test_the_connectors_of_the_house_are_installed() -> None:
    assert {"postgresql", "mysql", "sqlite"} <= set(registry.connectors())
    assert registry.connector("postgresql").display_name == "PostgreSQL"


def test_an_unknown_kind_is_refused_with_those_there_are() -> None:
    with pytest.raises(registry.UnknownConnector, match="postgresql"):
        registry.connector("oracle9")


def test_options_are_taken_by_the_names_of_the_api() -> None:
    raw = {"host": "db.example", "timeoutSeconds": 5, "tls": {"serverName": "db"}, "include": ["a.*"]}
    config = registry.checked_config("postgresql", raw)
    assert isinstance(config, DatabaseConfig)
    assert (config.timeout_seconds, config.include) == (5, ("a.*",))
    assert config.tls is not None
    assert (config.tls.mode, config.tls.server_name) == (TlsMode.VERIFY_FULL, "db")
    assert isinstance(registry.checked_config("sqlite", {"path": "a.db"}), EmbeddedDatabaseConfig)


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ({}, ("host",)),
        ({"host": "a", "port": 0}, ("port",)),
        ({"host": "a", "port": "x"}, ("port",)),
        ({"host": "a b"}, ("host",)),
        ({"host": "/var/run/postgresql"}, ("host",)),
        ({"host": "a,b"}, ("host",)),
        ({"host": "a", "passfile": "/etc/shadow"}, ("passfile",)),
        ({"host": "a", "tls": {"mode": "MAYBE"}}, ("tls", "mode")),
        ({"host": "a", "tls": {"ca": "/etc/ssl/ca.pem"}}, ("tls", "ca")),
        ({"host": "a", "timeoutSeconds": 100_000}, ("timeoutSeconds",)),
        ({"host": "a", "include": ["x"] * 501}, ("include",)),
        ({"host": "a", "database": "x\x00"}, ("database",)),
    ],
)
def test_a_bad_option_is_refused_at_its_field(raw: dict[str, object], path: tuple[str, ...]) -> None:
    with pytest.raises(registry.ConfigRefused) as refused:
        registry.checked_config("mysql", raw)
    assert [problem.path for problem in refused.value.problems] == [path]
    assert "shadow" not in str(refused.value)


def test_the_schema_of_options_speaks_camel_case() -> None:
    schema = registry.config_schema("postgresql")
    assert "timeoutSeconds" in schema["properties"]
    assert schema["additionalProperties"] is False
