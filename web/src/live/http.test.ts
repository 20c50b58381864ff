import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { TypedDocumentString } from "../gen/documents";
import { run } from "./http";

const asked: unknown[] = [];
let answers: object[] = [];

beforeEach(() => {
  asked.length = 0;
  vi.stubGlobal("fetch", async (_address: string, init: RequestInit) => {
    asked.push(JSON.parse(String(init.body)));
    return new Response(JSON.stringify(answers.shift()));
  });
});
afterEach(() => vi.unstubAllGlobals());

const document = (hash: string): TypedDocumentString<{ a: number }, object> =>
  new TypedDocumentString("query A { a }", { hash });
const notFound = {
  errors: [{ message: "PersistedQueryNotFound", extensions: { code: "PERSISTED_QUERY_NOT_FOUND" } }],
};

test("a document is named by its hash", async () => {
  answers = [{ data: { a: 1 } }];
  expect(await run(document("h1"), { n: 2 })).toEqual({ a: 1 });
  expect(asked).toEqual([{ documentId: "sha256:h1", variables: { n: 2 } }]);
});

test("a server that does not know it is sent the whole of it, from then on at once", async () => {
  answers = [notFound, { data: { a: 1 } }, { data: { a: 2 } }];
  expect(await run(document("h2"), {})).toEqual({ a: 1 });
  expect(await run(document("h2"), {})).toEqual({ a: 2 });
  const whole = { query: "query A { a }", variables: {} };
  expect(asked).toEqual([{ documentId: "sha256:h2", variables: {} }, whole, whole]);
});

test("another error is no reason to ask again", async () => {
  answers = [{ errors: [{ message: "No.", extensions: { code: "FORBIDDEN" } }] }];
  await expect(run(document("h3"), {})).rejects.toThrow("No.");
  expect(asked).toHaveLength(1);
});
