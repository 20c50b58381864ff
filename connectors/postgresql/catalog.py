"""What is asked of PostgreSQL's catalogs: set-based statements, few of them however many tables there are.

One expression describes a table in full as text: its head, columns, keys and definition, fields parted by
control characters (joined by `||` where it is done for each column, which is cheaper than `concat`). Its md5,
taken in the server, is the table's digest. A rediscovery fetches digests only, then the texts of the tables
whose digest is not the one known; a first discovery fetches both at once. As the digest is made of the very
text that is read, the two ways cannot differ.
"""

from __future__ import annotations

UNIT, RECORD, ITEM, SECTION = "\x1f", "\x1e", "\x1c", "\x1d"

COLUMN_FIELDS = 9
KEY_FIELDS = 8
HEAD_FIELDS = 7

USER_SCHEMAS = r"n.nspname !~ '^pg_' and n.nspname <> 'information_schema'"
"""Names that begin with pg_ are reserved for the system."""

USER_RELATIONS = rf"""
    c.relkind in ('r', 'p', 'f', 'v', 'm') and not c.relispartition and {USER_SCHEMAS}
    and not exists (
        select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
    )"""
"""Tables and views of people: partitions belong to their parent, what an extension brought belongs to it."""

FACTS = """
    select version() as version, current_database()::text as database,
        current_setting('server_version_num')::int as number, current_setting('server_encoding') as encoding,
        current_setting('default_transaction_read_only')::boolean as read_only,
        pg_is_in_recovery() as replica, current_user::text as login,
        (
            select shobj_description(oid, 'pg_database') from pg_database where datname = current_database()
        ) as comment"""

CAPABILITY = f"""
    select count(*)::int as relations,
        count(*) filter (where has_schema_privilege(n.oid, 'usage')
            and (has_table_privilege(c.oid, 'select') or has_any_column_privilege(c.oid, 'select'))
        )::int as readable
    from pg_class c join pg_namespace n on n.oid = c.relnamespace where {USER_RELATIONS}"""

SCHEMAS = f"""
    select n.nspname::text as name, obj_description(n.oid, 'pg_namespace') as comment
    from pg_namespace n where {USER_SCHEMAS} order by n.nspname"""

RELATIONS = f"""
    select c.oid, n.nspname::text as schema, c.relname::text as name
    from pg_class c join pg_namespace n on n.oid = c.relnamespace where {USER_RELATIONS}"""

COUNTS = f"""
    with dropped as (
        select attrelid, count(*) as gone from pg_attribute
        where attisdropped and attnum > 0 group by attrelid
    )
    select n.nspname::text as schema, count(*)::int as datasets,
        sum(c.relnatts - coalesce(d.gone, 0))::int as columns
    from pg_class c join pg_namespace n on n.oid = c.relnamespace left join dropped d on d.attrelid = c.oid
    where {USER_RELATIONS} and ($1::oid[] is null or c.oid = any($1)) group by n.nspname"""
"""The source's own count, by another way than the reading: the widths that tables have on record."""

_WRITTEN = "(select concat(count(*), ':', sum(hashtextextended(concat({key}, '.', xmin), 0))) from {table})"
_BEYOND = {
    "pg_class": "oid",
    "pg_attribute": "attrelid, ' ', attnum",
    "pg_attrdef": "oid",
    "pg_constraint": "oid",
    "pg_type": "oid",
    "pg_proc": "oid",
    "pg_operator": "oid",
    "pg_collation": "oid",
    "pg_rewrite": "oid",
    "pg_inherits": "inhrelid",
    "pg_partitioned_table": "partrelid",
    "pg_foreign_table": "ftrelid",
    "pg_description": "objoid, ' ', objsubid",
}
_WHOLE = {
    "pg_namespace": "oid",
    "pg_foreign_server": "oid",
    "pg_extension": "oid",
    "pg_auth_members": "roleid, ' ', member",
    "pg_shdescription": "objoid",
    "pg_depend where deptype = 'e'": "objid",
    "pg_database where datname = current_database()": "oid",
}

