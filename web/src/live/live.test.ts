import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { WebSocket } from "ws";
import { TypedDocumentString } from "../gen/documents";
import { Connection } from "./connection";
import { ApiError } from "./errors";
import { LiveQueries, type LiveQuery } from "./liveQuery";
import { SocketTransport } from "./socket";
import { FakeServer } from "./testing/fakeServer";
import { HandClock } from "./testing/handClock";
import type { Transport } from "./transport";

interface Rows {
  cursor: string;
  rows: { id: string; name: string }[];
}
interface RowChanged {
  rowChanged: { cursor: string; replayed: boolean; row: { id: string; name: string } };
}

const QUERY = new TypedDocumentString<Rows, Record<string, never>>("query Rows { cursor rows { id name } }");
const STREAM = new TypedDocumentString<RowChanged, { after?: string | null | undefined }>(
  "subscription RowChanged($after: Cursor) { rowChanged(after: $after) { cursor replayed row { id name } } }",
);

function addRow(data: Rows, { rowChanged: { row } }: RowChanged): Rows {
  return data.rows.some(({ id }) => id === row.id) ? data : { ...data, rows: [...data.rows, row] };
}

let server: FakeServer;
let clock: HandClock;
let connection: Connection;
let queries: LiveQueries;
let answers: (Rows | ApiError)[];
let sse: number;
let openSocket: ((events: ConstructorParameters<typeof SocketTransport>[1]) => Transport) | null;

beforeEach(async () => {
  server = await FakeServer.start();
  clock = new HandClock();
  sse = 0;
  openSocket = null;
  answers = [{ cursor: "c0", rows: [{ id: "row_1", name: "one" }] }];
  connection = new Connection({
    clock,
    openSocket: (events) =>
      openSocket?.(events) ?? new SocketTransport({ url: server.url, webSocketImpl: WebSocket }, events),
    openSse: () => {
      sse += 1;
      return { open: () => () => undefined, close: () => undefined };
    },
  });
  queries = new LiveQueries({ connection, clock, schedule: (flush) => flush(), ask: answerNext });
});

afterEach(async () => {
  connection.close();
  await server.stop();
});

/** The test knows which query it asks. */
function answerNext<Data>(): Promise<Data> {
  const answer = answers.length > 1 ? answers.shift() : answers[0];
  if (answer instanceof ApiError) return Promise.reject(answer);
  return Promise.resolve(answer as Data);
}

function follow(): LiveQuery<Rows, RowChanged> {
  const query = queries.of({ query: QUERY, stream: STREAM, apply: addRow });
  query.watch(() => undefined);
  return query;
}

function changed(
  cursor: string,
  id: string,
  name: string,
  replayed = false,
): { rowChanged: RowChanged["rowChanged"] } {
  return { rowChanged: { cursor, replayed, row: { id, name } } };
}

function names(query: LiveQuery<Rows, RowChanged>): string[] | undefined {
  return query.state.get().data?.rows.map((row) => row.name);
}

const reconnecting = (): Promise<void> =>
  vi.waitFor(() => expect(connection.status.get().phase).not.toBe("live"));

test("a stream starts after the cursor of its query, and its nodes replace those on screen by id", async () => {
  const query = follow();
  const stream = await server.subscribed();
  expect(stream.after).toBe("c0");
  stream.next(changed("c1", "row_1", "renamed"));
  stream.next(changed("c2", "row_2", "two"));
  await vi.waitFor(() => expect(names(query)).toEqual(["renamed", "two"]));
  expect(connection.status.get()).toEqual({ phase: "live" });
});

test("a lost connection is opened again with back-off and resumes after the last event", async () => {
  const query = follow();
  const first = await server.subscribed();
  first.next(changed("c1", "row_1", "before"));
  await vi.waitFor(() => expect(names(query)).toEqual(["before"]));
  first.close(1012);
  await reconnecting();
  expect(connection.status.get()).toEqual({ phase: "reconnecting", lostAt: clock.now() });
  expect(clock.waiting).toEqual([500]);
  clock.advance(500);
  expect((await server.subscribed()).after).toBe("c1");
});

test("the server's ping moves the cursor of a quiet stream", async () => {
  follow();
  const first = await server.subscribed();
  await first.ping({ [first.id]: "c40", "not-ours": "c50" });
  first.close(1012);
  await reconnecting();
  clock.advance(500);
  expect((await server.subscribed()).after).toBe("c40");
});

