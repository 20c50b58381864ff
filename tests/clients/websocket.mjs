/** The `graphql-ws` client, and the `ws` client beneath it, against the served product. */
import assert from "node:assert/strict";
import { createClient } from "graphql-ws";
import { WebSocket } from "ws";
import {
  ask,
  CREATE,
  Cuttable,
  cursor,
  cursorIn,
  data,
  given,
  Inbox,
  inTime,
  makeSource,
  nameIn,
  run,
  setClock,
  socketUrl,
  SOURCES,
  test,
} from "./cases.mjs";

const AUTHORIZATION = { authorization: `Bearer ${given.token}` };

function connect(atEnd, options = {}) {
  const client = createClient({
    url: socketUrl(given.url),
    webSocketImpl: WebSocket,
    connectionParams: AUTHORIZATION,
    retryAttempts: 0,
    ...options,
  });
  atEnd(() => client.dispose());
  return client;
}

/** What comes of an operation: results, then `done`, the errors, or why the socket closed. */
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
    async problem() {
      const { problem, ...other } = await inbox.get("an error");
      assert.ok(problem, `instead of an error came ${JSON.stringify(other)}`);
      return problem;
    },
  };
}

async function answer(client, request) {
  const operation = follow(client, request);
  const result = await operation.next();
  assert.deepEqual(await operation.inbox.get("the completion"), { done: true });
  return result;
}

/** A stream that certainly listens: the source that proves it is its own. */
async function followSources(client, variables = {}) {
  const after = variables.after ?? (await cursor());
  const request = { query: SOURCES, variables: { ...variables, after } };
  return { ...follow(client, request), request };
}

const hello = { query: "{ __typename }" };

test("a query is answered and completes", async (atEnd) => {
  assert.deepEqual(await answer(connect(atEnd), hello), { data: { __typename: "Query" } });
});

test("variables and the operation's name arrive", async (atEnd) => {
  const query = "query A { a: __typename } query B($yes: Boolean!) { b: __typename c: __typename @include(if: $yes) }";
  const result = await answer(connect(atEnd), { query, operationName: "B", variables: { yes: false } });
  assert.deepEqual(result, { data: { b: "Query" } });
});

test("a mutation is done, and tells its typed errors", async (atEnd) => {
  const client = connect(atEnd);
  const name = await makeSource();
  const result = await answer(client, { query: CREATE, variables: { name } });
  const [problem] = result.data.createDataSource.errors;
  assert.deepEqual([problem.__typename, problem.code], ["InputError", "ALREADY_EXISTS"]);
});

test("a subscription gives exactly what came since its cursor, in order, and goes on live", async (atEnd) => {
  const client = connect(atEnd);
  const after = await cursor();
  const names = [await makeSource(), await makeSource(), await makeSource()];
  const three = async (stream) => [await stream.next(), await stream.next(), await stream.next()];
  // Told once, they have their places in the log: before, an event may still come live.
  assert.deepEqual((await three(await followSources(client, { after }))).map(nameIn), names);
  const stream = await followSources(client, { after });
  const first = await three(stream);
  assert.deepEqual(first.map(nameIn), names);
  assert.ok(first.every((result) => result.data.dataSourceChanged.replayed));
  const live = await makeSource();
  assert.equal(nameIn(await stream.next()), live);
  const second = await followSources(client, { after: cursorIn(first[1]) });
  assert.deepEqual([nameIn(await second.next()), nameIn(await second.next())], [names[2], live]);
});

test("many operations share one socket", async (atEnd) => {
  let opened = 0;
  const client = connect(atEnd, { on: { opened: () => (opened += 1) } });
  const streams = [];
  for (let number = 0; number < 5; number += 1) streams.push(await followSources(client));
  const asked = Array.from({ length: 10 }, () => answer(client, hello));
  const name = await makeSource();
  for (const stream of streams) assert.equal(nameIn(await stream.next()), name);
  assert.equal((await Promise.all(asked)).length, 10);
  assert.equal(opened, 1);
});

