"""Rows of the schema `sales`, and the shifts of its stores."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from datawave.demo import numbers, words
from datawave.demo.people import EMPLOYEES, Person, some_street
from datawave.demo.rows import LAST_DAY, Row, Table, Value, perhaps, some_day, some_time, stream
from datawave.demo.words import COUNTRIES

PRODUCTS = 600
SUPPLIERS = 60
STORES = 12
ORDERS = 3_600
COUPONS = 40


@dataclass(frozen=True)
class Product:
    id: int
    sku: str
    name: str
    price: float


@dataclass(frozen=True)
class Order:
    """One order with its lines as (product, quantity, unit price)."""

    id: int
    customer: Person
    currency: str
    placed_at: datetime
    state: str
    lines: tuple[tuple[int, int, float], ...]

    @property
    def number(self) -> str:
        return f"O{200_000 + self.id}"

    @cached_property
    def total(self) -> float:
        return round(sum(quantity * price for _, quantity, price in self.lines), 2)

    @property
    def paid(self) -> bool:
        return self.state not in ("cart", "placed", "cancelled")

    @property
    def sent(self) -> bool:
        return self.state in ("shipped", "delivered")


def products_of(seed: int) -> list[Product]:
    random = stream(seed, "product names")
    kinds = [kind for group in words.CATEGORIES.values() for kind in group]
    made: list[Product] = []
    for number in range(1, PRODUCTS + 1):
        kind = kinds[number % len(kinds)]
        name = f"{random.choice(words.PRODUCT_WORDS)} {kind.lower()} {random.choice((100, 200, 300, 500))}"
        made.append(
            Product(
                number, f"SKU-{kind[:2].upper()}{number:05d}", name, random.randrange(900, 40_000, 50) / 100
            )
        )
    return made


def orders_of(seed: int, people: list[Person], products: list[Product]) -> list[Order]:
    random = stream(seed, "orders")
    states = ("placed", "paid", "shipped", *("delivered",) * 14, "cancelled")
    made: list[Order] = []
    for number in range(1, ORDERS + 1):
        customer = people[min(random.randrange(len(people)), random.randrange(len(people)))]
        bought = random.sample(products, random.choice((1, 1, 2, 2, 3, 4, 5)))
        currency = customer.country.currency
        euro = words.CURRENCIES[currency][1]
        lines = tuple(
            (product.id, random.choice((1, 1, 1, 2, 3)), round(product.price / euro, 2)) for product in bought
        )
        made.append(Order(number, customer, currency, some_time(random), random.choice(states), lines))
    return made


def categories() -> Table:
    rows: list[Row] = [(number, None, name) for number, name in enumerate(words.CATEGORIES, 1)]
    below = [(parent, name) for parent, group in enumerate(words.CATEGORIES.values(), 1) for name in group]
    rows += [(number, parent, name) for number, (parent, name) in enumerate(below, len(words.CATEGORIES) + 1)]
    return Table("sales.categories", "id, parent_id, name", rows)


def suppliers(seed: int) -> Table:
    random = stream(seed, "suppliers")
    rows: list[Row] = []
    for number in range(1, SUPPLIERS + 1):
        country = random.choice(COUNTRIES)
        name = f"{words.COMPANY_WORDS[number % 20]} Supply {words.COMPANY_FORMS[country.code]}"
        contact = f"{random.choice(words.FIRST_NAMES_F)} {random.choice(words.LAST_NAMES)}"
        rows.append(
            (
                number,
                name,
                contact,
                f"orders@supplier{number}.example",
                country.code,
                random.randrange(20, 50) / 10,
            )
        )
    return Table("sales.suppliers", "id, name, contact_name, contact_email, country_code, rating", rows)


def products(seed: int, made: list[Product]) -> Table:
    random = stream(seed, "products")
    first, count = len(words.CATEGORIES) + 1, sum(map(len, words.CATEGORIES.values()))
    rows: list[Row] = []
    for product in made:
        colours = "{" + ",".join(f'"{colour}"' for colour in random.sample(words.COLOURS, 2)) + "}"
        cost = round(product.price * random.uniform(0.4, 0.7), 2)
        rows.append(
            (product.id, product.sku, numbers.ean13(random), product.name, first + product.id % count,
             random.randrange(1, SUPPLIERS + 1), colours, random.randrange(20, 4_000), cost, product.price,
             random.random() < 0.9)
        )  # fmt: skip
    columns = "id, sku, ean, name, category_id, supplier_id, colours, weight_grams, cost, price, active"
    return Table("sales.products", columns, rows)


def product_prices(seed: int, made: list[Product]) -> Table:
    random = stream(seed, "prices")
    rows: list[Row] = [
        (product.id, day, round(product.price * random.uniform(0.8, 1.1), 2))
        for product in made
        for day in sorted({some_day(random), some_day(random)})
    ]
    return Table("sales.product_prices", "product_id, valid_from, price", rows)


def stores(seed: int) -> Table:
    random = stream(seed, "stores")
    rows: list[Row] = []
    for number in range(1, STORES + 1):
        country = COUNTRIES[number % 4]
        place = country.places[number // 4 % len(country.places)]
        rows.append(
            (number, f"Shop {place.city} {number}", some_street(random, country), numbers.fill(random,
             country.postal),
             place.city, country.code, round(place.latitude + random.uniform(-0.04, 0.04), 5),
             round(place.longitude + random.uniform(-0.04, 0.04), 5), numbers.fill(random, country.phone),
             some_day(random))
        )  # fmt: skip
    columns = "id, name, street, postal_code, city, country_code, latitude, longitude, phone, opened_on"
    return Table("sales.stores", columns, rows)


def coupons(seed: int, people: list[Person]) -> Table:
    random = stream(seed, "coupons")
    rows: list[Row] = [
        (
            f"HIKE{number:03d}",
            random.choice((5, 10, 20)),
            some_day(random),
            perhaps(random, 0.3, random.choice(people).id),
        )
        for number in range(1, COUPONS + 1)
    ]
    return Table("sales.coupons", "code, percent, valid_until, owner_id", rows)


def orders(seed: int, made: list[Order]) -> Table:
    random = stream(seed, "order rows")
    rows: list[Row] = []
    for order in made:
        store: Value = perhaps(random, 0.2, random.randrange(1, STORES + 1))
        coupon = perhaps(random, 0.1, f"HIKE{random.randrange(1, COUPONS + 1):03d}")
        note = perhaps(
            random, 0.05, random.choice(("Leave with the neighbour", "Door code 0000", "Ring twice"))
        )
        rows.append(
            (order.id, order.number, order.customer.id, None if store else 1, store, coupon, order.state,
             order.currency,
             order.placed_at, note)
        )  # fmt: skip
    columns = (
        "id, order_no, customer_id, delivery_address_no, store_id, coupon_code, state, currency, "
        "placed_at, note"
    )
    return Table("sales.orders", columns, rows)


def order_lines(seed: int, made: list[Order]) -> Table:
    random = stream(seed, "discounts")
    rows: list[Row] = [
        (order.id, number, product, quantity, price, random.choice((0, 0, 0, 0, 10, 20)))
        for order in made
        for number, (product, quantity, price) in enumerate(order.lines, 1)
    ]
    columns = "order_id, line_no, product_id, quantity, unit_price, discount_percent"
    return Table("sales.order_lines", columns, rows)


def carriers() -> Table:
    rows: list[Row] = [
        (number, name, f"https://track.example/{number}/") for number, name in enumerate(words.CARRIERS, 1)
    ]
    return Table("sales.carriers", "id, name, tracking_url", rows)


def shipments(seed: int, made: list[Order]) -> tuple[Table, Table]:
    random = stream(seed, "shipments")
    parcels: list[Row] = []
    contents: list[Row] = []
    for number, order in enumerate((order for order in made if order.sent), 1):
        sent = order.placed_at + timedelta(hours=random.randrange(6, 60))
        arrived = sent + timedelta(hours=random.randrange(20, 90)) if order.state == "delivered" else None
        signed = order.customer.name if arrived and random.random() < 0.7 else None
        tracking = f"NW{numbers.digits(random, 10)}{number:05d}"
        parcels.append(
            (number, order.id, random.randrange(1, len(words.CARRIERS) + 1), tracking, sent, arrived, signed)
        )
        contents += [(number, order.id, line, line_of[1]) for line, line_of in enumerate(order.lines, 1)]
    columns = "id, order_id, carrier_id, tracking_no, sent_at, delivered_at, signed_by"
    inside = Table("sales.shipment_lines", "shipment_id, order_id, line_no, quantity", contents)
    return Table("sales.shipments", columns, parcels), inside


def returns(seed: int, made: list[Order]) -> Table:
    random = stream(seed, "returns")
    rows: list[Row] = []
    for order in made:
        if order.state == "delivered" and random.random() < 0.12:
            reason = random.choice(
                ("too small", "too large", "damaged", "not as described", "changed my mind")
            )
            back = min(order.placed_at.date() + timedelta(days=random.randrange(5, 30)), LAST_DAY)
            rows.append(
                (
                    len(rows) + 1,
                    order.id,
                    random.randrange(1, len(order.lines) + 1),
                    reason,
                    perhaps(random, 0.9, back),
                )
            )
    return Table("sales.returns", "id, order_id, line_no, reason, received_on", rows)


def reviews(seed: int, made: list[Order]) -> Table:
    random = stream(seed, "reviews")
    written: dict[tuple[int, int], Row] = {}
    for order in made:
        for product, _, _ in order.lines:
            if random.random() < 0.12:
                at = order.placed_at + timedelta(days=random.randrange(3, 40))
                title = perhaps(random, 0.5, random.choice(("Good", "Fine", "Meh", "Great")))
                text = perhaps(random, 0.8, random.choice(words.REVIEWS))
                stars = random.choice((1, 2, 3, 4, 4, 5, 5))
                written[product, order.customer.id] = (product, order.customer.id, stars, title, text, at)
    columns = "product_id, customer_id, stars, title, review, written_at"
    return Table("sales.reviews", columns, list(written.values()))


def delivery_vans(seed: int) -> Table:
    random = stream(seed, "vans")
    rows: list[Row] = [
        (numbers.vin(random), f"XX-{number:03d}-DW", random.randrange(1, STORES + 1), random.randrange(1,
         EMPLOYEES + 1),
         random.randrange(500, 180_000))
        for number in range(1, 31)
    ]  # fmt: skip
    return Table("sales.delivery_vans", "vin, plate, store_id, driver_id, kilometres", rows)


def shifts(seed: int) -> Table:
    random = stream(seed, "shifts")
    days = [LAST_DAY - timedelta(days=back) for back in range(45)]
    rows: list[Row] = [
        (random.randrange(1, STORES + 1), employee, day, random.choice(("06:00", "10:00", "14:00")),
         f"{random.choice((4, 6, 8))} hours")
        for employee in range(40, EMPLOYEES + 1)
        for day in days
        if random.random() < 0.4
    ]  # fmt: skip
    return Table("staff.shifts", "store_id, employee_id, day, starts, hours", rows)
