"""What is asked of information_schema: MySQL and MariaDB answer the same statements."""

from __future__ import annotations

SYSTEM_SCHEMAS = "('information_schema', 'mysql', 'performance_schema', 'sys')"

# Names are sorted as bytes, since `a` and `A` are two tables on most servers and would else come mixed.
_WHICH = f"""table_schema not in {SYSTEM_SCHEMAS} and (%s is null or table_schema = %s)"""
_ORDER = "order by cast(table_schema as binary), cast(table_name as binary), ordinal_position"

FACTS = """
    select version(), @@version_comment, database(), current_user(), @@read_only, @@character_set_server,
        connection_id()"""

CAPABILITY = f"""
    select count(*) from information_schema.tables
    where {_WHICH} and table_type in ('BASE TABLE', 'SYSTEM VERSIONED', 'VIEW')"""

SCHEMAS = f"""
    select schema_name from information_schema.schemata
    where schema_name not in {SYSTEM_SCHEMAS} and (%s is null or schema_name = %s)
    order by cast(schema_name as binary)"""

TABLES = f"""
    select table_schema, table_name, table_type, table_rows, table_comment, engine, create_options
    from information_schema.tables
    where {_WHICH} and table_type in ('BASE TABLE', 'SYSTEM VERSIONED', 'VIEW')"""

VIEWS = f"select table_schema, table_name, view_definition from information_schema.views where {_WHICH}"

KEYS = f"""
    select table_schema, table_name, constraint_name, column_name,
        referenced_table_schema, referenced_table_name, referenced_column_name
    from information_schema.key_column_usage where {_WHICH}
    order by cast(table_schema as binary), cast(table_name as binary), cast(constraint_name as binary),
        ordinal_position"""

COLUMNS = f"""
    select table_schema, table_name, column_name, ordinal_position, column_type, data_type, is_nullable,
        column_default, extra, generation_expression, column_comment
    from information_schema.columns where {_WHICH} {_ORDER}"""

COUNTS = f"""
    select table_schema, table_name, count(*) from information_schema.columns
    where {_WHICH}
    group by table_schema, table_name, cast(table_schema as binary), cast(table_name as binary)"""

SAMPLED = """
    select c.table_schema, c.table_name, c.column_name, c.column_type, c.data_type
    from information_schema.columns c where (c.table_schema, c.table_name) in ({pairs})
    order by cast(c.table_schema as binary), cast(c.table_name as binary), c.ordinal_position"""

SIZES = """
    select table_schema, table_name, table_rows, data_length + index_length
    from information_schema.tables where (table_schema, table_name) in ({pairs})"""

STATISTICS = """
    show global status where variable_name in
        ('Uptime', 'Threads_connected', 'Questions', 'Slow_queries', 'Aborted_connects')"""
