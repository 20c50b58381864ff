"""The warehouse's SQLite file: eight tables and two views over the same products as the shop."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path
from random import Random

from datawave.demo import numbers, trade, words
from datawave.demo.generate import SEED
from datawave.demo.people import Person, some_person, some_street
from datawave.demo.rows import Row, perhaps, some_day, some_time, stream

INVENTORY = Path(__file__).parent / "inventory.sql"
WAREHOUSES = 3
PICKERS = 40
MOVEMENTS = 4_000
DELIVERIES = 150


def write_inventory(file: Path, seed: int = SEED) -> None:
    """Make the file beside its place and move it there: whoever reads it sees all of it or the former one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(fresh, isolation_level=None)) as db:
            db.executescript("pragma journal_mode = off; pragma synchronous = off; pragma foreign_keys = on;")
            db.executescript(INVENTORY.read_text())
            db.execute("begin")
            for table, rows in inventory_rows(seed):
                places = ",".join("?" * len(rows[0]))
                db.executemany(f"insert into {table} values ({places})", [_plain(row) for row in rows])
            db.execute("commit")
            db.execute("analyze")
        fresh.rename(file)
    finally:
        fresh.unlink(missing_ok=True)


def inventory_rows(seed: int = SEED) -> list[tuple[str, list[Row]]]:
    """Table → rows, in an order that foreign keys allow."""
    random = stream(seed, "inventory")
    products = trade.products_of(seed)
    pickers = [some_person(random, 5_000 + number) for number in range(PICKERS)]
    bins: list[Row] = [
        (warehouse, aisle, shelf, random.choice((120.0, 250.0, 400.0)))
        for warehouse in range(1, WAREHOUSES + 1)
        for aisle in "ABCDEF"
        for shelf in range(1, 13)
    ]
    items: list[Row] = [
        (product.sku, product.name, numbers.ean13(random), random.randrange(5, 60)) for product in products
    ]
    deliveries = [f"L{number:05d}" for number in range(1, DELIVERIES + 1)]
    return [
        ("warehouse", [_warehouse(random, number) for number in range(1, WAREHOUSES + 1)]),
        ("bin", bins),
        ("item", items),
        ("stock", _stock(random, bins, products)),
        ("picker", [_picker(random, person) for person in pickers]),
        ("movement", [_movement(random, number, products) for number in range(1, MOVEMENTS + 1)]),
        ("inbound", [_delivery(random, delivery) for delivery in deliveries]),
        ("inbound_line", [
            (delivery, line, random.choice(products).sku, random.randrange(10, 200))
            for delivery in deliveries
            for line in range(1, random.randrange(2, 8))
        ]),
    ]  # fmt: skip


def _warehouse(random: Random, number: int) -> Row:
    country = words.COUNTRIES[number]
    manager = some_person(random, 4_000 + number)
    street = some_street(random, country)
    return (
        number,
        f"Warehouse {number}",
        street,
        country.places[0].city,
        country.code,
        manager.name,
        manager.email,
    )


def _stock(random: Random, bins: list[Row], products: list[trade.Product]) -> list[Row]:
    return [
        (*place[:3], product.sku, random.randrange(0, 60), some_day(random, date(2026, 5, 1)))
        for place in bins
        for product in random.sample(products, 7)
    ]


def _picker(random: Random, person: Person) -> Row:
    secret = hashlib.sha256(random.randbytes(8)).hexdigest()
    return (f"P{person.id}", person.name, person.phone, secret, random.randrange(1, WAREHOUSES + 1))


def _movement(random: Random, number: int, products: list[trade.Product]) -> Row:
    source, target = random.sample(range(1, WAREHOUSES + 1), 2)
    badge = perhaps(random, 0.9, f"P{5_000 + random.randrange(PICKERS)}")
    return (
        number,
        random.choice(products).sku,
        source,
        target,
        random.randrange(1, 20),
        some_time(random),
        badge,
    )


def _delivery(random: Random, number: str) -> Row:
    supplier = f"orders@supplier{random.randrange(1, trade.SUPPLIERS + 1)}.example"
    return (number, supplier, f"XX-{random.randrange(1_000)}-TR", some_time(random))


def _plain(row: Row) -> tuple[str | int | float | None, ...]:
    """SQLite knows numbers and text; what else there is goes in as ISO text."""
    return tuple(
        value if value is None or isinstance(value, (str, int, float)) else str(value) for value in row
    )
