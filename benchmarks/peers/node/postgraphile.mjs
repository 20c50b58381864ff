// PostGraphile 5 with its own preset: the API is made from the tables, and each query becomes SQL by itself.
// What the database does not declare (a foreign key that is not checked, a unique index) is told by smart tags.

import { createServer } from "node:http";

import { postgraphile } from "postgraphile";
import { makePgService } from "postgraphile/adaptors/pg";
import { grafserv } from "postgraphile/grafserv/node";
import { PostGraphileAmberPreset } from "postgraphile/presets/amber";
import { makeJSONPgSmartTagsPlugin } from "postgraphile/utils";

const tags = makeJSONPgSmartTagsPlugin({
  version: 1,
  config: {
    class: {
      asset: {
        tags: {
          unique: ["qualified_name"],
          foreignKey: ["(parent_id) references public.asset (id)|@fieldName parent|@foreignFieldName children"],
        },
      },
      ownership: { tags: { foreignKey: ["(actor_id) references public.person (id)|@fieldName actor"] } },
    },
  },
});

const poolConfig = { max: 16 };
const preset = {
  extends: [PostGraphileAmberPreset],
  plugins: [tags],
  pgServices: [makePgService({ connectionString: process.env.DATABASE_URL, schemas: ["public"], poolConfig })],
  grafserv: { graphiql: false, watch: false },
};

const server = createServer();
const instance = postgraphile(preset).createServ(grafserv);
await instance.addTo(server);
await instance.ready();
server.listen(Number(process.env.PORT), "127.0.0.1");
