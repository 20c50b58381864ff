"""Passwords that are guessed soon, or are none at all, are refused; and soon."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.passwords import refuse_weak
from datawave.kit.errors import ErrorCode, InputError
from datawave.kit.secrets import Secret
from tests.client import Client
from tests.fixtures.api import SIGN_IN, House
from tests.identity.documents import PASSWORD, SET_BY_TOKEN, code, first_error, person

ABOUT = ("anna.banana@governance.example", "Anna Banana")
CHANGE = """mutation($c: Secret!, $n: Secret!) { setPassword(input: {change: {currentPassword: $c,
  newPassword: $n}}) { errors { code path message } } }"""


@pytest.mark.parametrize(
    "password",
    [
        "Password123!", "qwertyuiop1", "1234567890", "iloveyou1234", "P@ssw0rd1234", "letmein2024",
        "Passw0rd!Passw0rd!", "Welcome123!", "aaaaaaaaaaaaaaaa", "abcdefghijkl", "Summer2026!",
        "trustno1trustno1",
        "datawave2026", "DataWave2026!", "D@taW@ve12",
        "anna.banana@governance.example", "annabanana", "Anna Banana 1", "banana.anna", "governance1!",
        "AnnaBanana2026!",
    ],
)  # fmt: skip
def test_what_everybody_tries_first_is_refused(password: str) -> None:
    with pytest.raises(InputError) as refused:
        refuse_weak(Secret(password), ABOUT, path=["newPassword"])
    assert (refused.value.code, refused.value.path) == (ErrorCode.INVALID, ["newPassword"])
    assert password not in refused.value.message


@pytest.mark.parametrize(
    "password", [PASSWORD, "correct horse battery staple", "Jd83#kz!qpL0", "große Möwe 77 Kiel"]
)
def test_what_nobody_guesses_is_taken(password: str) -> None:
    refuse_weak(Secret(password), ABOUT, path=["newPassword"])


@pytest.mark.parametrize("password", ["\ud800 tangerine window", "\x00 tangerine window", "x" * 1_000_000])
def test_what_no_keyboard_makes_is_refused(password: str) -> None:
    with pytest.raises(InputError):
        refuse_weak(Secret(password), ABOUT, path=["newPassword"])


@given(st.text(max_size=300))
def test_whatever_is_given_is_taken_or_refused_with_words(password: str) -> None:
    try:
        refuse_weak(Secret(password), ABOUT, path=["newPassword"])
    except InputError as error:
        assert error.expected
    else:
        assert 10 <= len(password) <= 128
        password.encode()


@pytest.mark.parametrize("password", ["x" * 900_000, "a\x00b tangerine window"])
async def test_what_is_no_password_is_refused_before_it_costs_anything(
    house: House, api: Client, password: str
) -> None:
    anna = await person(house, "anna@example.com")
    changed = await anna.run(CHANGE, c=PASSWORD, n=password)
    by_token = await api.as_(None).run(SET_BY_TOKEN, t="x", n=password)
    assert first_error(changed) == ("INVALID", ["change", "newPassword"])
    assert first_error(by_token) == ("INVALID", ["token", "newPassword"])
    assert code(await api.as_(None).ask(SIGN_IN, email="anna@example.com", password=password)) == (
        "UNAUTHENTICATED"
    )
    assert first_error(await anna.run(CHANGE, c=password, n=PASSWORD))[0] == "INVALID"
