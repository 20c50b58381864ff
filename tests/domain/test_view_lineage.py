"""Lineage of views, read out of their statements."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.lineage.sql import MOST_CHARACTERS, Tables, view_lineage
from tests.calls import counted

SCHEMA = {
    ("shop", "public", "customer"): ["id", "Email", "name"],
    ("shop", "public", "Order"): ["id", "customer_id", "amount"],
    ("shop", "sales", "region"): ["id", "code", "title"],
}
CUSTOMER, ORDER, REGION = SCHEMA
DEFAULT = ("shop", "public")

CASES = {
    "select id, name as n from customer": [(CUSTOMER, "id", "id"), (CUSTOMER, "name", "n")],
    "select * from customer": [
        (CUSTOMER, "id", "id"),
        (CUSTOMER, "Email", "Email"),
        (CUSTOMER, "name", "name"),
    ],
    'select c."Email" as mail, sum(o.amount) * 2 as total from public.customer c '
    'join shop.public."Order" o on o.customer_id = c.id group by 1': [
        (CUSTOMER, "Email", "mail"),
        (ORDER, "amount", "total"),
    ],
    "with a as (select id, name as n from customer), b as (select * from a) select n || id as k from b": [
        (CUSTOMER, "name", "k"),
        (CUSTOMER, "id", "k"),
    ],
    "select id from customer union all select code from sales.region": [
        (CUSTOMER, "id", "id"),
        (REGION, "code", "id"),
    ],
    "select id, code from customer join sales.region using (id)": [
        (CUSTOMER, "id", "id"),
        (REGION, "id", "id"),
        (REGION, "code", "code"),
    ],
    'select (select max(amount) from "Order" o where o.customer_id = c.id) as most from customer c': [
        (ORDER, "amount", "most")
    ],
    "select x.code, y.id from sales.region x, lateral (select id from customer where customer.id = x.id) y": [
        (REGION, "code", "code"),
        (CUSTOMER, "id", "id"),
    ],
    "select p.part from customer c, lateral unnest(string_to_array(c.name, ' ')) as p(part)": [
        (CUSTOMER, "name", "part")
    ],
    "with recursive t as (select id, 1 as depth from customer union all "
    "select r.id, t.depth + 1 from t join sales.region r on r.code = t.id) select * from t": [
        (CUSTOMER, "id", "id"),
        (REGION, "id", "id"),
    ],
    "select rank() over (partition by name order by id) as place from customer": [
        (CUSTOMER, "name", "place"),
        (CUSTOMER, "id", "place"),
    ],
    "select case when name is null then 'x' else code end as c from customer cross join sales.region": [
        (CUSTOMER, "name", "c"),
        (REGION, "code", "c"),
    ],
    "select public.customer.name from public.customer": [(CUSTOMER, "name", "name")],
    "create view v (a, b) as select id, name from customer": [(CUSTOMER, "id", "a"), (CUSTOMER, "name", "b")],
    "select count(*) as n, 1 as one from customer": [],
    "(select id from customer)": [(CUSTOMER, "id", "id")],
}


@pytest.mark.parametrize("statement", CASES)
def test_columns_are_followed(statement: str) -> None:
    found = view_lineage(statement, dialect="postgres", schema=SCHEMA, default=DEFAULT)
    assert found.unparsed is None
    assert sorted(found.columns) == sorted(CASES[statement])


def test_inputs_are_tables_whatever_of_them_is_used() -> None:
    statement = (
        'select c.id from customer c where exists (select 1 from "Order" o where o.customer_id = c.id)'
    )
    found = view_lineage(statement, dialect="postgres", schema=SCHEMA, default=DEFAULT)
    assert set(found.inputs) == {CUSTOMER, ORDER}


def test_unknown_tables_are_named_and_their_only_columns_taken() -> None:
    found = view_lineage("select a from elsewhere.t", dialect="postgres", schema={}, default=DEFAULT)
    table = ("shop", "elsewhere", "t")
    assert (found.inputs, found.columns) == ((table,), ((table, "a", "a"),))
    star = view_lineage("select * from elsewhere.t", dialect="postgres", schema={}, default=DEFAULT)
    assert star.inputs == (table,)
    assert star.unparsed is not None


def test_the_views_own_columns_name_the_outputs() -> None:
    found = view_lineage(
        "select id, name from customer",
        dialect="postgres",
        schema=SCHEMA,
        default=DEFAULT,
        outputs=["A", "B"],
    )
    assert found.columns == ((CUSTOMER, "id", "A"), (CUSTOMER, "name", "B"))


def test_case_is_the_dialects() -> None:
    mysql = view_lineage(
        "select `c`.`Id` AS `Number`,`shop`.`o`.`total` AS `t` from (`shop`.`customer` `c` join `shop`.`o`)",
        dialect="mysql",
        schema={("shop", "customer"): ["id"], ("shop", "o"): ["Total"]},
        default=("shop",),
    )
    assert mysql.columns == ((("shop", "customer"), "id", "Number"), (("shop", "o"), "Total", "t"))
    sqlite = view_lineage(
        "CREATE VIEW V AS SELECT MAIL AS Mail FROM CUSTOMER",
        dialect="sqlite",
        schema={("main", "Customer"): ["mail"]},
        default=("main",),
    )
    assert sqlite.columns == ((("main", "Customer"), "mail", "Mail"),)


@pytest.mark.parametrize(
    "statement",
    [
        "",
        "not sql at all (",
        "drop table customer",
        "select " + "(" * 20_000,
        "select " + "not " * 20_000 + "1",
        "select 1" + " union all select 1" * MOST_CHARACTERS,
    ],
)
def test_what_cannot_be_read_has_a_reason(statement: str) -> None:
    assert view_lineage(statement, dialect="postgres", schema=SCHEMA, default=DEFAULT).unparsed


WORDS = (
    *(
        "select",
        "from",
        "where",
        "join",
        "on",
        "using",
        "(",
        ")",
        ",",
        "*",
        ".",
        "id",
        "name",
        "customer",
        "as",
    ),
    *(
        "sales.region",
        "a",
        "b",
        "union",
        "all",
        "with",
        "lateral",
        "group",
        "by",
        "order",
        "1",
        "'x'",
        "=",
        "in",
    ),
    *("sales.region", "in", "exists", "over", "case", "when", "then", "end", "||", "values", "unnest"),
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.sampled_from(WORDS),
        max_size=25,
    )
)
def test_no_statement_raises(words: list[str]) -> None:
    found = view_lineage(" ".join(["select", *words]), dialect="postgres", schema=SCHEMA, default=DEFAULT)
    assert found.unparsed or isinstance(found.columns, tuple)


def calls_to_read_a_view(among: int) -> int:
    schema = {("b", "b", f"t{number}"): [f"c{place}" for place in range(20)] for number in range(among)}
    tables = Tables(schema)
    statement = (
        "select x.c1, x.c2 as two, sum(y.c3) as s from b.t0 x join b.t1 y on y.c1 = x.c1 group by 1, 2"
    )
    with counted() as calls:
        found = view_lineage(statement, dialect="postgres", schema=tables, default=("b", "b"))
    assert len(found.columns) == 3
    return calls.number


def test_a_view_costs_no_more_where_two_thousand_tables_are_known() -> None:
    calls_to_read_a_view(among=2)  # what the first parse of a process makes ready
    assert calls_to_read_a_view(among=2_000) < 1.1 * calls_to_read_a_view(among=20)
