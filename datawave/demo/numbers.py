"""Numbers with check digits, from ranges that nobody is given: test cards, unknown banks, test identities."""

from __future__ import annotations

from datetime import date
from random import Random

TEST_CARDS = {"visa": "411111", "mastercard": "555555", "amex": "378282", "discover": "601111"}
"""Brand → the first digits of the card that payment providers publish for tests."""

BANKS = {"DE": ("99999999", 10), "GB": ("TEST999999", 8), "SE": ("999", 17)}
"""Country → a bank code that no bank has, and how many digits follow it."""

_VIN_LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"
_VIN_VALUES = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", (1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 7, 9, 2, 3, 4,
5, 6, 7, 8, 9),
                       strict=True)) | {str(digit): digit for digit in range(10)}  # fmt: skip
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


def digits(random: Random, count: int) -> str:
    return f"{random.randrange(10**count):0{count}d}"


def fill(random: Random, pattern: str) -> str:
    """The pattern with each `#` replaced by a digit."""
    return "".join(str(random.randrange(10)) if sign == "#" else sign for sign in pattern)


def luhn_digit(body: str) -> str:
    doubled = (int(digit) * (2 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(body)))
    return str(-sum(value - 9 if value > 9 else value for value in doubled) % 10)


def card_number(random: Random, brand: str) -> str:
    prefix = TEST_CARDS[brand]
    body = prefix + digits(random, (14 if brand == "amex" else 15) - len(prefix))
    return body + luhn_digit(body)


def iban(random: Random, country: str) -> str:
    bank, length = BANKS.get(country, BANKS["DE"])
    land = country if country in BANKS else "DE"
    account = bank + digits(random, length)
    number = "".join(str(int(sign, 36)) for sign in f"{account}{land}00")
    return f"{land}{98 - int(number) % 97:02d}{account}"


def ean13(random: Random) -> str:
    """A bar code of the range 200–299, which shops may use inside their own walls."""
    body = f"2{digits(random, 11)}"
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(body))
    return body + str(-total % 10)


def personal_number(random: Random, born: date) -> str:
    """A Swedish personal number with a serial of 980–999: those are kept for tests."""
    body = f"{born:%y%m%d}{random.randrange(980, 1000)}"
    return f"{born:%Y%m%d}-{body[6:]}{luhn_digit(body)}"


def social_security_number(random: Random) -> str:
    """In the form of a US number, with an area and group that are never issued."""
    return f"9{digits(random, 2)}-{random.randrange(1, 50):02d}-{digits(random, 4)}"


def vin(random: Random) -> str:
    """A vehicle's number of a maker that does not exist, with its check digit."""
    signs = ["Z", "Z", "0", *(random.choice(_VIN_LETTERS) for _ in range(14))]
    signs[8] = "0"
    rest = sum(_VIN_VALUES[sign] * weight for sign, weight in zip(signs, _VIN_WEIGHTS, strict=True)) % 11
    signs[8] = "X" if rest == 10 else str(rest)
    return "".join(signs)


def ip_address(random: Random) -> str:
    """An address of the networks kept for documentation."""
    if random.random() < 0.1:
        return "2001:db8:{:x}:{:x}::{:x}".format(*(random.randrange(1, 0x10000) for _ in range(3)))
    return f"{random.choice(('192.0.2', '198.51.100', '203.0.113'))}.{random.randrange(1, 255)}"
