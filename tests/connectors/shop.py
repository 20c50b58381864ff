"""A small shop in PostgreSQL with one of everything, and how tests change it."""

from __future__ import annotations

from collections.abc import Callable

import asyncpg

from connectors.postgresql import Postgresql
from tests.servers import SourceDatabase

Connect = Callable[..., Postgresql]

SHOP = """
    create schema sales; create schema "Odd ""schema"" ä"; create schema empty;
    comment on schema sales is 'What is sold';
    create type sales.mood as enum ('sad', 'ok');
    create domain sales.email as text check (value like '%@%');
    create table sales.customer (
        id bigint generated always as identity primary key,
        mail sales.email not null unique, mood sales.mood default 'ok', tags text[], born date,
        credit numeric(12, 2) default 0 check (credit >= 0), photo bytea, note jsonb,
        at timestamp(3) with time zone, key uuid default gen_random_uuid(),
        twice numeric generated always as (credit * 2) stored);
    comment on table sales.customer is 'Who buys';
    comment on column sales.customer.mail is 'Where to write';
    create table sales.orders (
        a int, b int, customer_id bigint not null references sales.customer (id), primary key (b, a));
    create table sales.line (order_a int, order_b int, n int,
        constraint of_order foreign key (order_b, order_a) references sales.orders (b, a));
    create view sales.totals as select c.mail, count(*) as n
        from sales.customer c join sales.orders o on o.customer_id = c.id group by 1;
    create materialized view sales.frozen as select mail from sales.customer;
    create table sales.events (id int, day date) partition by range (day);
    create table sales.events_1 partition of sales.events for values from ('2020-01-01') to ('2021-01-01');
    create table "Odd ""schema"" ä"."Tab.le ""x"" y" ("Col ümn" int, "select" text);
    insert into sales.customer (mail, photo)
        select 'a' || i || '@example.com', 'x' from generate_series(1, 50) i;
"""


async def execute(source: SourceDatabase, sql: str) -> None:
    connection = await asyncpg.connect(
        host=source.host,
        port=source.port,
        user=source.username,
        password=source.password,
        database=source.database,
    )
    try:
        await connection.execute(sql)
    finally:
        await connection.close()
