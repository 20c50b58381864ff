"""A large catalog without a source: rows as discoveries leave them, written by the database itself.

125 sources of 4 schemas with 50 tables of 10 columns: 250,000 columns. Each table has an owner of its own,
half of the schemas have one too, and each table has two of 50 tags. Two people may sign in: the admin, and a
reader, whose roles hold in the workspace of 100 of the sources, and who may see people.
"""

from __future__ import annotations

from auth.passwords import Passwords
from benchmarks.harness import EMAIL
from benchmarks.sql import connected
from datawave import migrations
from datawave.app.core import know_everything
from datawave.bootstrap import Admin, furnish, house
from datawave.kit.access import SYSTEM
from datawave.kit.secrets import Secret
from domain import identity, workspaces

WORKSPACE = "Bench"
READER = "reader@datawave.local"
ASKED_SOURCES, OTHER_SOURCES = 100, 25
SCHEMAS, TABLES, COLUMNS = 4, 50, 10
"""Each: in one of what is above it."""
PEOPLE, TAGS = 500, 50

STATEMENTS = (
    f"""
    insert into person (email, display_name, state)
    select 'person' || n || '@example.com', 'Person ' || n, 'ACTIVE' from generate_series(1, {PEOPLE}) n
    """,
    f"""
    insert into tag (name, color, description)
    select 'tag ' || n, '#' || lpad(to_hex(n * 5000), 6, '0'), 'Tag number ' || n
    from generate_series(1, {TAGS}) n
    """,
    f"""
    insert into data_source (workspace_id, key, name, kind, config, state, health_state)
    select case when n <= {ASKED_SOURCES} then $1::uuid else $2::uuid end, 'bench_' || n, 'Bench ' || n,
           'postgresql', '{{}}'::jsonb, 'GOVERNED', 'HEALTHY'
    from generate_series(1, {ASKED_SOURCES + OTHER_SOURCES}) n
    """,
    f"""
    insert into asset (source_id, kind, name, qualified_name, comment, digest)
    select s.id, 'SCHEMA', 'area_' || n, s.key || '.area_' || n, 'Area ' || n, md5(s.key || n)
    from data_source s cross join generate_series(1, {SCHEMAS}) n where s.key like 'bench\\_%'
    order by s.id, n
    """,
    f"""
    insert into asset (source_id, parent_id, kind, name, qualified_name, description, comment, digest,
                       primary_key)
    select p.source_id, p.id, 'TABLE', 'table_' || n, p.qualified_name || '.table_' || n,
           case when n % 3 = 0 then 'What a steward says of table ' || n end,
           'What the source says of table ' || n, md5(p.id::text || n), array['column_1']
    from asset p cross join generate_series(1, {TABLES}) n where p.kind = 'SCHEMA' order by p.id, n
    """,
    f"""
    insert into asset (source_id, parent_id, kind, name, qualified_name, comment, ordinal, native_type,
                       data_type, nullable)
    select p.source_id, p.id, 'COLUMN', 'column_' || n, p.qualified_name || '.column_' || n,
           'What column ' || n || ' holds', n,
           (array['bigint', 'text', 'timestamp with time zone'])[1 + n % 3],
           (array['INTEGER', 'STRING', 'TIMESTAMP'])[1 + n % 3], n > 1
    from asset p cross join generate_series(1, {COLUMNS}) n where p.kind = 'TABLE' order by p.id, n
    """,
    f"""
    with people as (select id, row_number() over (order by id) as n from person where email like 'person%'),
    things as (
        select id, kind, row_number() over (order by id) as n from asset where kind in ('SCHEMA', 'TABLE')
    )
    insert into ownership (asset_id, actor_id, actor_word, kind)
    select t.id, p.id, 'user', case when t.kind = 'TABLE' then 'OWNER' else 'STEWARD' end
    from things t join people p on p.n = 1 + t.n * 7 % {PEOPLE} where t.kind = 'TABLE' or t.n % 2 = 0
    """,
    f"""
    with tags as (select id, row_number() over (order by name) as n from tag where name like 'tag %'),
    tables as (select id, row_number() over (order by id) as n from asset where kind = 'TABLE')
    insert into asset_tag (asset_id, tag_id)
    select t.id, g.id from tables t join tags g on g.n in (1 + t.n % {TAGS}, 1 + (t.n + 17) % {TAGS})
    """,
    """
    insert into role (name, permission_names) values ('Sees people', array['user:read', 'event:read'])
    """,
    """
    insert into access_grant (actor_id, actor_word, role_id, scope_word, scope_id)
    select $3::uuid, 'user', r.id, case when r.name = 'Analyst' then 'workspace' end,
           case when r.name = 'Analyst' then $1::uuid end
    from role r where r.name in ('Analyst', 'Sees people') and $2::uuid is not null
    """,
)


async def furnish_catalog(url: str, password: Secret, secret_key: Secret) -> None:
    """A database with everything that an installation holds, and the catalog."""
    await migrations.upgrade(url)
    async with connected(url) as connection:
        if await connection.fetchval("select 1 from data_source where key = 'bench_1'"):
            return
    know_everything()
    passwords = Passwords()
    async with house(url, secret_key) as made:
        await furnish(made, Admin(email=EMAIL, password=password), passwords=passwords)
        bench = (await made.commands.run(workspaces.save_workspace, SYSTEM, {"name": WORKSPACE})).value
        person = {"email": READER, "password_hash": await passwords.hash(password)}
        reader = (await made.commands.run(identity.add_user, SYSTEM, person)).value
    async with connected(url) as connection:
        main = await connection.fetchval("select id from workspace where name = $1", workspaces.MAIN)
        given = (bench.id, main, reader.id)
        async with connection.transaction():
            for statement in STATEMENTS:
                needed = next((n for n in (3, 2, 1) if f"${n}" in statement), 0)
                await connection.execute(statement, *given[:needed])
        await connection.execute("vacuum analyze")
