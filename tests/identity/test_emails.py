"""E-mail addresses: one spelling, no look-alikes, whatever is thrown at them."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from datawave import migrations
from datawave.kit.emails import checked, folded, skeleton
from datawave.kit.errors import InputError
from tests import servers

PLAIN = st.from_regex(r"[a-z0-9][a-z0-9_+-]{0,20}@[a-z0-9]{1,10}(\.[a-z]{2,5}){0,2}", fullmatch=True)
WILD = st.text(max_size=40) | st.builds("{}@{}".format, st.text(max_size=20), st.text(max_size=20))


def is_refused(email: str) -> bool:
    try:
        checked(email)
    except InputError as error:
        assert error.path == ["email"]
        return True
    return False


@given(PLAIN)
def test_a_plain_address_is_kept_and_looks_like_itself(email: str) -> None:
    assert checked(email) == checked(f" {email.upper()}\n") == skeleton(email) == email


@given(WILD)
@example("a@xn--a")
@example("İ@ı.com")
@example("ͅ@a")
@example("\ud800@\udfff")
@example("a@" + "ü" * 100)
def test_whatever_is_given_is_kept_in_one_spelling_or_refused(email: str) -> None:
    assert folded(folded(email)) == folded(email)
    skeleton(email)
    if not is_refused(email):
        kept = checked(email)
        assert checked(kept) == kept
        assert folded(email) == kept
        assert kept.isprintable()
        assert kept.count("@") == 1


@given(PLAIN, st.sampled_from("аеорсух"), st.data())
def test_a_letter_of_another_alphabet_among_ours_is_refused(
    email: str, letter: str, data: st.DataObject
) -> None:
    name, _, domain = email.partition("@")
    at = data.draw(st.integers(0, len(name)))
    if any(c.isalpha() for c in name):
        assert is_refused(f"{name[:at]}{letter}{name[at:]}@{domain}")


@given(st.text(alphabet="acejopsxyi", min_size=1, max_size=12))
def test_an_address_wholly_in_another_alphabet_looks_like_ours(name: str) -> None:
    cyrillic = name.translate(str.maketrans("acejopsxyi", "асејорѕхуі"))
    assert checked(f"{cyrillic}@example.com") != f"{name}@example.com"
    assert skeleton(f"{cyrillic}@example.com") == f"{name}@example.com"
    assert skeleton(f"a@{cyrillic}.com") == f"a@{name}.com"


@pytest.mark.parametrize(
    ("email", "kept"),
    [
        ("Anna@Bücher.DE", "anna@xn--bcher-kva.de"),
        ("иван@пример.рф", "иван@xn--e1afmkfd.xn--p1ai"),
        ("josé@example.com", unicodedata.normalize("NFC", "josé@example.com")),
        ("admin@localhost", "admin@localhost"),
        ("田中tanaka@example.jp", "田中tanaka@example.jp"),
        ("a@faß.de", "a@xn--fa-hia.de"),
    ],
)
def test_addresses_of_all_the_world_are_kept(email: str, kept: str) -> None:
    assert checked(email) == kept


@pytest.mark.parametrize(
    "email",
    [
        "", "@", "a@", "@a", "a@b@c", "a b@c.de", "a\x00@b.de", "a\u200b@b.de", "a\u202eb@c.de",
        "a\u034f@b.de",
        "a\u3164@b.de", "a\ufe0f@b.de", "a@b..de", ".a@b.de", "a..b@c.de", "a@-b.de", "a@b.de-", '"a"@b.de',
        "a@[127.0.0.1]", "a\ud800@b.de", "ａ@b.de", "straße@b.de", "аdmin@b.de", "admin@еxample.com",
        "a@xn--80ak6aa92e1.com\u0000", "x" * 65 + "@b.de", "a@" + "b" * 300, "a@xn--zz.de",
    ],
)  # fmt: skip
def test_what_is_no_address_or_hides_what_it_is_is_refused(email: str) -> None:
    assert is_refused(email)


async def test_addresses_that_are_kept_already_are_found_in_the_new_spelling(database: str) -> None:
    await migrations.downgrade(database, "2026_11_22_groups")
    before = ["ann@bücher.de", "anna@example.com", "сое@example.com"]
    async with servers.connected(database) as connection:
        for email in before:
            await connection.execute(
                "INSERT INTO person (email, display_name, state) VALUES ($1, 'A', 'ACTIVE')", email
            )
    await migrations.upgrade(database)
    async with servers.connected(database) as connection:
        found = await connection.fetch("SELECT email, email_skeleton FROM person ORDER BY id")
    assert [each["email"] for each in found] == [folded(email) for email in before]
    assert [each["email_skeleton"] for each in found] == [skeleton(email) for email in before]
