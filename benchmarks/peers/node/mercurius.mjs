// Mercurius as its documents advise: graphql-jit from the first request, pg, one DataLoader a relation.

import DataLoader from "dataloader";
import Fastify from "fastify";
import mercurius from "mercurius";
import pg from "pg";

const schema = `
  scalar Cursor
  type Actor { id: ID! displayName: String! }
  type Ownership { kind: String! actor: Actor }
  type Tag { id: ID! name: String! color: String }
  type Column {
    id: ID! name: String! ordinal: Int! nativeType: String! dataType: String! nullable: Boolean!
  }
  type Columns { nodes: [Column!]! }
  type Asset {
    id: ID! name: String! qualifiedName: String! kind: String! state: String! description: String
    version: Int! createdAt: String!
    owners: [Ownership!]! tags: [Tag!]! columns(first: Int = 50): Columns!
  }
  type Edge { cursor: Cursor! node: Asset! }
  type PageInfo { hasNextPage: Boolean! endCursor: Cursor }
  type Assets { edges: [Edge!]! nodes: [Asset!]! pageInfo: PageInfo! }
  enum AssetKind { TABLE VIEW COLUMN SCHEMA }
  input AssetFilter { dataSourceIds: [ID!] kinds: [AssetKind!] }
  type Query {
    asset(qualifiedName: String!): Asset
    assets(filter: AssetFilter!, first: Int = 50, after: Cursor): Assets!
  }
`;

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 16 });

// A name makes it a prepared statement: parsed by PostgreSQL once a connection.
const rows = async (name, text, values) => (await pool.query({ name, text, values })).rows;

const ASSET = `
  id as key, parent_id, 'asset_' || replace(id::text, '-', '') as id, name, qualified_name as "qualifiedName",
  kind, state, coalesce(description, comment) as description, version,
  to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as "createdAt"`;
const HERE = "state in ('ACTIVE', 'DEPRECATED')";
const BY_NAME = `select ${ASSET} from asset where qualified_name = $1`;
const PAGE = `
  select ${ASSET} from asset
  where source_id = any($1::uuid[]) and kind = any($2) and ${HERE} and qualified_name > $3
  order by qualified_name limit $4`;
const OWNERS = `
  with recursive up(start, node, above, height) as (
    select id, id, parent_id, 0 from asset where id = any($1::uuid[])
    union all
    select up.start, a.id, a.parent_id, up.height + 1 from up join asset a on a.id = up.above
  )
  select up.start, o.kind, o.actor_id from up cross join lateral (
    select * from ownership o where o.asset_id = up.node offset 0
  ) o order by up.height, o.kind, o.actor_id`;
const PEOPLE = `
  select id as key, 'user_' || replace(id::text, '-', '') as id, display_name as "displayName"
  from person where id = any($1::uuid[])`;
const TAGS = `
  select l.asset_id, 'tag_' || replace(t.id::text, '-', '') as id, t.name, t.color
  from asset_tag l join tag t on t.id = l.tag_id where l.asset_id = any($1::uuid[]) order by t.name`;
const COLUMNS = `
  select c.* from unnest($1::uuid[]) as parent(id) cross join lateral (
    select parent_id, 'asset_' || replace(id::text, '-', '') as id, name, ordinal, native_type as "nativeType",
           data_type as "dataType", nullable
    from asset where parent_id = parent.id and kind = 'COLUMN' and ${HERE} order by ordinal limit $2
  ) c`;

function grouped(keys, found, by) {
  const groups = new Map(keys.map((key) => [key, []]));
  for (const row of found) groups.get(row[by]).push(row);
  return keys.map((key) => groups.get(key));
}

function firstOfEach(owned) {
  const seen = new Set();
  return owned.filter((each) => !seen.has(each.actor_id) && seen.add(each.actor_id));
}

function loaders() {
  const columns = new Map();
  return {
    owners: new DataLoader(async (keys) =>
      grouped(keys, await rows("owners", OWNERS, [keys]), "start").map(firstOfEach)),
    people: new DataLoader(async (keys) => {
      const found = new Map((await rows("people", PEOPLE, [keys])).map((row) => [row.key, row]));
      return keys.map((key) => found.get(key) ?? null);
    }),
    tags: new DataLoader(async (keys) => grouped(keys, await rows("tags", TAGS, [keys]), "asset_id")),
    columns(first) {
      if (!columns.has(first)) {
        columns.set(first, new DataLoader(async (keys) =>
          grouped(keys, await rows("columns", COLUMNS, [keys, first]), "parent_id")));
      }
      return columns.get(first);
    },
  };
}

const cursorOf = (asset) => Buffer.from(asset.qualifiedName).toString("base64url");
const placeOf = (cursor) => (cursor ? Buffer.from(cursor, "base64url").toString() : "");
const uuid = (id) => id.slice(id.indexOf("_") + 1);

const resolvers = {
  Query: {
    asset: async (_, { qualifiedName }) => (await rows("by_name", BY_NAME, [qualifiedName]))[0] ?? null,
    assets: async (_, { filter, first, after }) => {
      const values = [filter.dataSourceIds.map(uuid), filter.kinds, placeOf(after), first + 1];
      const found = await rows("page", PAGE, values);
      return { nodes: found.slice(0, first), more: found.length > first };
    },
  },
  Assets: {
    edges: ({ nodes }) => nodes.map((node) => ({ cursor: cursorOf(node), node })),
    pageInfo: ({ nodes, more }) => ({
      hasNextPage: more,
      endCursor: nodes.length ? cursorOf(nodes[nodes.length - 1]) : null,
    }),
  },
  Asset: {
    owners: ({ key }, _, { loaders }) => loaders.owners.load(key),
    tags: ({ key }, _, { loaders }) => loaders.tags.load(key),
    columns: async ({ key }, { first }, { loaders }) => ({ nodes: await loaders.columns(first).load(key) }),
  },
  Ownership: { actor: ({ actor_id }, _, { loaders }) => loaders.people.load(actor_id) },
};

const app = Fastify();
app.register(mercurius, { schema, resolvers, jit: 1, context: () => ({ loaders: loaders() }) });
await app.listen({ port: Number(process.env.PORT), host: "127.0.0.1" });
