"""E-mail addresses: one spelling for each, and none that looks like another.

`folded` is how an address is kept and looked up; `checked` refuses what no account should have; `skeleton` is
what an address looks like, so that an account whose address cannot be told from another's is not made.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import idna

from datawave.kit.errors import ErrorCode, InputError

LONGEST, LONGEST_NAME = 254, 64
PLAIN_NAME = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.!#$%&'*+/=?^_`{|}~-")
PLAIN_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
UNSEEN = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0"
    + "".join(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
)
"""Letters and marks that show nothing."""

TOGETHER: tuple[frozenset[str], ...] = (
    frozenset({"LATIN", "CJK", "HIRAGANA", "KATAKANA"}),
    frozenset({"LATIN", "CJK", "HANGUL"}),
    frozenset({"LATIN", "CJK", "BOPOMOFO"}),
)
"""Scripts that are written together, and whose letters nobody takes for each other's."""

LOOKS: dict[int, str] = str.maketrans(
    {
        **dict(zip("абвгезікорсухјѕԁԛԝһӏьүѵѡҽ", "a6bre3ikopcyxjsdqwhlbyvwe", strict=True)),
        **dict(zip("αβγεηικνορστυχω", "abyenikvopotuxw", strict=True)),
        **dict(zip("օսհոզցյ", "ouhnqgj", strict=True)),
        **dict(zip("ıɑɡɩɪʏʋſס", "iagiiyvso", strict=True)),
    }
)
"""Letters of other alphabets, and of ours, that are read as a plain one."""


def folded(email: str) -> str:
    """The one spelling: NFKC and without case, the domain as the network knows it. Never fails: what is no
    address is only not found."""
    name, at, domain = unicodedata.normalize("NFKC", email).strip().rpartition("@")
    plain = _normal(domain)
    return f"{_normal(name)}{at}{_network_name(domain.lower()) or _network_name(plain) or plain}"


def checked(email: str, *, path: Sequence[str] = ("email",)) -> str:
    """The address as it is kept, if an account may have it."""
    kept = folded(email)
    name, _, domain = kept.rpartition("@")
    if not name or not domain or len(name.encode("utf-8", "replace")) > LONGEST_NAME or len(kept) > LONGEST:
        raise _refused("This is not an e-mail address.", path)
    shown = _shown(domain)
    if shown is None or not _is_name(name):
        raise _refused("This is not an e-mail address.", path)
    if not all(_is_one_script(part) for part in (name, *shown.split("."))):
        raise _refused(
            "This address mixes letters of several scripts, so that it reads as another one does.", path
        )
    if unicodedata.normalize("NFC", email.strip()).rpartition("@")[0].lower() != name:
        # It would go to another mailbox than the one that was written.
        raise _refused(
            "This address has letters that stand for others, as ß does for ss; write it in plain ones.", path
        )
    return kept


def skeleton(email: str) -> str:
    """What the address looks like: equal for two that the eye does not tell apart. Plain addresses are their
    own."""
    name, at, domain = folded(email).rpartition("@")
    return f"{_looks(name)}{at}{_looks(_shown(domain) or domain)}"


def _normal(text: str) -> str:
    """Once more after the case is gone: that may leave what NFKC writes otherwise."""
    while (after := unicodedata.normalize("NFKC", text.casefold()).strip()) != text:
        text = after
    return text


def _network_name(domain: str) -> str | None:
    """As in the DNS, None where it has no such form."""
    if domain.isascii():
        return domain
    try:
        return idna.encode(domain, uts46=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError):
        return None


def _shown(domain: str) -> str | None:
    """As it is shown to people; None where it is no domain."""
    labels: list[str] = []
    for label in domain.split("."):
        if PLAIN_LABEL.fullmatch(label) is None:
            return None
        try:
            labels.append(idna.decode(label) if label.startswith("xn--") else label)
        except (idna.IDNAError, UnicodeError):
            return None
    return ".".join(labels)


def _is_name(name: str) -> bool:
    """Of plain characters, letters of any script, and their marks; no quotes, nothing invisible."""
    if name.startswith(".") or name.endswith(".") or ".." in name:
        return False
    return all(
        c in PLAIN_NAME or (not c.isascii() and unicodedata.category(c)[0] in "LM" and c not in UNSEEN)
        for c in name
    )


def _is_one_script(text: str) -> bool:
    scripts = {_script(c) for c in text if unicodedata.category(c)[0] == "L"}
    return len(scripts) <= 1 or any(scripts <= kin for kin in TOGETHER)


def _script(letter: str) -> str:
    """The first word of the letter's name, which is its script's."""
    return re.split(r"[ -]", unicodedata.name(letter, "UNKNOWN"), maxsplit=1)[0]


def _looks(text: str) -> str:
    apart = unicodedata.normalize("NFD", text)
    bare = "".join(c for c in apart if unicodedata.category(c)[0] != "M")
    return bare.translate(LOOKS)


def _refused(message: str, path: Sequence[str]) -> InputError:
    return InputError(ErrorCode.INVALID, message, path=path, expected="name@domain")
