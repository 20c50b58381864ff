"""Rows of the schemas `crm` and `staff`: customers, what they wrote, and the people who work in the shop."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random

from datawave.demo import numbers, words
from datawave.demo.rows import LAST_DAY, Row, Table, perhaps, some_day, some_time, some_uuid, stream
from datawave.demo.words import COUNTRIES, Country

CUSTOMERS = 2_400
COMPANIES = 120
EMPLOYEES = 140
TICKETS = 1_500

_PLAIN = str.maketrans("äöüßåéèïîÉô'", "aousaeeiiEo_")


@dataclass(frozen=True)
class Person:
    id: int
    first: str
    last: str
    gender: str
    email: str
    phone: str
    address: str
    country: Country

    @property
    def name(self) -> str:
        return f"{self.first} {self.last}"

    @property
    def login(self) -> str:
        return f"{self.first[:1]}{self.last}{self.id}".translate(_PLAIN).replace("_", "").lower()


def some_person(random: Random, number: int) -> Person:
    """Somebody who does not exist, with an address that cannot be delivered to."""
    [country] = random.choices(COUNTRIES, weights=[country.weight for country in COUNTRIES])
    gender = random.choice("ffffmmmmx")
    first = random.choice(words.FIRST_NAMES_M if gender == "m" else words.FIRST_NAMES_F)
    last = random.choice(words.LAST_NAMES)
    mailbox = f"{first}.{last}{number}".translate(_PLAIN).replace("_", "").lower()
    return Person(
        id=number,
        first=first,
        last=last,
        gender=gender,
        email=f"{mailbox}@{random.choice(words.MAIL_DOMAINS)}",
        phone=numbers.fill(random, country.phone),
        address=some_street(random, country),
        country=country,
    )


def some_street(random: Random, country: Country) -> str:
    return country.street.format(name=random.choice(words.STREET_NAMES), number=random.randrange(1, 140))


def people_of(seed: int) -> list[Person]:
    random = stream(seed, "people")
    return [some_person(random, number) for number in range(1, CUSTOMERS + 1)]


def staff_of(seed: int) -> list[Person]:
    random = stream(seed, "staff people")
    return [some_person(random, number) for number in range(1, EMPLOYEES + 1)]


def companies(seed: int) -> Table:
    random = stream(seed, "companies")
    rows: list[Row] = []
    for number in range(1, COMPANIES + 1):
        country = random.choice(COUNTRIES)
        word, trade = words.COMPANY_WORDS[number % 20], words.COMPANY_TRADES[number // 20 % 9]
        name = f"{word} {trade} {words.COMPANY_FORMS[country.code]}"
        website = f"https://www.{word}-{trade}-{number}.example/".lower()
        vat = perhaps(random, 0.9, f"{country.code}000{number:06d}")
        rows.append((number, name, vat, trade.lower(), website, country.code, some_time(random)))
    return Table("crm.companies", "id, name, vat_number, industry, website, country_code, created_at", rows)


def customers(seed: int, people: list[Person]) -> Table:
    random = stream(seed, "customers")
    rows: list[Row] = []
    for person in people:
        born = some_day(random, date(1940, 1, 1), date(2007, 12, 31))
        likes = json.dumps({"size": random.choice("SML"), "newsletter": random.choice(("weekly", "never"))})
        married = perhaps(random, 0.6, random.choice(("single", "married", "divorced", "widowed")))
        made = some_time(random)
        gone = made + timedelta(days=40) if random.random() < 0.01 else None
        row: Row = (
            person.id,
            f"C{100_000 + person.id}",
            random.randrange(1, COMPANIES) if random.random() < 0.08 else None,
        )
        row += (
            person.first,
            person.last,
            person.email,
            perhaps(random, 0.85, person.phone),
            perhaps(random, 0.7, born),
        )
        row += (
            perhaps(random, 0.8, person.gender),
            married,
            person.country.language,
            random.choice((0, 0, 0, 1, 1, 2, 3)),
        )
        rows.append((*row, random.random() < 0.4, likes, made, gone))
    columns = (
        "id, customer_no, company_id, first_name, last_name, email, phone, date_of_birth, gender, "
        "marital_status, "
        "language, loyalty_tier, marketing_opt_in, preferences, created_at, deleted_at"
    )
    return Table("crm.customers", columns, rows)


def addresses(seed: int, people: list[Person]) -> Table:
    random = stream(seed, "addresses")
    rows: list[Row] = []
    for person in people:
        for number in range(1, 3 if random.random() < 0.25 else 2):
            place = random.choice(person.country.places)
            street = person.address if number == 1 else some_street(random, person.country)
            postal = numbers.fill(random, person.country.postal)
            kind = "home" if number == 1 else random.choice(("delivery", "invoice"))
            rows.append(
                (
                    person.id,
                    number,
                    kind,
                    person.name,
                    street,
                    postal,
                    place.city,
                    place.region,
                    person.country.code,
                )
            )
    columns = "customer_id, address_no, kind, recipient, street, postal_code, city, region, country_code"
    return Table("crm.addresses", columns, rows)


def consents(seed: int, people: list[Person]) -> Table:
    random = stream(seed, "consents")
    rows: list[Row] = []
    for person in people:
        for purpose in ("newsletter", "profiling", "partners"):
            if random.random() < 0.5:
                granted = some_time(random, last=LAST_DAY - timedelta(days=60))
                withdrawn = (
                    granted + timedelta(days=random.randrange(1, 60)) if random.random() < 0.15 else None
                )
                rows.append((person.id, purpose, granted, withdrawn, numbers.ip_address(random)))
    return Table("crm.consents", "customer_id, purpose, granted_at, withdrawn_at, proof_ip", rows)


def loyalty_entries(seed: int, people: list[Person]) -> Table:
    random = stream(seed, "loyalty")
    rows: list[Row] = [
        (
            person.id,
            number,
            random.choice((50, 100, 150, -200)),
            random.choice(("order", "review", "voucher")),
            some_day(random),
        )
        for person in people
        for number in range(1, random.randrange(0, 4) + 1)
    ]
    return Table("crm.loyalty_entries", "customer_id, entry_no, points, reason, booked_on", rows)


def newsletter(seed: int, people: list[Person]) -> Table:
    random = stream(seed, "newsletter")
    readers = [person.email for person in people if random.random() < 0.4]
    readers += [f"reader{number}@{random.choice(words.MAIL_DOMAINS)}" for number in range(300)]
    rows: list[Row] = [
        (email, some_time(random), random.choice(("footer", "checkout", "contest")),
         perhaps(random, 0.9, numbers.ip_address(random)), some_uuid(random), random.random() < 0.03)
        for email in readers
    ]  # fmt: skip
    columns = "email, subscribed_at, source, confirmed_ip, unsubscribe_token, bounced"
    return Table("crm.newsletter_subscribers", columns, rows)


def tickets(seed: int, people: list[Person]) -> tuple[Table, Table]:
    random = stream(seed, "tickets")
    opened: list[Row] = []
    said: list[Row] = []
    for number in range(1, TICKETS + 1):
        person = random.choice(people)
        facts = {
            "name": person.name, "email": person.email, "phone": person.phone, "address": person.address,
            "order": f"O{random.randrange(200_001, 204_000)}", "iban": numbers.iban(random,
            person.country.code),
        }  # fmt: skip
        at = some_time(random, last=LAST_DAY - timedelta(days=5))
        state = random.choice(("open", "waiting", "solved", "closed", "closed", "closed"))
        closed = at + timedelta(hours=random.randrange(1, 90)) if state == "closed" else None
        body = random.choice(words.TICKET_TEXTS).format(**facts)
        opened.append(
            (number, perhaps(random, 0.95, person.id), random.randrange(1, EMPLOYEES), state,
             random.choice(words.TICKET_SUBJECTS),
             body, at, closed, perhaps(random, 0.5, random.choice((1, 2, 3, 4, 4, 5, 5))))
        )  # fmt: skip
        for answer in range(1, random.randrange(1, 4) + 1):
            text = random.choice(words.ANSWERS if answer % 2 else words.TICKET_TEXTS).format(**facts)
            said.append((number, answer, answer % 2 == 0, text, at + timedelta(hours=answer * 3)))
    columns = "id, customer_id, agent_id, state, subject, body, opened_at, closed_at, satisfaction"
    messages = Table("crm.ticket_messages", "ticket_id, message_no, from_customer, body, sent_at", said)
    return Table("crm.support_tickets", columns, opened), messages


def legacy_contacts(seed: int) -> Table:
    """The old system's way: everything is text, much of it missing."""
    random = stream(seed, "legacy")
    rows: list[Row] = []
    for number in range(1, 701):
        person = some_person(random, 9_000 + number)
        born = some_day(random, date(1930, 1, 1), date(1999, 12, 31))
        rows.append(
            (f"K-{number:05d}", f"{person.last}, {person.first}", perhaps(random, 0.6,
             person.email.upper()), person.phone,
             perhaps(random, 0.2, numbers.fill(random, person.country.phone)), perhaps(random, 0.5,
             f"{born:%d.%m.%Y}"),
             numbers.fill(random, person.country.postal), random.choice(person.country.places).city.upper(),
             perhaps(random, 0.1, "called twice, nobody there"))
        )  # fmt: skip
    return Table("crm.legacy_contacts", "cst_no, cst_nm, cst_eml, tel_1, tel_2, geb_dat, plz, ort, bem", rows)


