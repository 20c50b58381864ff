"""Rows of the schema `finance`: rates, payments, invoices, refunds, the accounts of suppliers."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random

from datawave.demo import numbers, words
from datawave.demo.people import COMPANIES
from datawave.demo.rows import FIRST_DAY, LAST_DAY, Row, Table, perhaps, some_uuid, stream
from datawave.demo.trade import SUPPLIERS, Order

DAILY_RATES_FROM = LAST_DAY - timedelta(days=180)


def currencies() -> Table:
    rows: list[Row] = [(code, name, 2) for code, (name, _) in words.CURRENCIES.items()]
    return Table("finance.currencies", "code, name, decimals", rows)


def exchange_rates(seed: int) -> Table:
    """The first of each month, and each day of the last half year."""
    random = stream(seed, "rates")
    days = (FIRST_DAY + timedelta(days=ahead) for ahead in range((LAST_DAY - FIRST_DAY).days + 1))
    kept = [day for day in days if day.day == 1 or day >= DAILY_RATES_FROM]
    rows: list[Row] = [
        (code, day, 1 if code == "EUR" else round(euro * random.uniform(0.97, 1.03), 6))
        for code, (_, euro) in words.CURRENCIES.items()
        for day in kept
    ]
    return Table("finance.exchange_rates", "currency, day, euro", rows)


def payments(seed: int, orders: list[Order]) -> Table:
    random = stream(seed, "payments")
    paid = (order for order in orders if order.paid)
    rows = [_payment(random, number, order) for number, order in enumerate(paid, 1)]
    columns = (
        "id, order_id, method, amount, currency, card_brand, card_number, card_holder, card_expiry, "
        "cvv, paid_at, "
        "provider_reference"
    )
    return Table("finance.payments", columns, rows)


def _payment(random: Random, number: int, order: Order) -> Row:
    method = random.choice(("card", "card", "card", "transfer", "invoice"))
    card: Row = (None, None, None, None, None)
    if method == "card":
        brand = random.choice(list(numbers.TEST_CARDS))
        expiry = f"{random.randrange(1, 13):02d}/{random.randrange(26, 32)}"
        code = numbers.digits(random, 4 if brand == "amex" else 3)
        card = (
            brand,
            numbers.card_number(random, brand),
            order.customer.name,
            expiry,
            perhaps(random, 0.2, code),
        )
    at = order.placed_at + timedelta(minutes=random.randrange(1, 60))
    return (number, order.id, method, order.total, order.currency, *card, at, some_uuid(random))


def invoices(seed: int, orders: list[Order]) -> Table:
    random = stream(seed, "invoices")
    rows: list[Row] = []
    for order in orders:
        if order.paid and random.random() < 0.6:
            issued = order.placed_at.date()
            net = round(order.total / 1.25, 2)
            paid: date | None = (
                issued + timedelta(days=random.randrange(1, 40)) if random.random() < 0.9 else None
            )
            number = len(rows) + 1
            rows.append(
                (number, f"R{issued.year}-{number:05d}", order.id, perhaps(random, 0.1,
                 random.randrange(1, COMPANIES + 1)),
                 order.customer.name, perhaps(random, 0.5, numbers.iban(random,
                 order.customer.country.code)), net,
                 round(order.total - net, 2), order.currency, issued, issued + timedelta(days=30), paid)
            )  # fmt: skip
    columns = (
        "id, invoice_no, order_id, company_id, billed_to, iban, net_amount, tax_amount, currency, issued_on, "
        "due_on, paid_on"
    )
    return Table("finance.invoices", columns, rows)


def refunds(seed: int, paid: Table) -> Table:
    random = stream(seed, "refunds")
    rows: list[Row] = []
    for payment in paid.rows:
        if random.random() < 0.06:
            account = perhaps(random, 0.7, numbers.iban(random, random.choice(("DE", "GB", "SE"))))
            rows.append((payment[0], payment[3], account, payment[10], random.randrange(1, 20)))
    return Table("finance.refunds", "payment_id, amount, iban, refunded_at, approved_by", rows)


def supplier_accounts(seed: int) -> Table:
    random = stream(seed, "supplier accounts")
    rows: list[Row] = []
    for supplier in range(1, SUPPLIERS + 1):
        land = random.choice(("DE", "GB", "SE"))
        holder = f"{words.COMPANY_WORDS[supplier % 20]} Supply"
        rows.append((supplier, numbers.iban(random, land), f"TEST{land}00", holder))
    return Table("finance.supplier_accounts", "supplier_id, iban, bic, account_holder", rows)