test("a client's complete ends one operation and no other", async (atEnd) => {
  const client = connect(atEnd);
  const [ended, stays] = [await followSources(client), await followSources(client)];
  const before = await makeSource();
  assert.deepEqual([nameIn(await ended.next()), nameIn(await stays.next())], [before, before]);
  ended.stop();
  const name = await makeSource();
  assert.equal(nameIn(await stays.next()), name);
  await answer(client, hello);
  assert.ok(ended.inbox.empty || (await ended.inbox.get()).done);
});

test("leaving an iterator ends its operation", async (atEnd) => {
  const client = connect(atEnd, { lazyCloseTimeout: 60_000 });
  const after = await cursor();
  const name = await makeSource();
  for await (const result of client.iterate({ query: SOURCES, variables: { after } })) {
    assert.equal(nameIn(result), name);
    break;
  }
  await answer(client, hello);
});

const WRONG = {
  "a syntax error": { query: "subscription {" },
  "an empty document": { query: "#" },
  "an unknown field": { query: "subscription { nope }" },
  "an unknown operation name": { query: "query A { __typename }", operationName: "B" },
  "two operations and no name": { query: "query A { __typename } query B { __typename }" },
  "a missing variable": { query: "query ($id: ID!) { node(id: $id) { id } }" },
  "a variable of the wrong kind": { query: "query ($id: ID!) { node(id: $id) { id } }", variables: { id: [] } },
  "a cursor that is none": { query: SOURCES, variables: { after: "nonsense" } },
};

for (const [what, request] of Object.entries(WRONG)) {
  // The name is made of the list above.
  test(`${what} is an error of its operation, and the streams beside it go on`, async (atEnd) => {
    let closed = 0;
    const client = connect(atEnd, { on: { closed: () => (closed += 1) } });
    const stream = await followSources(client);
    const problem = await follow(client, request).problem();
    assert.ok(Array.isArray(problem), "not GraphQL errors");
    assert.equal(problem[0].extensions.code, "INVALID");
    const name = await makeSource();
    assert.equal(nameIn(await stream.next()), name);
    assert.equal(closed, 0);
  });
}

test("without a token the socket opens, and a guarded operation is refused alone", async (atEnd) => {
  const client = connect(atEnd, { connectionParams: undefined, lazyCloseTimeout: 60_000 });
  const problem = await follow(client, { query: SOURCES }).problem();
  assert.equal(problem[0].extensions.code, "UNAUTHENTICATED");
  await answer(client, hello);
});

test("a wrong token closes with 4403", async (atEnd) => {
  for (const authorization of ["Bearer nonsense", "nonsense", 7]) {
    const client = connect(atEnd, { connectionParams: { authorization } });
    const problem = await follow(client, hello).problem();
    assert.equal(problem.code, 4403);
    assert.notEqual(problem.reason, "");
  }
});

test("a lazy client opens with its first operation and closes after its last", async (atEnd) => {
  const seen = new Inbox();
  const client = connect(atEnd, {
    on: { opened: () => seen.put("opened"), closed: ({ code }) => seen.put(code) },
  });
  assert.ok(seen.empty);
  await answer(client, hello);
  assert.deepEqual([await seen.get(), await seen.get()], ["opened", 1000]);
});

test("a client that is not lazy connects at once and stays", async (atEnd) => {
  const seen = new Inbox();
  const client = connect(atEnd, { lazy: false, on: { connected: () => seen.put("connected"), closed: seen.put } });
  assert.equal(await seen.get(), "connected");
  await answer(client, hello);
  await answer(client, hello);
  assert.ok(seen.empty);
});

test("the client's keep-alive pings are answered", async (atEnd) => {
  const pongs = new Inbox();
  connect(atEnd, { lazy: false, keepAlive: 10, on: { pong: (received) => received && pongs.put("pong") } });
  for (let number = 0; number < 3; number += 1) await pongs.get("a pong");
});