def departments() -> Table:
    rows: list[Row] = [(number, name, f"{number:02d}00") for number, name in enumerate(words.DEPARTMENTS, 1)]
    return Table("staff.departments", "id, name, cost_center", rows)


def employees(seed: int, staff: list[Person]) -> Table:
    random = stream(seed, "employees")
    rooms = list(words.DEPARTMENTS.values())
    rows: list[Row] = []
    for person in staff:
        room = 1 if person.id <= 3 else random.randrange(2, len(rooms) + 1)
        manager = None if person.id == 1 else random.randrange(1, max(2, min(person.id, 20)))
        born = some_day(random, date(1960, 1, 1), date(2003, 12, 31))
        hired = some_day(random, date(2015, 1, 1), date(2026, 3, 31))
        left = hired + timedelta(days=random.randrange(200, 900)) if random.random() < 0.1 else None
        title = random.choice(rooms[room - 1]) if person.id > 1 else "Managing Director"
        rows.append(
            (person.id, room, manager, person.name, f"{person.login}@shop.example", perhaps(random, 0.9,
             person.phone),
             numbers.personal_number(random, born), born, person.country.code, title,
             f"{person.address}, {random.choice(person.country.places).city}", numbers.iban(random, "SE"),
             hired, left)
        )  # fmt: skip
    columns = (
        "id, department_id, manager_id, full_name, work_email, private_phone, national_id, birth_date, "
        "nationality, "
        "job_title, home_address, iban, hired_on, left_on"
    )
    return Table("staff.employees", columns, rows)


