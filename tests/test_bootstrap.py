"""The set-up of a checkout: pinned, quiet when there is nothing to do, and no index address in any lock."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture
def bootstrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("deploy_bootstrap", ROOT / "deploy" / "bootstrap.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "VENV", tmp_path)
    monkeypatch.setattr(module, "STAMP", tmp_path / ".installed.json")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "datawave").touch()
    return module


@pytest.mark.parametrize(
    ("stamped", "wanted", "enough"), [("dev", "run", True), ("dev", "dev", True), ("run", "dev", False)]
)
def test_the_development_set_is_enough_for_everything(
    bootstrap: ModuleType, stamped: str, wanted: str, enough: bool
) -> None:
    bootstrap.STAMP.write_text(json.dumps({"lock": stamped, "digest": bootstrap.digest(stamped)}))
    assert bootstrap.is_installed(wanted) is enough


def test_another_lock_or_a_missing_program_means_set_up(bootstrap: ModuleType) -> None:
    bootstrap.STAMP.write_text(json.dumps({"lock": "dev", "digest": "another"}))
    assert not bootstrap.is_installed("dev")
    bootstrap.STAMP.write_text(json.dumps({"lock": "dev", "digest": bootstrap.digest("dev")}))
    (bootstrap.VENV / "bin" / "datawave").unlink()
    assert not bootstrap.is_installed("dev")


def test_bytecode_is_made_for_starts_where_python_keeps_none(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "COMPILED", bootstrap.VENV / ".compiled")
    bootstrap.STAMP.write_text(json.dumps({"lock": "dev", "digest": bootstrap.digest("dev")}))
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    assert not bootstrap.is_compiled("run")
    assert bootstrap.is_compiled("dev")
    bootstrap.COMPILED.write_text(bootstrap.code_digest())
    assert bootstrap.is_compiled("run")
    bootstrap.STAMP.write_text("{}")
    assert not bootstrap.is_compiled("run")
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE")
    assert bootstrap.is_compiled("run")


def test_what_is_compiled_is_all_that_a_start_imports(bootstrap: ModuleType) -> None:
    code = f"{bootstrap.IMPORTED}\nimport sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    expected = {"typer", "uvicorn", "asyncpg", "strawberry", "arq", "edge_agent.main", "workers.main"}
    assert expected <= set(done.stdout.split())


def test_a_wheel_with_another_hash_is_refused(bootstrap: ModuleType) -> None:
    assert bootstrap.checked(b"uv", hashlib.sha256(b"uv").hexdigest()) == b"uv"
    with pytest.raises(bootstrap.Refused, match="hash differs"):
        bootstrap.checked(b"other", hashlib.sha256(b"uv").hexdigest())


def test_pips_settings_are_uvs(
    bootstrap: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "pip.conf"
    file.write_text(
        "[global]\nindex-url = https://mirror.example.com/simple\nextra-index-url = file:///no/such\n"
    )
    monkeypatch.setenv("PIP_CONFIG_FILE", str(file))
    monkeypatch.delenv("UV_DEFAULT_INDEX", raising=False)
    monkeypatch.delenv("PIP_INDEX_URL", raising=False)
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    settings = bootstrap.uv_settings()
    assert settings["UV_DEFAULT_INDEX"] == "https://mirror.example.com/simple"
    assert "UV_INDEX" not in settings


@pytest.mark.parametrize("lock", ["requirements.txt", "requirements-dev.txt"])
def test_a_lock_pins_by_hash_and_names_no_index(lock: str) -> None:
    text = (ROOT / "deploy" / lock).read_text()
    assert "://" not in text
    pinned = [line for line in text.splitlines() if re.match(r"^[a-z0-9]", line)]
    assert pinned
    assert all("==" in line and line.endswith("\\") for line in pinned)