test("the server's pings tell the cursor up to which an operation has been told everything", async (atEnd) => {
  const pings = new Inbox();
  const ids = [];
  const client = connect(atEnd, {
    generateID: () => ids[ids.push(`op-${ids.length}`) - 1],
    on: { ping: (received, payload) => received && pings.put(payload) },
  });
  const stream = await followSources(client);
  await makeSource();
  await stream.next();
  while (!pings.empty) await pings.get();
  const { upTo } = await pings.get("a ping");
  const resumed = await followSources(client, { after: upTo[ids[0]] });
  const name = await makeSource();
  assert.equal(nameIn(await resumed.next()), name);
});

test("after forced closes the client's retry resumes by `after`: nothing lost, nothing twice", async (atEnd) => {
  const way = await Cuttable.to(given.url);
  atEnd(() => way.close());
  const closed = new Inbox();
  const client = connect(atEnd, {
    url: socketUrl(way.url),
    retryAttempts: Infinity,
    retryWait: () => Promise.resolve(),
    shouldRetry: () => true,
    on: { closed: closed.put },
  });
  const request = { query: SOURCES, variables: { after: await cursor() } };
  const came = [];
  const all = new Inbox();
  client.subscribe(request, {
    next(result) {
      request.variables.after = cursorIn(result);
      came.push(nameIn(result));
      all.put(came.length);
    },
    error: all.put,
    complete: () => all.put("completed"),
  });
  const names = [];
  for (let cut = 0; cut < 10; cut += 1) {
    names.push(await makeSource());
    await all.until((count) => count === names.length, "the source before the cut");
    way.cut();
    await closed.get("the close");
    names.push(await makeSource());
  }
  await all.until((count) => count >= names.length, "the last source");
  assert.deepEqual(came, names);
});

test("a terminated client reconnects, a disposed one does not", async (atEnd) => {
  const seen = new Inbox();
  const client = connect(atEnd, {
    retryAttempts: 5,
    retryWait: () => Promise.resolve(),
    on: { connected: (_socket, _payload, again) => seen.put(again) },
  });
  const stream = await followSources(client);
  assert.equal(await seen.get(), false);
  client.terminate();
  assert.equal(await seen.get(), true);
  const name = await makeSource();
  assert.equal(nameIn(await stream.next()), name);
  await client.dispose();
  assert.deepEqual(await stream.inbox.get(), { done: true });
  assert.ok(seen.empty);
});

const RENEW = (token) => JSON.stringify({ type: "ping", payload: { authorization: `Bearer ${token}` } });

test("a token is renewed in the open connection by the payload of a ping", async (atEnd) => {
  const seen = new Inbox();
  const client = connect(atEnd, {
    connectionParams: { authorization: `Bearer ${await ask("token")}` },
    on: {
      opened: (socket) => seen.put({ socket }),
      ping: (received, payload) => received && seen.put({ ends: payload.expiresAt ?? null }),
    },
  });
  await followSources(client);
  const { socket } = await seen.until(({ socket }) => socket, "the socket");
  await seen.until(({ ends }) => ends === null, "a ping while the end is far");
  atEnd(() => setClock(0));
  await setClock(400);
  const { ends } = await seen.until(({ ends }) => ends, "a ping that tells of the end");
  assert.ok(Date.parse(ends) > 0);
  socket.send(RENEW(await ask("token")));
  await seen.until(({ ends }) => ends === null, "a ping that tells of no end any more");
  await setClock(0);
  await answer(client, hello);
});

test("a renewal with a wrong token closes with 4403", async (atEnd) => {
  const sockets = new Inbox();
  const client = connect(atEnd, { on: { opened: sockets.put } });
  const stream = await followSources(client);
  const socket = await sockets.get();
  await answer(client, hello);
  socket.send(RENEW("nonsense"));
  assert.equal((await stream.problem()).code, 4403);
});

