/** The `graphql-sse` client against the served product, and what the streams of HTTP promise beside it. */
import assert from "node:assert/strict";
import { createClient } from "graphql-sse";
import {
  ask,
  CREATE,
  Cuttable,
  cursor,
  cursorIn,
  data,
  given,
  Inbox,
  makeSource,
  nameIn,
  run,
  SOURCES,
  test,
} from "./cases.mjs";

const AUTHORIZATION = { authorization: `Bearer ${given.token}` };

function connect(atEnd, options = {}) {
  const client = createClient({ url: given.url, headers: AUTHORIZATION, retryAttempts: 0, ...options });
  atEnd(() => client.dispose());
  return client;
}

function follow(client, request) {
  const inbox = new Inbox();
  const stop = client.subscribe(request, {
    next: (result) => inbox.put({ result }),
    error: (problem) => inbox.put({ problem }),
    complete: () => inbox.put({ done: true }),
  });
  return {
    stop,
    inbox,
    async next() {
      const { result, ...other } = await inbox.get("a result");
      assert.ok(result, `instead of a result came ${JSON.stringify(other)}`);
      return result;
    },
  };
}

async function answer(client, request) {
  const operation = follow(client, request);
  const result = await operation.next();
  assert.deepEqual(await operation.inbox.get("the completion"), { done: true });
  return result;
}

test("a query is answered and completes", async (atEnd) => {
  assert.deepEqual(await answer(connect(atEnd), { query: "{ __typename }" }), { data: { __typename: "Query" } });
});

test("variables and the operation's name arrive", async (atEnd) => {
  const query = "query A { a: __typename } query B($yes: Boolean!) { b: __typename c: __typename @include(if: $yes) }";
  const result = await answer(connect(atEnd), { query, operationName: "B", variables: { yes: false } });
  assert.deepEqual(result, { data: { b: "Query" } });
});

test("a mutation is done, and tells its typed errors", async (atEnd) => {
  const name = await makeSource();
  const result = await answer(connect(atEnd), { query: CREATE, variables: { name } });
  assert.equal(result.data.createDataSource.errors[0].code, "ALREADY_EXISTS");
});

test("a subscription gives exactly what came since its cursor, in order, and goes on live", async (atEnd) => {
  const after = await cursor();
  const names = [await makeSource(), await makeSource()];
  const stream = follow(connect(atEnd), { query: SOURCES, variables: { after } });
  assert.deepEqual([nameIn(await stream.next()), nameIn(await stream.next())], names);
  const live = await makeSource();
  assert.equal(nameIn(await stream.next()), live);
});

test("several streams at once each have a connection of their own", async (atEnd) => {
  const way = await Cuttable.to(given.url);
  atEnd(() => way.close());
  const client = connect(atEnd, { url: way.url });
  const after = await cursor();
  const streams = Array.from({ length: 4 }, () => follow(client, { query: SOURCES, variables: { after } }));
  const name = await makeSource();
  for (const stream of streams) assert.equal(nameIn(await stream.next()), name);
  assert.equal(way.opened, 4);
});

test("a stream that the client leaves ends, and the others go on", async (atEnd) => {
  const client = connect(atEnd);
  const after = await cursor();
  const [left, stays] = [1, 2].map(() => follow(client, { query: SOURCES, variables: { after } }));
  const before = await makeSource();
  assert.deepEqual([nameIn(await left.next()), nameIn(await stays.next())], [before, before]);
  left.stop();
  const name = await makeSource();
  assert.equal(nameIn(await stays.next()), name);
  assert.ok(left.inbox.empty || (await left.inbox.get()).done);
});

test("leaving an iterator ends its stream", async (atEnd) => {
  const after = await cursor();
  const name = await makeSource();
  for await (const result of connect(atEnd).iterate({ query: SOURCES, variables: { after } })) {
    assert.equal(nameIn(result), name);
    break;
  }
});

const WRONG = {
  "a syntax error": { query: "subscription {" },
  "an unknown field": { query: "subscription { nope }" },
  "an unknown operation name": { query: "query A { __typename }", operationName: "B" },
  "a missing variable": { query: "query ($id: ID!) { node(id: $id) { id } }" },
  "a cursor that is none": { query: SOURCES, variables: { after: "nonsense" } },
};

for (const [what, request] of Object.entries(WRONG)) {
  test(`${what} is told as a result with errors alone, and completes`, async (atEnd) => {
    const result = await answer(connect(atEnd), request);
    assert.equal(result.errors[0].extensions.code, "INVALID");
    assert.ok(!("data" in result));
  });
}

test("a guarded subscription without a token says so", async (atEnd) => {
  const result = await answer(connect(atEnd, { headers: {} }), { query: SOURCES });
  assert.equal(result.errors[0].extensions.code, "UNAUTHENTICATED");
});

test("a wrong token is refused with 401", async (atEnd) => {
  const client = connect(atEnd, { headers: { authorization: "Bearer nonsense" } });
  const { problem } = await follow(client, { query: SOURCES }).inbox.get("the refusal");
  assert.equal(problem.response.status, 401);
});

test("a session that ends says so to its streams and completes them", async (atEnd) => {
  const token = await ask("token");
  const client = connect(atEnd, { headers: { authorization: `Bearer ${token}` } });
  const stream = follow(client, { query: SOURCES, variables: { after: await cursor() } });
  await makeSource();
  await stream.next();
  await data("mutation { endSession { errors { message } } }", {}, token);
  assert.equal((await stream.next()).errors[0].extensions.code, "UNAUTHENTICATED");
  assert.deepEqual(await stream.inbox.get("the completion"), { done: true });
});

