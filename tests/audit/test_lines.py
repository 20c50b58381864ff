"""The command line: verify, anchor, export; and a file of the trail, checked with nothing else at hand."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from joserfc.jwk import OKPKey
from typer.testing import CliRunner

from auth.signatures import Signer
from datawave import trail
from datawave.cli.program import program
from datawave.kit import audit as chain
from domain.audit import lines
from tests.audit.ground import sealed, touched
from tests.domain.conftest import MASTER, Platform


@dataclass
class Line:
    """A trail with its command line."""

    platform: Platform
    settings: Any
    folder: Path

    async def export(self) -> list[bytes]:
        to = io.BytesIO()
        await trail.export(self.settings, to, since=None, until=None)
        return to.getvalue().splitlines(keepends=True)


@pytest.fixture
async def line(platform: Platform, database: str, tmp_path: Path) -> AsyncIterator[Line]:
    from datawave.settings import load

    settings = load(_env_file=None, home=tmp_path / "home", database_url=database, secret_key=MASTER.reveal())
    await sealed(platform)
    yield Line(platform, settings, tmp_path)


def changed(index: int, **values: Any) -> Callable[[list[bytes]], list[bytes]]:
    def change(content: list[bytes]) -> list[bytes]:
        told = {**orjson.loads(content[index]), **values}
        return [*content[:index], orjson.dumps(told) + b"\n", *content[index + 1 :]]

    return change


def swapped(content: list[bytes]) -> list[bytes]:
    return [*content[:3], content[4], content[3], *content[5:]]


def rewritten(content: list[bytes]) -> list[bytes]:
    """Made anew with all its hashes, and signed by somebody else under our key's name."""
    entries = [lines._read(orjson.loads(each)) for each in content[1:-1]]  # pyright: ignore[reportPrivateUsage]
    entries[2].action = "nothing"
    previous = entries[0].previous_hash
    for each in entries:
        each.previous_hash = previous
        previous = each.hash = chain.chained(previous, each)
    end = {**orjson.loads(content[-1]), "head": previous.hex()}
    return [content[0], *map(lines.entry_line, entries), orjson.dumps(end)]


def signed_by_another(content: list[bytes]) -> list[bytes]:
    begins = orjson.loads(content[0])
    of = lines.Stretch(
        first=begins["first"], last=begins["last"], previous=bytes.fromhex(begins["previousHash"])
    )
    head = bytes.fromhex(orjson.loads(content[-1])["head"])
    forged = orjson.loads(lines.end_line(of, head, _then(begins), Signer(OKPKey.generate_key("Ed25519"))))
    ours = orjson.loads(content[-1])["publicKey"]
    return [*content[:-1], orjson.dumps({**forged, "publicKey": ours})]


def _then(begins: dict[str, Any]) -> Any:
    from datetime import datetime

    return datetime.fromisoformat(begins["asOf"])


TAMPERED: dict[str, tuple[Callable[[list[bytes]], list[bytes]], int | None]] = {
    "altered": (changed(3, action="nothing"), 3),
    "detail": (changed(4, detail={"input": {"of": "somebody"}}), 4),
    "hash": (changed(2, hash="00" * 32), 2),
    "no entry": (changed(2, hash="x"), 2),
    "removed": (lambda content: [*content[:3], *content[4:]], 3),
    "swapped": (swapped, 3),
    "doubled": (lambda content: [*content[:3], content[2], *content[3:]], 3),
    "cut off": (lambda content: content[:5], 5),
    "cut within a line": (lambda content: [*content[:5], content[5][:20]], None),
    "end moved up": (lambda content: [*content[:5], content[-1]], 5),
    "written anew": (rewritten, 1),
    "signed by another": (signed_by_another, None),
    "something after": (lambda content: [*content, b"{}\n"], None),
    "no beginning": (lambda content: content[1:], None),
    "nothing": (lambda _content: [], None),
    "another file": (lambda _content: [b"[]\n"], None),
}


async def test_an_exported_file_is_checked_alone(line: Line) -> None:
    content = await line.export()
    whole = lines.verify_lines(content)
    assert (whole.intact, whole.problem, whole.checked) == (True, None, len(content) - 2)
    for name, (tamper, at) in TAMPERED.items():
        found = lines.verify_lines(tamper(content))
        assert not found.intact, name
        assert found.problem, name
        assert found.broken_at == at, (name, found)


async def test_erased_detail_leaves_the_file_whole(line: Line) -> None:
    await touched(
        line.platform, "UPDATE audit_entry SET detail = NULL, erased_at = datawave_now() WHERE sequence = 4"
    )
    assert lines.verify_lines(await line.export()).intact


async def test_the_command_line_verifies_anchors_and_exports(line: Line) -> None:
    found = await trail.verify(line.settings)
    assert (found.intact, found.anchors) == (True, 0)
    made = await trail.anchor(line.settings)
    kept = line.folder / "anchors.jsonl"
    kept.write_text("\n".join(json.dumps(each) for each in await trail.all_anchors(line.settings)))
    assert json.loads(kept.read_text().splitlines()[0]) == made
    file = line.folder / "trail.jsonl.gz"
    file.write_bytes(gzip.compress(b"".join(await line.export())))
    alone = trail.verify_file(file, kept=kept)
    assert (alone.intact, alone.anchors) == (True, 1)
    assert (await trail.verify(line.settings, kept=kept)).intact
    await touched(line.platform, "UPDATE audit_entry SET code = 'X' WHERE sequence = 2")
    assert (await trail.verify(line.settings, kept=kept)).broken_at == 2
    [entry] = await line.platform.entries(chain.tables.AuditEntry.action == "export_audit")
    assert (entry.actor_word, entry.outcome) == ("system", "DONE")


async def test_a_file_is_verified_from_the_shell_without_a_database(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    content, good, bad = await line.export(), line.folder / "good.jsonl", line.folder / "bad.jsonl"
    good.write_bytes(b"".join(content))
    bad.write_bytes(b"".join(TAMPERED["altered"][0](content)))
    monkeypatch.setenv("DATAWAVE_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    shell = CliRunner()
    whole = shell.invoke(program, ["audit", "verify", "--file", str(good)])
    assert whole.exit_code == 0, whole.output
    assert f"is whole: {len(content) - 2} entries" in whole.output
    broken = shell.invoke(program, ["audit", "verify", "--file", str(bad)])
    assert broken.exit_code == 1
    assert "breaks at entry 3" in broken.output
