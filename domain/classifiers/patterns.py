"""What values look like and whether they check out: one pass of a pattern set, checksums only for what
matched."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import re2
from stdnum import iban, luhn

from domain.classifiers.words import listed

PATTERNS: dict[str, str] = {
    "EMAIL": r"[^\s@<>()]{1,64}@[^\s@<>()]+\.[\pL0-9-]{2,24}",
    "URL": r"(?:[{\['\" ]*(?:url'?: *'?)?)?(?i:https?|ftp|s3|wss?)://\S+.*|(?i:www\.)[\w-]+\.\S+",
    "DOMAIN": r"(?i:[a-z0-9][a-z0-9-]*(?:\.[a-z0-9-]+)*\.(?:com|org|net|edu|gov|io|info|biz|[a-z]{2}))",
    "UUID": r"\{?[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\}?",
    "IPV4": r"(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:/\d{1,2})?",
    "IPV6": "|".join(
        (
            r"(?:[0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}(?:/\d{1,3})?",
            r"(?:[0-9a-fA-F]{1,4}:)*:(?::?[0-9a-fA-F]{1,4})*(?:/\d{1,3})?",
        )
    ),
    "IBAN": r"[A-Z]{2}\d{2}[ ]?(?:[A-Z0-9]{4}[ ]?){2,7}[A-Z0-9]{0,4}",
    "CARD": r"\d{4}[ -]?\d{4}[ -]?\d{4}[ -]?\d{1,7}|\d{4}[ -]?\d{6}[ -]?\d{4,5}|\d{13}",
    "SECURITY_CODE": r"\d{1,4}(?:\.0)?",
    "VIN": r"[A-HJ-NPR-Z0-9]{17}",
    "SSN": r"\d{3}-\d{2}-\d{4}",
    "NATIONAL_NUMBER": r"(?:[A-Z]{1,2}[ ]?)?\d[\d .\-/]{5,14}(?:[A-Z]|\d[A-Z]?|[ ][A-Z])?",
    "PHONE": (
        r"(?:\+|00)?[ ]?\(?\d{1,4}\)?(?:[ ./\-]{0,2}\(?\d{1,8}\)?){1,6}"
        r"(?:[ ]?(?i:x|ext\.?)[ ]?\d{1,6})?(?:\.0)?"
    ),
    "WRITTEN_PHONE": "|".join(
        (
            r"(?:\+\d{1,3}[ .\-]?)(?:\(?\d{1,5}\)?[ .\-]?){1,5}",
            r"\(\d{2,5}\)[ ]?\d{3,4}[ \-]?\d{3,4}",
            r"\d{3}[-.]\d{3}[-.]\d{4}",
        )
    ),
    "POSTAL": "|".join(
        (
            r"(?i:[A-Z]{0,2}-?[ ]?\d{2,6}(?:\.0)?)",
            r"\d{3,5}[ -]\d{2,4}",
            r"(?i:[A-Z]{1,2}\d[A-Z0-9]?(?:[ ]?\d[A-Z]{2}|[ ]?\d[A-Z]\d)?)",
            r"(?i:\d{4}[ ]?[A-Z]{2})",
        )
    ),
    "INTEGER": r"[+-]?\d+",
    "NUMBER": r"[+-]?(?:\d+(?:[.,]\d+)?|[.,]\d+)(?:[eE][+-]?\d+)?",
    "DATE": "|".join(
        (
            r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}(?:[T ].*)?",
            r"\d{1,2}[-/.]\d{1,2}[-/.](?:\d{4}|\d{2})(?:[T ].*)?",
            r"\d{1,2}[ .-]?[A-Za-z]{3,9}[ .-]\d{4}",
            r"[A-Za-z]{3,9} \d{1,2}, \d{4}",
        )
    ),
    "AGE_BAND": (
        r"(?:[<>≤≥]=?[ ]?)?\d{1,3}(?:[ ]?(?:-|–|to)[ ]?\d{1,3}|\+| and (?:older|over|up))?"
        r"(?: ?(?:years?|yrs?|y))?(?:\.\d+)?"
    ),
    "ICD": r"[A-TV-Z]\d[0-9A-B](?:\.?[0-9A-Z]{1,4})?",
    "REGION_CODE": r"[A-Z]{2}-[A-Z0-9]{1,4}",
    "HANDLE": r"@?[\pL0-9][\pL0-9._-]{1,38}",
    "STREET": r"(?:[^\d]*\b\d+[a-zA-Z]?\b.*\pL.*|.*\pL.*\d.*)",
    "WORDS": r"[\pL\pM][\pL\pM .,'’`´&/()_-]*",
    "LETTERS": r".*\pL.*",
    "DIGITS": r".*\d.*",
    "ONE_WORD": r"[\pL\pM][\pL\pM'’`-]*\.?",
}

_NAMES = tuple(PATTERNS)


@cache
def _pattern_set() -> Any:
    engine: Any = re2  # has no types
    options = engine.Options()
    options.log_errors = False
    patterns = engine.Set.FullMatchSet(options)
    for pattern in PATTERNS.values():
        patterns.Add(pattern)
    patterns.Compile()
    return patterns


def matches(values: Sequence[str]) -> dict[str, list[str]]:
    """The values that each pattern fits as a whole."""
    found: dict[str, list[str]] = {name: [] for name in _NAMES}
    patterns = _pattern_set()
    for value in values:
        for place in patterns.Match(value) or ():
            found[_NAMES[place]].append(value)
    return found


def valid_iban(value: str) -> bool:
    return iban.is_valid(value, check_country=False)


def valid_card(value: str) -> bool:
    """The last digit checks out and the first belong to an issuer of cards."""
    digits = "".join(character for character in value if character.isdigit())
    return digits[:1] in ("2", "3", "4", "5", "6") and 13 <= len(digits) <= 19 and luhn.is_valid(digits)


def valid_ssn(value: str) -> bool:
    """Areas 000 and 666 and groups and serials of zeros were never given; 9xx are those of taxpayers."""
    area, group, serial = value.split("-")
    return area not in ("000", "666") and group != "00" and serial != "0000"


_VIN_VALUES = {
    **{str(digit): digit for digit in range(10)},
    **dict(zip("ABCDEFGH", range(1, 9), strict=True)),
    **dict(zip("JKLMN", range(1, 6), strict=True)),
    "P": 7,
    "R": 9,
    **dict(zip("STUVWXYZ", range(2, 10), strict=True)),
}
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


def valid_vin(value: str) -> bool:
    """The check digit of North America; other makers need not keep to it."""
    total = sum(
        _VIN_VALUES[character] * weight for character, weight in zip(value, _VIN_WEIGHTS, strict=True)
    )
    return value[8] == ("X" if total % 11 == 10 else str(total % 11))


def share(part: Sequence[str], whole: Sequence[str]) -> float:
    return len(part) / len(whole) if whole else 0.0


def checked(part: Sequence[str], check: Callable[[str], bool], whole: Sequence[str]) -> float:
    """The share of all values that fit a pattern and check out as well."""
    return sum(1 for value in part if check(value)) / len(whole) if whole else 0.0


def is_currency(value: str) -> bool:
    return value.upper() in listed("currencies")
