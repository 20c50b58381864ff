"""How far the values of a column speak for each label."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from domain.classifiers import patterns, words
from domain.classifiers.patterns import checked
from domain.classifiers.values import Support, Values

Judge = Callable[[Values], Support | None]

_ADDRESSED = words.listed("given_names") | words.listed("honorifics")
_MARRIED = frozenset(word for word in words.listed("marital") if len(word) > 1)


def _percent(ratio: float) -> str:
    return f"{ratio:.0%}"


def _email(values: Values) -> Support:
    ratio = values.share("EMAIL")
    return Support(
        ratio=ratio,
        agrees=ratio >= 0.5,
        alone=0.97 * (ratio >= 0.7),
        text=f"{_percent(ratio)} are e-mail addresses",
    )


def _url(values: Values) -> Support:
    ratio = values.share("URL")
    domains = values.share("URL", "DOMAIN")
    return Support(
        ratio=max(ratio, domains),
        agrees=domains >= 0.6,
        alone=0.93 * (ratio >= 0.7),
        text=f"{_percent(max(ratio, domains))} are web addresses",
    )


def _uuid(values: Values) -> Support:
    ratio = values.share("UUID")
    return Support(
        ratio=ratio, agrees=ratio >= 0.8, alone=0.97 * (ratio >= 0.9), text=f"{_percent(ratio)} are UUIDs"
    )


def _ip(values: Values) -> Support:
    ratio = values.share("IPV4", "IPV6")
    return Support(
        ratio=ratio,
        agrees=ratio >= 0.7,
        alone=0.95 * (ratio >= 0.9),
        text=f"{_percent(ratio)} are IP addresses",
    )


def _iban(values: Values) -> Support:
    shaped = values.share("IBAN")
    valid = checked(values.matched["IBAN"], patterns.valid_iban, values.all)
    return Support(
        ratio=max(valid, shaped),
        agrees=shaped >= 0.6,
        alone=0.96 * (valid >= 0.7),
        text=f"{_percent(valid)} have the check digits of an IBAN, {_percent(shaped)} its shape",
        kind="CHECKSUM",
    )


def _card(values: Values) -> Support:
    shaped = values.share("CARD")
    valid = checked(values.matched["CARD"], patterns.valid_card, values.all)
    return Support(
        ratio=max(valid, shaped),
        agrees=shaped >= 0.7,
        alone=0.92 * (valid >= 0.9 and len(values.all) >= 3),
        text=f"{_percent(valid)} have the check digit of a payment card, {_percent(shaped)} its length",
        kind="CHECKSUM",
    )


def _vin(values: Values) -> Support:
    shaped = values.share("VIN")
    valid = checked(values.matched["VIN"], patterns.valid_vin, values.all)
    return Support(
        ratio=max(valid, shaped),
        agrees=shaped >= 0.6,
        alone=0.95 * (valid >= 0.6),
        text=f"{_percent(valid)} have the check digit of a vehicle number, {_percent(shaped)} its shape",
        kind="CHECKSUM",
    )


def _national(values: Values) -> Support:
    valid = checked(values.matched["SSN"], patterns.valid_ssn, values.all)
    shaped = values.share("SSN", "NATIONAL_NUMBER")
    return Support(
        ratio=max(valid, shaped),
        agrees=shaped >= 0.3 and values.share("DATE") < 0.5,
        alone=0.9 * (valid >= 0.8 and len(values.all) >= 3),
        text=f"{_percent(shaped)} are shaped like personal numbers, {_percent(valid)} like a valid SSN",
    )


def _phone(values: Values) -> Support:
    written = values.share("WRITTEN_PHONE")
    digits = [sum(character.isdigit() for character in value) for value in values.matched["PHONE"]]
    shaped = sum(1 for count in digits if 5 <= count <= 16) / len(values.all) if values.all else 0.0
    return Support(
        ratio=max(written, shaped),
        agrees=shaped >= 0.6,
        alone=0.85 * (written >= 0.85 and len(values.all) >= 5),
        text=f"{_percent(shaped)} are shaped like telephone numbers",
    )


def _postal(values: Values) -> Support:
    ratio = values.share("POSTAL")
    return Support(ratio=ratio, agrees=ratio >= 0.5, text=f"{_percent(ratio)} are shaped like postal codes")


def _security_code(values: Values) -> Support:
    ratio = values.share("SECURITY_CODE")
    return Support(
        ratio=ratio, agrees=ratio >= 0.9, text=f"{_percent(ratio)} are numbers of up to four digits"
    )


def _gender(values: Values) -> Support:
    ratio = values.among(words.listed("genders"))
    codes = len(values.all) <= 4 and values.share("INTEGER") == 1.0
    spelt = bool(values.folded & words.listed("gendered"))
    return Support(
        ratio=1.0 if codes else ratio,
        agrees=ratio >= 0.7 or codes,
        alone=0.93 * (ratio >= 0.9 and spelt),
        text=f"{_percent(ratio)} are words or letters for a gender",
    )


def _marital(values: Values) -> Support:
    ratio = values.among(words.listed("marital"))
    codes = len(values.all) <= 6 and values.share("INTEGER") == 1.0
    spelt = len(values.folded & _MARRIED) >= 2
    return Support(
        ratio=1.0 if codes else ratio,
        agrees=ratio >= 0.6 or codes,
        alone=0.93 * (ratio >= 0.8 and spelt),
        text=f"{_percent(ratio)} are words for a marital status",
    )


def _age(values: Values) -> Support:
    ratio = values.share("AGE_BAND")
    plausible = bool(values.numbers) and min(values.numbers) >= 0 and max(values.numbers) <= 125
    banded = not values.numbers and ratio >= 0.6
    wild = bool(values.numbers) and sum(1 for each in values.numbers if 0 <= each <= 125) >= 0.9 * len(
        values.numbers
    )
    return Support(
        ratio=ratio,
        agrees=ratio >= 0.4 and (plausible or banded or wild),
        text=f"{_percent(ratio)} are ages or bands of ages",
    )


def _birth(values: Values) -> Support:
    ratio = values.share("DATE")
    return Support(ratio=ratio, agrees=ratio >= 0.7, text=f"{_percent(ratio)} are full dates")


def _degrees(values: Values, most: float) -> Support:
    ratio = len(values.numbers) / len(values.all) if values.all else 0.0
    within = all(-most <= number <= most for number in values.numbers)
    precise = any("." in value or "," in value for value in values.all)
    return Support(
        ratio=ratio if precise else ratio / 3,
        agrees=ratio >= 0.8 and within,
        text=f"{_percent(ratio)} are numbers within {most:g} degrees",
    )


def _latitude(values: Values) -> Support:
    return _degrees(values, 90)


def _longitude(values: Values) -> Support:
    return _degrees(values, 180)


def _country(values: Values) -> Support:
    parts = {part.strip() for value in values.folded for part in value.split(",")}
    named = len(parts & words.countries()) / len(parts) if parts else 0.0
    coded = sum(1 for value in values.all if value.upper() in words.country_codes()) / max(1, len(values.all))
    ratio = max(named, coded)
    return Support(
        ratio=ratio,
        agrees=ratio >= 0.4,
        alone=0.9 * (named >= 0.8 and len(parts) >= 4),
        text=f"{_percent(named)} are names of countries, {_percent(coded)} codes of countries",
    )


def _state(values: Values) -> Support:
    named = values.among(words.listed("states"))
    coded = sum(1 for value in values.all if value.upper() in words.listed("state_codes")) / max(
        1, len(values.all)
    )
    regions = values.share("REGION_CODE")
    ratio = max(named, coded, regions)
    wordy = values.share("WORDS") >= 0.8 and values.mean_length <= 40
    many = len(values.all) >= 10
    subdivided = regions >= 0.95 and many and _prefixed_by_countries(values.all)
    return Support(
        ratio=ratio,
        agrees=ratio >= 0.3 or wordy,
        alone=0.85 * ((named >= 0.8 and len(values.all) >= 4) or (coded >= 0.95 and many) or subdivided),
        text=f"{_percent(ratio)} are states or regions by name or code",
    )


def _prefixed_by_countries(values: Sequence[str]) -> bool:
    known = sum(1 for value in values if value[:2] in words.country_codes())
    return known >= 0.95 * len(values) and len({value[:2] for value in values}) >= 5


def _currency(values: Values) -> Support:
    ratio = sum(1 for value in values.all if patterns.is_currency(value)) / max(1, len(values.all))
    return Support(
        ratio=ratio,
        agrees=ratio >= 0.8,
        alone=0.88 * (ratio >= 0.95 and len(values.all) >= 5),
        text=f"{_percent(ratio)} are ISO codes of currencies",
    )


def _given(values: Values) -> Support:
    ratio = values.among(words.listed("given_names"))
    single = values.share("ONE_WORD")
    return Support(
        ratio=ratio,
        agrees=values.share("WORDS") >= 0.8 and values.mean_length <= 20,
        alone=0.85 * (ratio >= 0.6 and single >= 0.9 and len(values.all) >= 10),
        text=f"{_percent(ratio)} are common given names",
    )


def _family(values: Values) -> Support:
    ratio = values.share("WORDS")
    return Support(
        ratio=ratio,
        agrees=ratio >= 0.8 and values.mean_length <= 24,
        text=f"{_percent(ratio)} are made of letters only",
    )


def _person(values: Values) -> Support:
    named = values.with_word(_ADDRESSED)
    two = sum(1 for tokens in values.tokens if 2 <= len(tokens) <= 7) / max(1, len(values.all))
    wordy = values.share("WORDS")
    organised = values.with_word(words.listed("organisations"))
    initials = sum(
        1 for tokens in values.tokens if len(tokens) > 1 and len(tokens[0]) == 2 and tokens[0][1] == "."
    )
    named = max(named, initials / max(1, len(values.all)))
    people = named >= 0.35 and two >= 0.7 and wordy >= 0.8 and organised < 0.2 and values.mean_length <= 45
    return Support(
        ratio=min(named, two),
        agrees=people,
        alone=0.8 * (people and named >= 0.6 and len(values.all) >= 10),
        text=f"{_percent(named)} hold a common given name or a form of address",
    )


def _company(values: Values) -> Support:
    ratio = values.with_word(words.listed("organisations"))
    letters = values.share("LETTERS")
    return Support(
        ratio=ratio,
        agrees=letters >= 0.9 and values.mean_length <= 80,
        alone=0.8 * (ratio >= 0.55 and letters >= 0.9 and values.mean_length <= 60 and len(values.all) >= 5),
        text=f"{_percent(ratio)} hold a word for an organisation",
    )


def _job(values: Values) -> Support:
    ratio = values.with_word(words.listed("jobs"))
    return Support(
        ratio=ratio,
        agrees=values.share("LETTERS") >= 0.9 and 4 <= values.mean_length <= 50,
        alone=0.82 * (ratio >= 0.6 and len(values.all) >= 4 and values.mean_length <= 40),
        text=f"{_percent(ratio)} hold a word for an occupation",
    )


def _street(values: Values) -> Support:
    numbered = values.share("STREET")
    wordy = values.with_word(words.listed("streets"))
    return Support(
        ratio=max(numbered, wordy),
        agrees=(numbered >= 0.4 or wordy >= 0.4)
        and values.share("LETTERS") >= 0.9
        and values.share("EMAIL") < 0.2,
        alone=0.85 * (numbered >= 0.8 and wordy >= 0.6 and values.mean_length <= 60 and len(values.all) >= 5),
        text=f"{_percent(wordy)} hold a word for a street, {_percent(numbered)} a number and words",
    )


def _city(values: Values) -> Support:
    ratio = values.share("LETTERS")
    return Support(
        ratio=ratio,
        agrees=ratio >= 0.8 and values.mean_length <= 30,
        text=f"{_percent(ratio)} are short words",
    )


def _username(values: Values) -> Support:
    ratio = values.share("HANDLE", "EMAIL")
    letters = values.share("LETTERS")
    return Support(
        ratio=ratio,
        agrees=ratio >= 0.8 and letters >= 0.7,
        text=f"{_percent(ratio)} are single words without spaces",
    )


def _secret(values: Values) -> Support:
    unspaced = sum(1 for value in values.all if " " not in value) / max(1, len(values.all))
    return Support(
        ratio=unspaced,
        agrees=unspaced >= 0.9
        and values.mean_length >= 5
        and values.share("DATE") < 0.2
        and len(values.all) > 2,
        text=f"{_percent(unspaced)} are one run of characters",
    )


def _medical(values: Values) -> Support:
    ratio = values.share("ICD")
    prefixes = {value[1:3] for value in values.all}
    varied = len(values.all) >= 15 and len(prefixes) >= 10
    return Support(
        ratio=ratio,
        agrees=ratio >= 0.6,
        alone=0.8 * (ratio >= 0.97 and varied and values.mean_length >= 3.2),
        text=f"{_percent(ratio)} are shaped like ICD-10 codes",
    )


JUDGES: dict[str, Judge] = {
    "EMAIL": _email,
    "URL": _url,
    "UUID": _uuid,
    "IP_ADDRESS": _ip,
    "IBAN": _iban,
    "CREDIT_CARD": _card,
    "CARD_SECURITY_CODE": _security_code,
    "VIN": _vin,
    "NATIONAL_ID": _national,
    "PHONE": _phone,
    "POSTAL_CODE": _postal,
    "GENDER": _gender,
    "MARITAL_STATUS": _marital,
    "AGE": _age,
    "DATE_OF_BIRTH": _birth,
    "LATITUDE": _latitude,
    "LONGITUDE": _longitude,
    "COUNTRY": _country,
    "STATE_REGION": _state,
    "CURRENCY_CODE": _currency,
    "FIRST_NAME": _given,
    "LAST_NAME": _family,
    "PERSON_NAME": _person,
    "COMPANY_NAME": _company,
    "JOB_TITLE": _job,
    "STREET_ADDRESS": _street,
    "CITY": _city,
    "USERNAME": _username,
    "SECRET": _secret,
    "MEDICAL_CODE": _medical,
}