STAMP = "select md5(concat_ws(' ', current_user, current_database(), current_setting('server_version_num'), (\
    select concat(rolsuper, rolinherit) from pg_roles where rolname = current_user), {})) as stamp".format(
    ", ".join(
        [
            _WRITTEN.format(table=f"{table} where {key.split(',')[0]} >= 16384", key=key)
            for table, key in _BEYOND.items()
        ]
        + [_WRITTEN.format(table=table, key=key) for table, key in _WHOLE.items()]
    )
)
"""Which transaction wrote each row of the catalogs that descriptions are made of (of what came with the
server only what can change): the same again means that nothing was written, at a seventh of the cost of the
digests. Another one means only that something was, a TRUNCATE perhaps: the digests then tell."""

_DESCRIBED = """
    with wanted as materialized (
        select c.oid, n.nspname, c.relname, c.relkind, c.reltuples,
            concat(
                c.relkind, {unit},
                has_schema_privilege(n.oid, 'usage')
                    and (has_table_privilege(c.oid, 'select') or has_any_column_privilege(c.oid, 'select')),
                {unit},
                c.relpersistence, {unit},
                case when c.relkind = 'p' then {t}pg_get_partkeydef(c.oid){u} end, {unit},
                case when c.relkind = 'p'
                    then (select count(*) from pg_inherits i where i.inhparent = c.oid) end, {unit},
                case when c.relkind = 'f' then (
                    select {t}s.srvname{u}
                    from pg_foreign_table t join pg_foreign_server s on s.oid = t.ftserver
                    where t.ftrelid = c.oid) end, {unit},
                obj_description(c.oid, 'pg_class')
            ) as head,
            case when c.relkind in ('v', 'm') then pg_get_viewdef(c.oid, true) end as definition
        from pg_class c join pg_namespace n on n.oid = c.relnamespace where {which}
    ),
    columns as (
        select a.attrelid as oid, count(*)::int as width,
            string_agg(
                a.attnum || {unit} || case when a.attnotnull then 't' else 'f' end || {unit}
                || {t}a.attname{u} || {unit} || format_type(a.atttypid, a.atttypmod)
                || case when f.adbin is null and a.attidentity = '' and a.atttypid < {first_own_type}
                    then {unit} || {unit} || {unit} || {unit}
                    else concat(
                        {unit}, case when a.atttypid >= {first_own_type} then (
                            select t.typtype::text || t.typcategory::text
                            from pg_type t where t.oid = a.atttypid) end,
                        {unit}, a.attidentity, {unit}, a.attgenerated,
                        {unit}, {t}pg_get_expr(f.adbin, f.adrelid){u})
                    end
                || {unit} || coalesce({t}d.description{u}, '')
            , {record} order by a.attnum) as text
        from pg_attribute a
        left join pg_attrdef f on f.adrelid = a.attrelid and f.adnum = a.attnum
        left join pg_description d
            on d.objoid = a.attrelid and d.objsubid = a.attnum and d.classoid = 'pg_class'::regclass
        where a.attnum > 0 and not a.attisdropped and a.attrelid in (select w.oid from wanted w)
        group by a.attrelid
    ),
    keys as (
        select k.conrelid as oid, string_agg(concat(
                k.contype, {unit}, {t}k.conname{u}, {unit}, array_to_string(k.conkey, ','), {unit},
                {t}tn.nspname{u}, {unit}, {t}tc.relname{u}, {unit},
                case when k.contype <> 'f' then null
                    when k.confkey[2] is null then (
                        select {t}a.attname{u} from pg_attribute a
                        where a.attrelid = k.confrelid and a.attnum = k.confkey[1])
                    else (
                        select string_agg({t}a.attname{u}, {item} order by u.place)
                        from unnest(k.confkey) with ordinality u(attnum, place)
                        join pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.attnum) end, {unit},
                {enforced}, {unit},
                case when k.contype = 'c' then {t}pg_get_constraintdef(k.oid, true){u} end
            ), {record} order by k.contype, k.conname) as text
        from pg_constraint k
        left join pg_class tc on tc.oid = k.confrelid
        left join pg_namespace tn on tn.oid = tc.relnamespace
        where k.contype in ('p', 'f', 'u', 'c') and k.conrelid in (select w.oid from wanted w)
        group by k.conrelid
    )
    select w.oid, w.nspname::text as schema, w.relname::text as name, coalesce(c.width, 0) as width,
        md5(concat(w.head, {section}, c.text, {section}, k.text, {section}, w.definition)) as digest{more}
    from wanted w left join columns c using (oid) left join keys k using (oid)"""