test("a reader that was too slow (4290) resumes at once", async () => {
  const query = follow();
  const first = await server.subscribed();
  first.next(changed("c7", "row_1", "late"));
  await vi.waitFor(() => expect(names(query)).toEqual(["late"]));
  clock.advance(60_000);
  first.close(4290);
  expect((await server.subscribed()).after).toBe("c7");
});

test("a server that says 4290 again and again is not hammered", async () => {
  follow();
  (await server.subscribed()).close(4290);
  await reconnecting();
  expect(clock.waiting).toEqual([500]);
});

test("a normal closure in mid-stream resumes after the last event too", async () => {
  const query = follow();
  const first = await server.subscribed();
  first.next(changed("c3", "row_1", "there"));
  await vi.waitFor(() => expect(names(query)).toEqual(["there"]));
  first.close(1000);
  await reconnecting();
  clock.advance(500);
  expect((await server.subscribed()).after).toBe("c3");
});

test("an expired cursor runs the query again, follows from there, and says so", async () => {
  const query = follow();
  answers = [{ cursor: "c90", rows: [{ id: "row_9", name: "afresh" }] }];
  (await server.subscribed()).fail("CURSOR_EXPIRED");
  expect((await server.subscribed()).after).toBe("c90");
  expect(names(query)).toEqual(["afresh"]);
  expect(connection.notice.get()).toEqual({ kind: "reloaded" });
  clock.advance(4_000);
  expect(connection.notice.get()).toBeNull();
});

test("a session that ended (4403) waits for the sign-in and then resumes with the query", async () => {
  follow();
  (await server.subscribed()).close(4403);
  await vi.waitFor(() => expect(connection.status.get().phase).toBe("signed-out"));
  expect(clock.waiting).toEqual([]);
  answers = [{ cursor: "c5", rows: [] }];
  queries.resume();
  expect((await server.subscribed()).after).toBe("c5");
});

test("a stream that is refused keeps what it shows and gives the reason", async () => {
  const query = follow();
  (await server.subscribed()).fail("FORBIDDEN");
  await vi.waitFor(() => expect(query.state.get().problem?.code).toBe("FORBIDDEN"));
  expect(names(query)).toEqual(["one"]);
  expect(clock.waiting).toEqual([]);
});

test("a query that fails for a reason that passes is asked again", async () => {
  answers = [new ApiError("UNAVAILABLE", "Later.", { retryAfterSeconds: 3 }), { cursor: "c1", rows: [] }];
  const query = follow();
  await vi.waitFor(() => expect(query.state.get().problem?.code).toBe("UNAVAILABLE"));
  clock.advance(3_000);
  expect((await server.subscribed()).after).toBe("c1");
  expect(query.state.get().problem).toBeNull();
});

test("after a cut worth telling, the missed events are counted once each", async () => {
  follow();
  const first = await server.subscribed();
  first.close(1012);
  await reconnecting();
  clock.advance(500);
  const second = await server.subscribed();
  second.close(1012);
  await reconnecting();
  clock.advance(2_500);
  const third = await server.subscribed();
  third.next(changed("c1", "row_1", "a", true));
  third.next(changed("c2", "row_1", "b", true));
  third.next(changed("c2", "row_1", "b", true));
  await third.ping({});
  clock.advance(400);
  expect(connection.notice.get()).toEqual({ kind: "caught-up", events: 2 });
});

test("a WebSocket refused twice gives way to server-sent events", async () => {
  openSocket = (events) => {
    queueMicrotask(() => events.lost("refused"));
    return { open: () => () => undefined, close: () => undefined };
  };
  follow();
  await vi.waitFor(() => expect(clock.waiting).toEqual([500]));
  clock.advance(500);
  await vi.waitFor(() => expect(clock.waiting).toEqual([1000]));
  expect(sse).toBe(0);
  clock.advance(1000);
  expect(sse).toBe(1);
});

test("what two parts show is asked and streamed once, and given up only after a while", async () => {
  const definition = { query: QUERY, stream: STREAM, apply: addRow };
  const query = queries.of(definition);
  expect(queries.of(definition)).toBe(query);
  const leave = query.watch(() => undefined);
  const leaveToo = query.watch(() => undefined);
  await server.subscribed();
  leave();
  leaveToo();
  expect(queries.of(definition)).toBe(query);
  clock.advance(5_000);
  expect(queries.of(definition)).not.toBe(query);
});
