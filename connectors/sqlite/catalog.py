"""What is asked of a SQLite file: its schema table joined with the pragmas as tables, so that one statement
reads all."""

from __future__ import annotations

_NOT_INTERNAL = "m.name not like 'sqlite\\_%' escape '\\'"

TABLES = f"""
    select m.name, m.type, m.sql, m.sql like 'create virtual%' as virtual
    from sqlite_schema m where m.type in ('table', 'view') and {_NOT_INTERNAL}
        and m.name not in (select name from pragma_table_list where schema = 'main' and type = 'shadow')
    order by m.name"""
"""Without the shadows in which virtual tables keep their data: they are nobody's to govern."""

_COLUMNS = """
    select m.name, x.name, x.cid + 1, x.type, x."notnull", x.dflt_value, x.pk, x.hidden
    from sqlite_schema m join pragma_table_xinfo(m.name) x where {which} order by m.name, x.cid"""

COLUMNS = _COLUMNS.format(which=f"m.type = 'table' and m.sql not like 'create virtual%' and {_NOT_INTERNAL}")
VIEW_COLUMNS = _COLUMNS.format(which=f"m.type = 'view' and {_NOT_INTERNAL}")
COLUMNS_OF = _COLUMNS.format(which="m.name = ?")
"""For one table: views over what is gone, and virtual tables of unknown modules, end a statement that meets
them."""

FOREIGN_KEYS = f"""
    select m.name, f.id, f."table", f."from",
        coalesce(f."to", (select x.name from pragma_table_xinfo(f."table") x where x.pk = f.seq + 1))
    from sqlite_schema m join pragma_foreign_key_list(m.name) f
    where m.type = 'table' and m.sql not like 'create virtual%' and {_NOT_INTERNAL}
    order by m.name, f.id, f.seq"""

UNIQUE = f"""
    select m.name, i.name, c.name
    from sqlite_schema m join pragma_index_list(m.name) i join pragma_index_info(i.name) c
    where m.type = 'table' and i."unique" and i.origin <> 'pk' and i.partial = 0
        and m.sql not like 'create virtual%' and {_NOT_INTERNAL}
    order by m.name, i.name, c.seqno"""

STATISTICS = """
    select (select page_count from pragma_page_count), (select page_size from pragma_page_size),
        (select freelist_count from pragma_freelist_count),
        (select count(*) from sqlite_schema where type = 'table')"""

ESTIMATES = "select tbl, stat from sqlite_stat1"
"""What ANALYZE left, if it ever ran; the first number is the count of rows."""
