"""What a column's name says it holds: its words, with abbreviations spelt out, against phrases."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

ABBREVIATIONS = {
    "addr": "address",
    "adr": "address",
    "adresse": "address",
    "bday": "birthday",
    "birthdate": "birth date",
    "birthday": "birth date",
    "cc": "card",
    "ccn": "card number",
    "ccnum": "card number",
    "cell": "phone",
    "cellphone": "phone",
    "cst": "customer",
    "ctry": "country",
    "cty": "city",
    "cust": "customer",
    "cvc": "cvv",
    "cvc2": "cvv",
    "cvv2": "cvv",
    "dob": "birth date",
    "eml": "email",
    "emp": "employee",
    "fax": "phone",
    "firstname": "first name",
    "fname": "first name",
    "forename": "first name",
    "fullname": "full name",
    "geburtsdatum": "birth date",
    "given": "first",
    "guid": "uuid",
    "handy": "phone",
    "hometown": "city",
    "jobtitle": "job title",
    "lastname": "last name",
    "lat": "latitude",
    "lname": "last name",
    "lng": "longitude",
    "lon": "longitude",
    "mail": "email",
    "mob": "phone",
    "mobile": "phone",
    "msisdn": "phone",
    "nachname": "last name",
    "nm": "name",
    "no": "number",
    "nr": "number",
    "num": "number",
    "organisation": "organization",
    "org": "organization",
    "passwd": "password",
    "phn": "phone",
    "plz": "postal code",
    "postalcode": "postal code",
    "postcode": "postal code",
    "prov": "province",
    "pwd": "password",
    "srcip": "ip",
    "str": "street",
    "strasse": "street",
    "straße": "street",
    "surname": "last name",
    "tel": "phone",
    "telefon": "phone",
    "telephone": "phone",
    "uri": "url",
    "usr": "user",
    "username": "user name",
    "vorname": "first name",
    "website": "url",
    "zip": "postal code",
    "zipcode": "postal code",
}

STRONG, WEAK = 1.0, 0.5
"""A strong name stands unless the values speak against it, a weak one only if they speak for it."""


@dataclass(frozen=True, kw_only=True)
class Phrase:
    label: str
    pattern: re.Pattern[str]
    strength: float


def _phrases(label: str, strong: str, weak: str | None = None) -> list[Phrase]:
    phrases = [Phrase(label=label, pattern=re.compile(rf"\b(?:{strong})\b"), strength=STRONG)]
    if weak is not None:
        phrases.append(Phrase(label=label, pattern=re.compile(rf"\b(?:{weak})\b"), strength=WEAK))
    return phrases


PHRASES: tuple[Phrase, ...] = tuple(
    phrase
    for phrases in (
        _phrases("EMAIL", "e ?mail"),
        _phrases("PHONE", "phone"),
        _phrases("FIRST_NAME", "first name|christian name|prenom|nome proprio"),
        _phrases("LAST_NAME", "last name|family name|maiden name|mothers? maiden|maiden|sur name|apellidos?"),
        _phrases(
            "PERSON_NAME",
            "full name|contact name|person name|person|patient name|employee name|customer name|client name"
            "|cardholder|card holder|account holder|contact person|holder name",
            "names?|director|author|member|owner|appointee|president name|contact|manager|teacher|doctor"
            "|physician|player|actor|artist|assignee|reporter|employee|customer|patient"
            "|recipient|beneficiary",
        ),
        _phrases("USERNAME", "user name|login name|login|screen name|nickname|user handle|handle", "user"),
        _phrases(
            "SECRET",
            "password|pass phrase|passphrase|secret|api key|access key|private key|access token|auth token"
            "|refresh token|secret key|password hash|client secret",
            "token|pin",
        ),
        _phrases("GENDER", "gender|sex|geschlecht"),
        _phrases("AGE", "age|age group|age band|age years|alter"),
        _phrases("DATE_OF_BIRTH", "birth date|date of birth|birth day|geboren", "born|birth"),
        _phrases("CITY", "city|town|municipality|ville|stadt|ciudad|citta|locality", "ort|place"),
        _phrases("STATE_REGION", "state|province|federal state|bundesland|state code", "region|st|locale"),
        _phrases(
            "COUNTRY", "country|nation|land code|pais|pays", "residence|nationality|location|land|origin"
        ),
        _phrases("POSTAL_CODE", "postal code|post code|zip code|postal"),
        _phrases("STREET_ADDRESS", "street|street address|address|address line|addr line"),
        _phrases("LATITUDE", "latitude"),
        _phrases("LONGITUDE", "longitude", "long"),
        _phrases(
            "COMPANY_NAME",
            "company|company name|organization|employer|business name|vendor name|supplier name|university"
            "|firm|restaurant name|school name|hospital name|airline name|merchant name|agency",
            "vendor|supplier|school|ship name|institution|pollster|name|merchant|client"
            "|customer|instnm|brand",
        ),
        _phrases(
            "JOB_TITLE",
            "job|job title|occupation|profession|contact title|position title|beruf|job name",
            "title|position|role|designation|function",
        ),
        _phrases(
            "MARITAL_STATUS", "marital status|marital|marriage|family status|civil status|familienstand"
        ),
        _phrases("CREDIT_CARD", "card number|credit card|card no|pan|payment card", "card"),
        _phrases("CARD_SECURITY_CODE", "cvv|csc|card security code|security code|card verification"),
        _phrases("CURRENCY_CODE", "currency|currency code|waehrung|devise", "ccy"),
        _phrases("IBAN", "iban"),
        _phrases("IP_ADDRESS", "ip|ip address|ipv4|ipv6"),
        _phrases("URL", "url|web ?site|home page|web page|domain name|hyperlink", "domain|link|source"),
        _phrases("UUID", "uuid"),
        _phrases("VIN", "vin|vehicle identification number|chassis number"),
        _phrases(
            "NATIONAL_ID",
            "ssn|social security|social security number|national id|national identification"
            "|nino|cpf|dni|pesel"
            "|personal number|personnummer|tax id|tax number|insurance number|passport number"
            "|aadhaar|steuer id",
            "passport|nif|bsn|sin",
        ),
        _phrases("MEDICAL_CODE", "icd|icd 9|icd 10|diagnosis code|icd code|icd10", "diagnosis|diagnose"),
    )
    for phrase in phrases
)

OTHER_THINGS: dict[str, re.Pattern[str]] = {
    label: re.compile(rf"\b(?:{words})\b")
    for label, words in {
        "*": "flag|is|has|have|count|cnt|counts|total|avg|average|mean|median|ratio|rate"
        "|percent|pct|length|size"
        "|suffix|prefix|type|kind|level|verified|do|does|ever|how|number of",
        "AGE": "history|account|house|housing|building|crab|vehicle|days",
        "DATE_OF_BIRTH": "year|month|place|city|country|weight",
        "STREET_ADDRESS": "email|ip|mac|url|web|number|src|dst",
        "CITY": "code|id|population",
        "STATE_REGION": "code of|machine|order|sequence|url|id|ident|transition|workflow",
        "COUNTRY": "county|phone|dial|dialing|calling|id",
        "COMPANY_NAME": "id|code|category|product|genre|playlist|track|file|user|first|last"
        "|screen|domain|url",
        "PERSON_NAME": "id|code|file|product|category|company|genre|playlist|track|storm|host"
        "|domain|user|brand"
        "|organization|income|education|table|column|key|field|attribute|url|city|country",
        "PHONE": "code|country|extension|id|model|brand",
        "EMAIL": "id|subject|body|domain|template|date",
        "CREDIT_CARD": "brand|expires|expiry|expire|family|limit|index|issued|cards|holder|name|dark|cvv|exp"
        "|expiredate|date|chip|id",
        "JOB_TITLE": "courtesy|movie|film|book|album|track|song|page|id|status|code",
        "SECRET": "date|changed|last|year|reset|expires|hint",
        "CURRENCY_CODE": "rate|name|amount",
        "IP_ADDRESS": "count|port",
        "URL": "id",
        "GENDER": "id",
        "USERNAME": "id|agent|date|time|count",
        "LATITUDE": "id",
        "LONGITUDE": "id|description|text|name",
        "NATIONAL_ID": "type|country|date",
    }.items()
}
"""Words that make a name mean something else than the label; `*` for all."""

_BORDERS = re.compile(r"(?<=[^\W\d_])(?=[A-Z][a-zäöüß])|(?<=[a-zäöüß])(?=[A-Z])|[\W_]+")
_DIGITS = re.compile(r"\d+$")


@lru_cache(maxsize=8_192)
def words_of(name: str) -> str:
    """The words of a name in lower case, abbreviations spelt out: `CustEmailAddr2` → `customer email
    address`."""
    parts = [part for part in _BORDERS.split(name[:300]) if part]
    if len(parts) > 1 and all(len(part) == 1 for part in parts):
        parts = ["".join(parts)]
    spelt: list[str] = []
    for part in parts:
        word = part.casefold()
        word = ABBREVIATIONS.get(word) or ABBREVIATIONS.get(_DIGITS.sub("", word)) or _DIGITS.sub("", word)
        if word:
            spelt.append(word)
    return " ".join(spelt)


@lru_cache(maxsize=8_192)
def said_by(name: str, table: str = "") -> dict[str, float]:
    """Labels that a column's name speaks of, with the strength of the words; `name` and `code` alone mean
    their table's thing."""
    words = words_of(name)
    if words in ("name", "code", "title"):
        words = f"{_singular(words_of(table))} {words}".strip()
    found: dict[str, float] = {}
    about_other = OTHER_THINGS["*"].search(words)
    for phrase in PHRASES:
        if not phrase.pattern.search(words) or denied(name, phrase.label):
            continue
        strength = WEAK if about_other else phrase.strength
        found[phrase.label] = max(found.get(phrase.label, 0.0), strength)
    return found


def denied(name: str, label: str) -> bool:
    """Does the name say that the column holds something else than the label?"""
    other = OTHER_THINGS.get(label)
    return other is not None and other.search(words_of(name)) is not None


def _singular(words: str) -> str:
    if words.endswith("ies"):
        return words[:-3] + "y"
    return words.removesuffix("s")