_MORE = """,
        case
            when w.relkind = 'p' then (
                select sum(greatest(l.reltuples, 0))
                from pg_partition_tree(w.oid) p join pg_class l on l.oid = p.relid where p.isleaf)
            when w.relkind in ('r', 'm', 'f') and w.reltuples >= 0 then w.reltuples
        end::bigint as row_estimate,
        w.head, c.text as columns, k.text as keys, w.definition"""

FIRST_OWN_TYPE = 16_384
"""Types below came with the server, so that their name tells what they are."""

NEWER_CONSTRAINTS = 180_000
"""From this version on constraints may be declared without being enforced."""


def digests(version: int) -> str:
    """Each table's digest and width."""
    return _described(version, which=USER_RELATIONS, more="")


def documents(version: int) -> str:
    """Each table's digest and all that it was made of."""
    return _described(version, which=USER_RELATIONS, more=_MORE)


def some_digests(version: int) -> str:
    """The same as `digests` of the oids in $1."""
    return _described(version, which="c.oid = any($1)", more="")


def some_documents(version: int) -> str:
    """The same as `documents` of the oids in $1."""
    return _described(version, which="c.oid = any($1)", more=_MORE)


def plain_documents(version: int) -> str:
    """As `some_documents`, with names and comments that hold our parting characters made plain; its digest is
    not the table's. Not always done, since it costs half as much again."""
    return _described(version, which="c.oid = any($1)", more=_MORE, plain=True)


def _described(version: int, *, which: str, more: str, plain: bool = False) -> str:
    return _DESCRIBED.format(
        which=which,
        unit=r"E'\x1f'",
        record=r"E'\x1e'",
        item=r"E'\x1c'",
        section=r"E'\x1d'",
        t="translate(" if plain else "",
        u=r"::text, E'\x1c\x1d\x1e\x1f', '    ')" if plain else "",
        enforced="k.conenforced" if version >= NEWER_CONSTRAINTS else "true",
        first_own_type=FIRST_OWN_TYPE,
        more=more,
    )


SAMPLED = """
    select c.oid, n.nspname::text as schema, c.relname::text as name, c.relkind::text as kind,
        c.reltuples::bigint as estimate, c.relpages as pages,
        case when c.relkind in ('r', 'm') then pg_relation_size(c.oid) end as bytes,
        has_schema_privilege(n.oid, 'usage') as usable,
        array(
            select array[
                a.attname::text, format_type(a.atttypid, a.atttypmod), t.typtype::text || t.typcategory::text]
            from pg_attribute a join pg_type t on t.oid = a.atttypid
            where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
                and has_column_privilege(c.oid, a.attnum, 'select')
            order by a.attnum
        ) as columns
    from unnest($1::text[], $2::text[]) as w(schema, name)
    join pg_namespace n on n.nspname = w.schema
    join pg_class c
        on c.relnamespace = n.oid and c.relname = w.name and c.relkind in ('r', 'p', 'f', 'v', 'm')"""

STATISTICS = """
    select s.numbackends as connections, current_setting('max_connections')::int as most_connections,
        s.xact_commit as commits, s.xact_rollback as rollbacks, s.deadlocks,
        s.blks_hit::float8 / nullif(s.blks_hit + s.blks_read, 0) as cache_hit_ratio,
        (select sum(relpages::bigint) from pg_class) * current_setting('block_size')::bigint as size_bytes,
        extract(epoch from clock_timestamp() - pg_postmaster_start_time())::bigint as uptime_seconds,
        pg_is_in_recovery() as replica
    from pg_stat_database s where s.datname = current_database()"""
