/** An example's file: leading comment lines explain it, the operation follows. */

export interface Example {
  /** The file's name without its ending, as in `02-connect-postgresql`. */
  slug: string;
  title: string;
  explanation: string;
  query: string;
  variables: string;
}

function explanationOf(text: string): string {
  const lines = text.split("\n");
  const end = lines.findIndex((line) => !line.startsWith("#"));
  return lines
    .slice(0, end)
    .map((line) => line.replace(/^#\s?/, ""))
    .join(" ");
}

/** With the id that it asks for; without a source it goes on asking. */
export function aboutSource(example: Example, id: string | undefined): Example {
  if (id === undefined) return example;
  return { ...example, variables: example.variables.replaceAll("<id of a source>", id) };
}

/** Words that a file's name cannot spell. */
const SPELLINGS: { readonly [word: string]: string } = {
  i: "I",
  postgresql: "PostgreSQL",
  mysql: "MySQL",
  sqlite: "SQLite",
};

function titleOf(slug: string): string {
  const words = slug
    .replace(/^\d+-/, "")
    .split("-")
    .map((word) => SPELLINGS[word] ?? word)
    .join(" ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

export function slugOf(path: string): string {
  return path.replace(/^.*\//, "").replace(/\.\w+$/, "");
}

export function readExample(path: string, query: string, variables: string | undefined): Example {
  const slug = slugOf(path);
  return { slug, title: titleOf(slug), explanation: explanationOf(query), query, variables: variables ?? "" };
}
