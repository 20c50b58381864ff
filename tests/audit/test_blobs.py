"""Files of the platform's own: whole or not there, bounded, reached by links that nobody can make up."""

from __future__ import annotations

import gzip
import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from datawave.kit.blobs import FORGOTTEN, LINK_LASTS, Blobs, FileLinks, TooLarge
from datawave.kit.secrets import Secret
from datawave.kit.vault import Keyring

KEYS = Keyring(Secret("a master key for tests, long enough"))


def test_a_file_is_there_when_it_is_whole(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "blobs")
    blobs.go_on("a.0")
    blobs.append("a.0", gzip.compress(b"one "))
    blobs.append("a.0", gzip.compress(b"two"))
    assert blobs.path("a.gz") is None
    stored = blobs.finish("a.0", "a.gz")
    file = blobs.path("a.gz")
    assert file is not None
    assert gzip.decompress(file.read_bytes()) == b"one two"
    assert (stored.size, stored.sha256) == (
        file.stat().st_size,
        hashlib.sha256(file.read_bytes()).hexdigest(),
    )
    assert file.stat().st_mode & 0o077 == 0
    blobs.remove("a.gz")
    blobs.remove("a.gz")
    assert blobs.path("a.gz") is None


def test_an_attempt_goes_on_with_what_the_one_before_had_finished(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    blobs.go_on("a.0")
    good = blobs.append("a.0", b"good")
    assert blobs.go_on("a.1", after="a.0", size=good)
    blobs.append("a.0", b" and then it was over")
    blobs.append("a.1", b" again")
    blobs.finish("a.1", "a")
    assert (tmp_path / "a").read_bytes() == b"good again"
    assert not blobs.go_on("b.1", after="b.0", size=4), "it is not here"
    assert not blobs.go_on("c.1", after="a.0", size=10**6), "there is not so much of it"
    blobs.finish("c.1", "c")
    assert (tmp_path / "c").read_bytes() == b""


def test_no_file_grows_beyond_its_bound(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path, most=10)
    blobs.go_on("a")
    blobs.append("a", b"12345")
    with pytest.raises(TooLarge):
        blobs.append("a", b"123456")
    assert blobs.append("a", b"12345") == 10


@pytest.mark.parametrize("name", ["", "../a", "a/b", "/etc/passwd", ".a", "a\0", "A", "x" * 101, "partial/a"])
def test_a_name_leads_nowhere_else(tmp_path: Path, name: str) -> None:
    blobs = Blobs(tmp_path)
    with pytest.raises(ValueError, match="no name"):
        blobs.path(name)
    with pytest.raises(ValueError, match="no name"):
        blobs.remove(name)


def test_what_never_came_to_be_whole_is_swept_away(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    blobs.go_on("a")
    now = (tmp_path / "partial" / "a").stat().st_mtime
    assert blobs.sweep(now=now + FORGOTTEN - 10) == 0
    assert blobs.sweep(now=now + FORGOTTEN + 10) == 1


def test_a_link_is_bound_to_its_file_its_holder_and_its_time() -> None:
    moment = [datetime(2026, 1, 1, tzinfo=UTC)]
    links = FileLinks(KEYS, origin="https://here", now=lambda: moment[0])
    url, until = links.to("a.gz", holder="user_1", session="s")
    assert url.startswith("https://here/files/a.gz?")
    assert until == moment[0] + LINK_LASTS
    query = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
    link = links.read("a.gz", query)
    assert link is not None
    assert (link.holder, link.session) == ("user_1", "s")
    assert links.read("b.gz", query) is None
    later = str(int((until + timedelta(days=1)).timestamp()))
    for changed in ({"by": "user_2"}, {"in": ""}, {"until": later}, {"until": "9" * 30}, {"signature": "00"}):
        assert links.read("a.gz", {**query, **changed}) is None, changed
    for gone in query:
        assert links.read("a.gz", {name: each for name, each in query.items() if name != gone}) is None
    another = Keyring(Secret("another master key, long enough too"))
    other = FileLinks(another, origin="", now=lambda: moment[0])
    assert other.read("a.gz", query) is None
    moment[0] = until
    assert links.read("a.gz", query) is None