def salaries(seed: int) -> Table:
    random = stream(seed, "salaries")
    rows: list[Row] = []
    for employee in range(1, EMPLOYEES + 1):
        amount = random.randrange(28_000, 70_000, 500)
        for year in (2024, 2025, 2026):
            rows.append(
                (
                    employee,
                    date(year, 1, 1),
                    f"{amount}.00",
                    "SEK",
                    perhaps(random, 0.3, random.choice((2.5, 5.0, 10.0))),
                )
            )
            amount += random.randrange(0, 3_000, 250)
    return Table("staff.salaries", "employee_id, valid_from, monthly_amount, currency, bonus_percent", rows)


def contractors(seed: int) -> Table:
    random = stream(seed, "contractors")
    rows: list[Row] = []
    for number in range(1, 31):
        person = some_person(random, number)
        ssn = numbers.social_security_number(random)
        rows.append(
            (
                number,
                person.name,
                perhaps(random, 0.8, ssn),
                random.randrange(300, 900),
                person.email,
                person.phone,
            )
        )
    return Table("staff.contractors", "id, name, ssn, daily_rate, email, contact_phone", rows)


def sick_notes(seed: int, staff: list[Person]) -> Table:
    random = stream(seed, "sick notes")
    rows: list[Row] = []
    for number in range(1, 261):
        first = some_day(random, last=LAST_DAY - timedelta(days=14))
        doctor = f"Dr. {random.choice(words.LAST_NAMES)}"
        last = first + timedelta(days=random.randrange(0, 14))
        rows.append((number, random.choice(staff).id, first, last, random.choice(words.DIAGNOSES), doctor))
    return Table("staff.sick_notes", "id, employee_id, from_day, to_day, icd10, doctor", rows)


def system_accounts(seed: int, staff: list[Person]) -> Table:
    random = stream(seed, "accounts")
    rows: list[Row] = [
        (person.login, person.id, password_hash(random), perhaps(random, 0.1,
         f"demo_{random.getrandbits(128):032x}"),
         datetime.combine(some_day(random), datetime.min.time(), UTC), numbers.ip_address(random))
        for person in staff
    ]  # fmt: skip
    return Table(
        "staff.system_accounts",
        "username, employee_id, password_hash, api_key, last_login_at, last_login_ip",
        rows,
    )


def password_hash(random: Random) -> str:
    """In the form of a bcrypt hash; of no password."""
    letters = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    return "$2b$12$" + "".join(random.choices(letters, k=53))