/** Follows over a way that is cut ten times; `resume` is told of each result. */
async function cutTenTimes(atEnd, request, resume, options = {}) {
  const way = await Cuttable.to(given.url);
  atEnd(() => way.close());
  const again = new Inbox();
  const client = connect(atEnd, {
    url: way.url,
    retryAttempts: Infinity,
    retry: () => Promise.resolve(),
    on: { connected: (reconnected) => reconnected && again.put(true) },
    ...options,
  });
  const [came, names, all] = [[], [], new Inbox()];
  client.subscribe(request, {
    next(result) {
      resume(cursorIn(result));
      came.push(nameIn(result));
      all.put(came.length);
    },
    error: all.put,
    complete: () => all.put("completed"),
  });
  for (let cut = 0; cut < 10; cut += 1) {
    names.push(await makeSource());
    await all.until((count) => count === names.length, "the source before the cut");
    way.cut();
    names.push(await makeSource());
    await again.get("another connection");
    await all.until((count) => count === names.length, "the source of the cut");
  }
  assert.deepEqual(came, names);
}

test("after forced closes the client's retry resumes by `after`: nothing lost, nothing twice", async (atEnd) => {
  const request = { query: SOURCES, variables: { after: await cursor() } };
  await cutTenTimes(atEnd, request, (last) => (request.variables.after = last));
});

test("it resumes by Last-Event-ID too, which wins over `after`", async (atEnd) => {
  let last = null;
  const headers = () => ({ ...AUTHORIZATION, ...(last ? { "last-event-id": last } : {}) });
  const request = { query: SOURCES, variables: { after: await cursor() } };
  await cutTenTimes(atEnd, request, (cursor) => (last = cursor), { headers });
});

/** The blocks of a stream as they stand in its text. */
async function* blocks(response) {
  let text = "";
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    const parts = (text + chunk).split("\n\n");
    text = parts.pop();
    yield* parts.filter((part) => part !== "" && part !== ":");
  }
}

const post = (body, headers = {}, options = {}) =>
  fetch(given.url, {
    method: "POST",
    headers: { ...AUTHORIZATION, "content-type": "application/json", accept: "text/event-stream", ...headers },
    body: JSON.stringify(body),
    ...options,
  });

test("each event has its cursor as id, and a quiet stream moves the id by a block of its own", async (atEnd) => {
  const gone = new AbortController();
  atEnd(() => gone.abort());
  const after = await cursor();
  await makeSource();
  const response = await post({ query: SOURCES, variables: { after } }, {}, { signal: gone.signal });
  const came = blocks(response);
  let { value } = await came.next();
  while (!value.includes("event: next")) ({ value } = await came.next());
  const [id] = /^id: (.+)$/m.exec(value).slice(1);
  assert.equal(JSON.parse(/^data: (.+)$/m.exec(value)[1]).data.dataSourceChanged.cursor, id);
  assert.match((await came.next()).value, /^id: \S+$/);
});

test("an event source asks by GET", async (atEnd) => {
  const gone = new AbortController();
  atEnd(() => gone.abort());
  const after = await cursor();
  const name = await makeSource();
  const url = `${given.url}?${new URLSearchParams({ query: SOURCES, variables: JSON.stringify({ after }) })}`;
  const headers = { ...AUTHORIZATION, accept: "text/event-stream" };
  const response = await fetch(url, { headers, signal: gone.signal });
  assert.match(response.headers.get("content-type"), /^text\/event-stream/);
  for await (const block of blocks(response)) {
    const told = /^data: (.+)$/m.exec(block);
    if (told === null) continue;
    assert.equal(nameIn(JSON.parse(told[1])), name);
    return;
  }
});

test("a mutation by GET is refused with 405, also as a stream", async () => {
  for (const accept of ["text/event-stream", "application/json", "application/graphql-response+json"]) {
    const url = `${given.url}?${new URLSearchParams({ query: "mutation { endSession { errors { code } } }" })}`;
    const response = await fetch(url, { headers: { ...AUTHORIZATION, accept } });
    assert.deepEqual([response.status, response.headers.get("allow")], [405, "POST"]);
  }
});

test("the single connection mode is not offered: the reservation is refused with 405 and says so", async (atEnd) => {
  const client = connect(atEnd, { singleConnection: true });
  const { problem } = await follow(client, { query: SOURCES }).inbox.get("the refusal");
  assert.equal(problem.response.status, 405);
  const told = await fetch(given.url, { method: "PUT", headers: AUTHORIZATION });
  assert.equal(told.headers.get("allow"), "GET, POST");
  assert.match((await told.json()).errors[0].message, /single connection mode .* is not offered/);
});

test("bodies that are none are refused before there is a stream", async () => {
  for (const [body, status] of [["{", 400], ["[]", 400], ["{}", 400], ['{"query":7}', 400]]) {
    const headers = { "content-type": "application/json", accept: "text/event-stream" };
    const response = await fetch(given.url, { method: "POST", headers, body });
    assert.equal(response.status, status);
  }
  const response = await post({ query: SOURCES }, { accept: "image/png" });
  assert.equal(response.status, 406);
});

await run();
