/** The docs' examples, taken in when the page is built. */
import { readExample, slugOf, type Example } from "./exampleText";

// Both calls are read by Vite, not run: their arguments must be written out.
const queries = import.meta.glob<string>("../../../../docs/examples/*.graphql", {
  query: "?raw",
  import: "default",
  eager: true,
});
const variables = import.meta.glob<string>("../../../../docs/examples/*.json", {
  query: "?raw",
  import: "default",
  eager: true,
});

const variablesBySlug = new Map(Object.entries(variables).map(([path, text]) => [slugOf(path), text]));

export const EXAMPLES: readonly Example[] = Object.entries(queries)
  .sort(([one], [other]) => one.localeCompare(other))
  .map(([path, query]) => readExample(path, query, variablesBySlug.get(slugOf(path))));
