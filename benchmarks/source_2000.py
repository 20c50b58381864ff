"""The source of the measured discoveries: 2,000 tables of 20 columns in ten schemas, keys, comments, views.

Made by the server itself, one block a schema, in some seconds.
"""

from __future__ import annotations

import secrets
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from datawave.embedded import postgres

DATABASE = "bench"
SCHEMAS = 10
TABLES = 200
VIEWS = 20
"""Each: in one schema."""

COLUMNS = SCHEMAS * (TABLES * 20 + VIEWS * 4)

SETTINGS = {**postgres.SMALL, "max_locks_per_transaction": "256", "autovacuum": "off", "fsync": "off"}
"""Reading is what is measured here, and nothing is to run beside it."""

BLOCK = """
create schema area_{area};
do $made$
declare
    place text;
    former text;
begin
    for number in 0..{tables} - 1 loop
        place := format('area_{area}.table_%s', number);
        execute format(
            'create table %s (
                id bigint primary key, parent_id bigint %s, code varchar(40) not null, name text not null,
                description text, amount numeric(12, 2) default 0, quantity integer not null default 1,
                rate double precision, active boolean not null default true,
                created_at timestamptz not null default now(), changed_at timestamptz, due_on date,
                email text, phone varchar(30), country char(2), currency char(3) default ''EUR'',
                reference uuid,                 payload jsonb, address inet, remark text, unique (code)
            )', place, case when number > 0 then 'references ' || former else '' end);
        execute format('comment on table %s is %L', place, 'Rows of kind ' || number || ' in area {area}');
        execute format('comment on column %s.code is %L', place, 'The number people know');
        execute format('comment on column %s.name is %L', place, 'What it is called');
        execute format('comment on column %s.amount is %L', place, 'In the currency of the row');
        execute format('comment on column %s.email is %L', place, 'Where to write to');
        execute format('comment on column %s.payload is %L', place, 'As it came from outside');
        if number between 1 and {views} then
            execute format(
                'create view area_{area}.view_%s as
                 select a.id, a.name, coalesce(b.amount, 0) + a.amount as total, upper(b.country) as country
                 from %s a left join %s b on b.id = a.parent_id where a.active', number, place, former);
        end if;
        former := place;
    end loop;
end
$made$;
"""


@dataclass(frozen=True)
class BenchSource:
    address: postgres.PostgresAddress
    database: str = DATABASE

    @property
    def url(self) -> str:
        return self.address.url(self.database)


@contextmanager
def bench_source(folder: Path, *, schemas: int = SCHEMAS) -> Generator[BenchSource]:
    """A server of its own with the source in it, ended and left to the folder's owner afterwards."""
    running = postgres.start_postgres(
        folder / "source", password=secrets.token_urlsafe(16), settings=SETTINGS
    )
    try:
        postgres.create_database(running.address, DATABASE)
        for area in range(schemas):
            block = BLOCK.format(area=area, tables=TABLES, views=VIEWS)
            postgres.psql(running.address, block, database=DATABASE, patience=120)
        postgres.psql(running.address, "analyze; checkpoint;", database=DATABASE, patience=120)
        yield BenchSource(running.address)
    finally:
        running.stop()
