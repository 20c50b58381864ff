"""Rows of the schema `web`: accounts, visits, requests, searches, carts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random
from uuid import UUID

from datawave.demo import numbers, words
from datawave.demo.people import Person, password_hash
from datawave.demo.rows import LAST_DAY, Row, Table, perhaps, some_time, some_uuid, stream
from datawave.demo.trade import Product

SESSIONS = 3_200
REQUESTS = 8_000
LOG_BEGINS = date(2026, 1, 1)


@dataclass(frozen=True)
class Visit:
    id: UUID
    customer: Person | None
    began: datetime
    ip: str
    user_agent: str


def visits_of(seed: int, people: list[Person]) -> list[Visit]:
    random = stream(seed, "visits")
    return [
        Visit(some_uuid(random), random.choice(people) if random.random() < 0.4 else None,
              some_time(random, LOG_BEGINS, LAST_DAY - timedelta(days=1)), numbers.ip_address(random),
              some_agent(random))
        for _ in range(SESSIONS)
    ]  # fmt: skip


def some_agent(random: Random) -> str:
    return random.choice(words.USER_AGENTS).format(v=random.randrange(110, 140))


def accounts(seed: int, people: list[Person]) -> Table:
    random = stream(seed, "web accounts")
    rows: list[Row] = [
        (person.login, person.id, password_hash(random), perhaps(random, 0.02,
         f"{random.getrandbits(160):040x}"),
         random.choice((0, 0, 0, 0, 1, 3)), numbers.ip_address(random))
        for person in people
        if random.random() < 0.6
    ]  # fmt: skip
    columns = "username, customer_id, password_hash, reset_token, failed_logins, last_login_ip"
    return Table("web.accounts", columns, rows)


def sessions(seed: int, visits: list[Visit]) -> Table:
    random = stream(seed, "sessions")
    rows: list[Row] = []
    for visit in visits:
        country = visit.customer.country if visit.customer else random.choice(words.COUNTRIES)
        ended = visit.began + timedelta(seconds=random.randrange(5, 3_000))
        device = "phone" if "iPhone" in visit.user_agent else "computer"
        customer = visit.customer.id if visit.customer else None
        rows.append(
            (visit.id, customer, visit.began, ended, visit.ip, visit.user_agent, country.code, device)
        )
    columns = "id, customer_id, started_at, ended_at, ip, user_agent, country_code, device"
    return Table("web.sessions", columns, rows)


def access_log(seed: int, visits: list[Visit], products: list[Product]) -> Table:
    random = stream(seed, "requests")
    rows: list[Row] = []
    for number in range(1, REQUESTS + 1):
        visit = random.choice(visits)
        page = random.choice(
            ("/", "/cart", "/search?q=tent", "/account", f"/p/{random.choice(products).sku}")
        )
        url = f"https://shop.example{page}"
        known = visit.id if random.random() < 0.95 else None
        status = random.choice((200,) * 20 + (301, 404, 404, 500))
        rows.append(
            (number, visit.began + timedelta(seconds=random.randrange(600)), known, visit.ip,
             random.choice(("GET", "GET", "GET", "POST")),
             url, status, random.randrange(300, 90_000), random.randrange(200, 90_000) / 100,
             perhaps(random, 0.5, "https://www.example.com/"), visit.user_agent)
        )  # fmt: skip
    columns = "id, at, session_id, client_ip, method, url, status, bytes, milliseconds, referrer, user_agent"
    return Table("web.access_log", columns, rows)


def searches(seed: int, visits: list[Visit], products: list[Product]) -> Table:
    random = stream(seed, "searches")
    rows: list[Row] = [
        (visit.id, number, random.choice(words.SEARCH_WORDS), random.randrange(0, 60),
         perhaps(random, 0.5, random.choice(products).id))
        for visit in visits
        if random.random() < 0.3
        for number in range(1, random.randrange(1, 4) + 1)
    ]  # fmt: skip
    return Table("web.searches", "session_id, search_no, words, hits, clicked_product_id", rows)


def carts(seed: int, visits: list[Visit], products: list[Product]) -> tuple[Table, Table]:
    random = stream(seed, "carts")
    made: list[Row] = []
    items: list[Row] = []
    for visit in visits:
        if random.random() < 0.25:
            touched = datetime.fromtimestamp(visit.began.timestamp() + 300, UTC)
            made.append((visit.id, touched, random.random() < 0.6))
            chosen = random.sample(products, random.randrange(1, 4))
            items += [(visit.id, product.id, random.choice((1, 1, 2))) for product in chosen]
    contents = Table("web.cart_items", "session_id, product_id, quantity", items)
    return Table("web.carts", "session_id, updated_at, abandoned", made), contents