test("a session that ends says so to its streams, then closes with 4403", async (atEnd) => {
  const closed = new Inbox();
  const token = await ask("token");
  const client = connect(atEnd, {
    connectionParams: { authorization: `Bearer ${token}` },
    on: { closed: closed.put },
  });
  const stream = await followSources(client);
  const name = await makeSource();
  assert.equal(nameIn(await stream.next()), name);
  await data("mutation { endSession { errors { message } } }", {}, token);
  assert.equal((await stream.problem())[0].extensions.code, "UNAUTHENTICATED");
  assert.equal((await closed.get("the close")).code, 4403);
});

// --- the bare client

async function bare(atEnd, protocols = "graphql-transport-ws", options = {}) {
  const socket = new WebSocket(socketUrl(given.url), protocols, options);
  atEnd(() => socket.terminate());
  const inbox = new Inbox();
  socket.on("message", (text) => inbox.put(JSON.parse(text)));
  socket.on("close", (code, reason) => inbox.put({ code, reason: reason.toString() }));
  socket.on("error", (problem) => inbox.put({ problem: problem.message }));
  socket.on("pong", (payload) => inbox.put({ pong: payload.toString() }));
  await inTime(new Promise((come) => ["open", "error"].forEach((event) => socket.once(event, come))));
  return { socket, inbox, send: (message) => socket.send(JSON.stringify(message)) };
}

const BREAKS = {
  "an array": "[]",
  "no JSON": "{",
  "a number as id": '{"type":"subscribe","id":1,"payload":{"query":"{ __typename }"}}',
  "no id": '{"type":"subscribe","payload":{"query":"{ __typename }"}}',
  "an unknown type": '{"type":"start","id":"1"}',
  "a binary frame": Buffer.from('{"type":"ping"}'),
};

for (const [what, frame] of Object.entries(BREAKS)) {
  test(`${what} closes with 4400`, async (atEnd) => {
    const { socket, inbox, send } = await bare(atEnd);
    send({ type: "connection_init" });
    assert.equal((await inbox.get()).type, "connection_ack");
    socket.send(frame);
    assert.equal((await inbox.until(({ code }) => code)).code, 4400);
  });
}

test("a second init closes with 4429", async (atEnd) => {
  const { inbox, send } = await bare(atEnd);
  send({ type: "connection_init" });
  send({ type: "connection_init" });
  assert.equal((await inbox.until(({ code }) => code)).code, 4429);
});

test("an operation before the acknowledgement closes with 4401", async (atEnd) => {
  const { inbox, send } = await bare(atEnd);
  send({ type: "subscribe", id: "1", payload: hello });
  assert.equal((await inbox.until(({ code }) => code)).code, 4401);
});

test("an id that runs closes with 4409", async (atEnd) => {
  const { inbox, send } = await bare(atEnd);
  send({ type: "connection_init", payload: AUTHORIZATION });
  const operation = { type: "subscribe", id: "1", payload: { query: SOURCES } };
  send(operation);
  send(operation);
  assert.equal((await inbox.until(({ code }) => code)).code, 4409);
});

test("an unknown subprotocol is refused, the known one is chosen among several", async (atEnd) => {
  const refused = await bare(atEnd, ["graphql-ws"]);
  assert.match((await refused.inbox.until(({ problem }) => problem)).problem, /400/);
  const chosen = await bare(atEnd, ["graphql-ws", "graphql-transport-ws"]);
  assert.equal(chosen.socket.protocol, "graphql-transport-ws");
});

test("a message in fragments is one message, and pings of the socket itself are answered", async (atEnd) => {
  const { socket, inbox } = await bare(atEnd);
  socket.send('{"type":"connec', { fin: false });
  socket.send('tion_init"}', { fin: true });
  assert.equal((await inbox.get()).type, "connection_ack");
  socket.ping("here?");
  assert.deepEqual(await inbox.until(({ pong }) => pong !== undefined), { pong: "here?" });
});

test("compression that is offered is declined", async (atEnd) => {
  const { socket } = await bare(atEnd, "graphql-transport-ws", { perMessageDeflate: true });
  assert.equal(socket.extensions, "");
});

await run();
