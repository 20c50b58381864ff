"""Settings: where they come from, what is refused, and that no secret is shown."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from datawave.kit.secrets import Secret
from datawave.settings import Profile, Settings, SettingsError, SettingSource, load, reference
from datawave.settings.fields import unknown_variables

KEY = "k" * 40
SOUND = {
    "PROFILE": "production",
    "SECRET_KEY": KEY,
    "PUBLIC_URL": "https://governance.example.com",
    "DATABASE_URL": "postgresql://datawave:long-password@db.example.com/datawave",
    "REDIS_URL": "rediss://:long-password@cache.example.com:6379/0",
    "ADMIN_PASSWORD": "correct horse battery",
}


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name == "DEMO" or (name.startswith("DATAWAVE_") and not name.startswith("DATAWAVE_TEST_")):
            monkeypatch.delenv(name)


def given(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    for name, value in values.items():
        monkeypatch.setenv(f"DATAWAVE_{name}", value)


def read(**values: object) -> Settings:
    return load(_env_file=None, **values)


def problems(**values: object) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as refused:
        read(**values)
    return refused.value.problems


def test_without_anything_set_it_is_development_on_loopback() -> None:
    settings = read()
    assert (settings.profile, settings.host, settings.port) == (Profile.DEVELOPMENT, "127.0.0.1", 8000)
    assert settings.demo
    assert settings.allow_private_sources
    assert settings.readable_folders == (settings.home / "files",)


def test_a_bad_value_is_refused_with_the_name_of_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, PORT="eighty", PROFILE="staging", EVENT_RETENTION="7")
    said = "\n".join(problems())
    assert all(f"DATAWAVE_{name}: " in said for name in ("PORT", "PROFILE", "EVENT_RETENTION"))


def test_a_refused_secret_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, SECRET_KEY="too-short-key", DATABASE_URL="mysql://root:planted@host/x")
    said = "\n".join(problems())
    assert "DATAWAVE_SECRET_KEY" in said
    assert "DATAWAVE_DATABASE_URL" in said
    assert "too-short-key" not in said
    assert "planted" not in said


def test_production_with_everything_set_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, **SOUND)
    settings = read()
    assert settings.profile is Profile.PRODUCTION
    assert not settings.demo
    assert not settings.allow_private_sources
    assert settings.log_format == "json"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", None),
        ("PUBLIC_URL", None),
        ("PUBLIC_URL", "http://governance.example.com"),
        ("URL", "http://governance.example.com"),
        ("DATABASE_URL", None),
        ("DATABASE_URL", "postgresql://datawave@db.example.com/datawave"),
        ("REDIS_URL", None),
        ("REDIS_URL", "redis://cache.example.com:6379/0"),
        ("ADMIN_PASSWORD", "Password123!"),
        ("ADMIN_PASSWORD", "short"),
        ("DEMO", "1"),
        ("LOG_LEVEL", "debug"),
    ],
)
def test_production_refuses_an_insecure_default(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str | None
) -> None:
    given(monkeypatch, **{k: v for k, v in SOUND.items() if k != name}, **({name: value} if value else {}))
    [problem] = problems()
    assert problem.startswith(f"DATAWAVE_{name}: ")
    assert problem.endswith("in production.")


def test_production_is_reached_by_http_on_this_machine_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, **SOUND)
    given(monkeypatch, PUBLIC_URL="http://127.0.0.1:8000")
    assert read().origin == "http://127.0.0.1:8000"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TRUSTED_PROXIES", "10.0.0.0/8, proxy.internal"),
        ("TRUSTED_PROXIES", "10.0.0.1/8"),
        ("CORS_ORIGINS", "*"),
        ("CORS_ORIGINS", "https://*.example.com"),
        ("CORS_ORIGINS", "https://portal.example.com/app"),
        ("CORS_ORIGINS", "portal.example.com"),
        ("CORS_ORIGINS", "null"),
        ("INTROSPECTION", "some"),
    ],
)
def test_who_is_let_in_is_said_exactly(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    given(monkeypatch, **{name: value})
    [problem] = problems()
    assert problem.startswith(f"DATAWAVE_{name}: ")


def test_a_certificate_comes_with_its_key_and_makes_the_address_https(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given(monkeypatch, TLS_CERTIFICATE="/etc/datawave/tls.pem")
    assert problems() == ("DATAWAVE_TLS_KEY: must be set where the other half of the pair is.",)
    given(monkeypatch, TLS_KEY="/etc/datawave/tls.key")
    assert read().origin == read().platform_url == "https://127.0.0.1:8000"


def test_https_that_nobody_speaks_is_doubtful(monkeypatch: pytest.MonkeyPatch) -> None:
    def doubted() -> bool:
        return any(row.key == "public_url" and row.problem for row in reference(read()))

    given(monkeypatch, **SOUND)
    assert doubted()
    given(monkeypatch, TRUSTED_PROXIES="10.0.0.0/8")
    assert not doubted()


def test_the_schema_is_shown_to_strangers_in_development_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read().introspection == "everybody"
    given(monkeypatch, **SOUND)
    assert read().introspection == "signed-in"


def test_production_on_one_machine_is_an_explicit_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = {name: value for name, value in SOUND.items() if not name.endswith("BASE_URL")}
    del alone["REDIS_URL"]
    given(monkeypatch, **alone, ALLOW_EMBEDDED="1")
    assert read().database_url is None


def test_demo_is_also_set_by_its_short_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEMO", "0")
    settings = read()
    assert not settings.demo
    assert settings.source_of("demo") is SettingSource.ENVIRONMENT


def test_the_nearer_source_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "datawave.toml"
    file.write_text(
        'port = 1001\nhost = "0.0.0.0"\nworkers = 2\n[test]\nport = 1002\n[production]\nport = 1003\n'
    )
    given(monkeypatch, CONFIG=str(file), PROFILE="test", WORKERS="3")
    settings = read()
    assert (settings.port, settings.host, settings.workers) == (1002, "0.0.0.0", 3)
    sources = [settings.source_of(name) for name in ("port", "workers", "log_level", "grace_days")]
    assert sources == ["PROFILE", "ENVIRONMENT", "PROFILE", "DEFAULT"]


def test_a_dotenv_file_is_read_after_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("DATAWAVE_PORT=1001\nDATAWAVE_HOST=0.0.0.0\nDEMO=0\n")
    given(monkeypatch, PORT="1002")
    settings = load(_env_file=file)
    assert (settings.port, settings.host, settings.demo) == (1002, "0.0.0.0", False)


@pytest.mark.parametrize("text", ["prot = 1", "port = ", "[test]\nprot = 1"])
def test_a_profile_file_with_a_slip_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str
) -> None:
    file = tmp_path / "datawave.toml"
    file.write_text(text)
    given(monkeypatch, CONFIG=str(file), PROFILE="test")
    [problem] = problems()
    assert problem.startswith(f"DATAWAVE_CONFIG: {file}")


def test_a_named_profile_file_must_be_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given(monkeypatch, CONFIG=str(tmp_path / "none.toml"))
    assert "No such file" in problems()[0]


def test_a_variable_that_means_nothing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, PROT="1")
    assert unknown_variables() == ["DATAWAVE_PROT"]


def test_lists_are_written_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, PRIVATE_HOSTS="10.0.0.0/8, db.internal", FILE_ROOTS="/srv/data,/srv/more")
    settings = read()
    assert settings.private_hosts == ("10.0.0.0/8", "db.internal")
    assert settings.readable_folders == (Path("/srv/data"), Path("/srv/more"))


def test_every_setting_is_described_and_no_secret_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, **SOUND)
    settings = read()
    rows = {row.key: row for row in reference(settings)}
    assert set(rows) == set(Settings.model_fields)
    assert all(row.description.endswith(".") for row in rows.values())
    assert rows["secret_key"].secret
    assert rows["database_url"].secret
    assert rows["secret_key"].is_set
    assert rows["port"].value == 8000
    shown = json.dumps([row.value for row in rows.values()]) + repr(settings) + settings.model_dump_json()
    assert not any(hidden in shown for hidden in (KEY, "long-password", "correct horse"))


def test_the_manual_shows_defaults_and_no_path_of_this_machine() -> None:
    rows = {row.key: row for row in reference()}
    assert rows["home"].default == ".datawave"
    assert rows["grace_days"].default == 7
    assert rows["grace_days"].restart_needed


def test_the_master_key_is_made_once_and_private(tmp_path: Path) -> None:
    settings = read(home=tmp_path / "home")
    assert settings.master_key() == settings.master_key()
    assert stat.S_IMODE((tmp_path / "home" / "secret.key").stat().st_mode) == 0o600
    assert read(home=tmp_path, secret_key=KEY).master_key() == Secret(KEY)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::1", "http://[::1]:8000"),
    ],
)
def test_the_local_address_can_be_opened(host: str, url: str) -> None:
    assert read(host=host).local_url == url
