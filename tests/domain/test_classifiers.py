"""The first layer: what it finds, what it leaves alone, and that it never repeats a value."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum import luhn

from connectors.base import TableSample
from connectors.entries import CHECKS, encoded
from domain.classifiers import LABELS, ColumnSample, classify, profile
from domain.classifiers.evidence import JUDGES
from domain.classifiers.names import said_by, words_of
from domain.classifiers.profiles import column_profile, shape
from domain.classifiers.taxonomy import BY_NAME

CARDS = [f"4{number:014d}" for number in range(1_000, 1_020)]
VISA = [card + luhn.calc_check_digit(card) for card in CARDS]


def column(name: str, values: Sequence[str | None], table: str = "t") -> ColumnSample:
    return ColumnSample(path=("shop", "public", table, name), name=name, table=table, values=values)


def label(name: str, values: Sequence[str | None], table: str = "t") -> str | None:
    [predictions] = classify([column(name, values, table)])
    return predictions[0].label if predictions else None


FOUND: list[tuple[str, str, list[str]]] = [
    ("EMAIL", "c1", ["ann@shop.example", "bob.b@mail.example.org", "x+y@z.test"]),
    ("EMAIL", "cst_eml", ["ann@shop.example", "bob@shop.example"]),
    ("IBAN", "c1", ["DE89 3704 0044 0532 0130 00", "GB82WEST12345698765432", "FR1420041010050500013M02606"]),
    ("CREDIT_CARD", "c1", VISA),
    ("CREDIT_CARD", "card_number", ["1234 5678 9012 3456", "9999 8888 7777 6666"]),
    ("CARD_SECURITY_CODE", "cvv2", ["123", "007", "999"]),
    ("VIN", "c1", ["1HGCM82633A004352", "1M8GDM9AXKP042788"]),
    ("UUID", "ref", ["0198c0de-1111-7222-8333-444455556666", "0198C0DE-1111-7222-8333-444455556667"]),
    ("IP_ADDRESS", "src", ["192.0.2.1", "198.51.100.7", "2001:db8:0:0:0:0:0:1", "2001:db8::2"]),
    ("URL", "c1", ["https://shop.example/a", "http://www.example.org"]),
    ("NATIONAL_ID", "c1", ["219-09-9999", "457-55-5462", "078-05-1120"]),
    ("PHONE", "tel_2", ["+1 202 555 0143", "(202) 555-0187", "030 901820"]),
    ("GENDER", "c1", ["male", "female", "other"]),
    ("GENDER", "sex", ["1", "2"]),
    ("MARITAL_STATUS", "c1", ["married", "single", "divorced"]),
    ("AGE", "age", ["31", "64", "18"]),
    ("DATE_OF_BIRTH", "dob", ["1980-02-29", "1999-12-31"]),
    ("COUNTRY", "c1", ["Germany", "Frankreich", "España", "United States", "Japan"]),
    ("COUNTRY", "country_code", ["DE", "FR", "JP"]),
    ("COUNTRY", "name", ["Germany", "Togo", "Chile"]),
    ("CURRENCY_CODE", "ccy", ["EUR", "USD", "JPY", "CHF", "SEK"]),
    ("STATE_REGION", "state", ["WA", "CA", "NY"]),
    ("CITY", "city", ["Lisboa", "Ulm", "New Orleans"]),
    ("POSTAL_CODE", "plz", ["89073", "10115", "01067"]),
    ("STREET_ADDRESS", "addr1", ["12 High Street", "Hauptstr. 5", "221b Baker Street"]),
    ("FIRST_NAME", "fname", ["Anna", "Zbigniew", "Xu"]),
    ("LAST_NAME", "surname", ["Müller", "O'Brien", "Xu"]),
    ("PERSON_NAME", "name", ["Anna Smith", "Peter Jones", "Maria da Silva", "Dr. John Doe"]),
    ("JOB_TITLE", "title", ["Sales Manager", "Software Engineer", "Nurse"]),
    ("COMPANY_NAME", "employer", ["Acme Inc.", "Globex GmbH", "Initech"]),
    ("USERNAME", "login", ["ann_1", "bob.b", "cee"]),
    (
        "SECRET",
        "password_hash",
        ["$2b$12$abcdefghijklmnop", "$2b$12$qrstuvwxyzabcdef", "$2b$12$ghijklmnopqrstuv"],
    ),
    ("LATITUDE", "lat", ["48.40", "-33.86"]),
    ("LONGITUDE", "lng", ["9.99", "151.2"]),
    ("MEDICAL_CODE", "icd10", ["E11.9", "I10", "J45.909"]),
]


@pytest.mark.parametrize(("expected", "name", "values"), FOUND)
def test_it_finds(expected: str, name: str, values: list[str]) -> None:
    assert (
        label(name, values, table="countries" if expected == "COUNTRY" and name == "name" else "t")
        == expected
    )


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("flag_email", ["0", "1"]),
        ("email_count", ["3", "14", "15"]),
        ("phone_model", ["Pixel 9", "iPhone 17"]),
        ("name", ["Rock", "Jazz", "Blues", "Metal"]),
        ("title", ["The Godfather", "Alien", "Heat"]),
        ("title", ["Mr", "Mrs", "Ms"]),
        ("id", ["1", "2", "3"]),
        ("order_number", ["4000000000000000", "4000000000000001", "4000000000000005"]),
        ("average_age", ["yes", "no"]),
        ("city", ["12", "99"]),
        ("country", ["1.5", "2.5"]),
        ("created_at", ["2024-01-01", "2024-01-02"]),
        ("amount", ["12.50", "99.00"]),
        ("account_age_days", ["100", "1500", "3000"]),
        ("state", ["1", "2", "3"]),
        ("version", ["1.2.3", "10.0.1"]),
        ("sku", ["A12.1", "B34.2"]),
        ("card_brand", ["Visa", "Amex"]),
        ("comment", ["all fine", "call me", ""]),
        ("password_changed_at", ["2024-01-01", "2024-05-05"]),
        ("c1", []),
        ("c1", ["\ud800", "\x00", "\udfff@\ud800.de"]),
    ],
)
def test_it_leaves_alone(name: str, values: list[str]) -> None:
    assert label(name, values) is None


def test_a_name_alone_is_believed_a_little_where_there_are_no_values() -> None:
    [[prediction]] = classify([column("email", [])])
    assert (prediction.label, prediction.layer) == ("EMAIL", "NAME")
    assert prediction.confidence < 0.6


def test_a_region_beside_a_city_is_one_of_a_country() -> None:
    values = ["Asturias", "Essex", "Lara"]
    alone, beside = (
        classify([column("region", values)]),
        classify([column("region", values), column("city", ["Ulm"])]),
    )
    assert alone == [[]]
    assert beside[0][0].label == "STATE_REGION"


def test_names_are_taken_apart() -> None:
    assert words_of("CustEmailAddr2") == "customer email address"
    assert words_of("TEL_NO") == "phone number"
    assert words_of("userIPAddress") == "user ip address"
    assert said_by("date_of_birth") == {"DATE_OF_BIRTH": 1.0}
    assert "STREET_ADDRESS" not in said_by("email_address")


def test_every_label_that_is_judged_is_in_the_taxonomy() -> None:
    assert set(JUDGES) <= set(BY_NAME)
    assert len(BY_NAME) == len(LABELS)
    for each in LABELS:
        assert each.parent is None or each.parent in BY_NAME
        assert each.name == each.name.upper()


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=40), st.lists(st.one_of(st.none(), st.text(max_size=60)), max_size=30))
def test_any_names_and_values_are_taken_and_none_repeated(name: str, values: list[str | None]) -> None:
    [predictions] = classify([column(name or "x", values)])
    for prediction in predictions:
        assert 0.5 <= prediction.confidence <= 1
        assert prediction.evidence
    CHECKS["SAMPLE"].decode(b"[" + b",".join(map(encoded, predictions)) + b"]")


@pytest.mark.parametrize(("expected", "name", "values"), FOUND)
def test_evidence_never_holds_a_value(expected: str, name: str, values: list[str]) -> None:
    [predictions] = classify([column(name, values, table="countries")])
    told = "".join(encoded(each).decode() for each in predictions)
    assert not [
        value
        for value in values
        if len(value) > 3 and value.casefold() != expected.casefold() and value in told
    ]


def test_a_profile_tells_shapes_and_figures() -> None:
    numbers = [str(number) for number in range(100)]
    found = column_profile("n", [*numbers, None], "INTEGER")
    assert (found.count, found.distinct, found.null_ratio) == (101, 100, 0.0099)
    assert found.mean == 49.5
    assert found.standard_deviation == pytest.approx(28.866, abs=0.001)
    assert found.quantiles == (4.95, 24.75, 49.5, 74.25, 94.05)
    assert found.histogram is not None and len(found.histogram) == 18 and max(found.histogram) == 1
    assert found.patterns == ()
    mails = column_profile("m", ["bob@foo.de", "ann@bar.de", "x@y.org"], "STRING")
    assert [(each.pattern, each.count) for each in mails.patterns] == [("aaa@aaa.aa", 2)]
    assert (mails.min_length, mails.max_length, mails.mean) == (7, 10, None)
    dates = column_profile("d", [f"2024-01-{day:02d}" for day in range(1, 21)], "DATE")
    assert dates.mean == 1704067200 + 9.5 * 86_400
    assert shape("O'Neil Straßenweg 12345678") == "A'Aaaa Aaaaa+ 9999+"


def test_the_profile_of_a_table_passes_the_platforms_check() -> None:
    sample = TableSample(
        path=("shop", "public", "t"),
        columns={"a": ["1", None], "b": []},
        data_types={"a": "INTEGER"},
        row_count=2,
    )
    made = profile(sample)
    CHECKS["SAMPLE"].decode(b"[" + encoded(made) + b"]")
    assert (made.sampled_rows, [each.name for each in made.columns]) == (2, ["a", "b"])


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.one_of(st.none(), st.text(max_size=20), st.floats().map(str), st.integers().map(str)), max_size=40
    ),
    st.sampled_from(["INTEGER", "FLOAT", "DATE", "STRING", None]),
)
def test_any_values_have_a_profile(values: list[str | None], data_type: str | None) -> None:
    made = column_profile("x", values, data_type)
    msgspec.json.decode(msgspec.json.encode(made))
    assert made.count == len(values)
