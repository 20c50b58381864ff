"""The shop's PostgreSQL database as one SQL script: the same seed gives the same bytes.

Everything in it is made up; the numbers come from ranges kept for tests (`numbers`), the people
from word lists.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from datawave.demo import money, people, trade, visits
from datawave.demo.rows import Table, copy_text

SEED = 20

SHOP = Path(__file__).parent / "shop"


def shop_tables(seed: int = SEED) -> list[Table]:
    """All tables with their rows, in an order that foreign keys allow."""
    persons, staff = people.people_of(seed), people.staff_of(seed)
    products = trade.products_of(seed)
    orders = trade.orders_of(seed, persons, products)
    seen = visits.visits_of(seed, persons)
    paid = money.payments(seed, orders)
    return [
        people.companies(seed),
        people.customers(seed, persons),
        people.addresses(seed, persons),
        people.consents(seed, persons),
        people.loyalty_entries(seed, persons),
        people.newsletter(seed, persons),
        people.departments(),
        people.employees(seed, staff),
        people.salaries(seed),
        people.contractors(seed),
        people.sick_notes(seed, staff),
        people.system_accounts(seed, staff),
        *people.tickets(seed, persons),
        people.legacy_contacts(seed),
        money.currencies(),
        money.exchange_rates(seed),
        trade.categories(),
        trade.suppliers(seed),
        trade.products(seed, products),
        trade.product_prices(seed, products),
        trade.stores(seed),
        trade.coupons(seed, persons),
        trade.orders(seed, orders),
        trade.order_lines(seed, orders),
        trade.carriers(),
        *trade.shipments(seed, orders),
        trade.returns(seed, orders),
        trade.reviews(seed, orders),
        trade.delivery_vans(seed),
        trade.shifts(seed),
        paid,
        money.invoices(seed, orders),
        money.refunds(seed, paid),
        money.supplier_accounts(seed),
        visits.accounts(seed, persons),
        visits.sessions(seed, seen),
        visits.access_log(seed, seen, products),
        visits.searches(seed, seen, products),
        *visits.carts(seed, seen, products),
    ]


def shop_sql(seed: int = SEED) -> Iterator[str]:
    """The whole database for `psql`, in one transaction: it is there or it is not."""
    scripts = sorted(SHOP.glob("*.sql"))
    tables, views = scripts[:-1], scripts[-1]
    yield "set client_min_messages = warning;\nbegin;\n"
    yield from (script.read_text() for script in tables)
    yield from chain.from_iterable(copy_text(table) for table in shop_tables(seed))
    yield views.read_text()
    yield "commit;\n"
