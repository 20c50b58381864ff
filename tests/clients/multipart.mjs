/** Multipart subscriptions and single answers, as Apollo Client and urql read them by themselves. */
import assert from "node:assert/strict";
import { ApolloClient, gql, HttpLink, InMemoryCache } from "@apollo/client";
import { Client, fetchExchange } from "@urql/core";
import { CREATE, cursor, given, Inbox, makeSource, nameIn, run, SOURCES, test } from "./cases.mjs";

const AUTHORIZATION = { authorization: `Bearer ${given.token}` };

/** The fetch of Node, and what each answer was told in. */
function watched() {
  const kinds = [];
  const watching = async (...asked) => {
    const response = await fetch(...asked);
    kinds.push(response.headers.get("content-type"));
    return response;
  };
  return { kinds, watching };
}

function apollo(atEnd, headers = AUTHORIZATION) {
  const { kinds, watching } = watched();
  const link = new HttpLink({ uri: given.url, headers, fetch: watching });
  const client = new ApolloClient({ link, cache: new InMemoryCache() });
  atEnd(() => client.stop());
  return { client, kinds };
}

function urql() {
  const { kinds, watching } = watched();
  const client = new Client({
    url: given.url,
    exchanges: [fetchExchange],
    fetchSubscriptions: true,
    preferGetMethod: false,
    fetch: watching,
    fetchOptions: { headers: AUTHORIZATION },
  });
  return { client, kinds };
}

/** The first `count` results of something that is subscribed to. */
async function taken(count, subscribe) {
  const inbox = new Inbox();
  const subscription = subscribe(inbox.put);
  const came = [];
  while (came.length < count) came.push(await inbox.get("a result"));
  subscription.unsubscribe();
  return came;
}

test("Apollo Client reads a subscription in parts, from its cursor on", async (atEnd) => {
  const { client, kinds } = apollo(atEnd);
  const after = await cursor();
  const names = [await makeSource(), await makeSource(), await makeSource()];
  const came = await taken(3, (put) =>
    client.subscribe({ query: gql(SOURCES), variables: { after } }).subscribe({ next: put, error: put }),
  );
  assert.deepEqual(came.map(nameIn), names);
  assert.match(kinds[0], /^multipart\/mixed/);
});

test("Apollo Client reads why a subscription is refused", async (atEnd) => {
  const { client } = apollo(atEnd, {});
  const [told] = await taken(1, (put) =>
    client.subscribe({ query: gql(SOURCES) }).subscribe({ next: put, error: put }),
  );
  assert.equal((told.error ?? told).errors[0].extensions.code, "UNAUTHENTICATED");
});

test("Apollo Client's queries and mutations are answered in the newer media type", async (atEnd) => {
  const { client, kinds } = apollo(atEnd);
  assert.ok((await client.query({ query: gql`{ cursor }` })).data.cursor);
  const variables = { name: await makeSource() };
  const { data } = await client.mutate({ mutation: gql(CREATE), variables });
  assert.equal(data.createDataSource.errors[0].code, "ALREADY_EXISTS");
  assert.deepEqual([...new Set(kinds)], ["application/graphql-response+json; charset=utf-8"]);
});

test("Apollo Client reads an error of the request out of a 400", async (atEnd) => {
  const { client } = apollo(atEnd);
  const problem = await client.query({ query: gql`{ nope }` }).catch((caught) => caught);
  assert.equal(problem.errors[0].extensions.code, "INVALID");
});

test("urql asks for events or parts, and reads the events it is given by itself", async () => {
  const { client, kinds } = urql();
  const after = await cursor();
  const names = [await makeSource(), await makeSource()];
  const came = await taken(2, (put) => client.subscription(SOURCES, { after }).subscribe(put));
  assert.deepEqual(came.map(nameIn), names);
  assert.match(kinds[0], /^text\/event-stream/);
});

test("urql's queries, mutations and errors arrive", async () => {
  const { client } = urql();
  assert.ok((await client.query("{ cursor }", {})).data.cursor);
  const { data } = await client.mutation(CREATE, { name: await makeSource() });
  assert.equal(data.createDataSource.errors[0].code, "ALREADY_EXISTS");
  const { error } = await client.query("{ nope }", {});
  assert.equal(error.graphQLErrors[0].extensions.code, "INVALID");
});

await run();
