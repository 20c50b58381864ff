/** A server that speaks graphql-transport-ws just as a test tells it to. */
import type { AddressInfo } from "node:net";
import { WebSocketServer, type WebSocket } from "ws";
import { isObject, parseObject, type JsonObject } from "../json";

export interface Subscribed {
  id: string;
  query: string;
  after: unknown;
  next(data: JsonObject): void;
  fail(code: string): void;
  ping(upTo: JsonObject): Promise<void>;
  close(code: number): void;
}

/** What happened and nobody has asked about yet, or somebody who waits for it. */
class Mailbox<Item> {
  readonly #items: Item[] = [];
  readonly #waiting: ((item: Item) => void)[] = [];

  put(item: Item): void {
    const waiter = this.#waiting.shift();
    if (waiter === undefined) this.#items.push(item);
    else waiter(item);
  }

  take(): Promise<Item> {
    const item = this.#items.shift();
    if (item !== undefined) return Promise.resolve(item);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

export class FakeServer {
  readonly url: string;
  readonly #server: WebSocketServer;
  readonly #subscribed = new Mailbox<Subscribed>();

  private constructor(server: WebSocketServer) {
    this.#server = server;
    this.url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on("connection", (socket) => this.#accept(socket));
  }

  static async start(): Promise<FakeServer> {
    const server = new WebSocketServer({
      port: 0,
      host: "127.0.0.1",
      handleProtocols: () => "graphql-transport-ws",
    });
    await new Promise((resolve) => server.once("listening", resolve));
    return new FakeServer(server);
  }

  /** The next subscription that a client asks for. */
  subscribed(): Promise<Subscribed> {
    return this.#subscribed.take();
  }

  async stop(): Promise<void> {
    for (const socket of this.#server.clients) socket.terminate();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(socket: WebSocket): void {
    const pongs = new Mailbox<void>();
    const send = (message: JsonObject): void => socket.send(JSON.stringify(message));
    socket.on("message", (bytes) => {
      const message = parseObject(String(bytes));
      if (message?.["type"] === "connection_init") send({ type: "connection_ack" });
      if (message?.["type"] === "ping") send({ type: "pong" });
      if (message?.["type"] === "pong") pongs.put();
      if (message?.["type"] === "subscribe") this.#subscribed.put(subscription(socket, send, pongs, message));
    });
  }
}

function subscription(
  socket: WebSocket,
  send: (message: JsonObject) => void,
  pongs: Mailbox<void>,
  message: JsonObject,
): Subscribed {
  const id = String(message["id"]);
  const payload = isObject(message["payload"]) ? message["payload"] : {};
  const variables = isObject(payload["variables"]) ? payload["variables"] : {};
  return {
    id,
    query: String(payload["query"]),
    after: variables["after"],
    next: (data) => send({ type: "next", id, payload: { data } }),
    fail: (code) => send({ type: "error", id, payload: [{ message: code, extensions: { code } }] }),
    ping: (upTo) => {
      send({ type: "ping", payload: { upTo } });
      return pongs.take();
    },
    close: (code) => socket.close(code, "said so"),
  };
}
