import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test, vi } from "vitest";
import { parseObject } from "./json";
import { SseTransport, takeBlocks } from "./sse";
import type { Loss, Stream } from "./transport";

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

type Handler = (request: { accept: string | undefined; body: unknown }, response: ServerResponse) => void;

async function serve(handler: Handler): Promise<string> {
  const started = createServer((request: IncomingMessage, response) => {
    let body = "";
    request.on("data", (piece: Buffer) => (body += piece.toString()));
    request.on("end", () => handler({ accept: request.headers.accept, body: parseObject(body) }, response));
  });
  server = started;
  await new Promise<void>((resolve) => started.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(started.address() as AddressInfo).port}/graphql`;
}

function recorder(): Stream & { heard: unknown[]; ended: string[] } {
  const heard: unknown[] = [];
  const ended: string[] = [];
  return {
    query: "subscription S",
    variables: {},
    cursor: "c0",
    heard,
    ended,
    next: (data) => heard.push(data),
    failed: (error) => ended.push(error.code),
    completed: () => ended.push("completed"),
  };
}

const event = (cursor: string): string =>
  `id: ${cursor}\nevent: next\ndata: ${JSON.stringify({ data: { changed: { cursor } } })}\n\n`;

test("events arrive in order, an id alone moves the cursor, and the response's end asks for a resumption", async () => {
  const asked: unknown[] = [];
  const endpoint = await serve((request, response) => {
    asked.push(request);
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    response.end(`${event("c1")}${event("c2")}id: c9\n\n`);
  });
  const stream = recorder();
  const lost: Loss[] = [];
  new SseTransport({ opened: () => undefined, lost: (loss) => lost.push(loss) }, endpoint).open(stream);
  await vi.waitFor(() => expect(lost).toEqual(["resume"]));
  expect(asked).toEqual([
    { accept: "text/event-stream", body: { query: "subscription S", variables: { after: "c0" } } },
  ]);
  expect(stream.heard).toEqual([{ changed: { cursor: "c1" } }, { changed: { cursor: "c2" } }]);
  expect(stream.cursor).toBe("c9");
});

test("a refusal with a GraphQL answer ends that stream alone", async () => {
  const refusal = JSON.stringify({ errors: [{ message: "No.", extensions: { code: "FORBIDDEN" } }] });
  const endpoint = await serve((_, response) =>
    response.writeHead(200, { "Content-Type": "application/json" }).end(refusal),
  );
  const stream = recorder();
  const lost: Loss[] = [];
  new SseTransport({ opened: () => undefined, lost: (loss) => lost.push(loss) }, endpoint).open(stream);
  await vi.waitFor(() => expect(stream.ended).toEqual(["FORBIDDEN", "completed"]));
  expect(lost).toEqual([]);
});

test("no server at all is a refusal", async () => {
  const lost: Loss[] = [];
  new SseTransport(
    { opened: () => undefined, lost: (loss) => lost.push(loss) },
    "http://127.0.0.1:1/graphql",
  ).open(recorder());
  await vi.waitFor(() => expect(lost).toEqual(["refused"]));
});

test("blocks are taken whole, whatever the pieces they come in", () => {
  const { blocks, rest } = takeBlocks(
    'event: next\r\ndata: {"a":\r\ndata: 1}\r\n\r\n: comment\n\nid: c3\n\nevent: ne',
  );
  expect(blocks.map(({ event: name, data, id }) => [name, data, id])).toEqual([
    ["next", '{"a":\n1}', null],
    [null, "", null],
    [null, "", "c3"],
  ]);
  expect(rest).toBe("event: ne");
});
