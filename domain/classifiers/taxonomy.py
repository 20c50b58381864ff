"""The words of the taxonomy: what data is, and how sensitive that makes it. Data, to be changed by people
later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Sensitivity = Literal["INFO", "LOW", "MEDIUM", "HIGH", "CRITICAL"]


@dataclass(frozen=True, kw_only=True)
class Label:
    """A class of data; `regulations` are the keys of frameworks that speak of it."""

    name: str
    title: str
    sensitivity: Sensitivity
    parent: str | None = None
    regulations: tuple[str, ...] = ()
    description: str = ""


PRIVACY = ("GDPR", "CCPA")
HEALTH = ("GDPR", "CCPA", "HIPAA")
CARDS = ("PCI_DSS",)


def _group(name: str, title: str, sensitivity: Sensitivity, regulations: tuple[str, ...] = ()) -> Label:
    return Label(name=name, title=title, sensitivity=sensitivity, regulations=regulations)


def _label(
    name: str, title: str, parent: str, sensitivity: Sensitivity, regulations: tuple[str, ...] = ()
) -> Label:
    return Label(name=name, title=title, parent=parent, sensitivity=sensitivity, regulations=regulations)


LABELS: tuple[Label, ...] = (
    _group("PERSONAL_DATA", "Personal data", "MEDIUM", PRIVACY),
    _group("CONTACT", "Contact details", "MEDIUM", PRIVACY),
    _group("LOCATION", "Location", "LOW", PRIVACY),
    _group("IDENTIFIER", "Identifiers", "LOW"),
    _group("FINANCIAL", "Financial data", "HIGH", ("PCI_DSS", "SOX")),
    _group("HEALTH", "Health data", "HIGH", HEALTH),
    _group("CREDENTIAL", "Credentials", "CRITICAL", ("PCI_DSS", "SOX")),
    _group("ORGANISATION", "Organisations", "INFO"),
    _label("PERSON_NAME", "Person’s name", "PERSONAL_DATA", "MEDIUM", PRIVACY),
    _label("FIRST_NAME", "First name", "PERSON_NAME", "LOW", PRIVACY),
    _label("LAST_NAME", "Last name", "PERSON_NAME", "MEDIUM", PRIVACY),
    _label("GENDER", "Gender", "PERSONAL_DATA", "MEDIUM", PRIVACY),
    _label("AGE", "Age", "PERSONAL_DATA", "LOW", PRIVACY),
    _label("DATE_OF_BIRTH", "Date of birth", "PERSONAL_DATA", "HIGH", HEALTH),
    _label("MARITAL_STATUS", "Marital status", "PERSONAL_DATA", "MEDIUM", PRIVACY),
    _label("JOB_TITLE", "Job title", "PERSONAL_DATA", "LOW", PRIVACY),
    _label("NATIONAL_ID", "National identification number", "PERSONAL_DATA", "CRITICAL", HEALTH),
    _label("EMAIL", "E-mail address", "CONTACT", "MEDIUM", HEALTH),
    _label("PHONE", "Telephone number", "CONTACT", "MEDIUM", HEALTH),
    _label("STREET_ADDRESS", "Street address", "CONTACT", "MEDIUM", HEALTH),
    _label("POSTAL_CODE", "Postal code", "LOCATION", "LOW", PRIVACY),
    _label("CITY", "City", "LOCATION", "LOW"),
    _label("STATE_REGION", "State or region", "LOCATION", "INFO"),
    _label("COUNTRY", "Country", "LOCATION", "INFO"),
    _label("LATITUDE", "Latitude", "LOCATION", "LOW", PRIVACY),
    _label("LONGITUDE", "Longitude", "LOCATION", "LOW", PRIVACY),
    _label("USERNAME", "User name", "IDENTIFIER", "MEDIUM", PRIVACY),
    _label("IP_ADDRESS", "IP address", "IDENTIFIER", "MEDIUM", PRIVACY),
    _label("UUID", "UUID", "IDENTIFIER", "INFO"),
    _label("URL", "Web address", "IDENTIFIER", "INFO"),
    _label("VIN", "Vehicle identification number", "IDENTIFIER", "MEDIUM", PRIVACY),
    _label("CREDIT_CARD", "Payment card number", "FINANCIAL", "CRITICAL", CARDS),
    _label("CARD_SECURITY_CODE", "Card security code", "FINANCIAL", "CRITICAL", CARDS),
    _label("IBAN", "Bank account (IBAN)", "FINANCIAL", "HIGH", (*PRIVACY, "SOX")),
    _label("CURRENCY_CODE", "Currency", "FINANCIAL", "INFO"),
    _label("MEDICAL_CODE", "Medical code", "HEALTH", "HIGH", HEALTH),
    _label("SECRET", "Password or key", "CREDENTIAL", "CRITICAL", ("PCI_DSS", "SOX")),
    _label("COMPANY_NAME", "Organisation’s name", "ORGANISATION", "INFO"),
)

BY_NAME = {label.name: label for label in LABELS}
